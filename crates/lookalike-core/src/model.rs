//! A model with its metadata: verified TensorFlow Lite, or ONNX as its reader describes it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use lookalike_schema::metadata::ModelMetadata;
use lookalike_schema::tflite::{self, BuiltinOperator, BuiltinOptionsRef, TensorType};
use lookalike_schema::{List, Tables, VerifiedModel, file_identifier, read_metadata};

use crate::associated_files::{self, AssociatedFiles};
use crate::error::{Error, ErrorKind, Result, SupportCode};
use crate::limits::{Limits, exceeded};
use crate::shapes::{self, Budget, Shapes};
use crate::tensor::{DataRef, TensorRef};

/// A verified TensorFlow Lite model, or an ONNX model: immutable, and cheap to clone.
///
/// The bytes are kept as given; weights are not copied.
///
/// ```no_run
/// let model = lookalike_core::Model::from_bytes(std::fs::read("mobilenet_v3_small.tflite")?)?;
/// println!("{:?}", model.io().inputs[0].shape);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Model {
    inner: Arc<Inner>,
}

struct Inner {
    source: Source,
    limits: Limits,
    io: ModelIo,
    tensors: Vec<TensorInfo>,
    operators: Vec<OperatorInfo>,
    metadata: Option<ModelMetadata>,
    associated_files: AssociatedFiles,
}

enum Source {
    TfLite(VerifiedModel),
    Onnx(Cow<'static, [u8]>),
}

/// How a model is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ModelFormat {
    /// TensorFlow Lite's flatbuffer.
    TfLite,
    /// ONNX's protocol buffer.
    Onnx,
}

impl ModelFormat {
    /// The format's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::TfLite => "TensorFlow Lite",
            Self::Onnx => "ONNX",
        }
    }
}

