//! Each operator: what it is parsed into, the shape of its outputs, and what it is refused for.

use lookalike_graph::{Activation as Fused, Graph, Node, Op as Parsed, SliceRange};
use lookalike_schema::tflite::BuiltinOperator as Op;
use lookalike_schema::tflite::*;

use crate::draft::*;

/// The graph of a sound model.
fn graph(model: &Model) -> Graph {
    let (file, _) = read(model).unwrap_or_else(|error| panic!("{error}"));
    let graph = file.with_input_shapes(&file.fixed_input_dims().unwrap());
    graph.unwrap_or_else(|error| panic!("{error}"))
}

/// The operator of a sound model, and the shape of its first output.
pub(crate) fn parsed(model: &Model) -> (Parsed, Vec<usize>) {
    let graph = graph(model);
    let Node { op, outputs, .. } = graph.nodes().last().unwrap().clone();
    (op, graph.dims(outputs[0]).to_vec())
}

/// Gives all tensors, or those from a place on, a type and a scale.
fn typed(mut model: Model, from: usize, element_type: TensorType, scale: f32) -> Model {
    for tensor in &mut model.subgraphs[0].tensors[from..] {
        tensor.element_type = element_type;
        tensor.quantization = (scale > 0.0).then(|| QuantizationParameters {
            scale: vec![scale],
            zero_point: vec![0],
            ..QuantizationParameters::default()
        });
    }
    model
}

fn quantized(model: Model) -> Model {
    typed(model, 0, TensorType::UINT8, 0.5)
}

/// Another output.
fn with_output(mut model: Model) -> Model {
    let graph = &mut model.subgraphs[0];
    let output = graph.tensors.len() as i32;
    graph.tensors.push(Tensor::default());
    graph.operators[0].outputs.push(output);
    graph.outputs.push(output);
    model
}

fn softmax(beta: f32) -> BuiltinOptions {
    BuiltinOptions::SoftmaxOptions(SoftmaxOptions { beta })
}

fn fully_connected(keep_num_dims: bool, weights_format: i8) -> BuiltinOptions {
    BuiltinOptions::FullyConnectedOptions(FullyConnectedOptions {
        keep_num_dims,
        weights_format,
        ..FullyConnectedOptions::default()
    })
}

#[track_caller]
pub(crate) fn refuses(model: &Model, words: &str) {
    let said = refusal(model);
    assert!(said.contains(words), "{said}");
}

#[test]
fn softmax_takes_what_the_reference_takes() {
    let of = |shape: &[i32], beta: f32| Draft::new(Op::SOFTMAX, softmax(beta), shape).open();
    assert_eq!(parsed(&of(&[2, 3], 0.5)), (Parsed::Softmax { beta: 0.5 }, vec![2, 3]));
    assert_eq!(parsed(&of(&[1, 2, 3, 4], 1.0)).1, [1, 2, 3, 4]);
    refuses(&of(&[1, 1, 1, 2, 3], 1.0), "it takes 1 to 4 dimensions");
    refuses(&of(&[], 1.0), "it takes 1 to 4 dimensions");
    refuses(&of(&[3], f32::INFINITY), "its factor is inf");
    // A step of bytes must count for more than 2^-26.
    let bytes = |beta: f32| quantized(of(&[3], beta));
    assert!(read(&bytes(1.0 / (1 << 24) as f32)).is_ok());
    refuses(&bytes(1.0 / (1 << 25) as f32), "a step of its input counts for");
}

#[test]
fn l2_normalization_takes_what_the_reference_takes() {
    let options = |fused_activation_function| {
        BuiltinOptions::L2NormOptions(L2NormOptions { fused_activation_function })
    };
    let of = |shape: &[i32], activation| {
        Draft::new(Op::L2_NORMALIZATION, options(activation), shape).open()
    };
    let (op, dims) = parsed(&of(&[2, 3], Activation::RELU6));
    assert_eq!((op, dims), (Parsed::L2Normalization { activation: Fused::Relu6 }, vec![2, 3]));
    refuses(&of(&[1, 1, 1, 2, 3], Activation::NONE), "it takes 1 to 4 dimensions");
    refuses(&of(&[3], Activation::SIGN_BIT), "its activation SIGN_BIT");
}

#[test]
fn fully_connected_layers_fit_their_weights() {
    let of = |options, input: &[i32], weights: &[i32]| {
        Draft::new(Op::FULLY_CONNECTED, options, input).zeros(weights)
    };
    let plain = || fully_connected(false, 0);
    let op = Parsed::FullyConnected { activation: Fused::None };
    assert_eq!(parsed(&of(plain(), &[2, 3, 4], &[5, 4]).open()), (op.clone(), vec![6, 5]));
    let kept = of(fully_connected(true, 0), &[2, 3, 4], &[5, 4]).open();
    assert_eq!(parsed(&kept), (op, vec![2, 3, 5]));
    // Rows may be longer or shorter than the weights where dimensions are not kept.
    assert_eq!(parsed(&of(plain(), &[2, 6], &[5, 4]).open()).1, [3, 5]);
    assert_eq!(parsed(&of(fully_connected(true, 0), &[2, 6], &[5, 4]).open()).1, [3, 5]);
    refuses(&of(fully_connected(true, 0), &[1, 2, 6], &[5, 4]).open(), "does not end in");
    refuses(&of(plain(), &[2, 6], &[5, 5]).open(), "its weights are for 5 values");
    refuses(&of(plain(), &[2, 6], &[5, 6, 1]).open(), "its weights must have two dimensions");
    refuses(&of(fully_connected(false, 1), &[2, 6], &[5, 6]).open(), "its weights are shuffled");
    refuses(&of(none(), &[2, 6], &[5, 6]).open(), "its options are those of NONE");
    refuses(&of(plain(), &[2, 6], &[5, 6]).zeros(&[4]).open(), "its bias has [4] values for 5");
    assert_eq!(parsed(&of(plain(), &[2, 6], &[5, 6]).zeros(&[5]).open()).1, [2, 5]);
}

