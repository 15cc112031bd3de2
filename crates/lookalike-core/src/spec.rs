//! What a model's tensors and metadata say about its input image and its heads.
//!
//! The rules, their order, messages and codes are the Task Library's; where it needs metadata that a model lacks, the caller
//! may give it instead.

use std::sync::Arc;

use lookalike_graph::TensorInfo;
use lookalike_schema::metadata::{
    ColorSpaceType, ContentProperties, NormalizationOptions, ProcessUnitOptions, SubGraphMetadata,
    TensorMetadata,
};
use lookalike_schema::tflite::TensorType;

use crate::embedding::{FeatureVector, dequantize, l2_normalize, scalar_quantize};
use crate::error::{Error, ErrorKind, Result, SupportCode};
use crate::model::Model;
use crate::tensor::{DataRef, TensorRef};

/// `value = (pixel - mean) / std` with pixels in 0 to 255, for R, G and B.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    mean: [f32; 3],
    std: [f32; 3],
}

impl Normalization {
    /// One value for all channels, or one each for R, G and B; `mean` and `std` alike.
    ///
    /// # Errors
    ///
    /// The two differ in length, are neither 1 nor 3 long, or hold a value that is not finite.
    pub fn new(mean: &[f32], std: &[f32]) -> Result<Self> {
        let fail = |message: String| {
            Err(Error::invalid_argument(message)
                .with_support_code(SupportCode::MetadataInvalidProcessUnits))
        };
        if mean.len() != std.len() {
            return fail(format!(
                "NormalizationOptions: expected mean and std of same dimension, got {} and {}.",
                mean.len(),
                std.len()
            ));
        }
        if let Some(value) = mean.iter().chain(std).find(|value| !value.is_finite()) {
            return fail(format!(
                "NormalizationOptions: mean and std must be finite numbers, got {value}."
            ));
        }
        match (mean, std) {
            (&[mean], &[std]) => Ok(Self { mean: [mean; 3], std: [std; 3] }),
            (&[r, g, b], &[std_r, std_g, std_b]) => {
                Ok(Self { mean: [r, g, b], std: [std_r, std_g, std_b] })
            }
            _ => fail(format!(
                "NormalizationOptions: only 1 or 3 mean and std values are supported, got {}.",
                mean.len()
            )),
        }
    }

    /// Means of R, G and B.
    pub fn mean(&self) -> [f32; 3] {
        self.mean
    }

    /// Standard deviations of R, G and B.
    pub fn std(&self) -> [f32; 3] {
        self.std
    }
}

/// Element type of an input tensor, with what is needed to fill it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum InputElement {
    /// Normalized floats.
    F32(Normalization),
    /// Normalized floats, each rounded to the nearest one of 16 bits, in 32 bits all the same: engines take inputs of 16-bit floats so. No
    /// reference takes such models.
    F16(Normalization),
    /// The pixels' bytes as they are.
    U8,
    /// Normalized floats as signed bytes: `round(value / scale) + zero_point`, halves away from zero, kept between -128 and 127, as
    /// TensorFlow Lite quantizes. No reference takes such models; users of LiteRT compute this by hand.
    I8 {
        /// What comes before the quantization.
        normalization: Normalization,
        /// Real value of a step; above 0.
        scale: f32,
        /// The byte of the real value 0.
        zero_point: i32,
    },
}

/// Which models are taken.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ModelRules {
    /// Those of the Task Library, and models with int8 inputs or outputs, or float16 inputs.
    #[default]
    Extended,
    /// Those of the Task Library alone.
    Reference,
}

impl ModelRules {
    /// Whether images may have this type.
    fn allows_input(self, element_type: TensorType) -> bool {
        element_type == TensorType::FLOAT16 && self == Self::Extended
            || self.allows_output(element_type)
    }

    /// Whether results may have this type.
    fn allows_output(self, element_type: TensorType) -> bool {
        match element_type {
            TensorType::FLOAT32 | TensorType::UINT8 => true,
            TensorType::INT8 => self == Self::Extended,
            _ => false,
        }
    }
}

