//! Flatbuffers access to TensorFlow Lite models and to their metadata, verified bytes only, and builders for both.
//!
//! Every table of the two schemas exists twice: an owned value (`Model`) that can be built and written, and a borrowed
//! view (`ModelRef`) whose accessors copy nothing. A view can be had only of bytes that passed the verifier.
//!
//! ```
//! use lookalike_schema::{VerifiedModel, tflite::Model};
//!
//! let bytes = Model { version: 3, description: Some("empty".to_owned()), ..Model::default() }.to_bytes();
//! let model = VerifiedModel::new(bytes)?;
//! assert_eq!(model.root().description(), Some("empty"));
//! # Ok::<(), lookalike_schema::InvalidFlatbuffer>(())
//! ```

#![expect(
    unsafe_code,
    reason = "flatbuffers reads fields through unsafe accessors; the verifier has run before each"
)]

pub mod metadata;
mod table;
pub mod tflite;

use std::borrow::Cow;
use std::fmt;

use flatbuffers::{FlatBufferBuilder, VerifierOptions};

use crate::table::Pack;

/// A vector of numbers within verified bytes.
pub type List<'a, T> = flatbuffers::Vector<'a, T>;
/// A vector of tables within verified bytes.
pub type Tables<'a, T> = flatbuffers::Vector<'a, flatbuffers::ForwardsUOffset<T>>;

/// Bytes of a model that passed the verifier.
#[derive(Clone)]
pub struct VerifiedModel {
    bytes: Cow<'static, [u8]>,
}

impl VerifiedModel {
    /// Verifies the bytes of a model; they are kept, not copied.
    ///
    /// # Errors
    ///
    /// The bytes are not a flatbuffer with the identifier `TFL3`, or an offset, a length or a string in it is broken.
    pub fn new(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self, InvalidFlatbuffer> {
        let bytes = bytes.into();
        check_identifier(&bytes, tflite::FILE_IDENTIFIER)?;
        flatbuffers::root_with_opts::<tflite::ModelRef<'_>>(&verifier_options(&bytes), &bytes)
            .map_err(InvalidFlatbuffer::from_verifier)?;
        Ok(Self { bytes })
    }

    /// The root table.
    pub fn root(&self) -> tflite::ModelRef<'_> {
        // SAFETY: `new` verified these very bytes, which cannot change while they are borrowed or owned.
        unsafe { flatbuffers::root_unchecked::<tflite::ModelRef<'_>>(&self.bytes) }
    }

    /// The whole file, with whatever follows the flatbuffer.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for VerifiedModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("VerifiedModel").field("len", &self.bytes.len()).finish()
    }
}

/// Verifies a metadata buffer and copies its contents.
///
/// # Errors
///
/// The bytes carry another identifier than `M001`, or an offset, a length or a string in them is broken.
pub fn read_metadata(bytes: &[u8]) -> Result<metadata::ModelMetadata, InvalidFlatbuffer> {
    check_identifier(bytes, metadata::FILE_IDENTIFIER)?;
    flatbuffers::root_with_opts::<metadata::ModelMetadataRef<'_>>(&verifier_options(bytes), bytes)
        .map(|root| root.to_owned())
        .map_err(InvalidFlatbuffer::from_verifier)
}

/// The four bytes at offset 4, where a flatbuffer has its file identifier; `None` if there are not as many.
pub fn file_identifier(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(4..8)
}

fn check_identifier(bytes: &[u8], expected: &str) -> Result<(), InvalidFlatbuffer> {
    match file_identifier(bytes) {
        Some(found) if found == expected.as_bytes() => Ok(()),
        Some(found) => Err(InvalidFlatbuffer(format!(
            "the file identifier at byte 4 is `{}`, not `{expected}`",
            found.escape_ascii()
        ))),
        None => Err(InvalidFlatbuffer(format!("{} bytes are too few for a header", bytes.len()))),
    }
}

