//! Changes to models that know what a model is, so that what comes out is often sound and really run.

use arbitrary::{Result, Unstructured};
use lookalike_schema::tflite::*;

/// Changes a model at a few offsets, as the bytes choose.
///
/// # Errors
///
/// The bytes are used up before the first change.
pub(crate) fn mutate(model: &mut Model, choices: &mut Unstructured<'_>) -> Result<()> {
    let count = choices.int_in_range(1..=4)?;
    for _ in 0..count {
        mutate_once(model, choices)?;
    }
    // What is declared between inputs and outputs would contradict most changes.
    if choices.ratio(9, 10)? {
        forget_declared_shapes(model);
    }
    Ok(())
}

/// Leaves the shape of all computed values open.
fn forget_declared_shapes(model: &mut Model) {
    for graph in &mut model.subgraphs {
        for (index, tensor) in graph.tensors.iter_mut().enumerate() {
            let is_computed = tensor.buffer == 0 && !graph.inputs.contains(&(index as i32));
            if is_computed {
                tensor.shape_signature = vec![-1; tensor.shape.len()];
                if !graph.outputs.contains(&(index as i32)) {
                    tensor.shape.clear();
                }
            }
        }
    }
}

fn mutate_once(model: &mut Model, choices: &mut Unstructured<'_>) -> Result<()> {
    let Some(graph) = model.subgraphs.first_mut() else { return Ok(()) };
    match choices.int_in_range(0..=11)? {
        0 | 1 => {
            if let Some(operator) = pick(&mut graph.operators, choices)? {
                mutate_options(&mut operator.builtin_options, choices)?;
            }
        }
        2 | 3 => {
            let Some(tensor) = pick(&mut graph.tensors, choices)? else { return Ok(()) };
            if let Some(size) = pick(&mut tensor.shape, choices)? {
                let before = *size;
                *size = number(*size, choices)?;
                // The data of a constant follows its shape.
                if let Some(buffer) = model.buffers.get_mut(tensor.buffer as usize)
                    && before > 0
                    && (0..64).contains(size)
                    && buffer.data.len() < 1 << 20
                {
                    let length = buffer.data.len() / before as usize * *size as usize;
                    buffer.data.resize(length, 7);
                }
            }
        }
        4 => {
            if let Some(tensor) = pick(&mut graph.tensors, choices)? {
                tensor.element_type = TensorType(choices.int_in_range(-1..=18)?);
            }
        }
        5 => {
            if let Some(tensor) = pick(&mut graph.tensors, choices)? {
                mutate_quantization(tensor, choices)?;
            }
        }
        6 => {
            let tensors = graph.tensors.len() as i32;
            if let Some(operator) = pick(&mut graph.operators, choices)? {
                let list =
                    if choices.arbitrary()? { &mut operator.inputs } else { &mut operator.outputs };
                match choices.int_in_range(0..=2)? {
                    0 => {
                        list.pop();
                    }
                    1 => list.push(choices.int_in_range(-1..=tensors)?),
                    _ => {
                        if let Some(index) = pick(list, choices)? {
                            *index = choices.int_in_range(-2..=tensors)?;
                        }
                    }
                }
            }
        }
        7 => {
            if let Some(code) = pick(&mut model.operator_codes, choices)? {
                let operator = choices.int_in_range(0..=150)?;
                code.builtin_code = BuiltinOperator(operator);
                code.deprecated_builtin_code = operator.min(127) as i8;
                code.version = choices.int_in_range(0..=9)?;
            }
        }
        8 => {
            if let Some(buffer) = pick(&mut model.buffers, choices)? {
                match choices.int_in_range(0..=3)? {
                    0 => {
                        buffer.data.pop();
                    }
                    1 if buffer.data.len() >= 4 => {
                        // A 32-bit number in a list of sizes, indices or axes.
                        let position = choices.choose_index(buffer.data.len() / 4)? * 4;
                        let old = i32::from_le_bytes([
                            buffer.data[position],
                            buffer.data[position + 1],
                            buffer.data[position + 2],
                            buffer.data[position + 3],
                        ]);
                        let new = number(old, choices)?;
                        buffer.data[position..position + 4].copy_from_slice(&new.to_le_bytes());
                    }
                    _ => {
                        if let Some(byte) = pick(&mut buffer.data, choices)? {
                            *byte = choices.arbitrary()?;
                        }
                    }
                }
            }
        }
        9 => {
            // Another operator between the last value and the output.
            let kinds: [BuiltinOperator; 12] = [
                BuiltinOperator::RELU,
                BuiltinOperator::TANH,
                BuiltinOperator::LOGISTIC,
                BuiltinOperator::HARD_SWISH,
                BuiltinOperator::EXP,
                BuiltinOperator::RSQRT,
                BuiltinOperator::ABS,
                BuiltinOperator::LOG_SOFTMAX,
                BuiltinOperator::QUANTIZE,
                BuiltinOperator::DEQUANTIZE,
                BuiltinOperator::CAST,
                BuiltinOperator::L2_NORMALIZATION,
            ];
            let kind = kinds[choices.choose_index(kinds.len())?];
            let Some(&last) = graph.outputs.first() else { return Ok(()) };
            let Some(mut tensor) = graph.tensors.get(last as usize).cloned() else { return Ok(()) };
            if matches!(kind, BuiltinOperator::DEQUANTIZE | BuiltinOperator::CAST) {
                tensor.element_type = TensorType::FLOAT32;
            }
            graph.tensors.push(tensor);
            model.operator_codes.push(OperatorCode {
                builtin_code: kind,
                deprecated_builtin_code: kind.0.min(127) as i8,
                ..OperatorCode::default()
            });
            let output = graph.tensors.len() as i32 - 1;
            graph.operators.push(Operator {
                opcode_index: model.operator_codes.len() as u32 - 1,
                inputs: vec![last],
                outputs: vec![output],
                ..Operator::default()
            });
            graph.outputs[0] = output;
        }
        10 => {
            let count = graph.operators.len();
            if count > 1 {
                let (one, other) = (choices.choose_index(count)?, choices.choose_index(count)?);
                if choices.arbitrary()? {
                    graph.operators.swap(one, other);
                } else {
                    graph.operators.remove(one);
                }
            }
        }
        _ => {
            let tensors = graph.tensors.len() as i32;
            let list = if choices.arbitrary()? { &mut graph.inputs } else { &mut graph.outputs };
            if let Some(index) = pick(list, choices)? {
                *index = choices.int_in_range(0..=tensors)?;
            }
        }
    }
    Ok(())
}

