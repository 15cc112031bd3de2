//! What files, graphs and their tensors say.

use lookalike_graph::{Activation as Fused, Sampling, SliceRange, TensorInfo};
use lookalike_schema::tflite::*;

use crate::draft::*;

/// `ADD` of two rows, with a signature.
fn model() -> Model {
    let mut model = Draft::new(BuiltinOperator::ADD, none(), &[1, 2]).zeros(&[2]).open();
    model.description = Some("two rows".to_owned());
    model.subgraphs[0].tensors[0].name = Some("left".to_owned());
    let map = |tensor_index| TensorMap { name: Some("row".to_owned()), tensor_index };
    model.signature_defs = vec![SignatureDef {
        inputs: vec![map(0)],
        outputs: vec![map(2)],
        signature_key: Some("serve".to_owned()),
        subgraph_index: 0,
    }];
    model
}

#[test]
fn files_say_what_they_declare() {
    let (file, graph) = read(&model()).unwrap();
    assert_eq!((file.description(), file.graph_count()), (Some("two rows"), 1));
    assert_eq!((file.inputs(), file.outputs()), (&[0][..], &[2][..]));
    assert_eq!((file.tensors().len(), file.tensors()[0].name.as_str()), (3, "left"));
    assert_eq!((file.constant(1), file.constant(0)), (&[0; 8][..], &[][..]));
    let operator = &file.operators()[0];
    assert_eq!((&*operator.name, operator.version, operator.is_custom), ("ADD", 1, false));
    let signature = &file.signature_defs()[0];
    assert_eq!(signature.name, "serve");
    assert_eq!(signature.inputs, [("row".to_owned(), 0)]);
    assert_eq!(signature.outputs, [("row".to_owned(), 2)]);
    assert!(format!("{file:?}").contains("operators: 1"));
    let graph = graph.unwrap();
    let node = &graph.nodes()[0];
    assert_eq!((graph.name(node), graph.describe(node).as_str()), ("ADD", "operator 0 (ADD)"));
    assert_eq!((node.input(0), node.optional_input(2), node.output()), (0, None, 2));
    assert_eq!(
        (graph.dims(2), graph.element_count(2), graph.image_dims(2)),
        (&[1, 2][..], 2, [1, 2, 1, 1])
    );
    assert_eq!((graph.integers(0), graph.computed_integers(0)), (None, None));
    assert_eq!(graph.file().bytes(), file.bytes());
}

/// A constant of these bytes as the second input, and what reals it stands for.
fn reals(
    element_type: TensorType,
    shape: &[i32],
    data: &[u8],
    quantization: Option<QuantizationParameters>,
) -> lookalike_graph::Result<Option<Vec<f32>>> {
    // Whatever the operator is, its inputs are read.
    let mut model = Draft::new(BuiltinOperator::CUSTOM, none(), &[1]).open();
    model.buffers.push(Buffer { data: data.to_vec(), ..Buffer::default() });
    let code = OperatorCode { builtin_code: BuiltinOperator::ABS, ..OperatorCode::default() };
    model.operator_codes[0] = code;
    model.subgraphs[0].tensors.push(Tensor {
        shape: shape.to_vec(),
        element_type,
        buffer: 1,
        quantization,
        ..Tensor::default()
    });
    read(&model).unwrap().1.unwrap().constant_reals(2)
}

#[test]
fn constants_stand_for_reals() {
    let parameters = |scale: &[f32], zero_point: &[i64], quantized_dimension| {
        Some(QuantizationParameters {
            scale: scale.to_vec(),
            zero_point: zero_point.to_vec(),
            quantized_dimension,
            ..QuantizationParameters::default()
        })
    };
    let floats = [1.5f32.to_le_bytes(), (-2.0f32).to_le_bytes()].concat();
    assert_eq!(reals(TensorType::FLOAT32, &[2], &floats, None).unwrap().unwrap(), [1.5, -2.0]);
    // 1.0 and -2.0 in 16 bits.
    let halves = [0x00, 0x3C, 0x00, 0xC0];
    assert_eq!(reals(TensorType::FLOAT16, &[2], &halves, None).unwrap().unwrap(), [1.0, -2.0]);
    let of = |element_type, data: &[u8], quantization| {
        reals(element_type, &[2, data.len() as i32 / 2], data, quantization).unwrap().unwrap()
    };
    let one = parameters(&[0.5], &[2], 0);
    assert_eq!(of(TensorType::UINT8, &[2, 255], one.clone()), [0.0, 126.5]);
    assert_eq!(of(TensorType::INT8, &[2, 255], one), [0.0, -1.5]);
    // A scale for each row, or for each column.
    let rows = parameters(&[0.5, 2.0], &[0, 1], 0);
    assert_eq!(of(TensorType::INT8, &[1, 2, 3, 4], rows), [0.5, 1.0, 4.0, 6.0]);
    let columns = parameters(&[0.5, 2.0], &[0, 1], 1);
    assert_eq!(of(TensorType::INT8, &[1, 2, 3, 4], columns), [0.5, 2.0, 1.5, 6.0]);
    let words = [(-3i16).to_le_bytes(), 300i16.to_le_bytes()].concat();
    let found = reals(TensorType::INT16, &[2], &words, parameters(&[0.5], &[0], 0));
    assert_eq!(found.unwrap().unwrap(), [-1.5, 150.0]);
    assert!(reals(TensorType::INT8, &[2], &[1, 2], None).is_err());
    assert_eq!(reals(TensorType::BOOL, &[2], &[1, 0], None).unwrap(), None);
}

