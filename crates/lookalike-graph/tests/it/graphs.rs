//! Graphs that contradict themselves: refused before any engine sees them, and no memory to speak of.

use lookalike_graph::{Error, GraphLimits};
use lookalike_schema::tflite::*;

use crate::draft::*;

#[test]
fn extents_follow_from_operands() {
    use BuiltinOperator as Op;
    let same = |options: &mut Conv2DOptions| options.padding = Padding::SAME;
    let strided = |options: StridedSliceOptions| BuiltinOptions::StridedSliceOptions(options);
    for (draft, expected) in [
        (Draft::new(Op::CONV_2D, conv(same), &PICTURE).zeros(&[8, 3, 3, 3]), vec![1, 4, 4, 8]),
        (
            Draft::new(Op::CONV_2D, conv(|options| options.padding = Padding::VALID), &PICTURE)
                .zeros(&[8, 3, 3, 3])
                .zeros(&[8]),
            vec![1, 2, 2, 8],
        ),
        (
            Draft::new(Op::DEPTHWISE_CONV_2D, depthwise(2), &PICTURE).zeros(&[1, 3, 3, 6]),
            vec![1, 4, 4, 6],
        ),
        (Draft::new(Op::MAX_POOL_2D, pool(2, 2), &PICTURE), vec![1, 2, 2, 3]),
        (Draft::new(Op::RESHAPE, none(), &PICTURE).ints(&[2, -1]), vec![2, 24]),
        (Draft::new(Op::MEAN, none(), &PICTURE).ints(&[1, -2]), vec![1, 3]),
        (
            Draft::new(Op::STRIDED_SLICE, strided(StridedSliceOptions::default()), &[5, 6])
                .ints(&[4, 0])
                .ints(&[0, 6])
                .ints(&[-2, 4]),
            vec![2, 2],
        ),
        (Draft::new(Op::ADD, none(), &PICTURE).zeros(&[3]), PICTURE.to_vec()),
        (Draft::new(Op::TRANSPOSE, none(), &[2, 3, 4]).ints(&[2, 0, 1]), vec![4, 2, 3]),
        (Draft::new(Op::TILE, none(), &[2, 3]).ints(&[1, 4]), vec![2, 12]),
        (Draft::new(Op::BROADCAST_TO, none(), &[1, 3]).ints(&[5, 2, 3]), vec![5, 2, 3]),
    ] {
        let model = draft.declared(&expected);
        read(&model).unwrap();
        // One row more than that is a contradiction, but for what is left open.
        let mut wrong = model.clone();
        let output = wrong.subgraphs[0].outputs[0] as usize;
        wrong.subgraphs[0].tensors[output].shape[0] += 1;
        assert!(refusal(&wrong).contains("is declared with the shape"), "{}", refusal(&wrong));
        wrong.subgraphs[0].tensors[output].shape_signature = vec![-1; expected.len()];
        read(&wrong).unwrap();
    }
}