#[test]
fn matrices_fit_each_other() {
    let options = |adj_x, adj_y| {
        BuiltinOptions::BatchMatMulOptions(BatchMatMulOptions {
            adj_x,
            adj_y,
            ..BatchMatMulOptions::default()
        })
    };
    let of = |options, left: &[i32], right: &[i32]| {
        Draft::new(Op::BATCH_MATMUL, options, left).zeros(right).open()
    };
    let op = |transposes_left, transposes_right| Parsed::BatchMatMul {
        transposes_left,
        transposes_right,
    };
    let plain = of(options(false, false), &[7, 2, 3], &[3, 4]);
    assert_eq!(parsed(&plain), (op(false, false), vec![7, 2, 4]));
    let left = of(options(true, false), &[3, 2], &[5, 3, 4]);
    assert_eq!(parsed(&left), (op(true, false), vec![5, 2, 4]));
    let right = of(options(false, true), &[1, 2, 3], &[5, 4, 3]);
    assert_eq!(parsed(&right), (op(false, true), vec![5, 2, 4]));
    refuses(&of(options(false, false), &[3], &[3, 4]), "its operands are no matrices");
    refuses(&of(options(false, false), &[2, 2, 3], &[3, 3, 4]), "do not go together");
}

#[test]
fn parts_are_packed_and_split_evenly() {
    let pack = |values_count, axis| BuiltinOptions::PackOptions(PackOptions { values_count, axis });
    let packed = |options, shape: &[i32], other: &[i32]| {
        Draft::new(Op::PACK, options, shape).zeros(other).open()
    };
    let model = packed(pack(2, -1), &[3, 4], &[3, 4]);
    assert_eq!(parsed(&model), (Parsed::Pack { axis: 2 }, vec![3, 4, 2]));
    refuses(&packed(pack(3, 0), &[3, 4], &[3, 4]), "it says that it has 3 operands, and has 2");
    refuses(&packed(pack(2, 0), &[3, 4], &[3, 5]), "cannot be concatenated");
    refuses(&packed(pack(2, 3), &[3, 4], &[3, 4]), "there is no dimension 3");
    refuses(&packed(pack(2, 2), &[3, 4], &[3]), "its operands differ in rank");

    let unpack = |num, axis| BuiltinOptions::UnpackOptions(UnpackOptions { num, axis });
    let unpacked =
        |options, shape: &[i32]| with_output(Draft::new(Op::UNPACK, options, shape).open());
    assert_eq!(
        parsed(&unpacked(unpack(2, 1), &[3, 2, 5])),
        (Parsed::Unpack { axis: 1 }, vec![3, 5])
    );
    refuses(&unpacked(unpack(3, 1), &[3, 2, 5]), "it says that it has 3 results, and has 2");
    refuses(&unpacked(unpack(2, 0), &[3, 2, 5]), "cannot be cut into 2 parts");

    let split = |num_splits| BuiltinOptions::SplitOptions(SplitOptions { num_splits });
    let splitted = |options, axis: &[i32], shape: &[i32]| {
        let mut model = with_output(Draft::new(Op::SPLIT, options, shape).ints(axis).open());
        model.subgraphs[0].operators[0].inputs.reverse();
        model
    };
    assert_eq!(
        parsed(&splitted(split(2), &[-1], &[3, 6])),
        (Parsed::Split { axis: 1 }, vec![3, 3])
    );
    refuses(&splitted(split(3), &[1], &[3, 6]), "it says that it has 3 results");
    refuses(&splitted(split(2), &[0], &[3, 6]), "cannot be cut into 2 parts");
    refuses(&splitted(split(2), &[0, 1], &[3, 6]), "must be one number");
}

#[test]
fn inputs_are_concatenated_along_a_dimension() {
    let options = |axis, fused_activation_function| {
        BuiltinOptions::ConcatenationOptions(ConcatenationOptions {
            axis,
            fused_activation_function,
        })
    };
    let of = |options, left: &[i32], right: &[i32]| {
        Draft::new(Op::CONCATENATION, options, left).zeros(right).open()
    };
    let model = of(options(-1, Activation::RELU), &[3, 4], &[3, 5]);
    let op = Parsed::Concatenation { axis: 1, activation: Fused::Relu };
    assert_eq!(parsed(&model), (op, vec![3, 9]));
    refuses(&of(options(0, Activation::NONE), &[3, 4], &[3, 5]), "cannot be concatenated");
    refuses(&of(options(1, Activation::NONE), &[3, 4], &[3, 4, 1]), "cannot be concatenated");
    refuses(&of(options(2, Activation::NONE), &[3, 4], &[3, 4]), "there is no dimension 2");
    refuses(&of(options(0, Activation::SIGN_BIT), &[3], &[3]), "its activation SIGN_BIT");
}

