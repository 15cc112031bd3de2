//! What a model declares: tensors, operators, signatures.

use std::sync::Arc;

use lookalike_schema::tflite::TensorType;

use crate::error::{Error, Result};

/// Place of a tensor in a graph.
pub type TensorId = usize;

/// Most dimensions of a tensor.
pub const MAX_RANK: usize = 8;

/// A tensor as the model declares it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TensorInfo {
    /// Its name; may be empty.
    pub name: String,
    /// Dimensions, outermost first; unknown ones are stored as 1.
    pub shape: Vec<i32>,
    /// Dimensions with unknown ones as -1; empty if the model has none.
    pub shape_signature: Vec<i32>,
    /// Element type.
    pub element_type: TensorType,
    /// How stored integers stand for real values.
    pub quantization: Option<Quantization>,
    /// Buffer of a constant.
    pub(crate) buffer: usize,
}

impl TensorInfo {
    /// A tensor that is not quantized. Dimensions of -1 are left open.
    pub fn new(
        name: impl Into<String>,
        shape_signature: Vec<i32>,
        element_type: TensorType,
    ) -> Self {
        Self {
            name: name.into(),
            shape: shape_signature.iter().map(|&size| if size == -1 { 1 } else { size }).collect(),
            shape_signature,
            element_type,
            quantization: None,
            buffer: 0,
        }
    }

    /// Whether the size of more than the batch is left open until the model runs.
    pub fn has_open_size(&self) -> bool {
        self.shape_signature.iter().skip(1).any(|&size| size == -1)
    }

    /// The dimensions as counts.
    ///
    /// # Errors
    ///
    /// One is negative.
    pub fn dims(&self) -> Result<Vec<usize>> {
        let dim = |&dim: &i32| {
            usize::try_from(dim)
                .map_err(|_| Error::invalid(format!("tensor `{}` has the extent {dim}", self.name)))
        };
        self.shape.iter().map(dim).collect()
    }

    /// The one scale and zero point of a quantized tensor of 8 or 16 bits.
    pub fn scale(&self) -> Option<(f32, i32)> {
        match &self.quantization {
            Some(Quantization { scale, zero_point, .. })
                if has_small_integers(self.element_type) && scale.len() == 1 =>
            {
                Some((scale[0], zero_point.first().copied().unwrap_or_default() as i32))
            }
            _ => None,
        }
    }

    /// Whether zero points are numbers that the stored integers can be.
    pub(crate) fn has_zero_points_of_its_type(&self) -> bool {
        let range = match self.element_type {
            TensorType::INT8 => -128..=127,
            TensorType::UINT8 => 0..=255,
            _ => i64::from(i16::MIN)..=i64::from(i16::MAX),
        };
        let quantization = self.quantization.iter();
        quantization.flat_map(|found| &found.zero_point).all(|number| range.contains(number))
    }

    /// Scales are finite. Those of integers of 8 and 16 bits must be numbers above 0 with a zero point for each, one of both or one for
    /// each slice.
    pub(crate) fn check_quantization(&self) -> Result<()> {
        let Some(Quantization { scale, zero_point, dimension }) = &self.quantization else {
            return Ok(());
        };
        let name = &self.name;
        if !has_small_integers(self.element_type) {
            return match scale.iter().find(|scale| !scale.is_finite()) {
                Some(scale) => {
                    Err(Error::invalid(format!("tensor `{name}` has the scale {scale}")))
                }
                None => Ok(()),
            };
        }
        // Converters give slices whose values are all 0 a scale of 0.
        let min = if scale.len() == 1 { f32::MIN_POSITIVE } else { 0.0 };
        if let Some(scale) = scale.iter().find(|scale| !(min..=MAX_SCALE).contains(*scale)) {
            return Err(Error::invalid(format!(
                "tensor `{name}` has the scale {scale}, which is no number above 0 and up to {MAX_SCALE:e}"
            )));
        }
        if zero_point.len() != scale.len() {
            let (scales, zero_points) = (scale.len(), zero_point.len());
            return Err(Error::invalid(format!(
                "tensor `{name}` has {scales} scales and {zero_points} zero points"
            )));
        }
        let axis = usize::try_from(*dimension).ok();
        let slices = axis.and_then(|axis| self.shape.get(axis));
        if scale.len() == 1 || slices.map(|&slices| slices as usize) == Some(scale.len()) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "tensor `{name}` of {:?} has {} scales along dimension {dimension}",
            self.shape,
            scale.len()
        )))
    }
}

/// Scales beyond this have ratios that engines cannot compute with.
const MAX_SCALE: f32 = 1e12;

pub(crate) fn has_small_integers(element_type: TensorType) -> bool {
    matches!(element_type, TensorType::INT8 | TensorType::UINT8 | TensorType::INT16)
}

/// Bytes of an element; `None` for types whose elements are not all of one size, or smaller than a byte.
pub(crate) fn element_bytes(element_type: TensorType) -> Option<usize> {
    Some(match element_type {
        TensorType::BOOL | TensorType::INT8 | TensorType::UINT8 => 1,
        TensorType::BFLOAT16 | TensorType::FLOAT16 | TensorType::INT16 | TensorType::UINT16 => 2,
        TensorType::FLOAT32 | TensorType::INT32 | TensorType::UINT32 => 4,
        TensorType::COMPLEX64 | TensorType::FLOAT64 | TensorType::INT64 | TensorType::UINT64 => 8,
        TensorType::COMPLEX128 => 16,
        _ => return None,
    })
}

/// Affine quantization, `real = scale * (stored - zero_point)`: one pair, or one per slice of a dimension.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Quantization {
    /// Scales.
    pub scale: Vec<f32>,
    /// Zero points.
    pub zero_point: Vec<i64>,
    /// The dimension that slices run along.
    pub dimension: i32,
}

/// An operator as the model declares it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OperatorInfo {
    /// Its name in the schema, such as `CONV_2D`, or the name of a custom operator.
    pub name: Arc<str>,
    /// Version of its definition.
    pub version: i32,
    /// Whether it is a custom operator.
    pub is_custom: bool,
    /// Tensors it reads; `None` for an optional one left out.
    pub inputs: Arc<[Option<TensorId>]>,
    /// Tensors it writes.
    pub outputs: Arc<[TensorId]>,
}

impl OperatorInfo {
    /// An operator of another format than TensorFlow Lite's, whose tensors are not listed.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        let (inputs, outputs) = (Arc::default(), Arc::default());
        Self { name: name.into(), version: 1, is_custom: false, inputs, outputs }
    }
}

/// A named signature of a model (`SignatureDef`).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SignatureDef {
    /// Its name.
    pub name: String,
    /// Names of its inputs with their tensors.
    pub inputs: Vec<(String, TensorId)>,
    /// Names of its outputs with their tensors.
    pub outputs: Vec<(String, TensorId)>,
}
