//! Parsing: from what a model declares to typed operators, with the shape of every value.
//!
//! It is what a model must pass before an engine sees it. For each operator there is a parser that checks the number, types and
//! shapes of its inputs and its parameters, and computes the shapes of its outputs. Engines do not check
//! for what no converter writes, so that the rules are as strict as the strictest of them needs. Shapes follow from the inputs alone: lists of integers that a graph
//! computes on the way to a shape are computed here.

mod elementwise;
mod layout;
mod lookups;
mod matrices;
mod operators;
mod reductions;
mod windows;

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;

use lookalike_schema::tflite::{self, BuiltinOptionsRef, TensorType};

use crate::error::{Error, Result};
use crate::file::{self, Declared, GraphLimits};
use crate::graph::{Node, Parsed, Value, elements};
use crate::op::{Activation, Op};
use crate::tensor::{MAX_RANK, OperatorInfo, TensorId, TensorInfo, element_bytes};

/// What the graphs of a model may still cost together.
pub(crate) struct Budget {
    limits: GraphLimits,
    multiplications: u64,
    /// Elements of constants, and of lists that are computed here, that operators may still read: tensors may share their data, and engines pack
    /// or convert them for each use.
    constants: u64,
}

impl Budget {
    /// That of a model whose file has as many bytes.
    pub(crate) fn new(limits: &GraphLimits, file: usize) -> Self {
        Self {
            limits: *limits,
            multiplications: 0,
            constants: (file as u64).saturating_mul(4) + (1 << 24),
        }
    }
}

/// Parses a graph for inputs of these shapes. With `declared`, the shapes that follow must be those that the model declares.
///
/// # Errors
///
/// The graph contradicts itself, costs more than the limits allow, or asks for what is not supported; the message names the operator.
pub(crate) fn parse(
    root: tflite::ModelRef<'_>,
    number: usize,
    declared: &Declared,
    input_dims: &[Vec<usize>],
    checks_declared_shapes: bool,
    budget: &mut Budget,
) -> Result<Parsed> {
    let operators = root.subgraphs().get(number).operators();
    let mut inference = Inference::new(root, declared, budget, input_dims)?;
    let mut nodes = Vec::with_capacity(declared.operators.len());
    for (position, (info, operator)) in declared.operators.iter().zip(operators).enumerate() {
        let op = inference.parse(info, operator.builtin_options(), checks_declared_shapes);
        let op = op.and_then(|op| inference.pass(position).map(|()| op));
        let op = op.map_err(|error| error.at(format!("operator {position} ({})", info.name)))?;
        let (inputs, outputs) = (Arc::clone(&info.inputs), Arc::clone(&info.outputs));
        nodes.push(Node { op, position, inputs, outputs });
    }
    inference.check_arena()?;
    declared.outputs.iter().try_for_each(|&output| inference.dims(output).map(|_| ()))?;
    Ok(Parsed { values: inference.values, nodes })
}