#[test]
fn dimensions_of_one_come_and_go() {
    let squeeze = |dims: &[i32]| {
        BuiltinOptions::SqueezeOptions(SqueezeOptions { squeeze_dims: dims.to_vec() })
    };
    let of = |dims: &[i32]| Draft::new(Op::SQUEEZE, squeeze(dims), &[1, 3, 1, 2]).open();
    assert_eq!(parsed(&of(&[])), (Parsed::Reshape, vec![3, 2]));
    assert_eq!(parsed(&of(&[-2])).1, [1, 3, 2]);
    refuses(&of(&[1]), "6 elements do not fill [1, 1, 2]");
    refuses(&of(&[4]), "there is no dimension 4");
    let expand = |axis: i32| Draft::new(Op::EXPAND_DIMS, none(), &[3, 2]).ints(&[axis]).open();
    assert_eq!(parsed(&expand(-1)).1, [3, 2, 1]);
    assert_eq!(parsed(&expand(0)).1, [1, 3, 2]);
    refuses(&expand(3), "there is no dimension 3");
    refuses(&expand(-4), "there is no dimension -4");
}

#[test]
fn slices_lie_within() {
    let of = |change: fn(&mut StridedSliceOptions), lists: [&[i32]; 3]| {
        let mut options = StridedSliceOptions::default();
        change(&mut options);
        let options = BuiltinOptions::StridedSliceOptions(options);
        let draft = Draft::new(Op::STRIDED_SLICE, options, &[4, 5, 6]);
        draft.ints(lists[0]).ints(lists[1]).ints(lists[2]).open()
    };
    let ranges = |model: &Model| match parsed(model) {
        (Parsed::Slice { ranges, is_one_to_one }, dims) => (ranges, is_one_to_one, dims),
        (other, _) => panic!("{other:?}"),
    };
    let range = |begin, step, count| SliceRange { begin, step, count };
    let all = |_: &mut StridedSliceOptions| {};
    assert_eq!(
        ranges(&of(all, [&[1, -2], &[4, 99], &[2, 1]])),
        (vec![range(1, 2, 2), range(3, 1, 2), range(0, 1, 6)], true, vec![2, 2, 6])
    );
    // Backwards, from the end to the beginning.
    assert_eq!(
        ranges(&of(|options| options.end_mask = 1, [&[3], &[0], &[-2]])),
        (vec![range(3, -2, 2), range(0, 1, 5), range(0, 1, 6)], true, vec![2, 5, 6])
    );
    assert_eq!(
        ranges(&of(|options| options.begin_mask = 1, [&[2], &[0], &[-1]])).0[0],
        range(3, -1, 3)
    );
    // An ellipsis stands for the dimensions in between, and others are dropped or inserted.
    let shrinks = |options: &mut StridedSliceOptions| {
        options.ellipsis_mask = 2;
        options.shrink_axis_mask = 4;
    };
    assert_eq!(
        ranges(&of(shrinks, [&[1, 0, -1], &[3, 0, 0], &[1, 1, 1]])),
        (vec![range(1, 1, 2), range(0, 1, 5), range(5, 1, 1)], false, vec![2, 5])
    );
    let inserts = |options: &mut StridedSliceOptions| options.new_axis_mask = 1;
    assert_eq!(
        ranges(&of(inserts, [&[0, 1], &[0, 2], &[1, 1]])),
        (vec![range(1, 1, 1), range(0, 1, 5), range(0, 1, 6)], false, vec![1, 1, 5, 6])
    );
    refuses(&of(|options| options.offset = true, [&[0], &[1], &[1]]), "count from its beginnings");
    refuses(&of(all, [&[0, 0], &[1], &[1]]), "not as many ends and steps");
    refuses(&of(all, [&[0], &[1, 1], &[1]]), "not as many ends and steps");
    refuses(&of(all, [&[0], &[1], &[1, 1]]), "not as many ends and steps");
    refuses(&of(all, [&[0; 31], &[1; 31], &[1; 31]]), "more than there can be");
    // A step leads to the last element and not beyond, and counts for nothing where one element is left.
    assert_eq!(ranges(&of(all, [&[0], &[4], &[6]])).0[0], range(0, 1, 1));
    refuses(&of(all, [&[0], &[4], &[7]]), "a step of 7 leads out of");
    assert_eq!(
        ranges(&of(|options| options.begin_mask = 1, [&[3], &[4], &[2]])).0[0],
        range(0, 2, 2)
    );
    // Longer dimensions have no exact length in 32-bit floats.
    let long = |side: i32| {
        let options = BuiltinOptions::StridedSliceOptions(StridedSliceOptions::default());
        let draft = Draft::new(Op::STRIDED_SLICE, options, &[side]);
        draft.ints(&[0]).ints(&[1]).ints(&[1]).open()
    };
    assert_eq!(parsed(&long(1 << 24)).1, [1]);
    refuses(&long((1 << 24) + 1), "[16777217] is longer than 16777216");
    refuses(&of(all, [&[0; 4], &[1; 4], &[1; 4]]), "are too many for");
    refuses(&of(all, [&[2], &[2], &[1]]), "no or too many elements");
    let shrinks = |options: &mut StridedSliceOptions| options.shrink_axis_mask = 1;
    refuses(&of(shrinks, [&[4], &[5], &[1]]), "there is no element 4 of 4");
    refuses(&of(shrinks, [&[-5], &[5], &[1]]), "there is no element -5 of 4");
    refuses(&of(shrinks, [&[0], &[5], &[2]]), "a dimension that is dropped has a step");
    let twice = |options: &mut StridedSliceOptions| options.ellipsis_mask = 5;
    refuses(&of(twice, [&[0; 4], &[1; 4], &[1; 4]]), "more than one ellipsis");
    let slice = |begins: &[i32], sizes: &[i32]| {
        Draft::new(Op::SLICE, none(), &[4, 5]).ints(begins).ints(sizes).open()
    };
    assert_eq!(
        ranges(&slice(&[1, 2], &[3, -1])),
        (vec![range(1, 1, 3), range(2, 1, 3)], true, vec![3, 3])
    );
    refuses(&slice(&[1, 2], &[4, 1]), "reach out of");
    for (begins, sizes) in [(&[1][..], &[1][..]), (&[1, 2], &[1]), (&[1], &[1, 1])] {
        refuses(&slice(begins, sizes), "does not have a begin and a size for each dimension");
    }
    refuses(&typed(slice(&[1, 2], &[1, 1]), 3, TensorType::UINT8, 0.0), "it does not take");
    let mut mixed = slice(&[1, 2], &[1, 0, 1, 0]);
    mixed.subgraphs[0].tensors[2].element_type = TensorType::INT64;
    mixed.subgraphs[0].tensors[2].shape = vec![2];
    refuses(&mixed, "it does not take");
    let mut matrix = slice(&[1, 2], &[1, 1]);
    matrix.subgraphs[0].tensors[2].shape = vec![1, 2];
    refuses(&matrix, "it does not take");
}

