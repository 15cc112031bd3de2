//! A verified file, and what its graph declares.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use lookalike_schema::tflite::{self, BuiltinOperator};
use lookalike_schema::{List, Tables, VerifiedModel};

use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::parse::{self, Budget};
use crate::tensor::{OperatorInfo, Quantization, SignatureDef, TensorId, TensorInfo};

/// What a model may cost. The names are those of the limits in messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the names say it, and the limits of lookalike-core explain it")]
pub struct GraphLimits {
    pub max_tensors: u64,
    pub max_operators: u64,
    pub max_arena_bytes: u64,
    pub max_multiplications: u64,
}

/// A verified TensorFlow Lite file: its tensors and operators as they are declared, and every index in it is sound.
///
/// The bytes are kept as given; constants are not copied.
pub struct ModelFile {
    verified: VerifiedModel,
    limits: GraphLimits,
    declared: Declared,
}

/// What a graph of the file declares.
pub(crate) struct Declared {
    pub(crate) tensors: Vec<TensorInfo>,
    pub(crate) operators: Vec<OperatorInfo>,
    pub(crate) inputs: Vec<TensorId>,
    pub(crate) outputs: Vec<TensorId>,
    /// Whether there is a parser for every operator.
    are_operators_known: bool,
}

impl ModelFile {
    /// Reads and verifies all graphs of a model: the first one, which is run, and those behind it as far as they can be. The graph is
    /// that of the first one; `None` if it leaves the size of an input open, or asks for what is not supported.
    ///
    /// # Errors
    ///
    /// A limit is exceeded; an index points at what does not exist; a tensor is sparse or a variable; an operator does not fit its
    /// inputs and outputs.
    pub fn read(
        verified: VerifiedModel,
        limits: GraphLimits,
    ) -> Result<(Arc<Self>, Option<Graph>)> {
        let declared = declared_graphs(verified.root(), &limits)?;
        let mut budget = Budget::new(&limits, verified.bytes().len());
        let mut values = None;
        for (number, graph) in declared.iter().enumerate() {
            let fixed = fixed_dims(graph.inputs.iter().map(|&input| &graph.tensors[input]));
            if let Some(dims) = fixed.filter(|_| graph.are_operators_known) {
                match parse::parse(verified.root(), number, graph, &dims, true, &mut budget) {
                    Ok(parsed) if number == 0 => values = Some(parsed),
                    // What is not supported is refused before an engine gets it.
                    Ok(_) | Err(Error::Unsupported(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let declared = declared.into_iter().next();
        let declared = declared.ok_or_else(|| Error::invalid("the model has no subgraph"))?;
        let file = Arc::new(Self { verified, limits, declared });
        let graph = values.map(|parsed| Graph::new(Arc::clone(&file), parsed));
        Ok((file, graph))
    }

    /// The graph for inputs of these shapes, one for each input. What an inference costs is checked here.
    ///
    /// # Errors
    ///
    /// There is not a list for each input; an operator is not known, does not fit its inputs and outputs, or asks for what is not
    /// supported; an inference exceeds a limit that the model was read with.
    pub fn with_input_shapes(self: &Arc<Self>, input_dims: &[Vec<usize>]) -> Result<Graph> {
        let inputs = self.inputs().len();
        if input_dims.len() != inputs {
            return Err(Error::invalid(format!(
                "shapes of {} inputs, but the model has {inputs}",
                input_dims.len()
            )));
        }
        let mut budget = Budget::new(&self.limits, self.bytes().len());
        let (root, declared) = (self.verified.root(), &self.declared);
        let parsed = parse::parse(root, 0, declared, input_dims, false, &mut budget)?;
        Ok(Graph::new(Arc::clone(self), parsed))
    }

    /// Shapes of the inputs as the model declares them; an open batch is 1. `None` for a model that leaves other dimensions open.
    pub fn fixed_input_dims(&self) -> Option<Vec<Vec<usize>>> {
        fixed_dims(self.inputs().iter().map(|&input| &self.tensors()[input]))
    }

    /// The whole file, with whatever follows the flatbuffer.
    pub fn bytes(&self) -> &[u8] {
        self.verified.bytes()
    }

    /// All tensors of the graph, constants included, as they are declared.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.declared.tensors
    }

    /// The operators in order of execution, as they are declared.
    pub fn operators(&self) -> &[OperatorInfo] {
        &self.declared.operators
    }

    /// The tensors that the caller fills.
    pub fn inputs(&self) -> &[TensorId] {
        &self.declared.inputs
    }

    /// The tensors that the caller reads.
    pub fn outputs(&self) -> &[TensorId] {
        &self.declared.outputs
    }

    /// Data of a constant tensor, little-endian and row-major; empty for a value computed at run time.
    pub fn constant(&self, tensor: TensorId) -> &[u8] {
        constant(self.verified.root(), &self.declared.tensors[tensor])
    }

    /// Number of graphs in the file. The first one is run.
    pub fn graph_count(&self) -> usize {
        self.verified.root().subgraphs().len()
    }

    /// Free text of the converter.
    pub fn description(&self) -> Option<&str> {
        self.verified.root().description()
    }

    /// The named signatures.
    pub fn signature_defs(&self) -> Vec<SignatureDef> {
        let names = |maps: Tables<'_, tflite::TensorMapRef<'_>>| {
            maps.iter()
                .map(|map| (map.name().unwrap_or_default().to_owned(), map.tensor_index() as usize))
                .collect()
        };
        let definitions = self.verified.root().signature_defs().iter();
        definitions
            .map(|definition| SignatureDef {
                name: definition.signature_key().unwrap_or_default().to_owned(),
                inputs: names(definition.inputs()),
                outputs: names(definition.outputs()),
            })
            .collect()
    }
}

impl fmt::Debug for ModelFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ModelFile")
            .field("bytes", &self.bytes().len())
            .field("operators", &self.operators().len())
            .finish_non_exhaustive()
    }
}

/// Data of a constant tensor; empty for a value computed at run time.
pub(crate) fn constant<'m>(root: tflite::ModelRef<'m>, tensor: &TensorInfo) -> &'m [u8] {
    // Reading found every buffer to be there.
    root.buffers().get(tensor.buffer).data()
}