fn pick<'a, T>(list: &'a mut [T], choices: &mut Unstructured<'_>) -> Result<Option<&'a mut T>> {
    if list.is_empty() {
        return Ok(None);
    }
    let index = choices.choose_index(list.len())?;
    Ok(list.get_mut(index))
}

/// A number near another one, or at an end of its type.
fn number(old: i32, choices: &mut Unstructured<'_>) -> Result<i32> {
    Ok(match choices.int_in_range(0..=9)? {
        0 => 0,
        1 => -1,
        2 => i32::MAX,
        3 => i32::MIN,
        4 => old.wrapping_mul(2),
        5 => old.wrapping_neg(),
        6 => 65_536,
        7 => choices.arbitrary()?,
        _ => old.wrapping_add(choices.int_in_range(-3..=3)?),
    })
}

fn float(choices: &mut Unstructured<'_>) -> Result<f32> {
    const ODD: [f32; 10] = [
        0.0,
        -1.0,
        1.0,
        1e-30,
        1e30,
        f32::MIN_POSITIVE,
        f32::MAX,
        f32::INFINITY,
        f32::NAN,
        0.003_906_25,
    ];
    Ok(match choices.int_in_range(0..=10)? {
        10 => choices.arbitrary()?,
        index => ODD[index],
    })
}

fn mutate_quantization(tensor: &mut Tensor, choices: &mut Unstructured<'_>) -> Result<()> {
    let quantization = tensor.quantization.get_or_insert_default();
    match choices.int_in_range(0..=5)? {
        0 => tensor.quantization = None,
        1 => {
            if let Some(scale) = pick(&mut quantization.scale, choices)? {
                *scale = float(choices)?;
            }
        }
        2 => {
            if let Some(zero_point) = pick(&mut quantization.zero_point, choices)? {
                *zero_point = choices.int_in_range(-130..=256)?;
            }
        }
        3 => quantization.quantized_dimension = number(quantization.quantized_dimension, choices)?,
        4 => {
            let axis = choices.int_in_range(0..=3)?;
            let count = tensor.shape.get(axis).copied().unwrap_or(1).clamp(0, 4096) as usize;
            let quantization = tensor.quantization.get_or_insert_default();
            quantization.quantized_dimension = axis as i32;
            quantization.scale = vec![0.02; count];
            quantization.zero_point = vec![0; count];
        }
        _ => {
            quantization.scale = vec![float(choices)?];
            quantization.zero_point = vec![choices.int_in_range(-128..=255)?];
            if choices.arbitrary()? {
                tensor.element_type = TensorType::UINT8;
            } else if choices.arbitrary()? {
                tensor.element_type = TensorType::INT16;
            } else {
                tensor.element_type = TensorType::INT8;
            }
        }
    }
    Ok(())
}

