//! Constants of a model, as numbers.

use std::borrow::Cow;

use lookalike_core::{Error, Quantization, Result, TensorType};
use lookalike_graph::{Graph as Source, SliceRange, TensorId, elements};

/// Sizes and elements of a constant.
#[derive(Clone, Debug)]
pub(crate) struct Constant {
    pub(crate) dims: Vec<usize>,
    pub(crate) values: Values,
}

#[derive(Clone, Debug)]
pub(crate) enum Values {
    F32(Vec<f32>),
    /// Bytes of a quantized constant, signed ones as their bits.
    Quantized(Vec<u8>, TensorType, Quantization),
    Int(Vec<i64>, TensorType),
}

impl Constant {
    pub(crate) fn ints_of(dims: Vec<usize>, values: Vec<i64>, element_type: TensorType) -> Self {
        Self { dims, values: Values::Int(values, element_type) }
    }

    /// The constant in a tensor's buffer; `None` for a value that is computed.
    pub(crate) fn read(graph: &Source, id: TensorId) -> Result<Option<Self>> {
        let bytes = graph.constant(id);
        if bytes.is_empty() {
            return Ok(None);
        }
        let tensor = graph.tensor(id);
        let int = |values| Values::Int(values, tensor.element_type);
        let values = match (tensor.element_type, &tensor.quantization) {
            (TensorType::FLOAT32 | TensorType::FLOAT16, _) => {
                Values::F32(graph.constant_reals(id)?.unwrap_or_default())
            }
            (TensorType::INT8 | TensorType::UINT8, Some(quantization)) => {
                Values::Quantized(bytes.to_vec(), tensor.element_type, quantization.clone())
            }
            (TensorType::INT8, None) => int(elements(bytes, |[byte]| (byte as i8).into())),
            (TensorType::INT32, _) => {
                int(elements(bytes, |bytes| i32::from_le_bytes(bytes).into()))
            }
            (TensorType::INT64, _) => int(elements(bytes, i64::from_le_bytes)),
            (TensorType::UINT8 | TensorType::BOOL, _) => int(elements(bytes, |[byte]| byte.into())),
            (other, _) => {
                return Err(Error::unimplemented(format!(
                    "constants of type {other} have no translation"
                )));
            }
        };
        Ok(Some(Self { dims: graph.dims(id).to_vec(), values }))
    }

    /// Number of values that are there, whatever the shape say.
    pub(crate) fn element_count(&self) -> usize {
        match &self.values {
            Values::F32(values) => values.len(),
            Values::Int(values, _) => values.len(),
            Values::Quantized(bytes, ..) => bytes.len(),
        }
    }

    /// The integers.
    pub(crate) fn ints(&self) -> Option<&[i64]> {
        match &self.values {
            Values::Int(values, _) => Some(values),
            _ => None,
        }
    }

    /// The real values.
    pub(crate) fn floats(&self) -> Vec<f32> {
        match &self.values {
            Values::F32(values) => values.clone(),
            Values::Int(values, _) => values.iter().map(|&value| value as f32).collect(),
            Values::Quantized(bytes, element_type, quantization) => {
                let (scale, zero_point) = parameters(quantization);
                let axis = usize::try_from(quantization.dimension).unwrap_or_default();
                let inner: usize = self.dims.iter().skip(axis + 1).product();
                let value = |(index, &byte): (usize, &u8)| {
                    let slice = if scale.len() == 1 { 0 } else { index / inner % scale.len() };
                    let stored = match *element_type {
                        TensorType::INT8 => i64::from(byte as i8),
                        _ => byte.into(),
                    };
                    scale[slice] * (stored - zero_point[slice]) as f32
                };
                bytes.iter().enumerate().map(value).collect()
            }
        }
    }

    /// The same elements with another shape of the same count. A scale per slice is lost with its dimension: such
    /// constants become floats.
    pub(crate) fn reshaped(&self, dims: &[usize]) -> Self {
        let values = match &self.values {
            Values::Quantized(_, _, quantization) if quantization.scale.len() > 1 => {
                Values::F32(self.floats())
            }
            values => values.clone(),
        };
        Self { dims: dims.to_vec(), values }
    }

