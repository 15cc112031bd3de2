//! Graphs of one operator, and what becomes of them.

use std::sync::Arc;

use lookalike_graph::{Graph, GraphLimits, ModelFile, Result};
use lookalike_schema::VerifiedModel;
use lookalike_schema::tflite::*;

pub(crate) const LIMITS: GraphLimits = GraphLimits {
    max_tensors: 100_000,
    max_operators: 100_000,
    max_arena_bytes: 1 << 30,
    max_multiplications: 100_000_000_000,
};

/// Elements of a constant.
pub(crate) enum Data<'a> {
    Floats(&'a [f32]),
    Ints(&'a [i32]),
    Bytes(&'a [u8]),
}

/// A graph of one operator.
pub(crate) struct Draft {
    pub(crate) model: Model,
}

impl Draft {
    /// An operator whose first operand is the input of the graph, of floats.
    pub(crate) fn new(operator: BuiltinOperator, options: BuiltinOptions, input: &[i32]) -> Self {
        let code = OperatorCode { builtin_code: operator, ..OperatorCode::default() };
        let graph = SubGraph {
            inputs: vec![0],
            operators: vec![Operator { builtin_options: options, ..Operator::default() }],
            ..SubGraph::default()
        };
        let model = Model {
            version: SCHEMA_VERSION,
            operator_codes: vec![code],
            subgraphs: vec![graph],
            buffers: vec![Buffer::default()],
            ..Model::default()
        };
        Self { model }.operand(Tensor { shape: input.to_vec(), ..Tensor::default() })
    }

    pub(crate) fn graph(&mut self) -> &mut SubGraph {
        &mut self.model.subgraphs[0]
    }

    pub(crate) fn tensor(&mut self, tensor: Tensor) -> i32 {
        self.graph().tensors.push(tensor);
        self.graph().tensors.len() as i32 - 1
    }

    pub(crate) fn operand(mut self, tensor: Tensor) -> Self {
        let index = self.tensor(tensor);
        self.graph().operators[0].inputs.push(index);
        self
    }

    pub(crate) fn constant(mut self, shape: &[i32], data: Data<'_>) -> Self {
        let (element_type, data) = match data {
            Data::Floats(values) => {
                (TensorType::FLOAT32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            Data::Ints(values) => {
                (TensorType::INT32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            Data::Bytes(values) => (TensorType::UINT8, values.to_vec()),
        };
        let buffer = self.model.buffers.len() as u32;
        self.model.buffers.push(Buffer { data, ..Buffer::default() });
        self.operand(Tensor { shape: shape.to_vec(), element_type, buffer, ..Tensor::default() })
    }

    pub(crate) fn ints(self, values: &[i32]) -> Self {
        self.constant(&[values.len() as i32], Data::Ints(values))
    }

    pub(crate) fn zeros(self, shape: &[i32]) -> Self {
        let count = shape.iter().product::<i32>() as usize;
        self.constant(shape, Data::Floats(&vec![0.0; count]))
    }

    /// The graph with a result that says nothing of its shape.
    pub(crate) fn open(mut self) -> Model {
        let output = self.tensor(Tensor::default());
        self.graph().operators[0].outputs.push(output);
        self.graph().outputs.push(output);
        self.model
    }

    /// The graph with a result of these shapes.
    pub(crate) fn declared(self, shape: &[i32]) -> Model {
        let mut model = self.open();
        let graph = &mut model.subgraphs[0];
        graph.tensors[graph.outputs[0] as usize].shape = shape.to_vec();
        model
    }
}

pub(crate) fn read(model: &Model) -> Result<(Arc<ModelFile>, Option<Graph>)> {
    read_within(model, LIMITS)
}

pub(crate) fn read_within(
    model: &Model,
    limits: GraphLimits,
) -> Result<(Arc<ModelFile>, Option<Graph>)> {
    ModelFile::read(VerifiedModel::new(model.to_bytes()).unwrap(), limits)
}

/// Why a model is refused, when it is read or, if it asks for what is not supported, before an engine would get it.
pub(crate) fn refusal(model: &Model) -> String {
    let graph =
        read(model).and_then(|(file, _)| file.with_input_shapes(&file.fixed_input_dims().unwrap()));
    match graph {
        Ok(_) => panic!("it was accepted: {:?}", model.subgraphs),
        Err(error) => error.to_string(),
    }
}

pub(crate) fn conv(change: impl FnOnce(&mut Conv2DOptions)) -> BuiltinOptions {
    let mut options = Conv2DOptions { stride_w: 1, stride_h: 1, ..Conv2DOptions::default() };
    change(&mut options);
    BuiltinOptions::Conv2DOptions(options)
}

pub(crate) fn depthwise(depth_multiplier: i32) -> BuiltinOptions {
    BuiltinOptions::DepthwiseConv2DOptions(DepthwiseConv2DOptions {
        stride_w: 1,
        stride_h: 1,
        depth_multiplier,
        ..DepthwiseConv2DOptions::default()
    })
}

pub(crate) fn pool(filter: i32, stride: i32) -> BuiltinOptions {
    BuiltinOptions::Pool2DOptions(Pool2DOptions {
        stride_w: stride,
        stride_h: stride,
        filter_width: filter,
        filter_height: filter,
        ..Pool2DOptions::default()
    })
}

pub(crate) const MAX: i32 = i32::MAX;
pub(crate) const PICTURE: [i32; 4] = [1, 4, 4, 3];

pub(crate) fn none() -> BuiltinOptions {
    BuiltinOptions::None
}
