//! A model with its metadata: verified TensorFlow Lite, or ONNX as its reader describes it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use lookalike_graph::{Graph, GraphLimits, ModelFile, OperatorInfo, TensorInfo};
use lookalike_schema::metadata::ModelMetadata;
use lookalike_schema::tflite::{self, TensorType};
use lookalike_schema::{VerifiedModel, file_identifier, read_metadata};

use crate::associated_files::{self, AssociatedFiles};
use crate::error::{Error, ErrorKind, Result, SupportCode};
use crate::limits::{Limits, exceeded};
use crate::tensor::{DataRef, TensorRef};

/// A TensorFlow Lite model, or an ONNX model: immutable, and cheap to clone.
///
/// The bytes are kept as given; weights are not copied.
///
/// ```no_run
/// let model = lookalike_core::Model::from_bytes(std::fs::read("mobilenet_v3_small.tflite")?)?;
/// println!("{:?}", model.io().inputs[0].shape);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Model {
    /// A verified TensorFlow Lite model, with its graph.
    TfLite(TfLiteModel),
    /// An ONNX model: its bytes, inputs and outputs.
    Onnx(OnnxModel),
}

impl Model {
    /// Verifies a TensorFlow Lite model within the default [`Limits`] and reads its graph, metadata and associated files.
    ///
    /// # Errors
    ///
    /// As for [`from_bytes_within`](Self::from_bytes_within).
    pub fn from_bytes(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self> {
        Self::from_bytes_within(bytes, &Limits::default())
    }

    /// Verifies a TensorFlow Lite model and reads its graph, metadata and associated files: see [`TfLiteModel::from_bytes_within`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn from_bytes_within(
        bytes: impl Into<Cow<'static, [u8]>>,
        limits: &Limits,
    ) -> Result<Self> {
        TfLiteModel::from_bytes_within(bytes, limits).map(Self::TfLite)
    }

    /// Whether bytes carry the mark of a TensorFlow Lite model.
    pub fn is_tflite(bytes: &[u8]) -> bool {
        file_identifier(bytes).is_some_and(|found| found == tflite::FILE_IDENTIFIER.as_bytes())
    }

    /// The model, for an engine or another reader that takes TensorFlow Lite models alone.
    ///
    /// # Errors
    ///
    /// It is an ONNX model.
    pub fn require_tflite(&self, reader: &str) -> Result<&TfLiteModel> {
        match self {
            Self::TfLite(model) => Ok(model),
            Self::Onnx(_) => Err(Error::unimplemented(format!(
                "{reader} reads only TensorFlow Lite models, and the format of this one is ONNX; `lookalike backends` lists the engines, and `ort` reads both"
            ))),
        }
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::TfLite(model) => model.file().bytes(),
            Self::Onnx(model) => model.bytes(),
        }
    }

    /// Inputs and outputs of the graph.
    pub fn io(&self) -> &ModelIo {
        match self {
            Self::TfLite(model) => model.io(),
            Self::Onnx(model) => model.io(),
        }
    }

    /// The operators in order of execution.
    pub fn operators(&self) -> &[OperatorInfo] {
        match self {
            Self::TfLite(model) => model.file().operators(),
            Self::Onnx(model) => model.operators(),
        }
    }

    /// The metadata, if the model has any.
    pub fn metadata(&self) -> Option<&ModelMetadata> {
        match self {
            Self::TfLite(model) => model.metadata(),
            Self::Onnx(model) => Some(model.metadata()),
        }
    }
}

/// A verified TensorFlow Lite model with its graph, metadata and associated files: immutable, and cheap to clone.
#[derive(Clone)]
pub struct TfLiteModel {
    inner: Arc<Inner>,
}

struct Inner {
    file: Arc<ModelFile>,
    /// The graph for inputs of the sizes that the model declares, where it declares them and all operators are supported.
    graph: Option<Arc<Graph>>,
    io: ModelIo,
    metadata: Option<ModelMetadata>,
    associated_files: AssociatedFiles,
}

impl TfLiteModel {
    /// Verifies a model within the default [`Limits`] and reads its graph, metadata and associated files.
    ///
    /// # Errors
    ///
    /// As for [`from_bytes_within`](Self::from_bytes_within).
    pub fn from_bytes(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self> {
        Self::from_bytes_within(bytes, &Limits::default())
    }

    /// Verifies a model and reads its graph, metadata and associated files.
    ///
    /// The graph is checked operator by operator: number, types and shapes of inputs and outputs, parameters, and that each
    /// value is computed before it is used. A model that leaves the size of its input open, or uses what is not supported, is checked
    /// no further than its indices here, and by [`graph_for`](Self::graph_for) before an engine gets it.
    ///
    /// # Errors
    ///
    /// In this order: the model exceeds a limit; the bytes are no TensorFlow Lite flatbuffer; the schema version is not 3; the
    /// metadata has another identifier than `M001` or is broken; an associated file is compressed or unreadable; the graph points at
    /// tensors, buffers or operators that do not exist, or has sparse tensors; an operator does not fit its inputs and outputs.
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
        let graph_limits = GraphLimits {
            max_tensors: limits.max_tensors,
            max_operators: limits.max_operators,
            max_arena_bytes: limits.max_arena_bytes,
            max_multiplications: limits.max_multiplications,
        };
        let (file, graph) = ModelFile::read(verified, graph_limits).map_err(broken_graph)?;
        let infos = |tensors: &[usize]| {
            tensors.iter().map(|&tensor| file.tensors()[tensor].clone()).collect()
        };
        let io = ModelIo { inputs: infos(file.inputs()), outputs: infos(file.outputs()) };
        let graph = graph.map(Arc::new);
        Ok(Self { inner: Arc::new(Inner { file, graph, io, metadata, associated_files }) })
    }