    /// Dimensions of size 1 put in front, up to a rank.
    pub(crate) fn with_rank(&self, rank: usize) -> Cow<'_, Self> {
        let missing = rank.saturating_sub(self.dims.len());
        if missing == 0 {
            return Cow::Borrowed(self);
        }
        let mut padded = self.clone();
        padded.dims.splice(0..0, vec![1; missing]);
        if let Values::Quantized(_, _, quantization) = &mut padded.values {
            quantization.dimension = quantization.dimension.saturating_add(missing as i32);
        }
        Cow::Owned(padded)
    }

    /// The constant with its dimensions in another order.
    pub(crate) fn transposed(&self, order: &[usize]) -> Self {
        let strides = self.strides();
        let dims = order.iter().map(|&axis| self.dims[axis]).collect();
        let steps: Vec<isize> = order.iter().map(|&axis| strides[axis]).collect();
        let mut result = self.gathered(dims, 0, &steps);
        if let Values::Quantized(_, _, quantization) = &mut result.values {
            let moved = order.iter().position(|&axis| axis as i32 == quantization.dimension);
            quantization.dimension = moved.unwrap_or_default() as i32;
        }
        result
    }

    /// A part: a range of each dimension.
    pub(crate) fn sliced(&self, ranges: &[SliceRange]) -> Self {
        if let Values::Quantized(_, _, quantization) = &self.values
            && quantization.scale.len() > 1
        {
            // The slices that are left would need their scales picked out.
            let (dims, values) = (self.dims.clone(), Values::F32(self.floats()));
            return Self { dims, values }.sliced(ranges);
        }
        let strides = self.strides();
        let positions = || ranges.iter().zip(&strides);
        let start = positions().map(|(range, stride)| range.begin as isize * stride).sum();
        let steps: Vec<isize> = positions().map(|(range, stride)| range.step * stride).collect();
        self.gathered(ranges.iter().map(|range| range.count).collect(), start, &steps)
    }

    fn strides(&self) -> Vec<isize> {
        (0..self.dims.len())
            .map(|axis| self.dims[axis + 1..].iter().product::<usize>() as isize)
            .collect()
    }

    fn gathered(&self, dims: Vec<usize>, start: isize, steps: &[isize]) -> Self {
        let values = match &self.values {
            Values::F32(values) => Values::F32(gather(values, &dims, start, steps)),
            Values::Int(values, element_type) => {
                Values::Int(gather(values, &dims, start, steps), *element_type)
            }
            Values::Quantized(bytes, element_type, quantization) => {
                let bytes = gather(bytes, &dims, start, steps);
                Values::Quantized(bytes, *element_type, quantization.clone())
            }
        };
        Self { dims, values }
    }
}

/// Copies elements that lie apart by a step for each dimension.
fn gather<T: Copy>(values: &[T], dims: &[usize], start: isize, steps: &[isize]) -> Vec<T> {
    let count = dims.iter().product();
    let mut gathered = Vec::with_capacity(count);
    let (Some((&inner, outer)), Some((&step, outer_steps))) =
        (dims.split_last(), steps.split_last())
    else {
        return values.to_vec();
    };
    let mut cell = vec![0; outer.len()];
    let mut offset = start;
    while gathered.len() < count {
        gathered.extend((0..inner as isize).map(|index| values[(offset + index * step) as usize]));
        for axis in (0..outer.len()).rev() {
            cell[axis] += 1;
            offset += outer_steps[axis];
            if cell[axis] < outer[axis] {
                break;
            }
            offset -= outer_steps[axis] * outer[axis] as isize;
            cell[axis] = 0;
        }
    }
    gathered
}

/// Scales and as many zero points.
pub(crate) fn parameters(quantization: &Quantization) -> (&[f32], Vec<i64>) {
    let scale = quantization.scale.as_slice();
    let zero_point = &quantization.zero_point;
    let zero_point =
        (0..scale.len()).map(|index| zero_point.get(index).copied().unwrap_or_default()).collect();
    (scale, zero_point)
}
