//! Operators on truth values and positions, and transposed convolutions.

use lookalike_graph::{
    Activation as Fused, GraphLimits, Op as Parsed, TransposeConv2d, TransposedSide,
};
use lookalike_schema::tflite::BuiltinOperator as Op;
use lookalike_schema::tflite::*;

use crate::draft::*;
use crate::operators::{parsed, refuses};

/// With another type of the output, or of another tensor.
fn with_type(mut model: Model, tensor: usize, element_type: TensorType) -> Model {
    model.subgraphs[0].tensors[tensor].element_type = element_type;
    model
}

fn transposed(padding: Padding, stride: i32, activation: Activation) -> BuiltinOptions {
    BuiltinOptions::TransposeConvOptions(TransposeConvOptions {
        padding,
        stride_w: stride,
        stride_h: stride,
        fused_activation_function: activation,
    })
}

/// A transposed convolution of an image of 4 x 5 pixels and 3 channels to this shape.
fn transpose_conv(shape: &[i32], weights: &[i32], options: BuiltinOptions) -> Model {
    let mut draft =
        Draft::new(Op::TRANSPOSE_CONV, options, &[1, 4, 5, 3]).ints(shape).zeros(weights);
    // The shape comes first, then the weights, then the input.
    draft.graph().operators[0].inputs = vec![1, 2, 0];
    draft.open()
}

#[test]
fn transposed_convolutions_undo_convolutions() {
    let same = || transposed(Padding::SAME, 2, Activation::RELU6);
    let side = |input, output, before| TransposedSide { input, output, size: 3, stride: 2, before };
    let (op, dims) = parsed(&transpose_conv(&[1, 8, 9, 2], &[2, 3, 3, 3], same()));
    let rows = side(4, 8, 0);
    let columns = side(5, 9, 1);
    let expected = TransposeConv2d { rows, columns, activation: Fused::Relu6 };
    assert_eq!((op, dims), (Parsed::TransposeConv2d(expected), vec![1, 8, 9, 2]));
    let valid = || transposed(Padding::VALID, 2, Activation::NONE);
    assert_eq!(parsed(&transpose_conv(&[1, 9, 11, 2], &[2, 3, 3, 3], valid())).1, [1, 9, 11, 2]);
    refuses(
        &transpose_conv(&[1, 8, 9, 2], &[2, 3, 3, 4], same()),
        "its weights are for 4 channels",
    );
    refuses(
        &transpose_conv(&[1, 9, 9, 2], &[2, 3, 3, 3], same()),
        "9 pixels of its output go with 5",
    );
    refuses(
        &transpose_conv(&[1, 8, 12, 2], &[2, 3, 3, 3], same()),
        "12 pixels of its output go with 6",
    );
    refuses(&transpose_conv(&[2, 8, 9, 2], &[2, 3, 3, 3], same()), "it has 1 images of 2 channels");
    refuses(&transpose_conv(&[1, 8, 9, 3], &[2, 3, 3, 3], same()), "it has 1 images of 2 channels");
    refuses(&transpose_conv(&[8, 9, 2], &[2, 3, 3, 3], same()), "an image cannot have the shape");
    refuses(
        &transpose_conv(&[1, 0, 9, 2], &[2, 3, 3, 3], same()),
        "an image cannot have the shape",
    );
    refuses(
        &transpose_conv(&[1, 8, -9, 2], &[2, 3, 3, 3], same()),
        "an image cannot have the shape",
    );
    refuses(&transpose_conv(&[1, 8, 9, 2], &[2, 3, 3, 3], none()), "its options are those of");
    let unknown = transposed(Padding::SAME, 2, Activation::SIGN_BIT);
    refuses(&transpose_conv(&[1, 8, 9, 2], &[2, 3, 3, 3], unknown), "its activation SIGN_BIT");
    let mut biased = transpose_conv(&[1, 8, 9, 2], &[2, 3, 3, 3], same());
    let graph = &mut biased.subgraphs[0];
    graph.operators[0].inputs.push(2);
    refuses(&biased, "its bias has");
    biased.subgraphs[0].operators[0].inputs.push(2);
    refuses(&biased, "takes 3 to 4 inputs");
}