#[test]
fn borders_are_padded() {
    let mirror = |mode| BuiltinOptions::MirrorPadOptions(MirrorPadOptions { mode });
    let of = |mode, pads: &[i32; 4]| {
        let draft = Draft::new(Op::MIRROR_PAD, mirror(mode), &[2, 3]);
        draft.constant(&[2, 2], Data::Ints(pads)).open()
    };
    let (op, dims) = parsed(&of(0, &[1, 0, 2, 1]));
    assert_eq!(op, Parsed::MirrorPad { padding: vec![(1, 0), (2, 1)], offset: 1 });
    assert_eq!(dims, [3, 6]);
    refuses(&of(0, &[2, 0, 0, 0]), "2 elements have no mirror image of 2");
    assert_eq!(parsed(&of(1, &[2, 0, 0, 3])).1, [4, 6]);
    refuses(&of(1, &[0, 3, 0, 0]), "2 elements have no mirror image of 3");
    refuses(&of(2, &[0; 4]), "its options are those of MirrorPadOptions");

    let pad = |value: &[f32]| {
        let draft = Draft::new(Op::PADV2, none(), &[2, 3]);
        let draft = draft.constant(&[2, 2], Data::Ints(&[0, 1, 2, 0]));
        draft.constant(&[value.len() as i32], Data::Floats(value))
    };
    assert_eq!(
        parsed(&pad(&[1.0]).open()),
        (Parsed::Pad { padding: vec![(0, 1), (2, 0)] }, vec![3, 5])
    );
    refuses(&pad(&[1.0, 2.0]).open(), "it pads with what is not one constant number");
}

#[test]
fn types_are_what_operators_take() {
    let one = |operator| Draft::new(operator, none(), &[1, 3]).open();
    // Integers are compared and cast, not rounded.
    refuses(&typed(one(Op::ROUND), 0, TensorType::INT32, 0.0), "it does not take");
    assert!(read(&typed(one(Op::ABS), 0, TensorType::INT32, 0.0)).is_ok());
    assert!(read(&typed(one(Op::CAST), 1, TensorType::INT32, 0.0)).is_ok());
    refuses(&typed(one(Op::CAST), 1, TensorType::FLOAT16, 0.0), "it does not take");
    // Outputs are of the type of the input, or of the one that the operator makes.
    refuses(&typed(one(Op::RELU), 1, TensorType::UINT8, 0.5), "it does not take");
    refuses(&typed(one(Op::LOGICAL_NOT), 1, TensorType::BOOL, 0.0), "it does not take");
    assert!(read(&typed(one(Op::LOGICAL_NOT), 0, TensorType::BOOL, 0.0)).is_ok());
    assert!(read(&typed(one(Op::QUANTIZE), 1, TensorType::UINT8, 0.5)).is_ok());
    refuses(&typed(one(Op::QUANTIZE), 1, TensorType::UINT8, 0.0), "without a scale");
    refuses(&one(Op::QUANTIZE), "it does not take");
    refuses(&one(Op::DEQUANTIZE), "it does not take");
    let two = |operator| Draft::new(operator, none(), &[1, 3]).zeros(&[3]).open();
    assert!(read(&typed(two(Op::LESS), 2, TensorType::BOOL, 0.0)).is_ok());
    refuses(&two(Op::LESS), "it does not take");
    refuses(&two(Op::LOGICAL_AND), "it does not take");
    let slope = |alpha| BuiltinOptions::LeakyReluOptions(LeakyReluOptions { alpha });
    refuses(&Draft::new(Op::LEAKY_RELU, slope(f32::NAN), &[3]).open(), "its slope is NaN");
    assert!(read(&Draft::new(Op::LEAKY_RELU, slope(0.25), &[3]).open()).is_ok());
    let shape = |out_type| BuiltinOptions::ShapeOptions(ShapeOptions { out_type });
    let of = |out_type| Draft::new(Op::SHAPE, shape(out_type), &[4, 5]).open();
    let model = typed(of(TensorType::INT64), 1, TensorType::INT64, 0.0);
    assert_eq!(graph(&model).computed_integers(1), Some(&[4, 5][..]));
    refuses(&typed(of(TensorType::INT32), 1, TensorType::INT64, 0.0), "says that its result is of");
}

