//! Shape inference: the shape of every value of a graph, from those of its inputs.
//!
//! It is what a model must pass before an engine sees it. For each operator there is a rule that checks its operands' number,
//! types and shapes and its parameters, and computes the shapes of its outputs. Engines trust what their converter would never
//! write; the rules are as strict as the strictest of them. Shapes follow from the inputs alone: lists of integers that a graph
//! computes on the way to a shape are computed here.

mod elementwise;
mod layout;
mod matrices;
mod operators;
mod reductions;
mod windows;

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;

use lookalike_schema::tflite::{self, BuiltinOptionsRef, TensorType};

use crate::error::{Error, ErrorKind, Result};
use crate::limits::{Limits, exceeded};
use crate::model::{OperatorInfo, TensorInfo};
use crate::tensor::MAX_RANK;

pub use layout::{SliceRange, strided_ranges};
pub use windows::{Window, WindowPositions};

/// Shapes of all values of a graph, for inputs of certain shapes; and the elements of those that are lists of integers which
/// the graph makes out of shapes and constants.
#[derive(Clone, Debug)]
pub struct Shapes {
    values: Vec<Option<Value>>,
}

#[derive(Clone, Debug)]
struct Value {
    dims: Vec<usize>,
    integers: Option<Arc<[i64]>>,
}

impl Shapes {
    /// Extents of a tensor, `None` for one that no operator gives a value.
    pub fn dims(&self, tensor: usize) -> Option<&[usize]> {
        self.values.get(tensor)?.as_ref().map(|value| value.dims.as_slice())
    }

    /// The integers of a value that the graph computes, where they follow from shapes and constants.
    pub fn computed_integers(&self, tensor: usize) -> Option<&[i64]> {
        self.values.get(tensor)?.as_ref()?.integers.as_deref()
    }
}

/// A graph as it was read.
#[derive(Clone, Copy)]
pub(crate) struct Graph<'m> {
    pub(crate) root: tflite::ModelRef<'m>,
    pub(crate) graph: tflite::SubGraphRef<'m>,
    pub(crate) tensors: &'m [TensorInfo],
    pub(crate) operators: &'m [OperatorInfo],
}

impl<'m> Graph<'m> {
    fn constant(&self, tensor: usize) -> &'m [u8] {
        let buffers = self.root.buffers();
        match self.tensors[tensor].buffer {
            buffer if buffer < buffers.len() => buffers.get(buffer).data(),
            _ => &[],
        }
    }
}

/// What the graphs of a model may still cost together.
pub(crate) struct Budget {
    limits: Limits,
    multiplications: u64,
    /// Elements of constants that operators may still take up: tensors may share their data, and engines pack or convert them for each use.
    constants: u64,
}

impl Budget {
    /// That of a model whose file has as many bytes.
    pub(crate) fn new(limits: &Limits, file: usize) -> Self {
        Self {
            limits: *limits,
            multiplications: 0,
            constants: (file as u64).saturating_mul(4) + (1 << 24),
        }
    }
}

/// Infers the shapes of all values of a graph from those of its inputs. With `declared`, they must be those that the model
/// declares.
///
/// # Errors
///
/// The graph contradicts itself, or costs more than the limits allow; the message names the operator.
pub(crate) fn infer(
    graph: Graph<'_>,
    input_dims: &[Vec<usize>],
    declared: bool,
    budget: &mut Budget,
) -> Result<Shapes> {
    let mut inference = Inference::new(graph, budget, input_dims)?;
    for (position, info) in graph.operators.iter().enumerate() {
        let at = |error: Error| {
            Error::new(error.kind(), format!("operator {position} ({}): {error}", info.name))
        };
        let Some(rule) = operators::rule(info) else {
            return Err(at(Error::unimplemented(
                "it is not supported: its inputs and outputs cannot be checked",
            )));
        };
        inference.check_operands(info).map_err(at)?;
        let options = graph.graph.operators().get(position).builtin_options();
        let mut op = Op { inference: &mut inference, info, options };
        rule(&mut op).map_err(at)?;
        if declared {
            info.outputs
                .iter()
                .try_for_each(|&output| inference.check_declared(output))
                .map_err(at)?;
        }
        inference.pass(position).map_err(at)?;
    }
    inference.check_arena()?;
    for index in graph.graph.outputs() {
        inference.dims(index as usize)?;
    }
    Ok(Shapes { values: inference.values })
}