impl Model {
    /// Verifies a model within the default [`Limits`] and reads its inputs and outputs, metadata and associated files.
    ///
    /// # Errors
    ///
    /// As for [`from_bytes_within`](Self::from_bytes_within).
    pub fn from_bytes(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self> {
        Self::from_bytes_within(bytes, &Limits::default())
    }

    /// Verifies a model and reads its inputs and outputs, metadata and associated files.
    ///
    /// The graph is checked operator by operator: number, types and shapes of inputs and outputs, parameters, and that each
    /// value is computed before it is used. A model that leaves the size of its input open, or uses what is not supported, is checked
    /// no further than its indices here, and by [`shapes_for`](Self::shapes_for) before an engine gets it.
    ///
    /// # Errors
    ///
    /// In this order: the model exceeds a limit; the bytes are no TensorFlow Lite flatbuffer; the schema version is not 3; the
    /// metadata has another identifier than `M001` or is broken; an associated file is compressed or unreadable; the graph points at
    /// tensors, buffers or operators that do not exist, or has sparse tensors; an operator does not fit its operands.
    pub fn from_bytes_within(
        bytes: impl Into<Cow<'static, [u8]>>,
        limits: &Limits,
    ) -> Result<Self> {
        let bytes = bytes.into();
        if bytes.len() as u64 > limits.max_model_bytes {
            let what = format!("the model has {} bytes", bytes.len());
            return Err(exceeded(what, "max_model_bytes", limits.max_model_bytes));
        }
        let verified = VerifiedModel::new(bytes).map_err(|error| {
            Error::invalid_argument("The model is not a valid Flatbuffer buffer; give a TensorFlow Lite model (.tflite)")
                .with_support_code(SupportCode::InvalidFlatBuffer)
                .with_source(error)
        })?;
        let root = verified.root();
        if root.version() != tflite::SCHEMA_VERSION {
            return Err(Error::new(
                ErrorKind::Unknown,
                format!(
                    "Could not build model from the provided pre-loaded flatbuffer: Invalid model version {}; version {} is supported",
                    root.version(),
                    tflite::SCHEMA_VERSION
                ),
            )
            .with_support_code(SupportCode::Error));
        }
        let metadata = model_metadata(root)?;
        let associated_files = match metadata {
            Some(_) => associated_files::locate(verified.bytes())?,
            None => AssociatedFiles::new(),
        };
        let Parts { io, tensors, operators } = read_graphs(root, limits, verified.bytes().len())?;
        let inner = Inner {
            source: Source::TfLite(verified),
            limits: *limits,
            io,
            tensors,
            operators,
            metadata,
            associated_files,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// An ONNX model, as a reader of that format describes it: `lookalike_onnx::read`. Images and results have their
    /// channels last in its inputs, whatever order the model itself has.
    pub fn from_onnx(
        bytes: impl Into<Cow<'static, [u8]>>,
        io: ModelIo,
        operators: Vec<OperatorInfo>,
        metadata: ModelMetadata,
    ) -> Self {
        let inner = Inner {
            source: Source::Onnx(bytes.into()),
            limits: Limits::default(),
            io,
            tensors: Vec::new(),
            operators,
            metadata: Some(metadata),
            associated_files: AssociatedFiles::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Whether bytes carry the mark of a TensorFlow Lite model.
    pub fn is_tflite(bytes: &[u8]) -> bool {
        file_identifier(bytes).is_some_and(|found| found == tflite::FILE_IDENTIFIER.as_bytes())
    }

    /// How the model is written.
    pub fn format(&self) -> ModelFormat {
        match self.inner.source {
            Source::TfLite(_) => ModelFormat::TfLite,
            Source::Onnx(_) => ModelFormat::Onnx,
        }
    }

    /// Checks that the model is written in the one format that an engine, or another reader, can take.
    ///
    /// # Errors
    ///
    /// It is written in another.
    pub fn require_format(&self, reader: &str, format: ModelFormat) -> Result<()> {
        if self.format() == format {
            return Ok(());
        }
        Err(Error::unimplemented(format!(
            "{reader} reads only {} models, and the format of this one is {}; `lookalike backends` lists the engines, and `ort` reads both",
            format.name(),
            self.format().name()
        )))
    }

    fn root(&self) -> Option<tflite::ModelRef<'_>> {
        match &self.inner.source {
            Source::TfLite(verified) => Some(verified.root()),
            Source::Onnx(_) => None,
        }
    }

    fn graph(&self) -> Option<tflite::SubGraphRef<'_>> {
        self.root()?.subgraphs().iter().next()
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        match &self.inner.source {
            Source::TfLite(verified) => verified.bytes(),
            Source::Onnx(bytes) => bytes,
        }
    }

    /// Inputs and outputs of the graph.
    pub fn io(&self) -> &ModelIo {
        &self.inner.io
    }

    /// Number of graphs in the model. The first one is run and looked at here; those behind it are verified as far as they can be.
    pub fn graph_count(&self) -> usize {
        self.root().map_or(1, |root| root.subgraphs().len())
    }

    /// The operators in order of execution.
    pub fn operators(&self) -> &[OperatorInfo] {
        &self.inner.operators
    }

    /// Parameters of the operator at this place among the [operators](Self::operators).
    pub fn operator_options(&self, position: usize) -> BuiltinOptionsRef<'_> {
        let operator = self.graph().and_then(|graph| graph.operators().iter().nth(position));
        operator.map_or(BuiltinOptionsRef::None, |operator| operator.builtin_options())
    }

    /// Checks that an engine, or whatever else reads the graph, has all operators of the model.
    ///
    /// # Errors
    ///
    /// The reference's error message for the first unsupported operator, custom ones first; then the names of all.
    pub fn check_operators(&self, reader: &str, has: impl Fn(&OperatorInfo) -> bool) -> Result<()> {
        let missing = || self.operators().iter().filter(|operator| !has(operator));
        let custom = missing().find(|operator| operator.is_custom);
        let Some(first) = custom.or_else(|| missing().next()) else { return Ok(()) };
        let all: BTreeSet<&str> = missing().map(|operator| operator.name.as_ref()).collect();
        let all = all.into_iter().collect::<Vec<_>>().join(", ");
        let (said, support_code) = if first.is_custom {
            let said = format!("Encountered unresolved custom op: {}", first.name);
            (said, SupportCode::UnsupportedCustomOp)
        } else {
            let (name, version) = (&first.name, first.version);
            let said = format!("Didn't find op for builtin opcode '{name}' version '{version}'");
            (said, SupportCode::UnsupportedBuiltinOp)
        };
        Err(Error::invalid_argument(format!(
            "{said}. {reader} lacks these operators of the model: {all}"
        ))
        .with_support_code(support_code))
    }

    /// The metadata, if the model has any.
    pub fn metadata(&self) -> Option<&ModelMetadata> {
        self.inner.metadata.as_ref()
    }

    /// Free text of the converter.
    pub fn description(&self) -> Option<&str> {
        self.root()?.description()
    }

    /// All tensors of the graph, constants included; an operator's indices point here. None for an ONNX model.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.inner.tensors
    }

    /// Shapes of the inputs as the model declares them; an open batch is 1. `None` for a model that leaves other
    /// dimensions open.
    pub fn fixed_input_dims(&self) -> Option<Vec<Vec<usize>>> {
        fixed_input_dims(self.io())
    }

    /// Verifies the graph for inputs of these shapes, one for each input, and returns the shape of every value. What is
    /// known only with the size of the input, and what an inference costs, is checked here.
    ///
    /// # Errors
    ///
    /// There is not a list for each input; an operator is not known, or does not fit its operands; an inference exceeds a limit that
    /// the model was read with; or the model is in ONNX.
    pub fn shapes_for(&self, input_dims: &[Vec<usize>]) -> Result<Shapes> {
        let (Some(root), Some(graph)) = (self.root(), self.graph()) else {
            return Err(Error::unimplemented("shapes of an ONNX model are not computed"));
        };
        let inputs = self.io().inputs.len();
        if input_dims.len() != inputs {
            return Err(Error::invalid_argument(format!(
                "shapes of {} inputs, but the model has {inputs}",
                input_dims.len()
            )));
        }
        let (tensors, operators) = (self.tensors(), self.operators());
        let graph = shapes::Graph { root, graph, tensors, operators };
        let mut budget = Budget::new(&self.inner.limits, self.bytes().len());
        shapes::infer(graph, input_dims, false, &mut budget)
    }

    /// Places of the inputs among the [tensors](Self::tensors).
    pub fn input_indices(&self) -> impl Iterator<Item = usize> + '_ {
        self.indices(|graph| graph.inputs())
    }

