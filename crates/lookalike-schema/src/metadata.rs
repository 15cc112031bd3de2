//! The model metadata schema, semantic version 1.5.0.

use crate::table::{enumerations, tables, unions};

/// File identifier at byte 4 of every metadata buffer.
pub const FILE_IDENTIFIER: &str = "M001";

enumerations! {
    /// What an associated file holds.
    enum AssociatedFileType: i8 {
        UNKNOWN = 0,
        DESCRIPTIONS = 1,
        TENSOR_AXIS_LABELS = 2,
        TENSOR_VALUE_LABELS = 3,
        TENSOR_AXIS_SCORE_CALIBRATION = 4,
        VOCABULARY = 5,
        SCANN_INDEX_FILE = 6,
    }

    /// Colors of an image tensor.
    enum ColorSpaceType: i8 {
        UNKNOWN = 0,
        RGB = 1,
        GRAYSCALE = 2,
    }

    /// How the four numbers of a bounding box are meant.
    enum BoundingBoxType: i8 {
        UNKNOWN = 0,
        BOUNDARIES = 1,
        UPPER_LEFT = 2,
        CENTER = 3,
    }

    /// Unit of bounding box coordinates.
    enum CoordinateType: i8 {
        RATIO = 0,
        PIXEL = 1,
    }

    /// What is applied to a score before it is calibrated.
    enum ScoreTransformationType: i8 {
        IDENTITY = 0,
        LOG = 1,
        INVERSE_LOGISTIC = 2,
    }
}