/// The image a model needs: RGB, batch 1, rows first.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InputSpec {
    /// Rows; `None` if the model takes any number.
    pub height: Option<usize>,
    /// Columns; `None` if the model takes any number.
    pub width: Option<usize>,
    /// Element type.
    pub element: InputElement,
}

impl InputSpec {
    /// An image of this size.
    pub fn new(height: usize, width: usize, element: InputElement) -> Self {
        Self { height: Some(height), width: Some(width), element }
    }

    /// Checks a model's only input against the [extended](ModelRules::Extended) rules.
    ///
    /// `normalization` takes the place of the model's own, and is needed where a model of floats or of signed bytes has none.
    ///
    /// # Errors
    ///
    /// The first rule that the model breaks.
    pub fn from_model(model: &Model, normalization: Option<Normalization>) -> Result<Self> {
        Self::from_model_by(model, normalization, ModelRules::default())
    }

    /// The same by the rules given.
    ///
    /// # Errors
    ///
    /// The first rule that the model breaks.
    pub fn from_model_by(
        model: &Model,
        normalization: Option<Normalization>,
        rules: ModelRules,
    ) -> Result<Self> {
        let metadata = input_metadata(model)?;
        let (is_rgb, declared) = match metadata {
            Some(metadata) => (has_rgb_content(metadata)?, declared_normalization(metadata)?),
            None => (true, None),
        };
        let input = match model.io().inputs.as_slice() {
            [input] => input,
            inputs => {
                return Err(Error::invalid_argument(format!(
                    "Models are assumed to have a single input, this one has {}",
                    inputs.len()
                ))
                .with_support_code(SupportCode::InvalidNumInputTensors));
            }
        };
        let [batch, height, width, depth] = *input.shape.as_slice() else {
            return Err(wrong_dimensions("Only 4D tensors in BHWD layout are supported."));
        };
        if !rules.allows_input(input.element_type) {
            return Err(wrong_type("input", input, SupportCode::InvalidInputTensorType));
        }
        if !is_rgb {
            return Err(Error::invalid_argument("Only RGB color space is supported for now.")
                .with_support_code(SupportCode::InvalidArgument));
        }
        if batch != 1 || depth != 3 {
            return Err(wrong_dimensions(format!(
                "The input tensor should have dimensions 1 x height x width x 3. Got {batch} x {height} x {width} x {depth}."
            )));
        }
        let element = match (input.element_type, normalization.or(declared)) {
            (TensorType::FLOAT32, Some(normalization)) => InputElement::F32(normalization),
            (TensorType::FLOAT16, Some(normalization)) => InputElement::F16(normalization),
            (TensorType::INT8, Some(normalization)) => {
                let (scale, zero_point) = input.scale().ok_or_else(|| {
                    Error::invalid_argument(format!(
                        "The input tensor {} of INT8 has no scale and zero point, or several: there is no way from pixels to its values",
                        input.name
                    ))
                    .with_support_code(SupportCode::InvalidInputTensorType)
                })?;
                InputElement::I8 { normalization, scale, zero_point }
            }
            (TensorType::FLOAT32 | TensorType::FLOAT16 | TensorType::INT8, None) => {
                let name = match input.element_type {
                    TensorType::INT8 => "Int8",
                    TensorType::FLOAT16 => "Float16",
                    _ => "Float32",
                };
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!("Input tensor has type kTfLite{name}: it requires specifying NormalizationOptions metadata to preprocess \
                     input images. Give the mean and standard deviation the model was trained with (`--mean` and `--std`, or \
                     `normalization` of the builder)"),
                )
                .with_support_code(SupportCode::MetadataMissingNormalizationOptions));
            }
            _ => InputElement::U8,
        };
        let size = |dimension: usize, stored: i32, name: &str| {
            if input.shape_signature.get(dimension) == Some(&-1) {
                return Ok(None);
            }
            match usize::try_from(stored) {
                Ok(size) if size > 0 => Ok(Some(size)),
                _ => Err(wrong_dimensions(format!("The input {name} should be positive."))),
            }
        };
        let width = size(2, width, "width")?;
        let height = size(1, height, "height")?;
        Ok(Self { height, width, element })
    }
}