/// What is known of a graph so far.
struct Inference<'m> {
    declared: &'m Declared,
    budget: &'m mut Budget,
    /// The data of constants; empty for values that are computed.
    constants: Vec<&'m [u8]>,
    values: Vec<Option<Value>>,
    /// Constants, and what is made of them alone: engines may compute it when they load a model, and keep it.
    is_fixed: Vec<bool>,
    /// The last operator that reads each tensor, as long as the tensor is kept; the number of operators for results of the graph.
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
    fn new(
        root: tflite::ModelRef<'m>,
        declared: &'m Declared,
        budget: &'m mut Budget,
        input_dims: &[Vec<usize>],
    ) -> Result<Self> {
        let count = declared.tensors.len();
        let mut last_use = vec![0; count];
        for (position, operator) in declared.operators.iter().enumerate() {
            operator.inputs.iter().flatten().for_each(|&tensor| last_use[tensor] = position);
        }
        for &output in &declared.outputs {
            last_use[output] = declared.operators.len();
        }
        let constants: Vec<&[u8]> =
            declared.tensors.iter().map(|tensor| file::constant(root, tensor)).collect();
        let mut inference = Self {
            declared,
            budget,
            values: vec![None; count],
            is_fixed: vec![false; count],
            constants,
            last_use,
            live_bytes: 0,
            scratch_bytes: 0,
            list_elements: 1 << 22,
        };
        for (tensor, info) in declared.tensors.iter().enumerate() {
            let dims = info.dims()?;
            let elements = dims.iter().product::<usize>();
            let bytes = inference.constant(tensor);
            if bytes.is_empty() && elements > 0 {
                continue;
            }
            if let Some(size) = element_bytes(info.element_type)
                && elements.checked_mul(size) != Some(bytes.len())
            {
                return Err(Error::invalid(format!(
                    "the constant `{}` of {} {dims:?} has {} bytes",
                    info.name,
                    info.element_type,
                    bytes.len()
                )));
            }
            inference.values[tensor] = Some(Value { dims, integers: None });
            // A list without elements is one, too.
            inference.is_fixed[tensor] = true;
        }
        for (&tensor, dims) in declared.inputs.iter().zip(input_dims) {
            if !inference.constant(tensor).is_empty() {
                let name = &declared.tensors[tensor].name;
                return Err(Error::invalid(format!("the input `{name}` is a constant")));
            }
            // An input that is declared to be empty was taken for an empty constant.
            inference.values[tensor] = None;
            inference.is_fixed[tensor] = false;
            inference.define(tensor, dims.clone(), None)?;
        }
        Ok(inference)
    }

    fn tensor(&self, tensor: TensorId) -> &'m TensorInfo {
        &self.declared.tensors[tensor]
    }

    fn constant(&self, tensor: TensorId) -> &'m [u8] {
        self.constants[tensor]
    }

    /// Checks an operator, and gives its outputs their shapes.
    fn parse(
        &mut self,
        info: &'m OperatorInfo,
        options: BuiltinOptionsRef<'m>,
        checks_declared_shapes: bool,
    ) -> Result<Op> {
        let parser = operators::parser(info).ok_or_else(|| {
            Error::unsupported("it is not supported: its inputs and outputs cannot be checked")
        })?;
        self.check_inputs(info)?;
        let op = parser(&mut Operator { inference: self, info, options })?;
        if checks_declared_shapes {
            info.outputs.iter().try_for_each(|&output| self.check_declared(output))?;
        }
        Ok(op)
    }

    fn dims(&self, tensor: usize) -> Result<&[usize]> {
        match &self.values[tensor] {
            Some(value) => Ok(&value.dims),
            None => Err(Error::invalid(format!(
                "`{}` is used before it is computed",
                self.tensor(tensor).name
            ))),
        }
    }

    /// Inputs are there, have no more dimensions than there can be, and are not empty, but for lists of integers. Values that are
    /// computed are so anyway; this is about constants.
    fn check_inputs(&mut self, operator: &OperatorInfo) -> Result<()> {
        for &tensor in operator.inputs.iter().flatten() {
            let is_listed =
                self.values[tensor].as_ref().is_some_and(|value| value.integers.is_some());
            if is_listed || !self.constant(tensor).is_empty() {
                let elements = self.dims(tensor)?.iter().product::<usize>() as u64;
                let left = self.budget.constants.checked_sub(elements).ok_or_else(|| {
                    let message = "the model reads more constant elements than its file size allows: engines copy a constant for each use";
                    Error::LimitExceeded(message.to_owned())
                })?;
                self.budget.constants = left;
            }
            let (info, dims) = (self.tensor(tensor), self.dims(tensor)?);
            let is_list = dims.len() == 1
                && matches!(info.element_type, TensorType::INT32 | TensorType::INT64);
            if dims.len() > MAX_RANK || dims.contains(&0) && !is_list {
                return Err(Error::invalid(format!(
                    "`{}` is empty or has more than {MAX_RANK} dimensions: {:?}",
                    info.name, info.shape
                )));
            }
        }
        Ok(())
    }

    /// The integers of a constant, or of a list that was computed here.
    fn integers(&self, tensor: TensorId) -> Option<Cow<'_, [i64]>> {
        let value = self.values[tensor].as_ref()?;
        integers(value, self.tensor(tensor).element_type, self.constant(tensor))
    }

    /// Gives a tensor its shape, and its integers where they are known.
    fn define(
        &mut self,
        tensor: usize,
        dims: Vec<usize>,
        integers: Option<Vec<i64>>,
    ) -> Result<()> {
        let info = self.tensor(tensor);
        let name = &info.name;
        if self.values[tensor].is_some() {
            return Err(Error::invalid(format!("`{name}` is computed twice, or a constant")));
        }
        if dims.len() > MAX_RANK {
            return Err(Error::invalid(format!(
                "`{name}` would have {} dimensions, and {MAX_RANK} are the most",
                dims.len()
            )));
        }
        let elements = dims.iter().try_fold(1usize, |count, &length| count.checked_mul(length));
        let Some(elements @ 1..) = elements.filter(|&elements| elements <= i32::MAX as usize)
        else {
            return Err(Error::invalid(format!(
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
                return Err(Error::invalid(format!("the integers of `{name}` overflow")));
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
        Err(Error::exceeded(what, "max_multiplications", limit))
    }

    fn check_arena(&self) -> Result<()> {
        let bytes = self.live_bytes.saturating_add(self.scratch_bytes);
        let limit = self.budget.limits.max_arena_bytes;
        if bytes <= limit {
            return Ok(());
        }
        let what = format!("an inference holds {bytes} bytes at a time");
        Err(Error::exceeded(what, "max_arena_bytes", limit))
    }

    /// An operator has run: what nobody reads any more goes.
    fn pass(&mut self, position: usize) -> Result<()> {
        self.check_arena()?;
        self.scratch_bytes = 0;
        let operator = &self.declared.operators[position];
        if operator.inputs.iter().flatten().all(|&input| self.is_fixed[input]) {
            operator.outputs.iter().for_each(|&output| self.is_fixed[output] = true);
        }
        for &tensor in operator.inputs.iter().flatten().chain(operator.outputs.iter()) {
            if !self.is_fixed[tensor]
                && self.last_use[tensor] <= position
                && let Some(value) = &self.values[tensor]
            {
                let elements = value.dims.iter().product::<usize>() as u64;
                let size = element_bytes(self.tensor(tensor).element_type).unwrap_or(16);
                self.live_bytes = self.live_bytes.saturating_sub(elements * size as u64);
                // An operator may read a tensor twice.
                self.last_use[tensor] = usize::MAX;
            }
        }
        Ok(())
    }

    /// What a model declares of a value must be what follows, but for what it leaves open.
    fn check_declared(&self, tensor: usize) -> Result<()> {
        let (info, dims) = (self.tensor(tensor), self.dims(tensor)?);
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
        Err(Error::invalid(format!(
            "`{}` is declared with the shape {:?}, but its inputs give it the shape {dims:?}",
            info.name, info.shape
        )))
    }
}

/// The integers of a constant with these bytes, or of a list that was computed.
pub(crate) fn integers<'v>(
    value: &'v Value,
    element_type: TensorType,
    bytes: &[u8],
) -> Option<Cow<'v, [i64]>> {
    if let Some(integers) = &value.integers {
        return Some(Cow::Borrowed(integers));
    }
    if bytes.is_empty() && value.dims.iter().product::<usize>() > 0 {
        return None;
    }
    match element_type {
        TensorType::INT32 => Some(elements(bytes, |bytes| i32::from_le_bytes(bytes).into()).into()),
        TensorType::INT64 => Some(elements(bytes, i64::from_le_bytes).into()),
        _ => None,
    }
}

/// What a tensor's elements are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// 32-bit floats.
    Float,
    /// Integers of 8 or 16 bits with one scale.
    Quantized,
    /// The same with a scale for each slice of a dimension.
    PerChannel,
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

/// An operator that is parsed.
struct Operator<'i, 'm> {
    inference: &'i mut Inference<'m>,
    info: &'m OperatorInfo,
    options: BuiltinOptionsRef<'m>,
}

impl<'m> Operator<'_, 'm> {
    /// Checks the number of inputs and of results, and that no input is left out but the last ones, by a shorter list.
    fn arity(&self, inputs: RangeInclusive<usize>, outputs: usize) -> Result<()> {
        self.check_counts(inputs, outputs)?;
        match self.info.inputs.iter().position(Option::is_none) {
            None => Ok(()),
            Some(offset) => Err(Error::invalid(format!("input {offset} is missing"))),
        }
    }

    /// The same for operators whose third input is a bias, which may be left out in any way.
    fn arity_with_bias(&self) -> Result<()> {
        self.check_counts(2..=3, 1)
    }

    fn check_counts(&self, inputs: RangeInclusive<usize>, outputs: usize) -> Result<()> {
        let found = (self.info.inputs.len(), self.info.outputs.len());
        if inputs.contains(&found.0) && outputs == found.1 {
            return Ok(());
        }
        let max = match *inputs.end() {
            usize::MAX => "any number of".to_owned(),
            max => max.to_string(),
        };
        Err(Error::invalid(format!(
            "it has {} inputs and {} outputs, but takes {} to {max} inputs and {outputs} outputs",
            found.0,
            found.1,
            inputs.start()
        )))
    }

    fn input(&self, offset: usize) -> Result<usize> {
        self.optional_input(offset)
            .ok_or_else(|| Error::invalid(format!("input {offset} is missing")))
    }

    fn optional_input(&self, offset: usize) -> Option<usize> {
        self.info.inputs.get(offset).copied().flatten()
    }

    fn output(&self) -> usize {
        // `arity` has been called.
        self.info.outputs[0]
    }

    fn wrong_options(&self) -> Error {
        let found = self.options.to_owned();
        Error::invalid(format!("its options are those of {}", found.name()))
    }

    fn dims(&self, tensor: usize) -> Result<Vec<usize>> {
        self.inference.dims(tensor).map(<[usize]>::to_vec)
    }

    fn name(&self, tensor: usize) -> &'m str {
        &self.inference.tensor(tensor).name
    }

    /// The shape of an image: batch, rows, columns, channels.
    fn image(&self, tensor: usize) -> Result<[usize; 4]> {
        let dims = self.dims(tensor)?;
        dims.try_into().map_err(|dims: Vec<usize>| {
            let name = self.name(tensor);
            Error::invalid(format!("`{name}` must have four dimensions, and has {dims:?}"))
        })
    }

    fn count(&self, tensor: usize) -> Result<usize> {
        Ok(self.inference.dims(tensor)?.iter().product())
    }

    fn element_type(&self, tensor: usize) -> TensorType {
        self.inference.tensor(tensor).element_type
    }

    fn kind(&self, tensor: usize) -> Kind {
        let info = self.inference.tensor(tensor);
        match (info.element_type, info.quantization.as_ref().map(|found| found.scale.len())) {
            (TensorType::FLOAT32, _) => Kind::Float,
            (TensorType::INT8 | TensorType::UINT8 | TensorType::INT16, None) => Kind::Plain,
            (TensorType::INT8 | TensorType::UINT8 | TensorType::INT16, _)
                if !info.has_zero_points_of_its_type() =>
            {
                Kind::Other
            }
            (TensorType::INT8 | TensorType::UINT8 | TensorType::INT16, Some(1)) => Kind::Quantized,
            (TensorType::INT8, Some(_)) => Kind::PerChannel,
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
            Kind::PerChannel => " with several scales",
            Kind::Plain => " without a scale",
            _ => "",
        };
        let (name, element_type) = (self.name(tensor), self.element_type(tensor));
        Error::invalid(format!("it does not take `{name}`, of {element_type}{scales}"))
    }

    /// The one scale of a quantized tensor.
    fn scale(&self, tensor: usize) -> Option<f32> {
        let quantization = self.inference.tensor(tensor).quantization.as_ref()?;
        quantization.scale.first().copied()
    }

    /// Integers that must be known, such as axes and shapes: two for each dimension at most.
    fn integers(&self, tensor: usize) -> Result<Vec<i64>> {
        let count = self.count(tensor)?;
        if count > 2 * MAX_RANK {
            return Err(Error::invalid(format!(
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
            None => Err(Error::unsupported(format!(
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

    /// Counts more of them.
    fn scratch_too(&mut self, factors: &[usize]) {
        let bytes = self.inference.scratch_bytes;
        self.inference.scratch_bytes = bytes.saturating_add(product(factors));
    }
}

fn product(factors: &[usize]) -> u64 {
    factors.iter().fold(1, |product: u64, &factor| product.saturating_mul(factor as u64))
}

/// An activation that is part of an operator.
fn activation(stated: tflite::Activation) -> Result<Activation> {
    Ok(match stated {
        tflite::Activation::NONE => Activation::None,
        tflite::Activation::RELU => Activation::Relu,
        tflite::Activation::RELU6 => Activation::Relu6,
        tflite::Activation::RELU_N1_TO_1 => Activation::ReluN1To1,
        tflite::Activation::TANH => Activation::Tanh,
        other => {
            return Err(Error::unsupported(format!("its activation {other} is not supported")));
        }
    })
}

/// A dimension that may be counted from the end.
fn axis(stated: i64, rank: usize) -> Result<usize> {
    let counted = if stated < 0 { stated.checked_add(rank as i64) } else { Some(stated) };
    match counted.map(usize::try_from) {
        Some(Ok(axis)) if axis < rank => Ok(axis),
        _ => Err(Error::invalid(format!("there is no dimension {stated} of {rank}"))),
    }
}