#[test]
fn what_transposed_convolutions_cost_is_counted() {
    let valid = transposed(Padding::VALID, 2, Activation::NONE);
    let model = transpose_conv(&[1, 9, 11, 2], &[2, 3, 3, 3], valid);
    let within = |limits| read_within(&model, limits).map(|_| ());
    let multiplications = 9 * 11 * 9 * 3 * 2 + 9 * 11 * 2 + 4 * 5 * 3;
    assert!(within(GraphLimits { max_multiplications: multiplications, ..LIMITS }).is_ok());
    let fewer = GraphLimits { max_multiplications: multiplications - 1, ..LIMITS };
    assert!(within(fewer).unwrap_err().to_string().contains("multiplications"));
    // Input and output, the products of all pixels with the window, and the input with zeros between its pixels.
    let bytes = 4 * (4 * 5 * 3 + 9 * 11 * 2 + 4 * 5 * 9 * 2 + (9 + 6) * (11 + 6) * 3);
    assert!(within(GraphLimits { max_arena_bytes: bytes, ..LIMITS }).is_ok());
    let fewer = GraphLimits { max_arena_bytes: bytes - 1, ..LIMITS };
    assert!(within(fewer).unwrap_err().to_string().contains("bytes at a time"));
}

#[test]
fn the_largest_is_looked_for_along_one_dimension() {
    let options = |output_type| BuiltinOptions::ArgMaxOptions(ArgMaxOptions { output_type });
    let of = |axis: &[i32], declared, found| {
        let draft = Draft::new(Op::ARG_MAX, options(declared), &[2, 3, 4]).ints(axis);
        with_type(draft.open(), 2, found)
    };
    let (i32, i64) = (TensorType::INT32, TensorType::INT64);
    assert_eq!(parsed(&of(&[-1], i32, i32)), (Parsed::ArgMax { axis: 2 }, vec![2, 3]));
    assert_eq!(parsed(&of(&[0], i64, i64)), (Parsed::ArgMax { axis: 0 }, vec![3, 4]));
    refuses(&of(&[3], i32, i32), "there is no dimension 3 of 3");
    refuses(&of(&[0, 1], i32, i32), "is not one dimension");
    refuses(&of(&[0], i32, i64), "it does not take");
    refuses(&of(&[0], TensorType::FLOAT32, TensorType::FLOAT32), "it does not take");
    let without = Draft::new(Op::ARG_MAX, none(), &[2, 3]).ints(&[0]).open();
    refuses(&with_type(without, 2, i32), "its options are those of");
    let of_floats = Draft::new(Op::ARG_MAX, options(i32), &[2, 3]).zeros(&[1]).open();
    refuses(&with_type(of_floats, 2, i32), "it does not take");
    let of_shorts = with_type(of(&[0], i32, i32), 0, TensorType::INT16);
    refuses(&of_shorts, "it does not take");
}

#[test]
fn sums_run_along_one_dimension() {
    let of = |axis: &[i32], exclusive, reverse| {
        let options = BuiltinOptions::CumsumOptions(CumsumOptions { exclusive, reverse });
        Draft::new(Op::CUMSUM, options, &[2, 3]).ints(axis).open()
    };
    let op = |axis, is_exclusive, is_reversed| Parsed::CumSum { axis, is_exclusive, is_reversed };
    assert_eq!(parsed(&of(&[-1], false, true)), (op(1, false, true), vec![2, 3]));
    assert_eq!(parsed(&of(&[0], true, false)), (op(0, true, false), vec![2, 3]));
    refuses(&of(&[2], false, false), "there is no dimension 2 of 2");
    let integers = with_type(of(&[0], false, false), 0, TensorType::INT32);
    refuses(&with_type(integers, 2, TensorType::INT32), "it does not take");
    refuses(&Draft::new(Op::CUMSUM, none(), &[2, 3]).ints(&[0]).open(), "its options are those of");
}

/// A condition of these dimensions, and values of others.
fn select(operator: Op, condition: &[i32], yes: &[i32], no: &[i32]) -> Model {
    let model = Draft::new(operator, none(), condition).zeros(yes).zeros(no).open();
    with_type(model, 0, TensorType::BOOL)
}