#[test]
fn operators_that_do_not_fit_their_operands_are_refused() {
    use BuiltinOperator as Op;
    let resize = || BuiltinOptions::ResizeNearestNeighborOptions(Default::default());
    let mirror = || BuiltinOptions::MirrorPadOptions(Default::default());
    let strided = || BuiltinOptions::StridedSliceOptions(Default::default());
    let weights = |options| Draft::new(Op::CONV_2D, options, &PICTURE).zeros(&[8, 3, 3, 3]);
    for (draft, words) in [
        // Extents that overflow, or are no shape.
        (Draft::new(Op::RESHAPE, none(), &PICTURE).ints(&[MAX, MAX, MAX]), "do not fill"),
        (Draft::new(Op::RESHAPE, none(), &PICTURE).ints(&[-1, -1]), "cannot have the shape"),
        (Draft::new(Op::RESHAPE, none(), &PICTURE).ints(&[-2, 0]), "cannot have the shape"),
        (Draft::new(Op::RESHAPE, none(), &[]).ints(&[2]), "do not fill"),
        (Draft::new(Op::RESHAPE, none(), &PICTURE), "its options are those of NONE"),
        (Draft::new(Op::RESHAPE, none(), &PICTURE).zeros(&[2]), "does not take"),
        (
            Draft::new(Op::RESIZE_NEAREST_NEIGHBOR, resize(), &PICTURE).ints(&[MAX, MAX]),
            "too many elements",
        ),
        (Draft::new(Op::RESIZE_BILINEAR, resize(), &PICTURE), "its options are those of Resize"),
        (
            Draft::new(Op::RESIZE_NEAREST_NEIGHBOR, resize(), &PICTURE).ints(&[0, 4]),
            "cannot have the size",
        ),
        (
            Draft::new(Op::MIRROR_PAD, mirror(), &[1, 7])
                .constant(&[2, 2], Data::Ints(&[0, 0, 7, 0])),
            "no mirror image",
        ),
        (
            Draft::new(Op::PAD, none(), &[1, 7]).constant(&[2, 2], Data::Ints(&[0, 0, -1, 0])),
            "no paddings",
        ),
        (Draft::new(Op::PAD, none(), &[1, 7]).ints(&[0, 0, 1, 0]), "no paddings"),
        (
            Draft::new(Op::STRIDED_SLICE, strided(), &PICTURE).ints(&[0]).ints(&[MAX]).ints(&[0]),
            "a step is 0",
        ),
        (
            Draft::new(Op::STRIDED_SLICE, strided(), &PICTURE).ints(&[0]).ints(&[1]).ints(&[5]),
            "a step of 5",
        ),
        (Draft::new(Op::SLICE, none(), &PICTURE).ints(&[0; 4]).ints(&[MAX; 4]), "reach out of"),
        (Draft::new(Op::SLICE, none(), &PICTURE).ints(&[-1; 4]).ints(&[1; 4]), "reach out of"),
        (Draft::new(Op::SLICE, none(), &PICTURE).ints(&[0; 4]).ints(&[0; 4]), "no or too many"),
        (Draft::new(Op::TRANSPOSE, none(), &PICTURE).ints(&[0, 0, 1, 2]), "is no order"),
        (Draft::new(Op::TRANSPOSE, none(), &PICTURE).ints(&[0, 1, 2, 4]), "no dimension 4"),
        (Draft::new(Op::MEAN, none(), &PICTURE).ints(&[4]), "no dimension 4"),
        (Draft::new(Op::EXPAND_DIMS, none(), &PICTURE).ints(&[]), "must be one number"),
        (Draft::new(Op::GATHER, none(), &PICTURE).ints(&[1]), "no element 1 of 1"),
        (Draft::new(Op::GATHER, none(), &PICTURE).ints(&[-1]), "no element -1"),
        (Draft::new(Op::SOFTMAX, none(), &PICTURE), "its options are those of NONE"),
        (Draft::new(Op::TILE, none(), &PICTURE).ints(&[1, 2, 3]), "are no repetitions"),
        (Draft::new(Op::TILE, none(), &PICTURE).ints(&[1, 0, 1, 1]), "no list of numbers"),
        (Draft::new(Op::TILE, none(), &PICTURE).ints(&[1, MAX, MAX, 1]), "too many elements"),
        (Draft::new(Op::TILE, none(), &PICTURE).zeros(&[4]), "does not take"),
        (Draft::new(Op::BROADCAST_TO, none(), &PICTURE).ints(&[3]), "cannot be broadcast to"),
        (Draft::new(Op::BROADCAST_TO, none(), &PICTURE).ints(&[2, 4, 5, 3]), "do not go together"),
        (Draft::new(Op::BROADCAST_TO, none(), &PICTURE).ints(&[1, -4, 4, 3]), "no list of numbers"),
        (
            Draft::new(Op::SPACE_TO_BATCH_ND, none(), &PICTURE)
                .ints(&[MAX, MAX])
                .constant(&[2, 2], Data::Ints(&[0; 4])),
            "does not consist of blocks",
        ),
        (
            Draft::new(Op::BATCH_TO_SPACE_ND, none(), &PICTURE)
                .ints(&[0, 0])
                .constant(&[2, 2], Data::Ints(&[0; 4])),
            "only blocks",
        ),
        // Windows.
        (Draft::new(Op::CONV_2D, none(), &PICTURE), "it has 1 inputs"),
        (weights(none()), "its options are those of NONE"),
        (weights(depthwise(1)), "its options are those of DepthwiseConv2DOptions"),
        (weights(conv(|options| options.stride_w = 0)), "must be at least 1"),
        (weights(conv(|options| options.stride_h = -1)), "must be at least 1"),
        (weights(conv(|options| options.dilation_w_factor = 0)), "must be at least 1"),
        (weights(conv(|options| options.dilation_w_factor = MAX)), "32767 at most"),
        (weights(conv(|options| options.padding = Padding(7))), "there is no padding"),
        (
            weights(conv(|options| options.fused_activation_function = Activation::SIGN_BIT)),
            "its activation SIGN_BIT",
        ),
        (weights(conv(|_| {})).zeros(&[7]), "its bias has [7] values for 8"),
        (weights(conv(|_| {})).ints(&[0; 8]), "does not take"),
        (
            Draft::new(Op::CONV_2D, conv(|_| {}), &PICTURE).zeros(&[8, 3, 3, 2]),
            "its weights are for 2 channels",
        ),
        (
            Draft::new(Op::CONV_2D, conv(|_| {}), &PICTURE).zeros(&[8, 3, 3, 1]),
            "its weights are for 1 channels and 8 results",
        ),
        (
            Draft::new(Op::CONV_2D, conv(|_| {}), &PICTURE)
                .constant(&[1, 1, 1, 3], Data::Bytes(&[0; 3])),
            "of UINT8 without a scale",
        ),
        (
            Draft::new(Op::DEPTHWISE_CONV_2D, depthwise(1), &PICTURE).zeros(&[1, 3, 3, 6]),
            "of which each becomes 1",
        ),
        (Draft::new(Op::AVERAGE_POOL_2D, pool(MAX, -1), &PICTURE), "must be at least 1"),
        (Draft::new(Op::AVERAGE_POOL_2D, pool(0, 1), &PICTURE), "must be at least 1"),
        (Draft::new(Op::AVERAGE_POOL_2D, pool(2, 1), &[4, 4, 3]), "must have four dimensions"),
        // Operands that do not go together.
        (Draft::new(Op::ADD, none(), &PICTURE).zeros(&[4]), "do not go together"),
        (Draft::new(Op::ADD, none(), &PICTURE).ints(&[4]), "does not take"),
        (Draft::new(Op::PRELU, none(), &[3]).zeros(&[2, 3]), "more slopes than values"),
        (Draft::new(Op::BATCH_MATMUL, none(), &PICTURE).zeros(&[4, 3]), "cannot be multiplied"),
    ] {
        let said = refusal(&draft.open());
        assert!(said.contains("operator 0 (") && said.contains(words), "{said}");
    }
}