/// One output of a model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HeadSpec {
    /// Position among the outputs.
    pub index: usize,
    /// Name in the metadata, if there is one.
    pub name: Option<Arc<str>>,
    /// Number of values.
    pub dimension: usize,
    scale: f32,
    zero_point: i32,
}

impl HeadSpec {
    /// Checks all outputs of a model against the [extended](ModelRules::Extended) rules, in graph order.
    ///
    /// # Errors
    ///
    /// The first rule that an output breaks.
    pub fn from_model(model: &Model) -> Result<Vec<Self>> {
        Self::from_model_by(model, ModelRules::default())
    }

    /// The same by the rules given.
    ///
    /// # Errors
    ///
    /// The first rule that an output breaks.
    pub fn from_model_by(model: &Model, rules: ModelRules) -> Result<Vec<Self>> {
        let outputs = &model.io().outputs;
        if outputs.is_empty() {
            return Err(Error::invalid_argument("The model has no output")
                .with_support_code(SupportCode::InvalidNumOutputTensors));
        }
        let heads = outputs.iter().enumerate();
        heads.map(|(index, output)| Self::new(model, index, output, rules)).collect()
    }

    fn new(model: &Model, index: usize, output: &TensorInfo, rules: ModelRules) -> Result<Self> {
        let fail = |message: String| {
            Err(Error::invalid_argument(message)
                .with_support_code(SupportCode::InvalidOutputTensorDimensions))
        };
        let (batch, dimension) = match *output.shape.as_slice() {
            [_, height, width, _] if height != 1 || width != 1 => {
                return fail(format!(
                    "Unexpected WxH sizes for output index {index}: got {width}x{height}, expected 1x1."
                ));
            }
            [batch, _, _, dimension] | [batch, dimension] => (batch, dimension),
            _ => {
                return fail(format!(
                    "Unexpected number of dimensions for output index {index}: got {}D, expected either 2D (BxN with B=1) or 4D (BxHxWxN with B=1, W=1, H=1).",
                    output.shape.len()
                ));
            }
        };
        if batch != 1 {
            return fail(format!(
                "The output array is expected to have a batch size of 1. Got {batch} for output index {index}."
            ));
        }
        if !rules.allows_output(output.element_type) {
            return Err(wrong_type("output", output, SupportCode::InvalidOutputTensorType));
        }
        if output.element_type == TensorType::INT8 && output.scale().is_none() {
            return Err(Error::invalid_argument(format!(
                "The output tensor {} of INT8 has no scale and zero point, or several: its values stand for nothing",
                output.name
            ))
            .with_support_code(SupportCode::InvalidOutputTensorType));
        }
        let Some(dimension) = usize::try_from(dimension).ok().filter(|&dimension| dimension > 0)
        else {
            return fail(format!(
                "Output index {index} has a dimension of {dimension}, which is not positive."
            ));
        };
        let name = first_subgraph(model)
            .and_then(|metadata| metadata.output_tensor_metadata.get(index))
            .and_then(|metadata| metadata.name.as_deref())
            .filter(|name| !name.is_empty())
            .map(Arc::from);
        // Without parameters, or with several, the references read a scale of 0, so that all values are 0.
        let parameters = output.quantization.as_ref();
        let parameters =
            parameters.map(|found| (found.scale.as_slice(), found.zero_point.as_slice()));
        let (scale, zero_point) = match parameters {
            // The runtime keeps zero points in 32 bits.
            Some((&[scale], &[zero_point])) => (scale, zero_point as i32),
            _ => (0.0, 0),
        };
        Ok(Self { index, name, dimension, scale, zero_point })
    }