    /// Places of the outputs among the [tensors](Self::tensors).
    pub fn output_indices(&self) -> impl Iterator<Item = usize> + '_ {
        self.indices(|graph| graph.outputs())
    }

    fn indices<'a>(
        &'a self,
        list: impl Fn(tflite::SubGraphRef<'a>) -> List<'a, i32>,
    ) -> impl Iterator<Item = usize> + 'a {
        // Reading found every index to be that of a tensor.
        self.graph().map(list).into_iter().flatten().map(|index| index as usize)
    }

    /// Data of a constant tensor of this model, little-endian and row-major; empty for a value computed at run time.
    pub fn constant(&self, tensor: &TensorInfo) -> &[u8] {
        match self.root().map(|root| root.buffers()) {
            Some(buffers) if tensor.buffer < buffers.len() => buffers.get(tensor.buffer).data(),
            _ => &[],
        }
    }

    /// The named signatures.
    pub fn signature_defs(&self) -> Vec<SignatureDef> {
        let names = |maps: Tables<'_, tflite::TensorMapRef<'_>>| {
            maps.iter()
                .map(|map| (map.name().unwrap_or_default().to_owned(), map.tensor_index() as usize))
                .collect()
        };
        let definitions = self.root().map(|root| root.signature_defs());
        definitions
            .into_iter()
            .flatten()
            .map(|definition| SignatureDef {
                name: definition.signature_key().unwrap_or_default().to_owned(),
                inputs: names(definition.inputs()),
                outputs: names(definition.outputs()),
            })
            .collect()
    }

    /// Names of the files packed behind the model.
    pub fn associated_files(&self) -> impl Iterator<Item = &str> {
        self.inner.associated_files.keys().map(String::as_str)
    }

    /// Contents of a file packed behind the model.
    ///
    /// # Errors
    ///
    /// There is no file of this name.
    pub fn associated_file(&self, name: &str) -> Result<&[u8]> {
        match self.inner.associated_files.get(name) {
            Some(range) => Ok(&self.bytes()[range.clone()]),
            None => Err(Error::new(
                ErrorKind::NotFound,
                format!("No associated file with name: {name}"),
            )
            .with_support_code(SupportCode::MetadataAssociatedFileNotFound)),
        }
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Model")
            .field("bytes", &self.bytes().len())
            .field("io", &self.inner.io)
            .field("operators", &self.inner.operators.len())
            .finish_non_exhaustive()
    }
}