#[test]
fn tensors_have_a_scale_and_a_shape() {
    let info = TensorInfo::new("image", vec![-1, -1, 4, 3], TensorType::UINT8);
    assert_eq!((&info.shape[..], info.has_open_size()), (&[1, 1, 4, 3][..], true));
    assert_eq!((info.dims().unwrap(), info.scale()), (vec![1, 1, 4, 3], None));
    assert!(!TensorInfo::new("image", vec![-1, 4], TensorType::UINT8).has_open_size());
    assert!(TensorInfo::new("image", vec![-2], TensorType::UINT8).dims().is_err());
    let mut model = Draft::new(BuiltinOperator::RELU, none(), &[3]).open();
    for tensor in &mut model.subgraphs[0].tensors {
        tensor.element_type = TensorType::INT8;
        tensor.quantization = Some(QuantizationParameters {
            scale: vec![0.25],
            zero_point: vec![-7],
            ..QuantizationParameters::default()
        });
    }
    assert_eq!(read(&model).unwrap().0.tensors()[0].scale(), Some((0.25, -7)));
    // Floats have none, and slices have several.
    let mut info = read(&model).unwrap().0.tensors()[0].clone();
    info.element_type = TensorType::FLOAT32;
    assert_eq!(info.scale(), None);
    info.element_type = TensorType::INT8;
    let quantization = info.quantization.as_mut().unwrap();
    quantization.scale = vec![0.25, 0.5];
    quantization.zero_point = vec![0, 0];
    assert_eq!(info.scale(), None);
}

#[test]
fn images_are_sampled_as_tensorflow_lite_samples_them() {
    let of = |aligns_corners, has_half_pixel_centers| Sampling {
        aligns_corners,
        has_half_pixel_centers,
    };
    let nearest =
        |sampling: Sampling, input, output| sampling.nearest(input, output).collect::<Vec<_>>();
    assert_eq!(nearest(of(false, false), 4, 6), [0, 0, 1, 2, 2, 3]);
    assert_eq!(nearest(of(false, true), 4, 6), [0, 1, 1, 2, 3, 3]);
    assert_eq!(nearest(of(true, false), 4, 6), [0, 1, 1, 2, 2, 3]);
    assert_eq!(nearest(of(false, true), 6, 4), [0, 2, 3, 5]);
    // The last position would round to a pixel behind the last.
    assert_eq!(nearest(of(true, true), 2, 2), [1, 1]);
    // Corners cannot be aligned where there is one pixel.
    assert_eq!((of(true, false).step(5, 1), of(true, false).step(5, 3)), (5.0, 2.0));
    assert_eq!(of(false, false).step(5, 2), 2.5);
}

#[test]
fn lists_of_integers_are_handed_out() {
    let options = BuiltinOptions::ReshapeOptions(ReshapeOptions::default());
    let model = Draft::new(BuiltinOperator::RESHAPE, options, &[2, 3]).ints(&[3, 2]).open();
    let graph = read(&model).unwrap().1.unwrap();
    assert_eq!(graph.integers(1).as_deref(), Some(&[3, 2][..]));
    assert_eq!((graph.integers(0), graph.computed_integers(1)), (None, None));
    assert_eq!(graph.dims(2), [3, 2]);
}

