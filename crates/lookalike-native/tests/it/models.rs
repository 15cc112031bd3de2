//! Models in the making, and ways to run them.

use lookalike_core::{
    Data, InferenceBackend, InferenceSession, Model, Result, SessionOptions, Shape, Tensor, Threads,
};
use lookalike_native::{InstructionSet, Native};
use lookalike_schema::tflite::{self, *};

/// Numbers that look like any, and are the same every time.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    /// From -1 to 1.
    pub(crate) fn float(&mut self) -> f32 {
        (self.next() % 20_001) as f32 / 10_000.0 - 1.0
    }

    pub(crate) fn floats(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.float()).collect()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// A model in the making.
pub(crate) struct Draft {
    model: tflite::Model,
}

/// A scale and a zero point.
pub(crate) type Scale = (f32, i64);

impl Draft {
    pub(crate) fn new() -> Self {
        let model = tflite::Model {
            version: SCHEMA_VERSION,
            subgraphs: vec![SubGraph::default()],
            buffers: vec![Buffer::default()],
            ..tflite::Model::default()
        };
        Self { model }
    }

    fn tensor(
        &mut self,
        shape: &[usize],
        element_type: TensorType,
        scales: &[Scale],
        axis: i32,
    ) -> i32 {
        let graph = &mut self.model.subgraphs[0];
        let quantization = (!scales.is_empty()).then(|| QuantizationParameters {
            scale: scales.iter().map(|scale| scale.0).collect(),
            zero_point: scales.iter().map(|scale| scale.1).collect(),
            quantized_dimension: axis,
            ..QuantizationParameters::default()
        });
        graph.tensors.push(tflite::Tensor {
            shape: shape.iter().map(|&extent| extent as i32).collect(),
            element_type,
            quantization,
            ..tflite::Tensor::default()
        });
        graph.tensors.len() as i32 - 1
    }

    pub(crate) fn input(
        &mut self,
        shape: &[usize],
        element_type: TensorType,
        scales: &[Scale],
    ) -> i32 {
        let tensor = self.tensor(shape, element_type, scales, 0);
        self.model.subgraphs[0].inputs.push(tensor);
        tensor
    }

    fn constant(&mut self, tensor: i32, data: Vec<u8>) -> i32 {
        self.model.buffers.push(Buffer { data, ..Buffer::default() });
        let buffer = self.model.buffers.len() as u32 - 1;
        self.model.subgraphs[0].tensors[tensor as usize].buffer = buffer;
        tensor
    }

    pub(crate) fn floats(&mut self, shape: &[usize], values: &[f32]) -> i32 {
        let tensor = self.tensor(shape, TensorType::FLOAT32, &[], 0);
        self.constant(tensor, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    pub(crate) fn integers(&mut self, values: &[i32]) -> i32 {
        let tensor = self.tensor(&[values.len()], TensorType::INT32, &[], 0);
        self.constant(tensor, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// Gives a tensor other shape.
    pub(crate) fn reshaped(&mut self, tensor: i32, shape: &[i32]) -> i32 {
        self.model.subgraphs[0].tensors[tensor as usize].shape = shape.to_vec();
        tensor
    }

    pub(crate) fn bytes(
        &mut self,
        shape: &[usize],
        element_type: TensorType,
        scales: &[Scale],
        axis: i32,
        values: &[u8],
    ) -> i32 {
        let tensor = self.tensor(shape, element_type, scales, axis);
        self.constant(tensor, values.to_vec())
    }

    /// Adds an operator with a result of this type, whose shape follow.
    pub(crate) fn operator(
        &mut self,
        operator: BuiltinOperator,
        builtin_options: BuiltinOptions,
        inputs: &[i32],
        element_type: TensorType,
        scales: &[Scale],
    ) -> i32 {
        let output = self.tensor(&[], element_type, scales, 0);
        let codes = &mut self.model.operator_codes;
        codes.push(OperatorCode { builtin_code: operator, ..OperatorCode::default() });
        let opcode_index = codes.len() as u32 - 1;
        self.model.subgraphs[0].operators.push(Operator {
            opcode_index,
            inputs: inputs.to_vec(),
            outputs: vec![output],
            builtin_options,
            ..Operator::default()
        });
        output
    }

    /// The same with a result of floats.
    pub(crate) fn float(
        &mut self,
        operator: BuiltinOperator,
        options: BuiltinOptions,
        inputs: &[i32],
    ) -> i32 {
        self.operator(operator, options, inputs, TensorType::FLOAT32, &[])
    }

    pub(crate) fn model(mut self, output: i32) -> Model {
        self.model.subgraphs[0].outputs.push(output);
        Model::from_bytes(self.model.to_bytes()).unwrap()
    }
}

pub(crate) fn session(
    backend: Native,
    threads: i32,
    model: &Model,
) -> Result<Box<dyn InferenceSession>> {
    backend
        .load(model, &SessionOptions::default().with_threads(Threads::from_num_threads(threads)?))?
        .session()
}

/// Runs a model once.
pub(crate) fn run(backend: Native, threads: i32, model: &Model, inputs: &[Tensor]) -> Tensor {
    let mut session = session(backend, threads, model).unwrap();
    let views: Vec<_> = inputs.iter().map(Tensor::as_ref).collect();
    let mut outputs = [Tensor::empty()];
    session.run(&views, &mut outputs).unwrap();
    let first = outputs[0].clone();
    // Whatever is left in memory from the first run must not matter.
    session.run(&views, &mut outputs).unwrap();
    assert_eq!(outputs[0], first, "a second run");
    first
}

/// Runs a model in all ways there are. All ways of one instruction set give the same bits; results of the sets are returned, the
/// portable one last.
pub(crate) fn run_in_all_ways(model: &Model, inputs: &[Tensor]) -> Vec<(&'static str, Tensor)> {
    let run_set = |set: InstructionSet| {
        let backend = Native::with_instructions(set);
        let found = run(backend, 1, model, inputs);
        assert_eq!(
            run(backend.without_fusions(), 1, model, inputs),
            found,
            "{} unfused",
            set.name()
        );
        for threads in [2, 5] {
            let on_several = run(backend, threads, model, inputs);
            assert_eq!(on_several, found, "{} with {threads} threads", set.name());
        }
        (set.name(), found)
    };
    InstructionSet::available().into_iter().map(run_set).collect()
}

pub(crate) fn tensor(dims: &[usize], data: Data) -> Tensor {
    Tensor::new(Shape::new(dims).unwrap(), data).unwrap()
}

pub(crate) fn floats(tensor: &Tensor) -> &[f32] {
    match tensor.data() {
        Data::F32(floats) => floats,
        other => panic!("{other:?} are no floats"),
    }
}

/// The bytes of a result, signed ones as their bits.
pub(crate) fn bytes(tensor: &Tensor) -> Vec<u8> {
    match tensor.data() {
        Data::U8(bytes) => bytes.clone(),
        Data::I8(bytes) => bytes.iter().map(|&byte| byte as u8).collect(),
        other => panic!("{other:?} are no bytes"),
    }
}