fn verifier_options(bytes: &[u8]) -> VerifierOptions {
    VerifierOptions {
        max_depth: 32,
        max_tables: 1_000_000,
        // Tables may share what they point at, so that a small file could ask for a lot of work and memory. Real models
        // share names and options at most, and come to about twice their length.
        max_apparent_size: bytes.len().saturating_mul(4).saturating_add(1 << 20),
        ignore_missing_null_terminator: false,
    }
}

/// Why bytes are not a flatbuffer of the expected schema.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidFlatbuffer(String);

impl InvalidFlatbuffer {
    fn from_verifier(error: flatbuffers::InvalidFlatbuffer) -> Self {
        // The verifier prints one line for the fault and one for each step of the path to it.
        let lines: Vec<String> = error
            .to_string()
            .lines()
            .map(|line| line.trim().to_owned())
            .filter(|line| !line.is_empty())
            .collect();
        Self(lines.join(" "))
    }
}

impl fmt::Display for InvalidFlatbuffer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for InvalidFlatbuffer {}

impl tflite::Model {
    /// Writes the model as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        finish(self, tflite::FILE_IDENTIFIER)
    }
}

impl metadata::ModelMetadata {
    /// Writes the metadata as the buffer that goes into a model.
    pub fn to_bytes(&self) -> Vec<u8> {
        finish(self, metadata::FILE_IDENTIFIER)
    }
}

fn finish(root: &impl Pack, identifier: &str) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    // The file is as aligned as its most demanding part, and constant data needs 16 bytes.
    builder.push(Aligned16);
    let root = root.pack(&mut builder);
    builder.finish(root, Some(identifier));
    builder.finished_data().to_vec()
}

/// Sixteen zero bytes on a multiple of 16.
struct Aligned16;

impl flatbuffers::Push for Aligned16 {
    type Output = [u8; 16];

    unsafe fn push(&self, destination: &mut [u8], _written: usize) {
        destination[..16].fill(0);
    }

    fn alignment() -> flatbuffers::PushAlignment {
        flatbuffers::PushAlignment::new(16)
    }
}

#[cfg(test)]
mod tests {
    use super::metadata::*;
    use super::tflite::*;
    use super::*;

    fn model() -> Model {
        Model {
            version: 3,
            operator_codes: vec![OperatorCode {
                builtin_code: BuiltinOperator::CONV_2D,
                deprecated_builtin_code: 3,
                ..OperatorCode::default()
            }],
            subgraphs: vec![SubGraph {
                tensors: vec![Tensor {
                    shape: vec![1, 4, 4, 3],
                    name: Some("image".to_owned()),
                    quantization: Some(QuantizationParameters {
                        scale: vec![0.5],
                        zero_point: vec![128],
                        ..QuantizationParameters::default()
                    }),
                    ..Tensor::default()
                }],
                inputs: vec![0],
                outputs: vec![0],
                operators: vec![Operator {
                    inputs: vec![0, -1],
                    builtin_options: BuiltinOptions::Conv2DOptions(Conv2DOptions {
                        padding: Padding::VALID,
                        stride_w: 2,
                        ..Conv2DOptions::default()
                    }),
                    ..Operator::default()
                }],
                name: None,
            }],
            buffers: vec![Buffer::default(), Buffer { data: vec![7; 21], ..Buffer::default() }],
            ..Model::default()
        }
    }

    #[test]
    fn a_model_survives_writing_and_reading() {
        let bytes = model().to_bytes();
        let verified = VerifiedModel::new(bytes).unwrap();
        assert_eq!(verified.root().to_owned(), model());
    }

    #[test]
    fn constant_data_is_aligned_to_16_bytes() {
        let verified = VerifiedModel::new(model().to_bytes()).unwrap();
        let data = verified.root().buffers().get(1).data();
        let offset = data.as_ptr().addr() - verified.bytes().as_ptr().addr();
        assert_eq!(offset % 16, 0);
    }

