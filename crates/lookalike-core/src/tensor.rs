//! Tensors: a shape and typed, contiguous data.

use std::fmt;

use crate::error::{Error, Result};

/// The most dimensions a tensor can have.
pub use lookalike_graph::MAX_RANK;

/// Dimensions of a tensor, outermost first; at most [`MAX_RANK`] of them.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// A shape of these dimensions.
    ///
    /// # Errors
    ///
    /// More than [`MAX_RANK`] dimensions, or more elements than a `usize` can count.
    pub fn new(dims: &[usize]) -> Result<Self> {
        if dims.len() > MAX_RANK {
            return Err(Error::invalid_argument(format!(
                "a shape of {} dimensions; at most {MAX_RANK} are supported",
                dims.len()
            )));
        }
        if dims.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim)).is_none() {
            return Err(Error::invalid_argument(format!(
                "a shape of {dims:?} has too many elements"
            )));
        }
        let mut shape = Self { dims: [0; MAX_RANK], rank: dims.len() };
        shape.dims[..dims.len()].copy_from_slice(dims);
        Ok(shape)
    }

    /// The dimensions, outermost first.
    pub fn dims(&self) -> &[usize] {
        &self.dims[..self.rank]
    }

    /// Number of elements.
    pub fn element_count(&self) -> usize {
        self.dims().iter().product()
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.dims().fmt(formatter)
    }
}

/// Elements of a tensor, owned.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// Signed bytes.
    I8(Vec<i8>),
    /// Unsigned bytes.
    U8(Vec<u8>),
}

/// Elements of a tensor, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum DataRef<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// Signed bytes.
    I8(&'a [i8]),
    /// Unsigned bytes.
    U8(&'a [u8]),
}

impl DataRef<'_> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(data) => data.len(),
            Self::I8(data) => data.len(),
            Self::U8(data) => data.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A tensor the caller owns and reuses from run to run: setting new contents keeps the allocation.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Data,
}

impl Tensor {
    /// A tensor of this shape.
    ///
    /// # Errors
    ///
    /// The number of elements is not the shape's.
    pub fn new(shape: Shape, data: Data) -> Result<Self> {
        let tensor = Self { shape, data };
        if tensor.as_ref().data.len() == shape.element_count() {
            Ok(tensor)
        } else {
            Err(Error::invalid_argument(format!(
                "{} elements do not fill a tensor of shape {shape:?}",
                tensor.as_ref().data.len()
            )))
        }
    }

    /// A tensor without elements, to be filled by a run.
    pub fn empty() -> Self {
        Self { shape: Shape { dims: [0; MAX_RANK], rank: 1 }, data: Data::U8(Vec::new()) }
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The elements.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The tensor, borrowed.
    pub fn as_ref(&self) -> TensorRef<'_> {
        let data = match &self.data {
            Data::F32(data) => DataRef::F32(data),
            Data::I8(data) => DataRef::I8(data),
            Data::U8(data) => DataRef::U8(data),
        };
        TensorRef { shape: self.shape, data }
    }

    /// Gives the tensor this shape and floats as elements, and returns them to be written; old values may show.
    pub fn reset_f32(&mut self, shape: Shape) -> &mut [f32] {
        self.shape = shape;
        let count = shape.element_count();
        if !matches!(self.data, Data::F32(_)) {
            self.data = Data::F32(Vec::new());
        }
        match &mut self.data {
            Data::F32(data) => {
                data.resize(count, 0.0);
                data
            }
            _ => &mut [],
        }
    }

    /// Gives the tensor this shape and unsigned bytes as elements, and returns them to be written.
    pub fn reset_u8(&mut self, shape: Shape) -> &mut [u8] {
        self.shape = shape;
        let count = shape.element_count();
        if !matches!(self.data, Data::U8(_)) {
            self.data = Data::U8(Vec::new());
        }
        match &mut self.data {
            Data::U8(data) => {
                data.resize(count, 0);
                data
            }
            _ => &mut [],
        }
    }

    /// Gives the tensor this shape and signed bytes as elements, and returns them to be written.
    pub fn reset_i8(&mut self, shape: Shape) -> &mut [i8] {
        self.shape = shape;
        let count = shape.element_count();
        if !matches!(self.data, Data::I8(_)) {
            self.data = Data::I8(Vec::new());
        }
        match &mut self.data {
            Data::I8(data) => {
                data.resize(count, 0);
                data
            }
            _ => &mut [],
        }
    }

    /// Copies shape and elements, reusing the allocation where the type stays the same.
    pub fn copy_from(&mut self, source: TensorRef<'_>) {
        self.shape = source.shape;
        match (&mut self.data, source.data) {
            (Data::F32(target), DataRef::F32(source)) => replace(target, source),
            (Data::I8(target), DataRef::I8(source)) => replace(target, source),
            (Data::U8(target), DataRef::U8(source)) => replace(target, source),
            (target, DataRef::F32(source)) => *target = Data::F32(source.to_vec()),
            (target, DataRef::I8(source)) => *target = Data::I8(source.to_vec()),
            (target, DataRef::U8(source)) => *target = Data::U8(source.to_vec()),
        }
    }
}

fn replace<T: Copy>(target: &mut Vec<T>, source: &[T]) {
    target.clear();
    target.extend_from_slice(source);
}

/// A borrowed tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TensorRef<'a> {
    shape: Shape,
    data: DataRef<'a>,
}

impl<'a> TensorRef<'a> {
    /// A tensor of this shape over borrowed elements.
    ///
    /// # Errors
    ///
    /// The number of elements is not the shape's.
    pub fn new(shape: Shape, data: DataRef<'a>) -> Result<Self> {
        if data.len() == shape.element_count() {
            Ok(Self { shape, data })
        } else {
            Err(Error::invalid_argument(format!(
                "{} elements do not fill a tensor of shape {shape:?}",
                data.len()
            )))
        }
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The elements.
    pub fn data(&self) -> DataRef<'a> {
        self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_bounds_its_rank_and_its_element_count() {
        assert_eq!(Shape::new(&[1, 224, 224, 3]).unwrap().element_count(), 150_528);
        assert_eq!(Shape::new(&[]).unwrap().element_count(), 1);
        assert!(Shape::new(&[1; MAX_RANK + 1]).is_err());
        assert!(Shape::new(&[usize::MAX, 2]).is_err());
    }

    #[test]
    fn a_tensor_holds_what_its_shape_says() {
        let shape = Shape::new(&[2, 2]).unwrap();
        assert!(Tensor::new(shape, Data::F32(vec![0.0; 4])).is_ok());
        assert!(Tensor::new(shape, Data::F32(vec![0.0; 3])).is_err());
        assert!(TensorRef::new(shape, DataRef::U8(&[0; 5])).is_err());
    }

    #[test]
    fn a_tensor_changes_type_when_it_is_reset() {
        let mut tensor = Tensor::empty();
        let shape = Shape::new(&[3]).unwrap();
        tensor.reset_f32(shape).fill(1.0);
        assert_eq!(tensor.data(), &Data::F32(vec![1.0; 3]));
        tensor.reset_u8(shape).fill(7);
        assert_eq!(tensor.data(), &Data::U8(vec![7; 3]));
        tensor.copy_from(TensorRef::new(shape, DataRef::I8(&[1, 2, 3])).unwrap());
        assert_eq!(tensor.data(), &Data::I8(vec![1, 2, 3]));
    }
}