/// Inputs and outputs of a model, in graph order.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ModelIo {
    /// The tensors the caller fills.
    pub inputs: Vec<TensorInfo>,
    /// The tensors the caller reads.
    pub outputs: Vec<TensorInfo>,
}

impl ModelIo {
    /// Inputs and outputs of a model.
    pub fn new(inputs: Vec<TensorInfo>, outputs: Vec<TensorInfo>) -> Self {
        Self { inputs, outputs }
    }

    /// Checks what a caller brings to a run.
    ///
    /// # Errors
    ///
    /// Not one tensor for each input and each output; or an input of another element type or another shape than the model
    /// declares. An extent that the model leaves open may be any above 0, but for the first one, the batch, which is as
    /// declared.
    pub fn check_run(&self, inputs: &[TensorRef<'_>], outputs: usize) -> Result<()> {
        if inputs.len() != self.inputs.len() || outputs != self.outputs.len() {
            return Err(Error::invalid_argument(format!(
                "a run with {} inputs and {outputs} outputs; the model has {} and {}",
                inputs.len(),
                self.inputs.len(),
                self.outputs.len()
            )));
        }
        self.inputs.iter().zip(inputs).try_for_each(|(declared, given)| declared.check(given))
    }
}

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
            shape: shape_signature
                .iter()
                .map(|&extent| if extent == -1 { 1 } else { extent })
                .collect(),
            shape_signature,
            element_type,
            quantization: None,
            buffer: 0,
        }
    }

    /// Whether the size of more than the batch is left open until the model runs.
    pub fn has_open_size(&self) -> bool {
        self.shape_signature.iter().skip(1).any(|&extent| extent == -1)
    }

    /// The dimensions as counts.
    ///
    /// # Errors
    ///
    /// One is negative.
    pub fn dims(&self) -> Result<Vec<usize>> {
        let extent = |&extent: &i32| {
            usize::try_from(extent).map_err(|_| {
                Error::invalid_argument(format!("tensor `{}` has the extent {extent}", self.name))
            })
        };
        self.shape.iter().map(extent).collect()
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

    /// Scales are finite. Those of integers of 8 and 16 bits must be numbers above 0 with a zero point for each, one of both or one for each slice.
    fn check_quantization(&self) -> Result<(), String> {
        let Some(Quantization { scale, zero_point, dimension }) = &self.quantization else {
            return Ok(());
        };
        let name = &self.name;
        if !matches!(self.element_type, TensorType::INT8 | TensorType::UINT8 | TensorType::INT16) {
            return match scale.iter().find(|scale| !scale.is_finite()) {
                Some(scale) => Err(format!("tensor `{name}` has the scale {scale}")),
                None => Ok(()),
            };
        }
        // Converters give slices whose values are all 0 a scale of 0.
        let least = if scale.len() == 1 { f32::MIN_POSITIVE } else { 0.0 };
        if let Some(scale) = scale.iter().find(|scale| !(least..=LARGEST_SCALE).contains(*scale)) {
            return Err(format!(
                "tensor `{name}` has the scale {scale}, which is no number above 0 and up to {LARGEST_SCALE:e}"
            ));
        }
        if zero_point.len() != scale.len() {
            let (scales, zero_points) = (scale.len(), zero_point.len());
            return Err(format!(
                "tensor `{name}` has {scales} scales and {zero_points} zero points"
            ));
        }
        let axis = usize::try_from(*dimension).ok();
        let extent = axis.and_then(|axis| self.shape.get(axis));
        if scale.len() == 1 || extent.map(|&extent| extent as usize) == Some(scale.len()) {
            return Ok(());
        }
        Err(format!(
            "tensor `{name}` of {:?} has {} scales along dimension {dimension}",
            self.shape,
            scale.len()
        ))
    }

    fn check(&self, given: &TensorRef<'_>) -> Result<()> {
        let element_type = match given.data() {
            DataRef::F32(_) => TensorType::FLOAT32,
            DataRef::I8(_) => TensorType::INT8,
            DataRef::U8(_) => TensorType::UINT8,
        };
        let dims = given.shape().dims();
        let is_open = |axis: usize| axis > 0 && self.shape_signature.get(axis) == Some(&-1);
        let is_fitting = |(axis, &declared): (usize, &i32)| {
            let given = dims[axis];
            if is_open(axis) { given > 0 } else { usize::try_from(declared) == Ok(given) }
        };
        let fits = dims.len() == self.shape.len() && self.shape.iter().enumerate().all(is_fitting);
        if element_type == self.element_type && fits {
            return Ok(());
        }
        Err(Error::invalid_argument(format!(
            "a tensor of {element_type} {dims:?} for the input `{}`, which is of {} {:?}",
            self.name,
            self.element_type,
            if self.has_open_size() { &self.shape_signature } else { &self.shape }
        )))
    }
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

/// An operator of the graph.
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
    pub inputs: Vec<Option<usize>>,
    /// Tensors it writes.
    pub outputs: Vec<usize>,
}

