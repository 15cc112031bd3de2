//! A graph whose operators are typed and whose shapes are known.

use std::borrow::Cow;
use std::sync::Arc;

use half::f16;
use lookalike_schema::tflite::TensorType;

use crate::error::{Error, Result};
use crate::file::ModelFile;
use crate::op::Op;
use crate::parse::integers;
use crate::tensor::{Quantization, TensorId, TensorInfo};

/// The graph of a model for inputs of certain shapes.
///
/// What it holds has been checked: an engine that lowers it needs no check of its own. Operators stand in an order in which every value is
/// computed before it is used.
#[derive(Clone, Debug)]
pub struct Graph {
    file: Arc<ModelFile>,
    values: Vec<Option<Value>>,
    nodes: Vec<Node>,
}

/// What is known of a tensor.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) dims: Vec<usize>,
    /// The integers of a list that the graph computes from shapes and constants.
    pub(crate) integers: Option<Arc<[i64]>>,
}

/// What parsing a graph gives.
pub(crate) struct Parsed {
    pub(crate) values: Vec<Option<Value>>,
    pub(crate) nodes: Vec<Node>,
}

/// An operator with the tensors it reads and writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// Its place among the operators of the model.
    pub position: usize,
    /// Tensors it reads; `None` for an optional one left out.
    pub inputs: Arc<[Option<TensorId>]>,
    /// Tensors it writes.
    pub outputs: Arc<[TensorId]>,
}

impl Node {
    /// An input that the operator must have. Parsing has checked that it is there.
    pub fn input(&self, index: usize) -> TensorId {
        self.optional_input(index).expect("a parsed operator has its inputs")
    }

    /// An input that may be left out.
    pub fn optional_input(&self, index: usize) -> Option<TensorId> {
        self.inputs.get(index).copied().flatten()
    }

    /// The only output, or the first one.
    pub fn output(&self) -> TensorId {
        self.outputs[0]
    }
}

impl Graph {
    pub(crate) fn new(file: Arc<ModelFile>, parsed: Parsed) -> Self {
        Self { file, values: parsed.values, nodes: parsed.nodes }
    }

    /// The file that the graph is in.
    pub fn file(&self) -> &Arc<ModelFile> {
        &self.file
    }

    /// All operators in order of execution.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The operators that are left to run: not those whose outputs follow from shapes and constants, and are
    /// [computed](Self::computed_integers) already.
    pub fn nodes_to_run(&self) -> impl Iterator<Item = &Node> {
        let is_computed = |&output: &TensorId| self.computed_integers(output).is_some();
        self.nodes.iter().filter(move |node| !node.outputs.iter().all(is_computed))
    }

    /// The name that the schema gives an operator.
    pub fn name(&self, node: &Node) -> &str {
        &self.file.operators()[node.position].name
    }

    /// What messages call an operator: its place and its name.
    pub fn describe(&self, node: &Node) -> String {
        format!("operator {} ({})", node.position, self.name(node))
    }

    /// A tensor as the model declares it. Its shape may differ from [`dims`](Self::dims), which are those that follow from the inputs.
    pub fn tensor(&self, tensor: TensorId) -> &TensorInfo {
        &self.file.tensors()[tensor]
    }

    /// The shape of a tensor that an operator reads or writes, or that is an input or output of the graph; of others it may be empty.
    pub fn dims(&self, tensor: TensorId) -> &[usize] {
        self.values[tensor].as_ref().map_or(&[], |value| &value.dims)
    }

    /// The shape of an image: batch, rows, columns, channels. Of tensors of other ranks, what there is of it; the rest is 1.
    pub fn image_dims(&self, tensor: TensorId) -> [usize; 4] {
        let dims = self.dims(tensor);
        std::array::from_fn(|axis| dims.get(axis).copied().unwrap_or(1))
    }

    /// Number of elements of a tensor.
    pub fn element_count(&self, tensor: TensorId) -> usize {
        self.dims(tensor).iter().product()
    }

    /// Data of a constant, little-endian and row-major; empty for a value computed at run time.
    pub fn constant(&self, tensor: TensorId) -> &[u8] {
        self.file.constant(tensor)
    }

    /// The elements of a list of integers that is constant, or that follows from shapes and constants.
    pub fn integers(&self, tensor: TensorId) -> Option<Cow<'_, [i64]>> {
        let value = self.values[tensor].as_ref()?;
        integers(value, self.tensor(tensor).element_type, self.constant(tensor))
    }

    /// The elements of a list of integers that the graph computes from shapes and constants.
    pub fn computed_integers(&self, tensor: TensorId) -> Option<&[i64]> {
        self.values[tensor].as_ref()?.integers.as_deref()
    }

    /// The real values of a constant of floats, of 16-bit floats, or of integers of 8 or 16 bits with scales. `None` for other types, and
    /// for values computed at run time.
    ///
    /// # Errors
    ///
    /// Integers of 8 or 16 bits have no scale.
    pub fn constant_reals(&self, tensor: TensorId) -> Result<Option<Vec<f32>>> {
        let bytes = self.constant(tensor);
        if bytes.is_empty() {
            return Ok(None);
        }
        let info = self.tensor(tensor);
        Ok(Some(match info.element_type {
            TensorType::FLOAT32 => elements(bytes, f32::from_le_bytes),
            TensorType::FLOAT16 => elements(bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
            TensorType::INT8 => {
                self.dequantized(tensor, elements(bytes, |[byte]| i32::from(byte as i8)))?
            }
            TensorType::UINT8 => self.dequantized(tensor, elements(bytes, |[byte]| byte.into()))?,
            TensorType::INT16 => {
                self.dequantized(tensor, elements(bytes, |bytes| i16::from_le_bytes(bytes).into()))?
            }
            _ => return Ok(None),
        }))
    }

    /// What the integers of a quantized constant stand for.
    fn dequantized(&self, tensor: TensorId, integers: Vec<i32>) -> Result<Vec<f32>> {
        let info = self.tensor(tensor);
        let Some(Quantization { scale, zero_point, dimension }) = &info.quantization else {
            return Err(Error::unsupported(format!("`{}` has no scale", info.name)));
        };
        let axis = usize::try_from(*dimension).unwrap_or_default();
        let inner: usize = self.dims(tensor).iter().skip(axis + 1).product();
        let real = |(index, &integer): (usize, &i32)| {
            let slice = if scale.len() == 1 { 0 } else { index / inner % scale.len() };
            scale[slice] * (i64::from(integer) - zero_point[slice]) as f32
        };
        Ok(integers.iter().enumerate().map(real).collect())
    }
}

/// The elements of little-endian data.
pub fn elements<const N: usize, T>(bytes: &[u8], element: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().copied().map(element).collect()
}