fn mutate_options(options: &mut BuiltinOptions, choices: &mut Unstructured<'_>) -> Result<()> {
    use BuiltinOptions as Of;
    let field = choices.int_in_range(0..=7)?;
    let activation = |activation: &mut Activation, choices: &mut Unstructured<'_>| -> Result<()> {
        activation.0 = choices.int_in_range(-1..=6)?;
        Ok(())
    };
    let change = |numbers: &mut [&mut i32], choices: &mut Unstructured<'_>| -> Result<()> {
        let index = choices.choose_index(numbers.len())?;
        *numbers[index] = number(*numbers[index], choices)?;
        Ok(())
    };
    match options {
        Of::Conv2DOptions(of) if field == 0 => of.padding.0 = choices.int_in_range(-1..=2)?,
        Of::Conv2DOptions(of) if field == 1 => {
            activation(&mut of.fused_activation_function, choices)?
        }
        Of::Conv2DOptions(of) => change(
            &mut [
                &mut of.stride_w,
                &mut of.stride_h,
                &mut of.dilation_w_factor,
                &mut of.dilation_h_factor,
            ],
            choices,
        )?,
        Of::DepthwiseConv2DOptions(of) if field == 0 => {
            of.padding.0 = choices.int_in_range(-1..=2)?;
        }
        Of::DepthwiseConv2DOptions(of) if field == 1 => {
            activation(&mut of.fused_activation_function, choices)?;
        }
        Of::DepthwiseConv2DOptions(of) => change(
            &mut [
                &mut of.stride_w,
                &mut of.stride_h,
                &mut of.depth_multiplier,
                &mut of.dilation_w_factor,
                &mut of.dilation_h_factor,
            ],
            choices,
        )?,
        Of::Pool2DOptions(of) if field == 0 => of.padding.0 = choices.int_in_range(-1..=2)?,
        Of::Pool2DOptions(of) if field == 1 => {
            activation(&mut of.fused_activation_function, choices)?
        }
        Of::Pool2DOptions(of) => change(
            &mut [&mut of.stride_w, &mut of.stride_h, &mut of.filter_width, &mut of.filter_height],
            choices,
        )?,
        Of::FullyConnectedOptions(of) => match field {
            0 => of.weights_format = choices.int_in_range(-1..=2)?,
            1 | 2 => of.keep_num_dims = choices.arbitrary()?,
            3 => of.asymmetric_quantize_inputs = choices.arbitrary()?,
            _ => activation(&mut of.fused_activation_function, choices)?,
        },
        Of::SoftmaxOptions(of) => of.beta = float(choices)?,
        Of::ConcatenationOptions(of) if field == 0 => {
            activation(&mut of.fused_activation_function, choices)?;
        }
        Of::ConcatenationOptions(of) => of.axis = number(of.axis, choices)?,
        Of::AddOptions(of) => activation(&mut of.fused_activation_function, choices)?,
        Of::SubOptions(of) => activation(&mut of.fused_activation_function, choices)?,
        Of::MulOptions(of) => activation(&mut of.fused_activation_function, choices)?,
        Of::DivOptions(of) => activation(&mut of.fused_activation_function, choices)?,
        Of::L2NormOptions(of) => activation(&mut of.fused_activation_function, choices)?,
        Of::ResizeBilinearOptions(of) => {
            (of.align_corners, of.half_pixel_centers) = choices.arbitrary()?;
        }
        Of::ResizeNearestNeighborOptions(of) => {
            (of.align_corners, of.half_pixel_centers) = choices.arbitrary()?;
        }
        Of::ReshapeOptions(of) => {
            if let Some(size) = pick(&mut of.new_shape, choices)? {
                *size = number(*size, choices)?;
            }
        }
        Of::GatherOptions(of) => change(&mut [&mut of.axis, &mut of.batch_dims], choices)?,
        Of::ReducerOptions(of) => of.keep_dims = choices.arbitrary()?,
        Of::SqueezeOptions(of) => {
            if let Some(axis) = pick(&mut of.squeeze_dims, choices)? {
                *axis = number(*axis, choices)?;
            } else {
                of.squeeze_dims.push(choices.int_in_range(-4..=4)?);
            }
        }
        Of::StridedSliceOptions(of) => change(
            &mut [
                &mut of.begin_mask,
                &mut of.end_mask,
                &mut of.ellipsis_mask,
                &mut of.new_axis_mask,
                &mut of.shrink_axis_mask,
            ],
            choices,
        )?,
        Of::SplitOptions(of) => of.num_splits = number(of.num_splits, choices)?,
        Of::PackOptions(of) => change(&mut [&mut of.values_count, &mut of.axis], choices)?,
        Of::UnpackOptions(of) => change(&mut [&mut of.num, &mut of.axis], choices)?,
        Of::MirrorPadOptions(of) => of.mode = choices.int_in_range(-1..=2)?,
        Of::BatchMatMulOptions(of) => (of.adj_x, of.adj_y) = choices.arbitrary()?,
        Of::LeakyReluOptions(of) => of.alpha = float(choices)?,
        Of::GeluOptions(of) => of.approximate = choices.arbitrary()?,
        Of::ShapeOptions(of) => of.out_type.0 = choices.int_in_range(0..=10)?,
        Of::CastOptions(of) => of.out_data_type.0 = choices.int_in_range(0..=10)?,
        _ => *options = BuiltinOptions::None,
    }
    if field == 7 && choices.ratio(1, 8)? {
        *options = BuiltinOptions::None;
    }
    Ok(())
}