#[test]
fn operands_are_not_empty() {
    use BuiltinOperator as Op;
    // The constant takes the place of the first operand.
    let with_constant = |operator, options, constant: Data<'_>, shape: &[i32], rest: &[i32]| {
        let draft = Draft::new(operator, options, &PICTURE).constant(shape, constant);
        let mut model = draft.zeros(rest).open();
        model.subgraphs[0].operators[0].inputs.remove(0);
        model
    };
    let empty = |shape: &[i32]| {
        with_constant(Op::DEPTHWISE_CONV_2D, depthwise(0), Data::Floats(&[]), shape, &[1, 1, 1, 1])
    };
    assert!(refusal(&empty(&[1, 4, 4, 0])).contains("is empty"));
    let ints = Draft::new(Op::MEAN, none(), &PICTURE).ints(&[]).ints(&[0]);
    let mut ints = ints.open();
    ints.subgraphs[0].operators[0].inputs.remove(0);
    let output = ints.subgraphs[0].outputs[0] as usize;
    ints.subgraphs[0].tensors[output].element_type = TensorType::INT32;
    assert!(refusal(&ints).contains("nothing to reduce"), "{}", refusal(&ints));
    // One dimension alone, and integers, may be empty.
    for constant in [
        Tensor { shape: vec![0], buffer: 1, ..Tensor::default() },
        Tensor {
            shape: vec![1, 0],
            element_type: TensorType::INT32,
            buffer: 1,
            ..Tensor::default()
        },
    ] {
        let mut model = Draft::new(Op::ADD, none(), &[1]).operand(constant).open();
        model.buffers.push(Buffer::default());
        assert!(refusal(&model).contains("is empty"), "{}", refusal(&model));
    }
    let deep = Draft::new(Op::ADD, none(), &[1]).zeros(&[1; 9]).open();
    assert!(refusal(&deep).contains("more than 8 dimensions"));
}