/// The state of an inference: what is known so far.
struct Inference<'m> {
    graph: Graph<'m>,
    budget: &'m mut Budget,
    values: Vec<Option<Value>>,
    /// What is made of constants alone. Engines may compute it when they load a model, and keep it.
    is_fixed: Vec<bool>,
    /// The last operator that reads each tensor; the number of operators for results of the graph.
    last_use: Vec<usize>,
    /// Bytes of the values that are needed now.
    live_bytes: u64,
    /// Bytes that the operator at hand needs for itself.
    scratch_bytes: u64,
    /// Elements of integer lists that may still be computed.
    list_elements: usize,
}

/// Lists that a graph computes are shapes, and short; longer ones are not followed.
const LONGEST_LIST: usize = 1 << 16;

impl<'m> Inference<'m> {
    fn new(graph: Graph<'m>, budget: &'m mut Budget, input_dims: &[Vec<usize>]) -> Result<Self> {
        let count = graph.tensors.len();
        let mut last_use = vec![0; count];
        for (position, operator) in graph.operators.iter().enumerate() {
            operator.inputs.iter().flatten().for_each(|&tensor| last_use[tensor] = position);
        }
        for index in graph.graph.outputs() {
            last_use[index as usize] = graph.operators.len();
        }
        let mut inference = Self {
            graph,
            budget,
            values: vec![None; count],
            is_fixed: vec![false; count],
            last_use,
            live_bytes: 0,
            scratch_bytes: 0,
            list_elements: 1 << 22,
        };
        for (tensor, info) in graph.tensors.iter().enumerate() {
            let dims = info.dims()?;
            let elements = dims.iter().product::<usize>();
            let bytes = graph.constant(tensor);
            if bytes.is_empty() && elements > 0 {
                continue;
            }
            if let Some(size) = element_bytes(info.element_type)
                && elements.checked_mul(size) != Some(bytes.len())
            {
                return Err(Error::invalid_argument(format!(
                    "the constant `{}` of {} {dims:?} has {} bytes",
                    info.name,
                    info.element_type,
                    bytes.len()
                )));
            }
            inference.values[tensor] = Some(Value { dims, integers: None });
        }
        for (index, dims) in graph.graph.inputs().iter().zip(input_dims) {
            let (tensor, name) = (index as usize, &graph.tensors[index as usize].name);
            if !graph.constant(tensor).is_empty() {
                return Err(Error::invalid_argument(format!("the input `{name}` is a constant")));
            }
            // An input that is declared to be empty was taken for an empty constant.
            inference.values[tensor] = None;
            inference.define(tensor, dims.clone(), None)?;
        }
        Ok(inference)
    }

    fn dims(&self, tensor: usize) -> Result<&[usize]> {
        match &self.values[tensor] {
            Some(value) => Ok(&value.dims),
            None => Err(Error::invalid_argument(format!(
                "`{}` is used before it is computed",
                self.graph.tensors[tensor].name
            ))),
        }
    }

    /// Operands are there, have no more dimensions than there can be, and are not empty, but for lists of integers. Values that are
    /// computed are so anyway; this is about constants.
    fn check_operands(&mut self, operator: &OperatorInfo) -> Result<()> {
        for &tensor in operator.inputs.iter().flatten() {
            if !self.graph.constant(tensor).is_empty() {
                let elements = self.dims(tensor)?.iter().product::<usize>() as u64;
                let left = self.budget.constants.checked_sub(elements).ok_or_else(|| {
                    let message = "the model reads more constant elements than its file size allows: engines copy a constant for each use";
                    Error::new(ErrorKind::ResourceExhausted, message)
                })?;
                self.budget.constants = left;
            }
            let (info, dims) = (&self.graph.tensors[tensor], self.dims(tensor)?);
            let is_list = dims.len() == 1
                && matches!(info.element_type, TensorType::INT32 | TensorType::INT64);
            if dims.len() > MAX_RANK || dims.contains(&0) && !is_list {
                return Err(Error::invalid_argument(format!(
                    "`{}` is empty or has more than {MAX_RANK} dimensions: {:?}",
                    info.name, info.shape
                )));
            }
        }
        Ok(())
    }