#[test]
fn scales_of_sums_are_bounded() {
    let of = |operator, inputs: f32, output: f32| {
        let mut model = Draft::new(operator, none(), &[1, 3]).operand(Tensor::default()).open();
        model.subgraphs[0].tensors[1].shape = vec![1, 3];
        model.subgraphs[0].inputs.push(1);
        let mut model = typed(model, 0, TensorType::INT8, inputs);
        let output_tensor = model.subgraphs[0].tensors.last_mut().unwrap();
        output_tensor.quantization.as_mut().unwrap().scale = vec![output];
        model
    };
    // Twice the larger scale, in steps of the output's, stays below 2^20; of squares, below 2^14.
    for operator in [Op::ADD, Op::SUB] {
        assert!(read(&of(operator, (1 << 18) as f32, 1.0)).is_ok());
        refuses(&of(operator, (1 << 19) as f32, 1.0), "too large for that of its result");
    }
    assert!(read(&of(Op::SQUARED_DIFFERENCE, 32.0, 1.0)).is_ok());
    refuses(&of(Op::SQUARED_DIFFERENCE, 64.0, 1.0), "too large for that of its result");
}

/// Integers of constants are computed where they are parsed.
#[test]
fn integers_are_computed_as_tensorflow_lite_computes_them() {
    let of = |operator, left: &[i32], right: &[i32]| {
        let mut model = Draft::new(operator, none(), &[1, 3]).ints(left).ints(right).open();
        let graph = &mut model.subgraphs[0];
        graph.operators[0].inputs.remove(0);
        graph.tensors.last_mut().unwrap().element_type = TensorType::INT32;
        model
    };
    let computed = |operator, left: &[i32], right: &[i32]| {
        graph(&of(operator, left, right)).computed_integers(3).unwrap().to_vec()
    };
    assert_eq!(computed(Op::ADD, &[1, 2, 3], &[10]), [11, 12, 13]);
    assert_eq!(computed(Op::SUB, &[10], &[1, 2, 3]), [9, 8, 7]);
    assert_eq!(computed(Op::MUL, &[2, 3], &[4, -5]), [8, -15]);
    assert_eq!(computed(Op::DIV, &[7, -7], &[2, 2]), [3, -3]);
    assert_eq!(computed(Op::FLOOR_DIV, &[7, -7, 6], &[2, 2, -3]), [3, -4, -2]);
    assert_eq!(computed(Op::FLOOR_DIV, &[-6, 7], &[3, -2]), [-2, -4]);
    assert_eq!(computed(Op::FLOOR_MOD, &[7, -7, 7, -6], &[3, 3, -3, 3]), [1, 2, -2, 0]);
    refuses(&of(Op::MUL, &[i32::MAX], &[2]), "overflow");
    refuses(&of(Op::DIV, &[1], &[0]), "it divides integers by 0");
    refuses(&of(Op::FLOOR_MOD, &[1], &[-1]), "it divides integers by -1");
}

#[test]
fn weights_have_the_scales_of_their_outputs() {
    let of_results = |results: i32, scales: usize, dimension: i32| {
        let draft = Draft::new(Op::CONV_2D, conv(|_| {}), &[1, 4, 4, 2]);
        let bytes = vec![0; 2 * results as usize];
        let model = draft.constant(&[results, 1, 1, 2], Data::Bytes(&bytes)).open();
        let mut model = typed(model, 0, TensorType::INT8, 0.5);
        let weights = model.subgraphs[0].tensors[1].quantization.as_mut().unwrap();
        weights.scale = vec![0.5; scales];
        weights.zero_point = vec![0; scales];
        weights.quantized_dimension = dimension;
        model
    };
    assert_eq!(parsed(&of_results(3, 3, 0)).1, [1, 4, 4, 3]);
    assert_eq!(parsed(&of_results(3, 1, 0)).1, [1, 4, 4, 3]);
    for results in [2, 3] {
        let along = format!("2 scales along dimension 3, and make {results} results along 0");
        refuses(&of_results(results, 2, 3), &along);
    }
}