/// An input without elements is refused by the rules for images, with the reference's error message.
fn fixed_dims<'a>(inputs: impl Iterator<Item = &'a TensorInfo>) -> Option<Vec<Vec<usize>>> {
    let dims = |input: &TensorInfo| {
        let dim = |&dim: &i32| usize::try_from(dim).ok().filter(|&dim| dim > 0);
        if input.has_open_size() { None } else { input.shape.iter().map(dim).collect() }
    };
    inputs.map(dims).collect()
}

/// Most inputs and outputs of all operators: each takes more memory than its four bytes of the file.
const MAX_OPERANDS: u64 = 1 << 22;

/// What all graphs declare.
fn declared_graphs(root: tflite::ModelRef<'_>, limits: &GraphLimits) -> Result<Vec<Declared>> {
    let graphs = root.subgraphs();
    let total = |count: fn(tflite::SubGraphRef<'_>) -> usize| {
        graphs.iter().map(count).sum::<usize>() as u64
    };
    let (tensors, operators) =
        (total(|graph| graph.tensors().len()), total(|graph| graph.operators().len()));
    if tensors > limits.max_tensors {
        let what = format!("the model has {tensors} tensors");
        return Err(Error::exceeded(what, "max_tensors", limits.max_tensors));
    }
    if operators > limits.max_operators {
        let what = format!("the model has {operators} operators");
        return Err(Error::exceeded(what, "max_operators", limits.max_operators));
    }
    let arguments = total(|graph| {
        let operators = graph.operators().iter();
        operators.map(|operator| operator.inputs().len() + operator.outputs().len()).sum()
    });
    if arguments > MAX_OPERANDS {
        return Err(Error::LimitExceeded(format!(
            "the operators have {arguments} operands and results, which are more than {MAX_OPERANDS}"
        )));
    }
    let names: Vec<Arc<str>> = root
        .operator_codes()
        .iter()
        .map(|code| match (builtin_operator(code), code.custom_code()) {
            (BuiltinOperator::CUSTOM, Some(name)) => Arc::from(name),
            (operator, _) => Arc::from(operator.to_string()),
        })
        .collect();
    let mut declared: Vec<Declared> = Vec::new();
    for (number, graph) in graphs.iter().enumerate() {
        let tensors = graph.tensors().iter().map(|tensor| tensor_info(root, tensor));
        let tensors = tensors.collect::<Result<Vec<_>>>()?;
        let operators = read_operators(root, graph, &names)?;
        let unknown = operators.iter().find(|operator| !operator.is_known());
        // Those of the first graph are named by whoever is to run it. TensorFlow Lite prepares operators of all of them.
        if let (Some(first), Some(operator)) = (declared.first(), unknown)
            && first.are_operators_known
        {
            return Err(Error::invalid(format!(
                "subgraph {number} has the operator {}, which is not supported",
                operator.name
            )));
        }
        let inputs = read_indices(graph.inputs(), tensors.len(), "input")?;
        let outputs = read_indices(graph.outputs(), tensors.len(), "output")?;
        let are_operators_known = unknown.is_none();
        declared.push(Declared { tensors, operators, inputs, outputs, are_operators_known });
    }
    Ok(declared)
}

