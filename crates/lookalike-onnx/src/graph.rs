//! The ONNX graph while it is written: values in the layouts they exist in, constants, nodes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use lookalike_core::{Error, Quantization, Result, TensorType};
use lookalike_graph::{Graph as Source, TensorId};

use crate::constant::{Constant, Values, parameters};
use crate::proto::{
    Attribute, DimensionProto, GraphProto, NodeProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto, element,
};

/// Order of the dimensions of an image.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Layout {
    /// As in TensorFlow Lite: batch, rows, columns, channels. Also of everything that has not four dimensions.
    Plain,
    /// Batch, channels, rows, columns.
    ChannelsFirst,
}

impl Layout {
    const TO_CHANNELS_FIRST: [usize; 4] = [0, 3, 1, 2];
    const TO_PLAIN: [usize; 4] = [0, 2, 3, 1];

    /// Where this layout has a dimension of the plain one.
    pub(crate) fn axis(self, plain: usize) -> usize {
        match self {
            Self::Plain => plain,
            Self::ChannelsFirst => Self::TO_PLAIN.get(plain).copied().unwrap_or(plain),
        }
    }

    /// One entry for each plain dimension, in the order of this layout.
    pub(crate) fn arrange<T: Copy>(self, plain: &[T]) -> Vec<T> {
        match self {
            Self::ChannelsFirst if plain.len() == 4 => {
                Self::TO_CHANNELS_FIRST.map(|axis| plain[axis]).to_vec()
            }
            _ => plain.to_vec(),
        }
    }
}

/// The graph. Shapes are those that follow from the inputs' sizes; what the model declares between the operators is not
/// looked at, because it has 1 for whatever depends on the size of the batch or of the image.
pub(crate) struct Graph<'m> {
    source: &'m Source,
    constants: HashMap<usize, Rc<Constant>>,
    /// Values as they are stored, by tensor and layout; quantized ones as integers.
    stored: HashMap<(usize, Layout), String>,
    /// Quantized values as floats.
    floats: HashMap<(usize, Layout), String>,
    /// Names that inputs and outputs have.
    edges: Edges,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// Elements of constants that may still be made.
    budget: usize,
}

/// The longest name of an input or output that is kept, in bytes.
const LONGEST_NAME: usize = 256;

/// Names of inputs and outputs, in order, all different.
struct Edges {
    inputs: Vec<String>,
    outputs: Vec<String>,
    all: HashSet<String>,
}

impl<'m> Graph<'m> {
    pub(crate) fn new(source: &'m Source) -> Self {
        let file = source.file();
        let (mut all, mut counts) = (HashSet::new(), HashMap::new());
        let mut name = |index: usize, kind: &str| {
            let name = match source.tensor(index).name.as_str() {
                // Names are written wherever a value is used.
                name if name.is_empty() || name.len() > LONGEST_NAME => kind,
                name => name,
            };
            // Counting on from the last one of this name keeps a thousand of them from being tried a thousand times.
            let count: &mut usize = counts.entry(name.to_owned()).or_default();
            let mut unique = name.to_owned();
            while !all.insert(unique.clone()) {
                *count += 1;
                unique = format!("{name}_{count}");
            }
            unique
        };
        let inputs = file.inputs().iter().map(|&index| name(index, "input")).collect();
        let outputs = file.outputs().iter().map(|&index| name(index, "output")).collect();
        let mut graph = Self {
            source,
            constants: HashMap::new(),
            stored: HashMap::new(),
            floats: HashMap::new(),
            edges: Edges { inputs, outputs, all },
            nodes: Vec::new(),
            initializers: Vec::new(),
            // A small file can have many tensors that share their data.
            budget: file.bytes().len().saturating_mul(4).saturating_add(1 << 24),
        };
        for (&index, name) in file.inputs().iter().zip(graph.edges.inputs.clone()) {
            graph.define_stored(index, Layout::Plain, name);
        }
        graph
    }