    /// The integers of a constant, or of a list that was computed here.
    fn integers(&self, tensor: usize) -> Option<Cow<'_, [i64]>> {
        let value = self.values[tensor].as_ref()?;
        if let Some(integers) = &value.integers {
            return Some(Cow::Borrowed(integers));
        }
        let bytes = self.graph.constant(tensor);
        let is_empty = bytes.is_empty() && value.dims.iter().product::<usize>() == 0;
        if bytes.is_empty() && !is_empty {
            return None;
        }
        match self.graph.tensors[tensor].element_type {
            TensorType::INT32 => {
                let integers = bytes.as_chunks().0.iter();
                Some(integers.map(|&bytes| i32::from_le_bytes(bytes).into()).collect())
            }
            TensorType::INT64 => {
                Some(bytes.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect())
            }
            _ => None,
        }
    }

    /// Gives a tensor its shape, and its integers where they are known.
    fn define(
        &mut self,
        tensor: usize,
        dims: Vec<usize>,
        integers: Option<Vec<i64>>,
    ) -> Result<()> {
        let info = &self.graph.tensors[tensor];
        let name = &info.name;
        if self.values[tensor].is_some() {
            return Err(Error::invalid_argument(format!(
                "`{name}` is computed twice, or a constant"
            )));
        }
        if dims.len() > MAX_RANK {
            return Err(Error::invalid_argument(format!(
                "`{name}` would have {} dimensions, and {MAX_RANK} are the most",
                dims.len()
            )));
        }
        let elements = dims.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent));
        let Some(elements @ 1..) = elements.filter(|&elements| elements <= i32::MAX as usize)
        else {
            return Err(Error::invalid_argument(format!(
                "`{name}` would have no or too many elements: {dims:?}"
            )));
        };
        self.live_bytes += elements as u64 * element_bytes(info.element_type).unwrap_or(16) as u64;
        self.work(elements as u64)?;
        let integers = integers.filter(|integers| {
            let is_affordable = integers.len() <= LONGEST_LIST.min(self.list_elements);
            is_affordable && integers.len() == elements
        });
        if let Some(integers) = &integers {
            self.list_elements -= integers.len();
            let is_fitting = |&integer: &i64| {
                info.element_type == TensorType::INT64 || i32::try_from(integer).is_ok()
            };
            if !integers.iter().all(is_fitting) {
                return Err(Error::invalid_argument(format!("the integers of `{name}` overflow")));
            }
        }
        self.values[tensor] = Some(Value { dims, integers: integers.map(Arc::from) });
        Ok(())
    }

    fn work(&mut self, multiplications: u64) -> Result<()> {
        let spent = self.budget.multiplications.saturating_add(multiplications);
        self.budget.multiplications = spent;
        let limit = self.budget.limits.max_multiplications;
        if spent <= limit {
            return Ok(());
        }
        let what = format!("an inference takes more than {} multiplications", spent - 1);
        Err(exceeded(what, "max_multiplications", limit))
    }

    fn check_arena(&self) -> Result<()> {
        let bytes = self.live_bytes.saturating_add(self.scratch_bytes);
        let limit = self.budget.limits.max_arena_bytes;
        if bytes <= limit {
            return Ok(());
        }
        let what = format!("an inference holds {bytes} bytes at a time");
        Err(exceeded(what, "max_arena_bytes", limit))
    }

    /// An operator has run: what nobody reads any more goes.
    fn pass(&mut self, position: usize) -> Result<()> {
        self.check_arena()?;
        self.scratch_bytes = 0;
        let operator = &self.graph.operators[position];
        let is_fixed =
            |tensor: usize| self.is_fixed[tensor] || !self.graph.constant(tensor).is_empty();
        if operator.inputs.iter().flatten().copied().all(is_fixed) {
            operator.outputs.iter().for_each(|&output| self.is_fixed[output] = true);
        }
        let mut tensors: Vec<usize> = operator.inputs.iter().flatten().copied().collect();
        tensors.extend(&operator.outputs);
        tensors.sort_unstable();
        tensors.dedup();
        for tensor in tensors {
            let is_constant = !self.graph.constant(tensor).is_empty();
            if !is_constant
                && !self.is_fixed[tensor]
                && self.last_use[tensor] <= position
                && let Some(value) = &self.values[tensor]
            {
                let elements = value.dims.iter().product::<usize>() as u64;
                let size = element_bytes(self.graph.tensors[tensor].element_type).unwrap_or(16);
                self.live_bytes = self.live_bytes.saturating_sub(elements * size as u64);
            }
        }
        Ok(())
    }

    /// What a model declares of a value must be what follows, but for what it leaves open.
    fn check_declared(&self, tensor: usize) -> Result<()> {
        let (info, dims) = (&self.graph.tensors[tensor], self.dims(tensor)?);
        // Without a shape a tensor is a single number, or one of which nothing is known.
        if info.shape.is_empty() {
            return Ok(());
        }
        let is_open = |axis: usize| info.shape_signature.get(axis) == Some(&-1);
        let is_fitting = |(axis, &declared): (usize, &i32)| {
            is_open(axis) || usize::try_from(declared) == Ok(dims[axis])
        };
        if dims.len() == info.shape.len() && info.shape.iter().enumerate().all(is_fitting) {
            return Ok(());
        }
        Err(Error::invalid_argument(format!(
            "`{}` is declared with the shape {:?}, but its inputs give it the shape {dims:?}",
            info.name, info.shape
        )))
    }
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