#[test]
fn graphs_are_in_order() {
    let model = || Draft::new(BuiltinOperator::ADD, none(), &[1, 3]).zeros(&[3]).declared(&[1, 3]);
    assert!(read(&model()).is_ok());
    for (change, words) in [
        ((|graph| graph.operators[0].outputs = vec![0]) as fn(&mut SubGraph), "is computed twice"),
        (|graph| graph.operators[0].outputs = vec![1], "is computed twice, or a constant"),
        (|graph| graph.operators[0].outputs = vec![2, 2], "2 outputs"),
        (|graph| graph.operators[0].inputs = vec![0, 2], "is used before it is computed"),
        (|graph| graph.operators[0].inputs = vec![0, -1], "input 1 is missing"),
        (|graph| graph.operators.clear(), "is used before it is computed"),
        (|graph| graph.inputs = vec![1], "is a constant"),
        (|graph| graph.tensors[1].shape = vec![4], "has 12 bytes"),
        (|graph| graph.tensors[1].shape = vec![-3], "has the extent -3"),
        (
            |graph| {
                let scale = vec![f32::NAN];
                let parameters = QuantizationParameters { scale, ..Default::default() };
                graph.tensors[1].quantization = Some(parameters);
            },
            "has the scale NaN",
        ),
        (
            |graph| graph.tensors[1].sparsity = Some(SparsityParameters::default()),
            "is sparse, which is not supported",
        ),
    ] {
        let mut model = model();
        change(&mut model.subgraphs[0]);
        let said = refusal(&model);
        assert!(said.contains(words), "{said}");
        // A graph that is not run must be as sound as the one that is.
        assert!(refusal(&behind_a_sound_graph(&model)).contains(words));
    }
    // Data behind the flatbuffer.
    let mut external = model();
    external.buffers[1] = Buffer { offset: 1 << 40, size: 12, ..Buffer::default() };
    assert!(refusal(&external).contains("lie behind the flatbuffer"));
}

fn behind_a_sound_graph(model: &Model) -> Model {
    let mut both = model.clone();
    let tensor = Tensor { shape: vec![1, 2], ..Tensor::default() };
    let sound = SubGraph {
        tensors: vec![tensor],
        inputs: vec![0],
        outputs: vec![0],
        ..SubGraph::default()
    };
    both.subgraphs.insert(0, sound);
    both
}