tables! {
    /// The root: description, inputs and outputs of a model.
    table ModelMetadata, ModelMetadataRef {
        /// Name of the model.
        0 name: text(),
        /// What it does.
        1 description: text(),
        /// Its version.
        2 version: text(),
        /// One entry per subgraph; the first one counts.
        3 subgraph_metadata: tables(SubGraphMetadata, SubGraphMetadataRef),
        /// Who made it.
        4 author: text(),
        /// Under which terms.
        5 license: text(),
        /// Files that belong to the model as a whole.
        6 associated_files: tables(AssociatedFile, AssociatedFileRef),
        /// The oldest schema version that reads all of this.
        7 min_parser_version: text(),
    }

    /// What a subgraph takes and gives.
    table SubGraphMetadata, SubGraphMetadataRef {
        /// Name of the subgraph.
        0 name: text(),
        /// What it does.
        1 description: text(),
        /// Inputs in graph order.
        2 input_tensor_metadata: tables(TensorMetadata, TensorMetadataRef),
        /// Outputs in graph order.
        3 output_tensor_metadata: tables(TensorMetadata, TensorMetadataRef),
        /// Files that belong to the subgraph.
        4 associated_files: tables(AssociatedFile, AssociatedFileRef),
        /// Steps that prepare several inputs at once.
        5 input_process_units: tables(ProcessUnit, ProcessUnitRef),
        /// Steps that follow several outputs at once.
        6 output_process_units: tables(ProcessUnit, ProcessUnitRef),
        /// Inputs that belong together.
        7 input_tensor_groups: tables(TensorGroup, TensorGroupRef),
        /// Outputs that belong together.
        8 output_tensor_groups: tables(TensorGroup, TensorGroupRef),
        /// Whatever else the author wanted to say.
        9 custom_metadata: tables(CustomMetadata, CustomMetadataRef),
    }

    /// What a tensor stands for.
    table TensorMetadata, TensorMetadataRef {
        /// Name of the tensor; an embedding's head name.
        0 name: text(),
        /// What it holds.
        1 description: text(),
        /// Names of its dimensions.
        2 dimension_names: texts(),
        /// Kind of content.
        3 content: table(Content, ContentRef),
        /// Steps between raw data and tensor, in order.
        4 process_units: tables(ProcessUnit, ProcessUnitRef),
        /// Range of its values.
        5 stats: table(Stats, StatsRef),
        /// Files that belong to the tensor, such as labels.
        6 associated_files: tables(AssociatedFile, AssociatedFileRef),
    }

    /// A file packed behind the model.
    table AssociatedFile, AssociatedFileRef {
        /// Its name in the archive.
        0 name: text(),
        /// What it holds, in words.
        1 description: text(),
        /// What it holds.
        2 file_type: code(AssociatedFileType, i8 = 0),
        /// Its language, as a BCP 47 tag.
        3 locale: text(),
        /// Its version.
        4 version: text(),
    }

    /// Kind of content, and the part of a dimension it describes.
    table Content, ContentRef {
        /// Kind of content.
        1 content_properties: union(ContentProperties, ContentPropertiesRef),
        /// Indices of the dimension it covers.
        2 range: table(ValueRange, ValueRangeRef),
    }

    /// Plain features.
    table FeatureProperties, FeaturePropertiesRef {}

    /// An image.
    table ImageProperties, ImagePropertiesRef {
        /// Its colors.
        0 color_space: code(ColorSpaceType, i8 = 0),
        /// Its size where the tensor leaves it open.
        1 default_size: table(ImageSize, ImageSizeRef),
    }

    /// Width and height in pixels.
    table ImageSize, ImageSizeRef {
        /// Pixels in a row.
        0 width: scalar(u32 = 0),
        /// Rows.
        1 height: scalar(u32 = 0),
    }

    /// A bounding box.
    table BoundingBoxProperties, BoundingBoxPropertiesRef {
        /// Order of the four numbers.
        0 index: list(u32),
        /// How they are meant.
        1 box_type: code(BoundingBoxType, i8 = 0),
        /// Their unit.
        2 coordinate_type: code(CoordinateType, i8 = 0),
    }

    /// Sound.
    table AudioProperties, AudioPropertiesRef {
        /// Samples per second.
        0 sample_rate: scalar(u32 = 0),
        /// Channels.
        1 channels: scalar(u32 = 0),
    }

    /// An inclusive range of indices.
    table ValueRange, ValueRangeRef {
        /// First index.
        0 min: scalar(i32 = 0),
        /// Last index.
        1 max: scalar(i32 = 0),
    }

    /// A step between raw data and tensor.
    table ProcessUnit, ProcessUnitRef {
        /// Which step, with its parameters.
        1 options: union(ProcessUnitOptions, ProcessUnitOptionsRef),
    }

    /// value = (raw - mean) / std.
    table NormalizationOptions, NormalizationOptionsRef {
        /// One mean for all channels, or one each.
        0 mean: list(f32),
        /// One standard deviation for all channels, or one each.
        1 std: list(f32),
    }

    /// Score calibration with a parameter file.
    table ScoreCalibrationOptions, ScoreCalibrationOptionsRef {
        /// Applied before the calibration.
        0 score_transformation: code(ScoreTransformationType, i8 = 0),
        /// Score where the file has no parameters.
        1 default_score: scalar(f32 = 0.0),
    }

    /// Scores below a threshold are dropped.
    table ScoreThresholdingOptions, ScoreThresholdingOptionsRef {
        /// The threshold.
        0 global_score_threshold: scalar(f32 = 0.0),
    }

    /// BERT tokeniser.
    table BertTokenizerOptions, BertTokenizerOptionsRef {
        /// Vocabulary.
        0 vocab_file: tables(AssociatedFile, AssociatedFileRef),
    }

    /// SentencePiece tokeniser.
    table SentencePieceTokenizerOptions, SentencePieceTokenizerOptionsRef {
        /// Model.
        0 sentence_piece_model: tables(AssociatedFile, AssociatedFileRef),
        /// Optional vocabulary.
        1 vocab_file: tables(AssociatedFile, AssociatedFileRef),
    }

    /// Tokeniser that splits at a pattern.
    table RegexTokenizerOptions, RegexTokenizerOptionsRef {
        /// The pattern.
        0 delim_regex_pattern: text(),
        /// Vocabulary.
        1 vocab_file: tables(AssociatedFile, AssociatedFileRef),
    }

    /// Range of a tensor's values.
    table Stats, StatsRef {
        /// One maximum, or one per channel.
        0 max: list(f32),
        /// One minimum, or one per channel.
        1 min: list(f32),
    }

    /// Tensors that belong together.
    table TensorGroup, TensorGroupRef {
        /// Name of the group.
        0 name: text(),
        /// Names of its tensors.
        1 tensor_names: texts(),
    }

    /// A named blob.
    table CustomMetadata, CustomMetadataRef {
        /// What it is.
        0 name: text(),
        /// The bytes.
        1 data: bytes(),
    }
}

unions! {
    /// Kind of a tensor's content.
    union ContentProperties, ContentPropertiesRef {
        /// Plain features.
        1 FeatureProperties(FeaturePropertiesRef),
        /// An image.
        2 ImageProperties(ImagePropertiesRef),
        /// A bounding box.
        3 BoundingBoxProperties(BoundingBoxPropertiesRef),
        /// Sound.
        4 AudioProperties(AudioPropertiesRef),
    }

    /// A step between raw data and tensor.
    union ProcessUnitOptions, ProcessUnitOptionsRef {
        /// Normalization.
        1 NormalizationOptions(NormalizationOptionsRef),
        /// Score calibration.
        2 ScoreCalibrationOptions(ScoreCalibrationOptionsRef),
        /// Score threshold.
        3 ScoreThresholdingOptions(ScoreThresholdingOptionsRef),
        /// BERT tokeniser.
        4 BertTokenizerOptions(BertTokenizerOptionsRef),
        /// SentencePiece tokeniser.
        5 SentencePieceTokenizerOptions(SentencePieceTokenizerOptionsRef),
        /// Pattern tokeniser.
        6 RegexTokenizerOptions(RegexTokenizerOptionsRef),
    }
}