/// What a tensor's elements are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// 32-bit floats.
    Float,
    /// Integers of 8 or 16 bits with one scale.
    Quantized,
    /// The same with a scale for each slice of a dimension.
    Sliced,
    /// Integers of 8 or 16 bits without a scale.
    Plain,
    /// Integers of 32 or 64 bits.
    Integer,
    Bool,
    /// 16-bit floats.
    Half,
    /// Other types, and integers whose zero points they cannot be.
    Other,
}

/// What most operators take.
const REAL: &[Kind] = &[Kind::Float, Kind::Quantized];
/// What can be moved about without a look at it.
const ANY: &[Kind] = &[Kind::Float, Kind::Quantized, Kind::Plain, Kind::Integer, Kind::Bool];

/// An operator that is looked at.
struct Op<'i, 'm> {
    inference: &'i mut Inference<'m>,
    info: &'m OperatorInfo,
    options: BuiltinOptionsRef<'m>,
}

impl<'m> Op<'_, 'm> {
    /// Checks the number of operands and of results, and that no operand is left out but the last ones, by a shorter list.
    fn arity(&self, inputs: RangeInclusive<usize>, outputs: usize) -> Result<()> {
        self.check_counts(inputs, outputs)?;
        match self.info.inputs.iter().position(Option::is_none) {
            None => Ok(()),
            Some(place) => Err(Error::invalid_argument(format!("input {place} is missing"))),
        }
    }

    /// The same for operators whose third operand is a bias, which may be left out in any way.
    fn arity_with_bias(&self) -> Result<()> {
        self.check_counts(2..=3, 1)
    }

    fn check_counts(&self, inputs: RangeInclusive<usize>, outputs: usize) -> Result<()> {
        let found = (self.info.inputs.len(), self.info.outputs.len());
        if inputs.contains(&found.0) && outputs == found.1 {
            return Ok(());
        }
        let most = match *inputs.end() {
            usize::MAX => "any number of".to_owned(),
            most => most.to_string(),
        };
        Err(Error::invalid_argument(format!(
            "it has {} inputs and {} outputs, but takes {} to {most} inputs and {outputs} outputs",
            found.0,
            found.1,
            inputs.start()
        )))
    }

    fn input(&self, place: usize) -> Result<usize> {
        self.optional_input(place)
            .ok_or_else(|| Error::invalid_argument(format!("input {place} is missing")))
    }

    fn optional_input(&self, place: usize) -> Option<usize> {
        self.info.inputs.get(place).copied().flatten()
    }

    fn output(&self) -> usize {
        // `arity` has been called.
        self.info.outputs[0]
    }

    fn wrong_options(&self) -> Error {
        let found = self.options.to_owned();
        Error::invalid_argument(format!("its options are those of {}", found.name()))
    }

    fn dims(&self, tensor: usize) -> Result<Vec<usize>> {
        self.inference.dims(tensor).map(<[usize]>::to_vec)
    }

    fn name(&self, tensor: usize) -> &'m str {
        &self.inference.graph.tensors[tensor].name
    }

    /// Extents of an image: batch, rows, columns, channels.
    fn picture(&self, tensor: usize) -> Result<[usize; 4]> {
        let dims = self.dims(tensor)?;
        dims.try_into().map_err(|dims: Vec<usize>| {
            let name = self.name(tensor);
            Error::invalid_argument(format!("`{name}` must have four dimensions, and has {dims:?}"))
        })
    }

    fn count(&self, tensor: usize) -> Result<usize> {
        Ok(self.inference.dims(tensor)?.iter().product())
    }

    fn element_type(&self, tensor: usize) -> TensorType {
        self.inference.graph.tensors[tensor].element_type
    }

    fn kind(&self, tensor: usize) -> Kind {
        let info = &self.inference.graph.tensors[tensor];
        match (info.element_type, info.quantization.as_ref().map(|found| found.scale.len())) {
            (TensorType::FLOAT32, _) => Kind::Float,
            (TensorType::INT8 | TensorType::UINT8 | TensorType::INT16, None) => Kind::Plain,
            (TensorType::INT8 | TensorType::UINT8 | TensorType::INT16, _)
                if !info.has_zero_points_of_its_type() =>
            {
                Kind::Other
            }
            (TensorType::INT8 | TensorType::UINT8 | TensorType::INT16, Some(1)) => Kind::Quantized,
            (TensorType::INT8, Some(_)) => Kind::Sliced,
            (TensorType::INT32 | TensorType::INT64, _) => Kind::Integer,
            (TensorType::BOOL, _) => Kind::Bool,
            (TensorType::FLOAT16, _) => Kind::Half,
            _ => Kind::Other,
        }
    }

    /// Checks that tensors are of one type, and of a kind that the operator takes.
    fn alike(&self, tensors: &[usize], kinds: &[Kind]) -> Result<()> {
        let Some((&first, rest)) = tensors.split_first() else { return Ok(()) };
        self.require(first, kinds)?;
        for &tensor in rest {
            self.require(tensor, kinds)?;
            if self.element_type(tensor) != self.element_type(first) {
                return Err(self.wrong_type(tensor));
            }
        }
        Ok(())
    }

    fn require(&self, tensor: usize, kinds: &[Kind]) -> Result<()> {
        if kinds.contains(&self.kind(tensor)) { Ok(()) } else { Err(self.wrong_type(tensor)) }
    }

    fn wrong_type(&self, tensor: usize) -> Error {
        let scales = match self.kind(tensor) {
            Kind::Quantized => " with a scale",
            Kind::Sliced => " with several scales",
            Kind::Plain => " without a scale",
            _ => "",
        };
        let (name, element_type) = (self.name(tensor), self.element_type(tensor));
        Error::invalid_argument(format!("it does not take `{name}`, of {element_type}{scales}"))
    }

    /// The one scale of a quantized tensor.
    fn scale(&self, tensor: usize) -> Option<f32> {
        let quantization = self.inference.graph.tensors[tensor].quantization.as_ref()?;
        quantization.scale.first().copied()
    }

    /// Integers that must be known, such as axes and shapes: two for each dimension at most.
    fn integers(&self, tensor: usize) -> Result<Vec<i64>> {
        let count = self.count(tensor)?;
        if count > 2 * MAX_RANK {
            return Err(Error::invalid_argument(format!(
                "`{}` has {count} numbers, which are more than there can be",
                self.name(tensor)
            )));
        }
        self.long_integers(tensor)
    }

    /// Integers that must be known, any number of them.
    fn long_integers(&self, tensor: usize) -> Result<Vec<i64>> {
        self.dims(tensor)?;
        match self.inference.integers(tensor) {
            Some(integers) => Ok(integers.into_owned()),
            None => Err(Error::unimplemented(format!(
                "`{}` must be a constant of integers",
                self.name(tensor)
            ))),
        }
    }

    /// Integers of a list that is not too long to be followed, where they are known.
    fn known_integers(&self, tensor: usize) -> Option<Vec<i64>> {
        let count = self.inference.dims(tensor).map(|dims| dims.iter().product::<usize>());
        if count.is_ok_and(|count| count > LONGEST_LIST) {
            return None;
        }
        self.inference.integers(tensor).map(Cow::into_owned)
    }

    /// Gives the only result its shape.
    fn define(&mut self, dims: Vec<usize>) -> Result<()> {
        self.inference.define(self.output(), dims, None)
    }

    /// The same, with its integers where they are known.
    fn define_integers(&mut self, dims: Vec<usize>, integers: Option<Vec<i64>>) -> Result<()> {
        self.inference.define(self.output(), dims, integers)
    }

    /// Counts what the operator does beyond one step for each element of its results.
    fn work(&mut self, factors: &[usize]) -> Result<()> {
        self.inference.work(product(factors))
    }

    /// Counts bytes that the operator needs for itself.
    fn scratch(&mut self, factors: &[usize]) {
        self.inference.scratch_bytes = product(factors);
    }
}

fn product(factors: &[usize]) -> u64 {
    factors.iter().fold(1, |product: u64, &factor| product.saturating_mul(factor as u64))
}

/// A dimension that may be counted from the end.
pub fn axis(stated: i64, rank: usize) -> Result<usize> {
    let counted = if stated < 0 { stated.checked_add(rank as i64) } else { Some(stated) };
    match counted.map(usize::try_from) {
        Some(Ok(axis)) if axis < rank => Ok(axis),
        _ => Err(Error::invalid_argument(format!("there is no dimension {stated} of {rank}"))),
    }
}