#[test]
fn products_of_extents_are_followed() {
    use BuiltinOperator as Op;
    let shape = BuiltinOptions::ShapeOptions(ShapeOptions { out_type: TensorType::INT32 });
    let keeps = BuiltinOptions::ReducerOptions(ReducerOptions { keep_dims: true });
    // SHAPE, the product of it, and a reshape to that.
    let mut model = Draft::new(Op::RESHAPE, none(), &[2, 3, 4]).open();
    let codes = [Op::SHAPE, Op::REDUCE_PROD];
    model
        .operator_codes
        .extend(codes.map(|builtin_code| OperatorCode { builtin_code, ..OperatorCode::default() }));
    model.buffers.push(Buffer { data: vec![0; 4], ..Buffer::default() });
    let graph = &mut model.subgraphs[0];
    let int = |shape: &[i32], buffer| Tensor {
        shape: shape.to_vec(),
        element_type: TensorType::INT32,
        buffer,
        ..Tensor::default()
    };
    graph.tensors.extend([int(&[3], 0), int(&[1], 1), int(&[1], 0)]);
    let operator = |opcode_index, inputs, outputs, builtin_options| Operator {
        opcode_index,
        inputs,
        outputs,
        builtin_options,
        ..Operator::default()
    };
    graph.operators = vec![
        operator(1, vec![0], vec![2], shape),
        operator(2, vec![2, 3], vec![4], keeps),
        operator(0, vec![0, 4], vec![1], none()),
    ];
    let graph = read(&model).unwrap().1.unwrap();
    assert_eq!(graph.computed_integers(4), Some(&[24][..]));
    assert_eq!(graph.dims(1), [24]);
    // What follows from shapes is not run.
    assert_eq!((graph.nodes().len(), graph.nodes_to_run().count()), (3, 1));
}