    /// The feature vector of this head's raw output: dequantized, then L2-normalized and scalar-quantized if asked for.
    ///
    /// Of an output that is longer than the model declares, the first values count, as in the reference.
    ///
    /// # Errors
    ///
    /// The output has fewer values than the head, or one that is not finite. The references return such values.
    pub fn feature_vector(
        &self,
        output: TensorRef<'_>,
        l2: bool,
        quantize: bool,
    ) -> Result<FeatureVector> {
        let mut values = match output.data() {
            DataRef::F32(values) => values.to_vec(),
            DataRef::I8(values) => {
                dequantize(values.iter().map(|&value| value.into()), self.scale, self.zero_point)
            }
            DataRef::U8(values) => {
                dequantize(values.iter().map(|&value| value.into()), self.scale, self.zero_point)
            }
        };
        values.truncate(self.dimension);
        if values.len() < self.dimension {
            return Err(Error::internal(format!(
                "output {} of the model has {} values instead of {}",
                self.index,
                values.len(),
                self.dimension
            )));
        }
        if let Some(position) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::internal(format!(
                "value {position} of output {} of the model is {}, which is not finite: mean and standard deviation may not be those that the model was trained with",
                self.index, values[position]
            )));
        }
        if l2 {
            l2_normalize(&mut values);
        }
        Ok(if quantize {
            FeatureVector::Quantized(scalar_quantize(&values))
        } else {
            FeatureVector::Float(values)
        })
    }
}

fn first_subgraph(model: &Model) -> Option<&SubGraphMetadata> {
    model.metadata()?.subgraph_metadata.first()
}

fn input_metadata(model: &Model) -> Result<Option<&TensorMetadata>> {
    match first_subgraph(model).map(|metadata| metadata.input_tensor_metadata.as_slice()) {
        None => Ok(None),
        Some([metadata]) => Ok(Some(metadata)),
        Some(all) => Err(Error::invalid_argument(format!(
            "Models are assumed to have a single input TensorMetadata, this one has {}",
            all.len()
        ))
        .with_support_code(SupportCode::InvalidNumInputTensors)),
    }
}

/// Whether the input is an RGB image, as it is when the metadata does not say.
fn has_rgb_content(metadata: &TensorMetadata) -> Result<bool> {
    match metadata.content.as_ref().map(|content| &content.content_properties) {
        // A kind of content of which nothing is said counts as none.
        None | Some(ContentProperties::None | ContentProperties::Unknown(_)) => Ok(true),
        Some(ContentProperties::ImageProperties(image)) => {
            Ok(image.color_space == ColorSpaceType::RGB)
        }
        Some(other) => Err(Error::invalid_argument(format!(
            "Expected ImageProperties for tensor {}, got {}.",
            metadata.name.as_deref().unwrap_or("#0"),
            other.name()
        ))
        .with_support_code(SupportCode::MetadataInvalidContentProperties)),
    }
}

fn declared_normalization(metadata: &TensorMetadata) -> Result<Option<Normalization>> {
    let options: Vec<&NormalizationOptions> = metadata
        .process_units
        .iter()
        .filter_map(|unit| match &unit.options {
            ProcessUnitOptions::NormalizationOptions(options) => Some(options),
            _ => None,
        })
        .collect();
    match options.as_slice() {
        [] => Ok(None),
        [options] => Normalization::new(&options.mean, &options.std).map(Some),
        _ => Err(Error::invalid_argument(
            "Found multiple ProcessUnits with type=NormalizationOptions, expected at most one.",
        )
        .with_support_code(SupportCode::MetadataInvalidProcessUnits)),
    }
}

fn wrong_dimensions(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::invalid_argument(message).with_support_code(SupportCode::InvalidInputTensorDimensions)
}

fn wrong_type(what: &str, tensor: &TensorInfo, support_code: SupportCode) -> Error {
    Error::invalid_argument(format!(
        "Type mismatch for {what} tensor {}. Requested one of these types: kTfLiteUint8/kTfLiteFloat32, got {}.",
        tensor.name, tensor.element_type
    ))
    .with_support_code(support_code)
}