#[test]
fn ranges_and_bounds_are_what_they_say() {
    let range = SliceRange { begin: 5, step: -2, count: 3 };
    assert_eq!(range.indices().collect::<Vec<_>>(), [5, 3, 1]);
    assert_eq!(SliceRange::all(3).indices().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(Fused::Relu6.bounds(), Some((0.0, 6.0)));
    assert_eq!(Fused::Relu.bounds(), Some((0.0, f32::INFINITY)));
    assert_eq!(Fused::ReluN1To1.bounds(), Some((-1.0, 1.0)));
    assert_eq!((Fused::None.bounds(), Fused::Tanh.bounds()), (None, None));
}

#[test]
fn the_first_graph_of_a_file_is_run() {
    let mut model = model();
    let mut other = model.subgraphs[0].clone();
    other.tensors[0].shape = vec![3, 2];
    model.subgraphs.push(other);
    let (file, graph) = read(&model).unwrap();
    assert_eq!(file.graph_count(), 2);
    assert_eq!(file.bytes(), model.to_bytes());
    let graph = graph.unwrap();
    assert_eq!(graph.dims(2), [1, 2]);
    assert_eq!(graph.nodes()[0].input(1), 1);
}

#[test]
fn an_input_without_elements_has_no_fixed_shape() {
    let mut model = model();
    model.subgraphs[0].tensors[0].shape = vec![1, 0];
    assert_eq!(read(&model).unwrap().0.fixed_input_dims(), None);
}

#[test]
fn indices_end_with_the_last_tensor() {
    for (change, message) in [
        (
            (|graph: &mut SubGraph| graph.inputs = vec![3]) as fn(&mut SubGraph),
            "input tensor 3 does not exist",
        ),
        (|graph| graph.outputs = vec![3], "output tensor 3 does not exist"),
        (
            |graph| graph.operators[0].inputs[1] = 3,
            "operator 0 uses tensor 3, which does not exist",
        ),
    ] {
        let mut model = model();
        change(&mut model.subgraphs[0]);
        let error = read(&model).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn a_tensor_has_as_many_elements_as_an_integer_can_count() {
    let with_dims = |shape: &[i32]| {
        let mut model = model();
        model.subgraphs[0].tensors.push(Tensor { shape: shape.to_vec(), ..Tensor::default() });
        read(&model).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(with_dims(&[i32::MAX]), Ok(()));
    for shape in [&[2, 1 << 30][..], &[1 << 20, 1 << 12]] {
        let error = with_dims(shape).unwrap_err();
        assert!(error.contains("more than 2147483647 elements"), "{error}");
    }
}

#[test]
fn buffers_may_say_that_they_lie_nowhere_else() {
    let with_offset = |offset| {
        let mut model = model();
        model.buffers[1].offset = offset;
        read(&model).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(with_offset(1), Ok(()));
    let error = with_offset(2).unwrap_err();
    assert!(error.contains("lie behind the flatbuffer"), "{error}");
}

#[test]
fn operands_are_counted() {
    const MAX_OPERANDS: usize = 1 << 22;
    let with_inputs = |count| {
        let mut model = Draft::new(BuiltinOperator::CUSTOM, none(), &[1]).open();
        model.subgraphs[0].operators[0].inputs = vec![-1; count];
        read(&model).map(|_| ()).map_err(|error| error.to_string())
    };
    // The result counts, too.
    assert_eq!(with_inputs(MAX_OPERANDS - 1), Ok(()));
    let error = with_inputs(MAX_OPERANDS).unwrap_err();
    assert!(error.contains("more than 4194304"), "{error}");
}

#[test]
fn constants_have_the_bytes_of_their_type() {
    for (element_type, bytes) in [
        (TensorType::BOOL, 1),
        (TensorType::INT8, 1),
        (TensorType::UINT8, 1),
        (TensorType::BFLOAT16, 2),
        (TensorType::FLOAT16, 2),
        (TensorType::UINT16, 2),
        (TensorType::INT32, 4),
        (TensorType::COMPLEX64, 8),
        (TensorType::UINT64, 8),
        (TensorType::COMPLEX128, 16),
    ] {
        let with_bytes = |count: usize| {
            let mut model = model();
            model.buffers.push(Buffer { data: vec![0; count], ..Buffer::default() });
            let buffer = model.buffers.len() as u32 - 1;
            let shape = vec![3];
            let constant = Tensor { shape, element_type, buffer, ..Tensor::default() };
            model.subgraphs[0].tensors.push(constant);
            read(&model).map(|_| ())
        };
        assert!(with_bytes(3 * bytes).is_ok(), "{element_type}");
        assert!(with_bytes(3 * bytes - 1).is_err(), "{element_type}");
    }
}