impl OperatorInfo {
    /// An operator of another format than TensorFlow Lite's, whose tensors are not told.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        let (name, inputs, outputs) = (name.into(), Vec::new(), Vec::new());
        Self { name, version: 1, is_custom: false, inputs, outputs }
    }
}

/// A named signature of a model (`SignatureDef`).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SignatureDef {
    /// Its name.
    pub name: String,
    /// Names of its inputs with their tensors.
    pub inputs: Vec<(String, usize)>,
    /// Names of its outputs with their tensors.
    pub outputs: Vec<(String, usize)>,
}

fn model_metadata(root: tflite::ModelRef<'_>) -> Result<Option<ModelMetadata>> {
    let Some(entry) =
        root.metadata().iter().find(|entry| entry.name() == Some(tflite::METADATA_NAME))
    else {
        return Ok(None);
    };
    let invalid = |message: String| {
        Error::invalid_argument(message).with_support_code(SupportCode::InvalidFlatBuffer)
    };
    let index = entry.buffer() as usize;
    if index >= root.buffers().len() {
        return Err(invalid(format!("The metadata is in buffer {index}, which does not exist")));
    }
    let bytes = root.buffers().get(index).data();
    match file_identifier(bytes) {
        Some(found) if found == lookalike_schema::metadata::FILE_IDENTIFIER.as_bytes() => {}
        found => {
            return Err(Error::invalid_argument(format!(
                "Invalid metadata schema version: expected M001, got {}",
                found.unwrap_or_default().escape_ascii()
            ))
            .with_support_code(SupportCode::MetadataInvalidSchemaVersion));
        }
    }
    read_metadata(bytes).map(Some).map_err(|error| {
        invalid("The metadata is not a valid Flatbuffer buffer".to_owned()).with_source(error)
    })
}

/// What is read of a graph.
struct Parts {
    io: ModelIo,
    tensors: Vec<TensorInfo>,
    operators: Vec<OperatorInfo>,
}