    /// The shape of a tensor.
    pub(crate) fn dims(&self, tensor: TensorId) -> &'m [usize] {
        self.source.dims(tensor)
    }

    /// The shape of an image: batch, rows, columns, channels.
    pub(crate) fn image_dims(&self, tensor: TensorId) -> [usize; 4] {
        self.source.image_dims(tensor)
    }

    pub(crate) fn element_type(&self, tensor: TensorId) -> TensorType {
        self.source.tensor(tensor).element_type
    }

    /// The value of a tensor that is constant, or was found to be.
    pub(crate) fn constant(&mut self, tensor: usize) -> Result<Option<Rc<Constant>>> {
        if !self.constants.contains_key(&tensor) {
            let constant = match self.source.computed_integers(tensor) {
                Some(integers) => {
                    let (dims, integers) = (self.dims(tensor).to_vec(), integers.to_vec());
                    Some(Constant::ints_of(dims, integers, self.element_type(tensor)))
                }
                None => Constant::read(self.source, tensor)?,
            };
            if let Some(constant) = constant {
                self.fold(tensor, constant)?;
            }
        }
        Ok(self.constants.get(&tensor).cloned())
    }

    /// The value of a tensor if it consists of constant integers.
    pub(crate) fn known_ints(&mut self, tensor: usize) -> Result<Option<Rc<Constant>>> {
        let constant = self.constant(tensor)?;
        Ok(constant.filter(|constant| constant.ints().is_some()))
    }

    /// Makes a tensor a constant, which was computed here. Its integers stand for what the tensor declares.
    pub(crate) fn fold(&mut self, tensor: usize, mut constant: Constant) -> Result<()> {
        self.spend(constant.element_count())?;
        if let (Values::Quantized(_, _, quantization), Some(declared)) =
            (&mut constant.values, self.quantization(tensor))
            && quantization.scale.len() == 1
            && declared.scale.len() == 1
        {
            *quantization = declared.clone();
        }
        self.constants.insert(tensor, Rc::new(constant));
        Ok(())
    }

    fn spend(&mut self, elements: usize) -> Result<()> {
        self.budget = self.budget.checked_sub(elements).ok_or_else(|| {
            Error::invalid_argument(
                "the translated constants of the model are larger than its file size allows",
            )
        })?;
        Ok(())
    }

    /// How a tensor's integers stand for real values, if they do.
    pub(crate) fn quantization(&self, tensor: usize) -> Option<&Quantization> {
        let info = self.source.tensor(tensor);
        let is_byte = matches!(info.element_type, TensorType::INT8 | TensorType::UINT8);
        info.quantization.as_ref().filter(|_| is_byte)
    }

    /// The layout a value is at hand in; constants are in any.
    pub(crate) fn layout(&self, tensor: usize) -> Layout {
        if self.constants.contains_key(&tensor) {
            return Layout::Plain;
        }
        let has = |layout| self.stored.contains_key(&(tensor, layout));
        if has(Layout::ChannelsFirst) && !has(Layout::Plain) {
            Layout::ChannelsFirst
        } else {
            Layout::Plain
        }
    }

    /// The layout in which inputs can meet.
    pub(crate) fn common_layout(&mut self, tensors: &[usize]) -> Result<Layout> {
        let mut common = Layout::Plain;
        for &tensor in tensors {
            let rank = self.dims(tensor).len();
            let is_constant = self.constant(tensor)?.is_some();
            if rank > 4 || (rank < 4 && !is_constant) {
                return Ok(Layout::Plain);
            }
            if self.layout(tensor) == Layout::ChannelsFirst {
                common = Layout::ChannelsFirst;
            }
        }
        Ok(common)
    }

    /// A value as it is stored.
    pub(crate) fn stored(&mut self, tensor: usize, layout: Layout) -> Result<String> {
        if let Some(name) = self.stored.get(&(tensor, layout)) {
            return Ok(name.clone());
        }
        let name = if let Some(constant) = self.constant(tensor)? {
            self.initializer(&in_layout(&constant, layout))?
        } else {
            let (from, order) = match layout {
                Layout::ChannelsFirst => (Layout::Plain, Layout::TO_CHANNELS_FIRST),
                Layout::Plain => (Layout::ChannelsFirst, Layout::TO_PLAIN),
            };
            let Some(source) = self.stored.get(&(tensor, from)).cloned() else {
                return Err(self.not_computed(tensor));
            };
            let dims = self.image_dims(tensor);
            if is_layout_free(&dims) {
                self.reshape(&source, &layout.arrange(&dims))?
            } else {
                let order = Attribute::Ints(order.map(|axis| axis as i64).to_vec());
                self.node("Transpose", &[&source], vec![("perm", order)])
            }
        };
        self.stored.insert((tensor, layout), name.clone());
        Ok(name)
    }

    /// A value as it is stored, in a layout in which its elements have the order of the plain one.
    pub(crate) fn stored_in_order(&mut self, tensor: usize) -> Result<String> {
        let layout = self.layout(tensor);
        let is_free = layout == Layout::Plain || is_layout_free(&self.image_dims(tensor));
        self.stored(tensor, if is_free { layout } else { Layout::Plain })
    }

    /// A value as floats.
    pub(crate) fn float(&mut self, tensor: usize, layout: Layout) -> Result<String> {
        if let Some(name) = self.floats.get(&(tensor, layout)) {
            return Ok(name.clone());
        }
        if self.quantization(tensor).is_none() {
            return self.stored(tensor, layout);
        }
        let name = match self.constant(tensor)? {
            Some(constant) => self.dequantized(&in_layout(&constant, layout))?,
            None => {
                let stored = self.stored(tensor, layout)?;
                self.dequantize(tensor, &stored)?
            }
        };
        self.floats.insert((tensor, layout), name.clone());
        Ok(name)
    }

    /// A value as floats with another shape of the same count.
    pub(crate) fn reshaped_float(&mut self, tensor: usize, dims: &[usize]) -> Result<String> {
        if self.constant(tensor)?.is_some() || self.dims(tensor) == dims {
            let name = self.float(tensor, Layout::Plain)?;
            return if self.dims(tensor) == dims { Ok(name) } else { self.reshape(&name, dims) };
        }
        let stored = self.stored_in_order(tensor)?;
        let stored = self.reshape(&stored, dims)?;
        if self.quantization(tensor).is_none() {
            return Ok(stored);
        }
        self.dequantize(tensor, &stored)
    }

    /// A constant as floats: a quantized one keeps its integers in the model.
    pub(crate) fn dequantized(&mut self, constant: &Constant) -> Result<String> {
        let name = self.initializer(constant)?;
        Ok(match &constant.values {
            Values::Quantized(_, element_type, quantization) => {
                let axis = Attribute::Int(quantization.dimension.into());
                let (scale, zero_point) = self.parameters(quantization, *element_type)?;
                self.node("DequantizeLinear", &[&name, &scale, &zero_point], vec![("axis", axis)])
            }
            _ => name,
        })
    }

    /// The integers of a bias: they have no zero point.
    pub(crate) fn bias(&mut self, values: &[i64], scale: &[f32]) -> Result<String> {
        let ints = Constant::ints_of(vec![values.len()], values.to_vec(), TensorType::INT32);
        let stored = self.initializer(&ints)?;
        let scale = self.initializer(&scales(scale))?;
        Ok(self.node("DequantizeLinear", &[&stored, &scale], vec![("axis", Attribute::Int(0))]))
    }

    fn dequantize(&mut self, tensor: usize, stored: &str) -> Result<String> {
        let (scale, zero_point) = self.value_parameters(tensor)?;
        Ok(self.node("DequantizeLinear", &[stored, &scale, &zero_point], vec![]))
    }

    /// Floats in the way a tensor is stored: quantized if it is.
    pub(crate) fn quantized(&mut self, tensor: usize, float: String) -> Result<String> {
        if self.quantization(tensor).is_none() {
            return Ok(float);
        }
        let (scale, zero_point) = self.value_parameters(tensor)?;
        Ok(self.node("QuantizeLinear", &[&float, &scale, &zero_point], vec![]))
    }

    /// Scale and zero point of a quantized value that is computed.
    fn value_parameters(&mut self, tensor: usize) -> Result<(String, String)> {
        let info = self.source.tensor(tensor);
        let (element_type, quantization) = (info.element_type, info.quantization.clone());
        match quantization {
            Some(quantization) if quantization.scale.len() == 1 => {
                self.parameters(&quantization, element_type)
            }
            _ => Err(Error::invalid_argument(format!("`{}` must have one scale", info.name))),
        }
    }

    fn parameters(
        &mut self,
        quantization: &Quantization,
        element_type: TensorType,
    ) -> Result<(String, String)> {
        let (scale, zero_point) = parameters(quantization);
        let scale = scales(scale);
        let zero_point = Constant::ints_of(scale.dims.clone(), zero_point, element_type);
        Ok((self.initializer(&scale)?, self.initializer(&zero_point)?))
    }

    /// Gives a tensor its value from floats, which are quantized here if the tensor is.
    pub(crate) fn define(&mut self, tensor: usize, layout: Layout, float: String) -> Result<()> {
        let stored = self.quantized(tensor, float)?;
        self.define_stored(tensor, layout, stored);
        Ok(())
    }

    /// Gives a tensor its value as it is stored.
    pub(crate) fn define_stored(&mut self, tensor: usize, layout: Layout, stored: String) {
        self.stored.insert((tensor, layout), stored);
    }

    /// Adds a node with one result and returns its name.
    pub(crate) fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<(&str, Attribute)>,
    ) -> String {
        self.node_of(operator, inputs, attributes, 1).swap_remove(0)
    }

    /// Adds a node and returns the names of its results.
    pub(crate) fn node_of(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<(&str, Attribute)>,
        results: usize,
    ) -> Vec<String> {
        let name = format!("{operator}_{}", self.nodes.len());
        let output: Vec<String> =
            (0..results).map(|index| self.inner_name(format!("{name}:{index}"))).collect();
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: output.clone(),
            name,
            op_type: operator.to_owned(),
            attribute: attributes.into_iter().map(|(name, value)| value.named(name)).collect(),
        });
        output
    }

    /// A name that no input or output has.
    fn inner_name(&self, mut name: String) -> String {
        while self.edges.all.contains(&name) {
            name.push('_');
        }
        name
    }

    /// Adds a constant and returns its name.
    pub(crate) fn initializer(&mut self, constant: &Constant) -> Result<String> {
        let (data_type, raw_data) = match &constant.values {
            Values::F32(values) => {
                (element::FLOAT, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            Values::Quantized(bytes, element_type, _) => {
                (element_code(*element_type)?, bytes.clone())
            }
            Values::Int(values, element_type) => {
                let bytes = |&value: &i64| match *element_type {
                    TensorType::INT64 => value.to_le_bytes().to_vec(),
                    TensorType::INT32 => (value as i32).to_le_bytes().to_vec(),
                    _ => vec![value as u8],
                };
                (element_code(*element_type)?, values.iter().flat_map(bytes).collect())
            }
        };
        let dims: Vec<i64> = constant.dims.iter().map(|&size| size as i64).collect();
        // Scales and shapes come up again and again.
        let known = self.initializers.iter().rev().take(256).find(|known| {
            raw_data.len() <= 64
                && known.data_type == data_type
                && known.dims == dims
                && known.raw_data == raw_data
        });
        if let Some(known) = known {
            return Ok(known.name.clone());
        }
        self.spend(constant.dims.iter().product())?;
        let name = self.inner_name(format!("constant_{}", self.initializers.len()));
        self.initializers.push(TensorProto { dims, data_type, name: name.clone(), raw_data });
        Ok(name)
    }

    /// A constant list of 64-bit integers.
    pub(crate) fn list(&mut self, values: &[i64]) -> Result<String> {
        self.initializer(&Constant::ints_of(vec![values.len()], values.to_vec(), TensorType::INT64))
    }

    /// A constant number.
    pub(crate) fn number(&mut self, value: f32) -> Result<String> {
        self.initializer(&scales(&[value]))
    }

    /// Reshapes to shape of the same count.
    pub(crate) fn reshape(&mut self, name: &str, dims: &[usize]) -> Result<String> {
        let dims: Vec<i64> = dims.iter().map(|&size| size as i64).collect();
        let shape = self.list(&dims)?;
        Ok(self.node("Reshape", &[name, &shape], vec![]))
    }

    /// Names the outputs as the model does, and ends the graph.
    pub(crate) fn finish(mut self) -> Result<GraphProto> {
        let mut output = Vec::new();
        let file = self.source.file();
        for (&index, name) in file.outputs().iter().zip(self.edges.outputs.clone()) {
            let value = self.stored(index, Layout::Plain)?;
            let dims = self.dims(index);
            self.nodes.push(NodeProto {
                input: vec![value],
                output: vec![name.clone()],
                name: format!("Identity_{}", self.nodes.len()),
                op_type: "Identity".to_owned(),
                attribute: vec![],
            });
            output.push(value_info(name, self.element_type(index), dims)?);
        }
        let mut input = Vec::new();
        for (&index, name) in file.inputs().iter().zip(self.edges.inputs.clone()) {
            // Inputs of 16-bit floats come in 32 bits.
            let element_type = match self.element_type(index) {
                TensorType::FLOAT16 => TensorType::FLOAT32,
                other => other,
            };
            input.push(value_info(name, element_type, self.dims(index))?);
        }
        let name = "main".to_owned();
        Ok(GraphProto { node: self.nodes, name, initializer: self.initializers, input, output })
    }

    fn not_computed(&self, tensor: usize) -> Error {
        Error::invalid_argument(format!(
            "`{}` is used before it is computed",
            self.source.tensor(tensor).name
        ))
    }
}

/// Whether an image has the same elements in the same order whatever the layout.
fn is_layout_free([_, height, width, channels]: &[usize; 4]) -> bool {
    height * width == 1 || *channels == 1
}

fn in_layout(constant: &Constant, layout: Layout) -> Cow<'_, Constant> {
    match layout {
        Layout::Plain => Cow::Borrowed(constant),
        Layout::ChannelsFirst => {
            Cow::Owned(constant.with_rank(4).transposed(&Layout::TO_CHANNELS_FIRST))
        }
    }
}

/// One scale, or one for each slice.
fn scales(scale: &[f32]) -> Constant {
    let dims = if scale.len() == 1 { vec![] } else { vec![scale.len()] };
    Constant { dims, values: Values::F32(scale.to_vec()) }
}

fn value_info(name: String, element_type: TensorType, dims: &[usize]) -> Result<ValueInfoProto> {
    let dim = dims.iter().map(|&size| DimensionProto { dim_value: Some(size as i64) }).collect();
    let tensor_type = TensorTypeProto {
        elem_type: element_code(element_type)?,
        shape: Some(TensorShapeProto { dim }),
    };
    Ok(ValueInfoProto { name, r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) })
}

/// Number of an element type in ONNX.
pub(crate) fn element_code(element_type: TensorType) -> Result<i32> {
    Ok(match element_type {
        TensorType::FLOAT32 => element::FLOAT,
        TensorType::UINT8 => element::UINT8,
        TensorType::INT8 => element::INT8,
        TensorType::INT32 => element::INT32,
        TensorType::INT64 => element::INT64,
        TensorType::BOOL => element::BOOL,
        other => {
            return Err(Error::unimplemented(format!(
                "values of type {other} have no translation"
            )));
        }
    })
}