#[test]
fn images_become_batches_of_blocks_and_back() {
    let batches = |operator, dims: &[i32], sizes: &[i32], borders: &[i32]| {
        let draft = Draft::new(operator, none(), dims).ints(sizes);
        draft.constant(&[2, 2], Data::Ints(borders)).open()
    };
    let to_batch = |sizes: &[i32], borders: &[i32; 4]| {
        batches(Op::SPACE_TO_BATCH_ND, &[2, 5, 6, 3], sizes, borders)
    };
    let block = |size, before, after| lookalike_graph::Block { size, before, after };
    let op = Parsed::SpaceToBatch { blocks: [block(4, 1, 2), block(3, 3, 0)] };
    assert_eq!(parsed(&to_batch(&[4, 3], &[1, 2, 3, 0])), (op, vec![24, 2, 3, 3]));
    refuses(&to_batch(&[4, 3], &[1, 1, 3, 0]), "7 x 9 does not consist of blocks of 4 x 3");
    refuses(&to_batch(&[4, 3], &[1, 2, 3, 1]), "8 x 10 does not consist of blocks of 4 x 3");
    let to_space = |count: i32, borders: &[i32; 4]| {
        batches(Op::BATCH_TO_SPACE_ND, &[count, 2, 3, 3], &[4, 3], borders)
    };
    let op = Parsed::BatchToSpace { blocks: [block(4, 1, 2), block(3, 3, 0)] };
    assert_eq!(parsed(&to_space(24, &[1, 2, 3, 0])), (op, vec![2, 5, 6, 3]));
    assert_eq!(parsed(&to_space(12, &[3, 4, 8, 0])).1, [1, 1, 1, 3]);
    refuses(&to_space(13, &[0; 4]), "13 batches are no blocks of 12");
    refuses(&to_space(12, &[4, 4, 0, 0]), "it takes away more than there is");
    refuses(&to_space(12, &[0, 0, 5, 5]), "it takes away more than there is");
    // The lists are 32-bit integers, two for each dimension.
    let lists = "its blocks and borders must be 32-bit integers";
    refuses(&batches(Op::SPACE_TO_BATCH_ND, &[1, 4, 4, 1], &[2, 0, 2, 0], &[0; 4]), "only blocks");
    let mut sizes = batches(Op::SPACE_TO_BATCH_ND, &[1, 4, 4, 1], &[2, 0, 2, 0], &[0; 4]);
    sizes.subgraphs[0].tensors[1].element_type = TensorType::INT64;
    sizes.subgraphs[0].tensors[1].shape = vec![2];
    refuses(&sizes, lists);
    let mut borders = batches(Op::SPACE_TO_BATCH_ND, &[1, 4, 4, 1], &[2, 2], &[0; 8]);
    borders.subgraphs[0].tensors[2].element_type = TensorType::INT64;
    refuses(&borders, lists);
    let mut flat = batches(Op::SPACE_TO_BATCH_ND, &[1, 4, 4, 1], &[2, 2], &[0; 4]);
    flat.subgraphs[0].tensors[2].shape = vec![4];
    refuses(&flat, lists);
}

#[test]
fn ranks_are_limited() {
    let added = |rank: usize| Draft::new(Op::ADD, none(), &[2]).zeros(&vec![1; rank]).open();
    assert_eq!(parsed(&added(8)).1, [1, 1, 1, 1, 1, 1, 1, 2]);
    refuses(&added(9), "more than 8 dimensions");
    let expanded =
        |rank: usize| Draft::new(Op::EXPAND_DIMS, none(), &vec![2; rank]).ints(&[0]).open();
    assert_eq!(parsed(&expanded(7)).1.len(), 8);
    refuses(&expanded(8), "would have 9 dimensions, and 8 are the most");
    let reduced = |count: usize| Draft::new(Op::MEAN, none(), &[2, 3]).ints(&vec![0; count]).open();
    assert_eq!(parsed(&reduced(16)).1, [3]);
    refuses(&reduced(17), "17 numbers, which are more than there can be");
}

#[test]
fn lists_may_have_64_bits() {
    let mut model =
        Draft::new(Op::SLICE, none(), &[4, 5]).ints(&[1, 0, 2, 0]).ints(&[2, 0, 3, 0]).open();
    for tensor in &mut model.subgraphs[0].tensors[1..3] {
        tensor.element_type = TensorType::INT64;
        tensor.shape = vec![2];
    }
    assert_eq!(parsed(&model).1, [2, 3]);
    // Lists are cast to integers and not to floats.
    let cast = |element_type| {
        let model = Draft::new(Op::CAST, none(), &[1]).ints(&[7, -8]).open();
        let mut model = typed(model, 2, element_type, 0.0);
        model.subgraphs[0].operators[0].inputs.remove(0);
        graph(&model).computed_integers(2).map(<[i64]>::to_vec)
    };
    assert_eq!(cast(TensorType::INT64), Some(vec![7, -8]));
    assert_eq!(cast(TensorType::FLOAT32), None);
}