/// Reads and verifies all graphs, and returns the first one. The others are not run.
fn read_graphs(root: tflite::ModelRef<'_>, limits: &Limits, file: usize) -> Result<Parts> {
    let graphs = root.subgraphs();
    let total = |count: fn(tflite::SubGraphRef<'_>) -> usize| {
        graphs.iter().map(count).sum::<usize>() as u64
    };
    let (tensors, operators) =
        (total(|graph| graph.tensors().len()), total(|graph| graph.operators().len()));
    if tensors > limits.max_tensors {
        let what = format!("the model has {tensors} tensors");
        return Err(exceeded(what, "max_tensors", limits.max_tensors));
    }
    if operators > limits.max_operators {
        let what = format!("the model has {operators} operators");
        return Err(exceeded(what, "max_operators", limits.max_operators));
    }
    let operands = total(|graph| {
        let operators = graph.operators().iter();
        operators.map(|operator| operator.inputs().len() + operator.outputs().len()).sum()
    });
    if operands > MAX_OPERANDS {
        let message = format!(
            "Could not build the TF Lite interpreter: the operators have {operands} operands and results, which are more than {MAX_OPERANDS}"
        );
        return Err(
            Error::new(ErrorKind::ResourceExhausted, message).with_support_code(SupportCode::Error)
        );
    }
    let names: Vec<Arc<str>> = root
        .operator_codes()
        .iter()
        .map(|code| match (builtin_operator(code), code.custom_code()) {
            (BuiltinOperator::CUSTOM, Some(name)) => Arc::from(name),
            (operator, _) => Arc::from(operator.to_string()),
        })
        .collect();
    let mut first: Option<Parts> = None;
    let mut budget = Budget::new(limits, file);
    for (number, graph) in graphs.iter().enumerate() {
        let tensors = graph.tensors().iter().map(|tensor| tensor_info(root, tensor));
        let tensors = tensors.collect::<Result<Vec<_>>>()?;
        let io = read_io(graph, &tensors)?;
        let operators = read_operators(root, graph, &names)?;
        let unknown = operators.iter().find(|operator| !operator.is_known());
        // Those of the first graph are named by whoever is to run it. TensorFlow Lite prepares operators of all of them.
        if let (Some(first), Some(operator)) = (&first, unknown)
            && first.operators.iter().all(OperatorInfo::is_known)
        {
            return Err(broken_graph(format!(
                "subgraph {number} has the operator {}, which is not supported",
                operator.name
            )));
        }
        let is_known = unknown.is_none();
        let dims = fixed_input_dims(&io).filter(|_| is_known);
        if let Some(dims) = dims {
            let (tensors, operators) = (&tensors[..], &operators[..]);
            let graph = shapes::Graph { root, graph, tensors, operators };
            match shapes::infer(graph, &dims, true, &mut budget) {
                Ok(_) => {}
                // It is refused before an engine gets it.
                Err(error) if error.kind() == ErrorKind::Unimplemented => {}
                Err(error) if error.kind() == ErrorKind::ResourceExhausted => return Err(error),
                Err(error) => return Err(broken_graph(error)),
            }
        }
        first.get_or_insert(Parts { io, tensors, operators });
    }
    first.ok_or_else(|| broken_graph("the model has no subgraph"))
}

/// An input without elements is refused by the rules for images, with the reference's error message.
fn fixed_input_dims(io: &ModelIo) -> Option<Vec<Vec<usize>>> {
    let dims = |input: &TensorInfo| {
        let extent = |&extent: &i32| usize::try_from(extent).ok().filter(|&extent| extent > 0);
        if input.has_open_size() { None } else { input.shape.iter().map(extent).collect() }
    };
    io.inputs.iter().map(dims).collect()
}

fn read_io(graph: tflite::SubGraphRef<'_>, tensors: &[TensorInfo]) -> Result<ModelIo> {
    let read = |indices: List<'_, i32>, what: &str| -> Result<Vec<TensorInfo>> {
        let mut known = BTreeSet::new();
        indices
            .iter()
            .map(|index| match usize::try_from(index) {
                // Otherwise a small file could have a long name copied any number of times.
                _ if !known.insert(index) => {
                    Err(broken_graph(format!("{what} tensor {index} is listed twice")))
                }
                Ok(position) if position < tensors.len() => Ok(tensors[position].clone()),
                _ => Err(broken_graph(format!("{what} tensor {index} does not exist"))),
            })
            .collect()
    };
    Ok(ModelIo {
        inputs: read(graph.inputs(), "input")?,
        outputs: read(graph.outputs(), "output")?,
    })
}