#[test]
fn scales_and_zero_points_fit_their_tensor() {
    let quantized = |scale: &[f32], zero_point: &[i64], dimension| {
        let mut model = Draft::new(BuiltinOperator::RELU, none(), &[1, 3]).declared(&[1, 3]);
        for tensor in &mut model.subgraphs[0].tensors {
            tensor.element_type = TensorType::UINT8;
            tensor.quantization = Some(QuantizationParameters {
                scale: scale.to_vec(),
                zero_point: zero_point.to_vec(),
                quantized_dimension: dimension,
                ..QuantizationParameters::default()
            });
        }
        model
    };
    assert!(read(&quantized(&[0.5], &[255], 0)).is_ok());
    let signed = |zero_point| {
        let mut model = quantized(&[0.5], &[zero_point], 0);
        let tensors = &mut model.subgraphs[0].tensors;
        tensors.iter_mut().for_each(|tensor| tensor.element_type = TensorType::INT8);
        model
    };
    assert!(read(&signed(-128)).is_ok());
    for (model, words) in [
        (quantized(&[0.0], &[0], 0), "has the scale 0"),
        (quantized(&[-1.0], &[0], 0), "has the scale -1"),
        (quantized(&[f32::NAN], &[0], 0), "has the scale NaN"),
        (quantized(&[f32::INFINITY], &[0], 0), "has the scale inf"),
        (quantized(&[0.5], &[256], 0), "it does not take"),
        (signed(-129), "it does not take"),
        (signed(128), "it does not take"),
        (quantized(&[0.5], &[], 0), "1 scales and 0 zero points"),
        (quantized(&[0.5; 3], &[0; 3], 0), "3 scales along dimension 0"),
        (quantized(&[0.5; 3], &[0; 3], -1), "3 scales along dimension -1"),
        (quantized(&[0.5; 3], &[0; 3], 1), "it does not take"),
        (quantized(&[0.5, -0.5, 0.5], &[0; 3], 1), "has the scale -0.5"),
        (quantized(&[], &[], 0), "without a scale"),
    ] {
        let said = refusal(&model);
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn what_a_model_costs_is_limited() {
    let model = Draft::new(BuiltinOperator::CONV_2D, conv(|_| {}), &[1, 100, 100, 3])
        .zeros(&[8, 3, 3, 3])
        .declared(&[1, 100, 100, 8]);
    assert!(read(&model).is_ok());
    type Field = fn(&mut GraphLimits) -> &mut u64;
    let change: [(&str, Field, u64); 4] = [
        ("max_tensors", |limits| &mut limits.max_tensors, 2),
        ("max_operators", |limits| &mut limits.max_operators, 0),
        // The input, the result, and the patches of nine pixels.
        (
            "max_arena_bytes",
            |limits| &mut limits.max_arena_bytes,
            100 * 100 * (3 + 8 + 9 * 3) * 4 - 1,
        ),
        (
            "max_multiplications",
            |limits| &mut limits.max_multiplications,
            100 * 100 * (3 + 8 + 9 * 3 * 8) - 1,
        ),
    ];
    for (name, field, limit) in change {
        let mut limits = LIMITS;
        *field(&mut limits) = limit;
        let error = read_within(&model, limits).unwrap_err();
        assert!(matches!(error, Error::LimitExceeded(_)));
        assert!(error.to_string().contains(name), "{error}");
        *field(&mut limits) = limit + 1;
        assert!(read_within(&model, limits).is_ok(), "{name}");
    }
}

/// Engines pack or convert constants for each operator that uses them, and keep what is made of constants alone.
#[test]
fn what_engines_make_of_constants_is_limited() {
    let dims = [32; 4];
    let often = |times: usize| {
        let mut model = Draft::new(BuiltinOperator::ADD, none(), &dims).zeros(&dims).open();
        let graph = &mut model.subgraphs[0];
        for _ in 1..times {
            let next = graph.tensors.len() as i32;
            graph.tensors.push(Tensor::default());
            let (inputs, outputs) = (vec![next - 1, 1], vec![next]);
            graph.operators.push(Operator { inputs, outputs, ..graph.operators[0].clone() });
        }
        read(&model)
    };
    assert!(often(32).is_ok());
    let error = often(33).unwrap_err();
    assert!(matches!(error, Error::LimitExceeded(_)));
    assert!(error.to_string().contains("reads more constant elements"), "{error}");

    let mut model = Draft::new(BuiltinOperator::ABS, none(), &[1, 8]).open();
    model.buffers.push(Buffer { data: vec![0; 2 * 1000], ..Buffer::default() });
    let code = BuiltinOperator::DEQUANTIZE;
    model.operator_codes.push(OperatorCode { builtin_code: code, ..OperatorCode::default() });
    let graph = &mut model.subgraphs[0];
    let next = graph.tensors.len() as i32;
    let (shape, element_type) = (vec![1000], TensorType::FLOAT16);
    graph.tensors.push(Tensor { shape, element_type, buffer: 1, ..Tensor::default() });
    for output in [next + 1, next + 2] {
        graph.tensors.push(Tensor::default());
        let (inputs, outputs) = (vec![next], vec![output]);
        graph.operators.push(Operator { opcode_index: 1, inputs, outputs, ..Operator::default() });
    }
    // The result of eight, and two thousand that nobody reads.
    let max_arena_bytes = (8 + 2000) * 4;
    assert!(read_within(&model, GraphLimits { max_arena_bytes, ..LIMITS }).is_ok());
    let max_arena_bytes = max_arena_bytes - 1;
    let error = read_within(&model, GraphLimits { max_arena_bytes, ..LIMITS }).unwrap_err();
    assert!(error.to_string().contains("max_arena_bytes"), "{error}");
}

/// The same for lists that a graph computes, which operators keep.
#[test]
fn what_operators_keep_of_computed_lists_is_limited() {
    const LENGTH: usize = 1 << 16;
    let often = |times: usize| {
        // A list that is computed, and elements of the input that it picks.
        let mut model = Draft::new(BuiltinOperator::GATHER, none(), &[4]).ints(&[0; LENGTH]).open();
        let code = BuiltinOperator::MUL;
        model.operator_codes.push(OperatorCode { builtin_code: code, ..OperatorCode::default() });
        let graph = &mut model.subgraphs[0];
        let list = graph.tensors.len() as i32;
        let element_type = TensorType::INT32;
        graph.tensors.push(Tensor { element_type, ..Tensor::default() });
        let gather = graph.operators.remove(0);
        graph.operators.push(Operator {
            opcode_index: 1,
            inputs: vec![1, 1],
            outputs: vec![list],
            builtin_options: BuiltinOptions::MulOptions(MulOptions::default()),
            ..Operator::default()
        });
        for _ in 0..times {
            let next = graph.tensors.len() as i32;
            graph.tensors.push(Tensor::default());
            let (inputs, outputs) = (vec![0, list], vec![next]);
            graph.operators.push(Operator { inputs, outputs, ..gather.clone() });
        }
        graph.outputs = vec![list + 1];
        read(&model)
    };
    // Four times the file of some 256 KiB, and 2^24; the product reads two lists.
    assert!(often(250).is_ok());
    let error = often(300).unwrap_err();
    assert!(error.to_string().contains("reads more constant elements"), "{error}");
}

/// An operator after the other, each on what the one before gave, in graphs of one operator.
fn chain(mut model: Model, times: usize) -> Model {
    let graph = &mut model.subgraphs[0];
    let element_type = graph.tensors[graph.outputs[0] as usize].element_type;
    for _ in 1..times {
        let mut next = graph.operators[graph.operators.len() - 1].clone();
        next.inputs[0] = next.outputs[0];
        next.outputs = vec![graph.tensors.len() as i32];
        graph.tensors.push(Tensor { element_type, ..Tensor::default() });
        graph.operators.push(next);
    }
    model
}

/// Nothing is charged for values that are computed, and their memory is used again.
#[test]
fn values_that_are_computed_come_and_go() {
    let dims = [32; 4];
    let model = chain(Draft::new(BuiltinOperator::ABS, none(), &dims).open(), 40);
    let max_arena_bytes = 3 * (1 << 20) * 4;
    assert!(read_within(&model, GraphLimits { max_arena_bytes, ..LIMITS }).is_ok());
    let error =
        read_within(&model, GraphLimits { max_arena_bytes: 1 << 22, ..LIMITS }).unwrap_err();
    assert!(error.to_string().contains("max_arena_bytes"), "{error}");
}

/// Four million integers are followed, and no more.
#[test]
fn computed_lists_are_followed_for_so_long() {
    const LENGTH: usize = 1 << 16;
    let options = BuiltinOptions::MulOptions(MulOptions::default());
    let mut model = Draft::new(BuiltinOperator::MUL, options, &[1]).ints(&[1; LENGTH]).open();
    let graph = &mut model.subgraphs[0];
    let output = graph.operators[0].outputs[0] as usize;
    graph.tensors[output].element_type = TensorType::INT32;
    graph.operators[0].inputs = vec![1, 1];
    let model = chain(model, 65);
    let (_, graph) = read(&model).unwrap();
    let graph = graph.unwrap();
    let last = graph.nodes()[64].output();
    let before = graph.nodes()[63].output();
    assert_eq!(graph.computed_integers(before), Some(&[1; LENGTH][..]));
    assert_eq!(graph.computed_integers(last), None);
}

/// A sum over no dimension reads a list without elements, and is made of constants alone all the same.
#[test]
fn what_is_made_of_constants_and_empty_lists_is_kept() {
    let mut model = Draft::new(BuiltinOperator::ABS, none(), &[8]).open();
    let constant = |model: &mut Model, shape: Vec<i32>, element_type, data| {
        model.buffers.push(Buffer { data, ..Buffer::default() });
        let buffer = model.buffers.len() as u32 - 1;
        let tensors = &mut model.subgraphs[0].tensors;
        tensors.push(Tensor { shape, element_type, buffer, ..Tensor::default() });
        tensors.len() as i32 - 1
    };
    let number = constant(&mut model, vec![1], TensorType::FLOAT32, vec![0; 4]);
    let axes = constant(&mut model, vec![0], TensorType::INT32, Vec::new());
    let repetitions = 1000_i32.to_le_bytes().to_vec();
    let repetitions = constant(&mut model, vec![1], TensorType::INT32, repetitions);
    for builtin_code in [BuiltinOperator::SUM, BuiltinOperator::TILE] {
        model.operator_codes.push(OperatorCode { builtin_code, ..OperatorCode::default() });
    }
    let graph = &mut model.subgraphs[0];
    let sum = graph.tensors.len() as i32;
    for _ in 0..3 {
        graph.tensors.push(Tensor::default());
    }
    let options = BuiltinOptions::ReducerOptions(ReducerOptions::default());
    graph.operators.push(Operator {
        opcode_index: 1,
        inputs: vec![number, axes],
        outputs: vec![sum],
        builtin_options: options,
        ..Operator::default()
    });
    for tiled in [sum + 1, sum + 2] {
        graph.operators.push(Operator {
            opcode_index: 2,
            inputs: vec![sum, repetitions],
            outputs: vec![tiled],
            ..Operator::default()
        });
    }
    // The result of eight, the sum, and two thousand that nobody reads.
    let max_arena_bytes = (8 + 1 + 2000) * 4;
    assert!(read_within(&model, GraphLimits { max_arena_bytes, ..LIMITS }).is_ok());
    let max_arena_bytes = max_arena_bytes - 1;
    let error = read_within(&model, GraphLimits { max_arena_bytes, ..LIMITS }).unwrap_err();
    assert!(error.to_string().contains("max_arena_bytes"), "{error}");
}

#[test]
fn operands_are_not_without_number() {
    let options = BuiltinOptions::ConcatenationOptions(ConcatenationOptions::default());
    let mut model = Draft::new(BuiltinOperator::CONCATENATION, options, &[1, 1]).open();
    model.subgraphs[0].operators[0].inputs = vec![0; 1 << 22];
    let error = read(&model).unwrap_err();
    assert!(matches!(error, Error::LimitExceeded(_)));
    assert!(error.to_string().contains("4194305 operands"), "{error}");
}

#[test]
fn what_tensorflow_lite_would_prepare_unseen_is_refused() {
    let mut custom = Draft::new(BuiltinOperator::CUSTOM, none(), &PICTURE).open();
    custom.operator_codes[0].custom_code = Some("Postprocess".to_owned());
    assert!(read(&custom).is_ok(), "it can be looked at");
    let said = refusal(&behind_a_sound_graph(&custom));
    assert!(said.contains("subgraph 1 has the operator Postprocess"), "{said}");

    let mut variable = Draft::new(BuiltinOperator::ABS, none(), &PICTURE).open();
    variable.subgraphs[0].tensors.push(Tensor { is_variable: true, ..Tensor::default() });
    assert!(refusal(&variable).contains("is a variable"));
}

#[test]
fn open_sizes_are_looked_at_when_they_are_known() {
    let mut model = Draft::new(BuiltinOperator::RESHAPE, none(), &[1, 1, 1, 3])
        .ints(&[1, 48])
        .declared(&[1, 48]);
    model.subgraphs[0].tensors[0].shape_signature = vec![1, -1, -1, 3];
    let (file, graph) = read(&model).unwrap();
    assert!(file.fixed_input_dims().is_none() && graph.is_none());
    let graph = file.with_input_shapes(&[vec![1, 4, 4, 3]]).unwrap();
    assert_eq!(graph.dims(2), [1, 48]);
    for wrong in [vec![vec![1, 4, 5, 3]], vec![vec![usize::MAX, 2]], vec![vec![0]], vec![]] {
        let error = file.with_input_shapes(&wrong).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error}");
    }
}

/// What is known and not supported is refused only where the model is to run, so that it can still be looked at.
#[test]
fn what_is_not_supported_is_read_and_not_run() {
    let list = Tensor { shape: vec![1], element_type: TensorType::INT32, ..Tensor::default() };
    let mut model = Draft::new(BuiltinOperator::EXPAND_DIMS, none(), &PICTURE).operand(list).open();
    model.subgraphs[0].inputs.push(1);
    let (file, graph) = read(&model).unwrap();
    assert!(graph.is_none());
    let error = file.with_input_shapes(&file.fixed_input_dims().unwrap()).unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)));
    assert!(error.to_string().contains("must be a constant of integers"), "{error}");
}