    /// The file: what it declares, constants, signatures.
    pub fn file(&self) -> &Arc<ModelFile> {
        &self.inner.file
    }

    /// Inputs and outputs of the graph.
    pub fn io(&self) -> &ModelIo {
        &self.inner.io
    }

    /// The metadata, if the model has any.
    pub fn metadata(&self) -> Option<&ModelMetadata> {
        self.inner.metadata.as_ref()
    }

    /// Shapes of the inputs as the model declares them; an open batch is 1. `None` for a model that leaves other
    /// dimensions open.
    pub fn fixed_input_dims(&self) -> Option<Vec<Vec<usize>>> {
        self.file().fixed_input_dims()
    }

    /// The graph for inputs of these shapes, one for each input: typed operators, and the shape of every value. What is
    /// known only with the size of the input, and what an inference costs, is checked here.
    ///
    /// # Errors
    ///
    /// There is not a list for each input; an operator is not known, or does not fit its inputs and outputs; or an inference exceeds a
    /// limit that the model was read with.
    pub fn graph_for(&self, input_dims: &[Vec<usize>]) -> Result<Arc<Graph>> {
        match &self.inner.graph {
            Some(graph) if self.fixed_input_dims().as_deref() == Some(input_dims) => {
                Ok(Arc::clone(graph))
            }
            _ => Ok(Arc::new(self.file().with_input_shapes(input_dims)?)),
        }
    }

    /// Checks that an engine, or whatever else reads the graph, has all operators of the model.
    ///
    /// # Errors
    ///
    /// The reference's error message for the first unsupported operator, custom ones first; then the names of all.
    pub fn check_operators(&self, reader: &str, has: impl Fn(&OperatorInfo) -> bool) -> Result<()> {
        let missing = || self.file().operators().iter().filter(|operator| !has(operator));
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
            Some(range) => Ok(&self.file().bytes()[range.clone()]),
            None => Err(Error::new(
                ErrorKind::NotFound,
                format!("No associated file with name: {name}"),
            )
            .with_support_code(SupportCode::MetadataAssociatedFileNotFound)),
        }
    }
}

impl fmt::Debug for TfLiteModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TfLiteModel")
            .field("file", self.file())
            .field("io", self.io())
            .finish_non_exhaustive()
    }
}

/// An ONNX model, as a reader of that format describes it: immutable, and cheap to clone.
#[derive(Clone)]
pub struct OnnxModel {
    inner: Arc<Outline>,
}

struct Outline {
    bytes: Cow<'static, [u8]>,
    io: ModelIo,
    operators: Vec<OperatorInfo>,
    metadata: ModelMetadata,
}

impl OnnxModel {
    /// What `lookalike_onnx::read` found in a file. Images and results have their channels last in `io`, whatever order the model itself
    /// has.
    pub fn new(
        bytes: impl Into<Cow<'static, [u8]>>,
        io: ModelIo,
        operators: Vec<OperatorInfo>,
        metadata: ModelMetadata,
    ) -> Self {
        Self { inner: Arc::new(Outline { bytes: bytes.into(), io, operators, metadata }) }
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.inner.bytes
    }

    /// Inputs and outputs of the graph.
    pub fn io(&self) -> &ModelIo {
        &self.inner.io
    }

    /// Names of the operators in order of execution.
    pub fn operators(&self) -> &[OperatorInfo] {
        &self.inner.operators
    }

    /// The properties of the file, as TensorFlow Lite's metadata would have them.
    pub fn metadata(&self) -> &ModelMetadata {
        &self.inner.metadata
    }
}

impl fmt::Debug for OnnxModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OnnxModel")
            .field("bytes", &self.bytes().len())
            .field("io", self.io())
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
    /// declares. A size that the model leaves open may be any above 0, but for the first one, the batch, which is as
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
        self.inputs
            .iter()
            .zip(inputs)
            .try_for_each(|(declared, given)| check_input(declared, given))
    }
}

/// Checks a tensor that a caller brings for an input.
fn check_input(declared: &TensorInfo, given: &TensorRef<'_>) -> Result<()> {
    let element_type = match given.data() {
        DataRef::F32(_) => TensorType::FLOAT32,
        DataRef::I8(_) => TensorType::INT8,
        DataRef::U8(_) => TensorType::UINT8,
    };
    let dims = given.shape().dims();
    let is_open = |axis: usize| axis > 0 && declared.shape_signature.get(axis) == Some(&-1);
    let is_fitting = |(axis, &stated): (usize, &i32)| {
        let given = dims[axis];
        if is_open(axis) { given > 0 } else { usize::try_from(stated) == Ok(given) }
    };
    let fits =
        dims.len() == declared.shape.len() && declared.shape.iter().enumerate().all(is_fitting);
    // Inputs of 16-bit floats are brought in 32 bits.
    let wanted = match declared.element_type {
        TensorType::FLOAT16 => TensorType::FLOAT32,
        other => other,
    };
    if element_type == wanted && fits {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "a tensor of {element_type} {dims:?} for the input `{}`, which is of {} {:?}",
        declared.name,
        declared.element_type,
        if declared.has_open_size() { &declared.shape_signature } else { &declared.shape }
    )))
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

/// The error for a graph that cannot be read, with the reference's error message; limits speak for themselves.
fn broken_graph(error: lookalike_graph::Error) -> Error {
    match error {
        lookalike_graph::Error::LimitExceeded(_) => error.into(),
        _ => Error::new(
            ErrorKind::Unknown,
            format!("Could not build the TF Lite interpreter: {error}"),
        )
        .with_support_code(SupportCode::Error),
    }
}