    #[test]
    fn metadata_survives_writing_and_reading() {
        let file = AssociatedFile {
            name: Some("labels.txt".to_owned()),
            file_type: AssociatedFileType::TENSOR_AXIS_LABELS,
            ..AssociatedFile::default()
        };
        let contents = [
            ContentProperties::FeatureProperties(FeatureProperties {}),
            ContentProperties::ImageProperties(ImageProperties {
                color_space: ColorSpaceType::RGB,
                default_size: Some(ImageSize { width: 4, height: 5 }),
            }),
            ContentProperties::BoundingBoxProperties(BoundingBoxProperties {
                index: vec![1, 0, 3, 2],
                box_type: BoundingBoxType::CENTER,
                coordinate_type: CoordinateType::PIXEL,
            }),
            ContentProperties::AudioProperties(AudioProperties {
                sample_rate: 16_000,
                channels: 2,
            }),
        ];
        let units = vec![
            ProcessUnitOptions::NormalizationOptions(NormalizationOptions {
                mean: vec![127.5],
                std: vec![127.5],
            }),
            ProcessUnitOptions::ScoreCalibrationOptions(ScoreCalibrationOptions {
                score_transformation: ScoreTransformationType::LOG,
                default_score: 0.25,
            }),
            ProcessUnitOptions::ScoreThresholdingOptions(ScoreThresholdingOptions {
                global_score_threshold: 0.5,
            }),
            ProcessUnitOptions::BertTokenizerOptions(BertTokenizerOptions {
                vocab_file: vec![file.clone()],
            }),
            ProcessUnitOptions::SentencePieceTokenizerOptions(SentencePieceTokenizerOptions {
                sentence_piece_model: vec![file.clone()],
                vocab_file: vec![],
            }),
            ProcessUnitOptions::RegexTokenizerOptions(RegexTokenizerOptions {
                delim_regex_pattern: Some("\\s+".to_owned()),
                vocab_file: vec![file.clone()],
            }),
        ];
        let units: Vec<_> = units.into_iter().map(|options| ProcessUnit { options }).collect();
        let tensors: Vec<_> = contents
            .into_iter()
            .map(|content_properties| TensorMetadata {
                content: Some(Content {
                    content_properties,
                    range: Some(ValueRange { min: 1, max: 2 }),
                }),
                process_units: units.clone(),
                stats: Some(Stats { max: vec![1.0], min: vec![-1.0] }),
                dimension_names: vec!["batch".to_owned(), "value".to_owned()],
                ..TensorMetadata::default()
            })
            .collect();
        let metadata = ModelMetadata {
            name: Some("everything".to_owned()),
            subgraph_metadata: vec![SubGraphMetadata {
                input_tensor_metadata: tensors.clone(),
                output_tensor_metadata: tensors,
                input_process_units: units,
                output_tensor_groups: vec![TensorGroup {
                    name: Some("group".to_owned()),
                    tensor_names: vec!["a".to_owned()],
                }],
                custom_metadata: vec![CustomMetadata {
                    name: Some("blob".to_owned()),
                    data: vec![1, 2, 3],
                }],
                ..SubGraphMetadata::default()
            }],
            associated_files: vec![file],
            min_parser_version: Some("1.5.0".to_owned()),
            ..ModelMetadata::default()
        };
        assert_eq!(read_metadata(&metadata.to_bytes()).unwrap(), metadata);
    }

    #[test]
    fn every_prefix_of_a_model_is_refused_or_read_without_a_panic() {
        let bytes = model().to_bytes();
        for end in 0..bytes.len() {
            if let Ok(model) = VerifiedModel::new(bytes[..end].to_vec()) {
                model.root().to_owned();
            }
        }
    }

    #[test]
    fn every_flipped_byte_is_refused_or_read_without_a_panic() {
        let bytes = model().to_bytes();
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut broken = bytes.clone();
                broken[index] ^= 1 << bit;
                if let Ok(model) = VerifiedModel::new(broken) {
                    model.root().to_owned();
                }
            }
        }
    }

    #[test]
    fn another_identifier_is_named() {
        let error = VerifiedModel::new(b"\x89PNG\r\n\x1a\n".to_vec()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the file identifier at byte 4 is `\\r\\n\\x1a\\n`, not `TFL3`"
        );
    }
}