fn read_indices(list: List<'_, i32>, tensors: usize, what: &str) -> Result<Vec<TensorId>> {
    let mut known = BTreeSet::new();
    list.iter()
        .map(|index| match usize::try_from(index) {
            // Otherwise a small file could have a long name copied any number of times.
            _ if !known.insert(index) => {
                Err(Error::invalid(format!("{what} tensor {index} is listed twice")))
            }
            Ok(position) if position < tensors => Ok(position),
            _ => Err(Error::invalid(format!("{what} tensor {index} does not exist"))),
        })
        .collect()
}

/// Most elements of a tensor: what an `i32` can count, with which the reference's kernels count them.
const MAX_ELEMENTS: u32 = i32::MAX as u32;

fn tensor_info(root: tflite::ModelRef<'_>, tensor: tflite::TensorRef<'_>) -> Result<TensorInfo> {
    let name = tensor.name().unwrap_or_default().to_owned();
    let buffer = tensor.buffer() as usize;
    let broken = |what: String| Err(Error::invalid(what));
    if buffer >= root.buffers().len() {
        return broken(format!(
            "the data of tensor `{name}` is in buffer {buffer}, which does not exist"
        ));
    }
    if root.buffers().get(buffer).offset() > 1 {
        return broken(format!(
            "the data of tensor `{name}` lie behind the flatbuffer, which is not supported"
        ));
    }
    let elements =
        tensor.shape().iter().try_fold(1u32, |count, dim| count.checked_mul(dim.unsigned_abs()));
    if elements.is_none_or(|elements| elements > MAX_ELEMENTS) {
        return broken(format!("tensor `{name}` has more than {MAX_ELEMENTS} elements"));
    }
    if tensor.is_variable() {
        return broken(format!("tensor `{name}` is a variable, which is not supported"));
    }
    if tensor.sparsity().is_some() {
        return broken(format!("tensor `{name}` is sparse, which is not supported"));
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
    info.check_quantization()?;
    Ok(info)
}

fn read_operators(
    root: tflite::ModelRef<'_>,
    graph: tflite::SubGraphRef<'_>,
    names: &[Arc<str>],
) -> Result<Vec<OperatorInfo>> {
    let (codes, tensor_count) = (root.operator_codes(), graph.tensors().len());
    let read = |(position, operator): (usize, tflite::OperatorRef<'_>)| {
        let index = operator.opcode_index() as usize;
        if index >= codes.len() {
            return Err(Error::invalid(format!(
                "operator {position} has code {index}, which does not exist"
            )));
        }
        let code = codes.get(index);
        let tensor = |tensor: i32| match usize::try_from(tensor) {
            Ok(found) if found < tensor_count => Ok(found),
            _ => Err(Error::invalid(format!(
                "operator {position} uses tensor {tensor}, which does not exist"
            ))),
        };
        let optional = |index| if index == -1 { Ok(None) } else { tensor(index).map(Some) };
        Ok(OperatorInfo {
            name: Arc::clone(&names[index]),
            version: code.version(),
            is_custom: builtin_operator(code) == BuiltinOperator::CUSTOM,
            inputs: operator.inputs().iter().map(optional).collect::<Result<_>>()?,
            outputs: operator.outputs().iter().map(tensor).collect::<Result<_>>()?,
        })
    };
    graph.operators().iter().enumerate().map(read).collect()
}

/// The operator, from whichever of the two fields holds it: files from before 2020 know the narrow one only.
fn builtin_operator(code: tflite::OperatorCodeRef<'_>) -> BuiltinOperator {
    code.builtin_code().max(BuiltinOperator(i32::from(code.deprecated_builtin_code())))
}