#[test]
fn messages_name_the_tensor_and_its_type() {
    let mut model = quantized(Draft::new(Op::LOGICAL_NOT, none(), &[3]).open());
    model.subgraphs[0].tensors[0].name = Some("mask".to_owned());
    refuses(&model, "it does not take `mask`, of UINT8 with a scale");
    let mut model = typed(Draft::new(Op::RELU, none(), &[3]).open(), 0, TensorType::INT8, 0.5);
    let quantization = model.subgraphs[0].tensors[0].quantization.as_mut().unwrap();
    (quantization.scale, quantization.zero_point) = (vec![0.5; 3], vec![0; 3]);
    refuses(&model, "of INT8 with several scales");
    let gelu = |approximate| BuiltinOptions::GeluOptions(GeluOptions { approximate });
    let of = |options| parsed(&Draft::new(Op::GELU, options, &[3]).open()).0;
    let op = |is_approximate| Parsed::Unary(lookalike_graph::Unary::Gelu { is_approximate });
    assert_eq!((of(gelu(true)), of(gelu(false)), of(none())), (op(true), op(false), op(false)));
}

/// What nobody reads any more makes room.
#[test]
fn values_are_held_while_they_are_needed() {
    let mut model = Draft::new(Op::ABS, none(), &[1, 8]).open();
    let graph = &mut model.subgraphs[0];
    for input in 1..4 {
        graph.tensors.push(Tensor::default());
        let (inputs, outputs) = (vec![input], vec![input + 1]);
        graph.operators.push(Operator { inputs, outputs, ..Operator::default() });
    }
    graph.outputs = vec![4];
    let within = |max_arena_bytes| {
        read_within(&model, lookalike_graph::GraphLimits { max_arena_bytes, ..LIMITS }).is_ok()
    };
    assert!(within(2 * 8 * 4) && !within(2 * 8 * 4 - 1));
}

/// The positions of windows by TensorFlow's rules.
#[test]
fn windows_have_the_positions_of_tensorflow() {
    let of = |input: i32, size: i32, stride: i32, dilation: i32, padding| {
        let options = conv(|options| {
            (options.stride_h, options.stride_w) = (stride, 1);
            options.dilation_h_factor = dilation;
            options.padding = padding;
        });
        Draft::new(Op::CONV_2D, options, &[1, input, 1, 1]).zeros(&[1, size, 1, 1]).open()
    };
    let rows = |model: &Model| match parsed(model).0 {
        Parsed::Conv2d(conv) => {
            let rows = conv.window.rows;
            assert_eq!((conv.outputs, conv.groups), (1, 1));
            (rows.output, rows.before, rows.after)
        }
        other => panic!("{other:?}"),
    };
    // The odd pixel of padding comes last.
    assert_eq!(rows(&of(7, 3, 2, 1, Padding::SAME)), (4, 1, 1));
    assert_eq!(rows(&of(8, 3, 2, 1, Padding::SAME)), (4, 0, 1));
    assert_eq!(rows(&of(8, 3, 1, 3, Padding::SAME)), (8, 3, 3));
    assert_eq!(rows(&of(8, 2, 3, 1, Padding::SAME)), (3, 0, 0));
    assert_eq!(rows(&of(8, 3, 2, 1, Padding::VALID)), (3, 0, 0));
    assert_eq!(rows(&of(8, 3, 2, 3, Padding::VALID)), (1, 0, 0));
    assert_eq!(rows(&of(7, 3, 2, 3, Padding::VALID)), (1, 0, 0));
    refuses(&of(6, 3, 2, 3, Padding::VALID), "a window of 7 does not fit into 6");
    // Of 0 the multiplier follows from the shapes.
    let multiplied = |multiplier: i32, outputs: i32| {
        Draft::new(Op::DEPTHWISE_CONV_2D, depthwise(multiplier), &[1, 2, 2, 3])
            .zeros(&[1, 1, 1, outputs])
            .open()
    };
    assert_eq!(parsed(&multiplied(0, 6)).1, [1, 2, 2, 6]);
    refuses(&multiplied(0, 7), "its weights are for 7 channels");
    refuses(&multiplied(-1, 3), "of which each becomes -1");
    let several =
        Draft::new(Op::DEPTHWISE_CONV_2D, depthwise(1), &[1, 2, 2, 3]).zeros(&[2, 1, 1, 3]);
    refuses(&several.open(), "its weights are for 3 channels");
}

#[test]
fn images_are_resized_by_one_rule() {
    let of = |align_corners, half_pixel_centers| {
        let options = BuiltinOptions::ResizeBilinearOptions(ResizeBilinearOptions {
            align_corners,
            half_pixel_centers,
        });
        Draft::new(Op::RESIZE_BILINEAR, options, &[1, 2, 3, 4]).ints(&[5, 6]).open()
    };
    let sampling = |aligns_corners, has_half_pixel_centers| {
        Parsed::ResizeBilinear(lookalike_graph::Sampling { aligns_corners, has_half_pixel_centers })
    };
    assert_eq!(parsed(&of(true, false)), (sampling(true, false), vec![1, 5, 6, 4]));
    assert_eq!(parsed(&of(false, true)).0, sampling(false, true));
    refuses(&of(true, true), "it sets both");
    // For each pixel that it makes, an engine keeps where it comes from.
    let model = of(false, false);
    let within = |max_arena_bytes| {
        let limits = lookalike_graph::GraphLimits { max_arena_bytes, ..LIMITS };
        read_within(&model, limits).is_ok()
    };
    let bytes = (2 * 3 * 4 + 5 * 6 * 4) * 4 + 5 * 6 * 32;
    assert!(within(bytes) && !within(bytes - 1));
}