#[test]
fn conditions_fit_the_values_that_they_choose() {
    let of = |condition: &[i32], yes: &[i32], no: &[i32]| select(Op::SELECT, condition, yes, no);
    assert_eq!(parsed(&of(&[2, 3], &[2, 3], &[2, 3])), (Parsed::Select, vec![2, 3]));
    assert_eq!(parsed(&of(&[], &[2, 3], &[2, 3])).1, [2, 3]);
    assert_eq!(parsed(&of(&[1], &[1, 3], &[1, 3])).1, [1, 3]);
    refuses(&of(&[1], &[2, 3], &[2, 3]), "another shape than its values");
    refuses(&of(&[2], &[2, 3], &[2, 3]), "another shape than its values");
    refuses(&of(&[2, 3], &[2, 3], &[3]), "do not go together");
    let of = |condition: &[i32], yes: &[i32], no: &[i32]| select(Op::SELECT_V2, condition, yes, no);
    assert_eq!(parsed(&of(&[2, 1, 1], &[3, 1], &[4])), (Parsed::Select, vec![2, 3, 4]));
    refuses(&of(&[2], &[3], &[3]), "do not go together");
    refuses(&of(&[3], &[2], &[3]), "do not go together");
    let floats = with_type(of(&[3], &[3], &[3]), 0, TensorType::FLOAT32);
    refuses(&floats, "it does not take");
    let mixed = with_type(of(&[3], &[3], &[3]), 3, TensorType::INT32);
    refuses(&mixed, "it does not take");
}

#[test]
fn slices_are_gathered_by_several_dimensions() {
    let of = |shape: &[i32], indices: &[i32]| {
        Draft::new(Op::GATHER_ND, none(), &[2, 3, 4]).constant(shape, Data::Ints(indices)).open()
    };
    let (op, dims) = parsed(&of(&[2, 2], &[1, 2, 0, 1]));
    assert_eq!((op, dims), (Parsed::GatherNd { depth: 2, indices: vec![5, 1] }, vec![2, 4]));
    let (op, dims) = parsed(&of(&[1, 1, 3], &[1, 2, 3]));
    assert_eq!((op, dims), (Parsed::GatherNd { depth: 3, indices: vec![23] }, vec![1, 1]));
    refuses(&of(&[1, 2], &[2, 0]), "its places lie outside");
    refuses(&of(&[1, 2], &[0, -1]), "its places lie outside");
    refuses(&of(&[1, 4], &[0; 4]), "are no places in");
    let floats = Draft::new(Op::GATHER_ND, none(), &[2, 3]).zeros(&[1, 1]).open();
    refuses(&floats, "it does not take");
}

#[test]
fn rows_are_looked_up_in_a_table() {
    let of = |table: &[i32], places: &[i32]| {
        let mut draft = Draft::new(Op::EMBEDDING_LOOKUP, none(), table).ints(places);
        draft.graph().operators[0].inputs = vec![1, 0];
        draft.open()
    };
    let op = Parsed::EmbeddingLookup { indices: vec![4, 0, 4] };
    assert_eq!(parsed(&of(&[5, 3, 2], &[4, 0, 4])), (op, vec![3, 3, 2]));
    refuses(&of(&[5, 3], &[5]), "there is no element 5 of 5");
    refuses(&of(&[5], &[0]), "a list of rows in a table");
    let mut draft = Draft::new(Op::EMBEDDING_LOOKUP, none(), &[5, 3]);
    draft = draft.constant(&[1, 1], Data::Ints(&[0]));
    draft.graph().operators[0].inputs = vec![1, 0];
    refuses(&draft.open(), "a list of rows in a table");
}

#[test]
fn one_of_many_has_a_depth() {
    let of = |axis, depth: &[i32], on: &[f32]| {
        let options = BuiltinOptions::OneHotOptions(OneHotOptions { axis });
        let draft = Draft::new(Op::ONE_HOT, options, &[2, 3]).ints(depth);
        let count = [on.len() as i32];
        let draft = draft.constant(&count, Data::Floats(on)).constant(&count, Data::Floats(on));
        with_type(draft.open(), 0, TensorType::INT32)
    };
    let op = |axis| Parsed::OneHot { axis, depth: 4 };
    assert_eq!(parsed(&of(-1, &[4], &[1.0])), (op(2), vec![2, 3, 4]));
    assert_eq!(parsed(&of(0, &[4], &[1.0])), (op(0), vec![4, 2, 3]));
    assert_eq!(parsed(&of(2, &[4], &[1.0])), (op(2), vec![2, 3, 4]));
    refuses(&of(3, &[4], &[1.0]), "there is no dimension 3 of 3");
    refuses(&of(-2, &[4], &[1.0]), "there is no dimension -2");
    refuses(&of(0, &[0], &[1.0]), "its depth is no number above 0");
    refuses(&of(0, &[4, 4], &[1.0]), "its depth is no number above 0");
    refuses(&of(0, &[4], &[1.0, 2.0]), "its values are not constant numbers");
    let floats = with_type(of(0, &[4], &[1.0]), 0, TensorType::FLOAT32);
    refuses(&floats, "it does not take");
    let mut model = of(0, &[4], &[1.0]);
    model.subgraphs[0].operators[0].builtin_options = none();
    refuses(&model, "its options are those of");
}