/// Scales beyond this have ratios that engines cannot compute with.
const LARGEST_SCALE: f32 = 1e12;

/// Most elements of a tensor: what an `i32` can count, with which the reference's kernels count them.
const MAX_ELEMENTS: u32 = i32::MAX as u32;

/// Most operands and results of all operators: each takes more memory than its four bytes of the file.
const MAX_OPERANDS: u64 = 1 << 22;

fn tensor_info(root: tflite::ModelRef<'_>, tensor: tflite::TensorRef<'_>) -> Result<TensorInfo> {
    let name = tensor.name().unwrap_or_default().to_owned();
    let buffer = tensor.buffer() as usize;
    if buffer >= root.buffers().len() {
        return Err(broken_graph(format!(
            "the data of tensor `{name}` is in buffer {buffer}, which does not exist"
        )));
    }
    if root.buffers().get(buffer).offset() > 1 {
        return Err(broken_graph(format!(
            "the data of tensor `{name}` lie behind the flatbuffer, which is not supported"
        )));
    }
    let elements = tensor
        .shape()
        .iter()
        .try_fold(1u32, |count, extent| count.checked_mul(extent.unsigned_abs()));
    if elements.is_none_or(|elements| elements > MAX_ELEMENTS) {
        return Err(broken_graph(format!("tensor `{name}` has more than {MAX_ELEMENTS} elements")));
    }
    if tensor.is_variable() {
        return Err(broken_graph(format!("tensor `{name}` is a variable, which is not supported")));
    }
    if tensor.sparsity().is_some() {
        return Err(broken_graph(format!("tensor `{name}` is sparse, which is not supported")));
    }
    let quantization = tensor
        .quantization()
        .map(|quantization| Quantization {
            scale: quantization.scale().iter().collect(),
            zero_point: quantization.zero_point().iter().collect(),
            dimension: quantization.quantized_dimension(),
        })
        .filter(|quantization| !quantization.scale.is_empty());
    let info = TensorInfo {
        name,
        shape: tensor.shape().iter().collect(),
        shape_signature: tensor.shape_signature().iter().collect(),
        element_type: tensor.element_type(),
        quantization,
        buffer,
    };
    info.check_quantization().map_err(broken_graph)?;
    Ok(info)
}

fn read_operators(
    root: tflite::ModelRef<'_>,
    graph: tflite::SubGraphRef<'_>,
    names: &[Arc<str>],
) -> Result<Vec<OperatorInfo>> {
    let (codes, tensor_count) = (root.operator_codes(), graph.tensors().len());
    graph
        .operators()
        .iter()
        .enumerate()
        .map(|(position, operator)| {
            let index = operator.opcode_index() as usize;
            if index >= codes.len() {
                return Err(broken_graph(format!(
                    "operator {position} has code {index}, which does not exist"
                )));
            }
            let code = codes.get(index);
            let tensor = |tensor: i32| match usize::try_from(tensor) {
                Ok(found) if found < tensor_count => Ok(found),
                _ => Err(broken_graph(format!(
                    "operator {position} uses tensor {tensor}, which does not exist"
                ))),
            };
            Ok(OperatorInfo {
                name: Arc::clone(&names[index]),
                version: code.version(),
                is_custom: builtin_operator(code) == BuiltinOperator::CUSTOM,
                inputs: operator
                    .inputs()
                    .iter()
                    .map(|index| if index == -1 { Ok(None) } else { tensor(index).map(Some) })
                    .collect::<Result<_>>()?,
                outputs: operator.outputs().iter().map(tensor).collect::<Result<_>>()?,
            })
        })
        .collect()
}

/// The operator, from whichever of the two fields holds it: files from before 2020 know the narrow one only.
fn builtin_operator(code: tflite::OperatorCodeRef<'_>) -> BuiltinOperator {
    code.builtin_code().max(BuiltinOperator(i32::from(code.deprecated_builtin_code())))
}

fn broken_graph(message: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Unknown, format!("Could not build the TF Lite interpreter: {message}"))
        .with_support_code(SupportCode::Error)
}