#[test]
fn activations_are_part_of_sums_and_products() {
    let fused_activation_function = Activation::RELU6;
    let op = |function| Parsed::Binary { function, activation: Fused::Relu6 };
    let of = |operator, options| parsed(&Draft::new(operator, options, &[3]).zeros(&[3]).open()).0;
    use lookalike_graph::Binary;
    let add = BuiltinOptions::AddOptions(AddOptions { fused_activation_function });
    assert_eq!(of(Op::ADD, add), op(Binary::Add));
    let sub = BuiltinOptions::SubOptions(SubOptions { fused_activation_function });
    assert_eq!(of(Op::SUB, sub), op(Binary::Sub));
    let mul = BuiltinOptions::MulOptions(MulOptions { fused_activation_function });
    assert_eq!(of(Op::MUL, mul), op(Binary::Mul));
    let div = BuiltinOptions::DivOptions(DivOptions { fused_activation_function });
    assert_eq!(of(Op::DIV, div), op(Binary::Div));
}

#[test]
fn elements_are_gathered_and_lists_followed() {
    let options =
        |axis, batch_dims| BuiltinOptions::GatherOptions(GatherOptions { axis, batch_dims });
    let of = |options, places: &[i32]| Draft::new(Op::GATHER, options, &[2, 3]).ints(places).open();
    let op = Parsed::Gather { axis: 1, indices: vec![2, 0, 0, 1] };
    assert_eq!(parsed(&of(options(-1, 0), &[2, 0, 0, 1])), (op, vec![2, 4]));
    assert_eq!(parsed(&of(none(), &[1])).1, [1, 3]);
    refuses(&of(options(0, 1), &[1]), "it gathers batch by batch");
    refuses(&of(options(1, 0), &[3]), "there is no element 3 of 3");
    // Lists that are made of lists.
    let list = |operator, options, lists: &[&[i32]]| {
        let mut draft = Draft::new(operator, options, &[1, 3]);
        for list in lists {
            draft = draft.ints(list);
        }
        let mut model = draft.open();
        let graph = &mut model.subgraphs[0];
        graph.operators[0].inputs.remove(0);
        let output = graph.outputs[0] as usize;
        graph.tensors[output].element_type = TensorType::INT32;
        self::graph(&model).computed_integers(output).unwrap().to_vec()
    };
    assert_eq!(list(Op::GATHER, none(), &[&[5, 6, 7], &[2, 0]]), [7, 5]);
    assert_eq!(list(Op::SLICE, none(), &[&[5, 6, 7], &[1], &[2]]), [6, 7]);
    let concatenation = BuiltinOptions::ConcatenationOptions(ConcatenationOptions::default());
    assert_eq!(list(Op::CONCATENATION, concatenation, &[&[5, 6], &[7]]), [5, 6, 7]);
    let along_rows = BuiltinOptions::ConcatenationOptions(ConcatenationOptions {
        axis: 1,
        ..ConcatenationOptions::default()
    });
    let mut rows = Draft::new(Op::CONCATENATION, along_rows, &[1])
        .constant(&[2, 2], Data::Ints(&[1, 2, 3, 4]))
        .constant(&[2, 1], Data::Ints(&[5, 6]))
        .open();
    rows.subgraphs[0].operators[0].inputs.remove(0);
    rows.subgraphs[0].tensors[3].element_type = TensorType::INT32;
    assert_eq!(graph(&rows).computed_integers(3), Some(&[1, 2, 5, 3, 4, 6][..]));
    let mut rows = Draft::new(Op::SLICE, none(), &[1])
        .constant(&[2, 3], Data::Ints(&[1, 2, 3, 4, 5, 6]))
        .ints(&[1, 1])
        .ints(&[1, 2])
        .open();
    rows.subgraphs[0].operators[0].inputs.remove(0);
    rows.subgraphs[0].tensors[4].element_type = TensorType::INT32;
    assert_eq!(graph(&rows).computed_integers(4), Some(&[5, 6][..]));
    let pack = BuiltinOptions::PackOptions(PackOptions { values_count: 2, axis: 1 });
    assert_eq!(list(Op::PACK, pack, &[&[1, 2], &[3, 4]]), [1, 3, 2, 4]);
    let reversed = BuiltinOptions::StridedSliceOptions(StridedSliceOptions {
        begin_mask: 1,
        end_mask: 1,
        ..StridedSliceOptions::default()
    });
    assert_eq!(list(Op::STRIDED_SLICE, reversed, &[&[5, 6, 7], &[0], &[0], &[-1]]), [7, 6, 5]);
    let reshape = |new_shape: &[i32]| {
        BuiltinOptions::ReshapeOptions(ReshapeOptions { new_shape: new_shape.to_vec() })
    };
    let shaped = |new_shape: &[i32]| Draft::new(Op::RESHAPE, reshape(new_shape), &[2, 6]).open();
    assert_eq!(parsed(&shaped(&[3, -1])).1, [3, 4]);
    refuses(&shaped(&[5, -1]), "do not fill");
}
