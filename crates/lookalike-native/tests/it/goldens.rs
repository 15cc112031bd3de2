//! Quantized operators of random scales and zero points, against what LiteRT gave for them, byte for byte.
//!
//! `cargo xtask golden` captures the checksums: `xtask/golden/quantized.py` draws the same numbers in the same order.

use lookalike_core::Data;
use lookalike_native::Native;
use lookalike_schema::tflite::*;

use crate::models::{Draft, Numbers, Scale, bytes, run, tensor};

/// Cases of a checksum.
const CASES: u64 = 40;

const SHAPE: [usize; 4] = [1, 4, 8, 8];

/// A case in the making.
struct Case {
    numbers: Numbers,
    draft: Draft,
    kind: TensorType,
    shapes: Vec<Vec<usize>>,
}

impl Case {
    fn zero_point(&mut self, kind: TensorType) -> i64 {
        i64::from(self.numbers.next() % 256) - if kind == TensorType::INT8 { 128 } else { 0 }
    }

    /// From 0.002 to 0.062.
    fn step(&mut self) -> f32 {
        (200 + self.numbers.next() % 6000) as f32 / 100_000.0
    }

    fn scale(&mut self, kind: TensorType) -> Scale {
        (self.step(), self.zero_point(kind))
    }

    fn input_of(&mut self, shape: &[usize], scale: Scale) -> i32 {
        self.shapes.push(shape.to_vec());
        self.draft.input(shape, self.kind, &[scale])
    }

    fn input(&mut self, shape: &[usize]) -> i32 {
        let scale = self.scale(self.kind);
        self.input_of(shape, scale)
    }

    /// Runs an operator and returns the bytes of its output.
    fn run(
        mut self,
        operator: BuiltinOperator,
        options: BuiltinOptions,
        inputs: &[i32],
        kind: TensorType,
        scale: Scale,
    ) -> Vec<u8> {
        let data = |shape: &Vec<usize>| {
            let bytes = self.numbers.bytes(shape.iter().product());
            tensor(
                shape,
                if self.kind == TensorType::INT8 {
                    Data::I8(bytes.into_iter().map(|byte| byte as i8).collect())
                } else {
                    Data::U8(bytes)
                },
            )
        };
        let data: Vec<_> = self.shapes.iter().map(data).collect();
        let output = self.draft.operator(operator, options, inputs, kind, &[scale]);
        bytes(&run(Native::new(), 1, &self.draft.model(output), &data))
    }

    fn binary(
        mut self,
        operator: BuiltinOperator,
        options: BuiltinOptions,
        right: [usize; 4],
    ) -> Vec<u8> {
        let inputs = [self.input(&SHAPE), self.input(&right)];
        let (kind, scale) = (self.kind, self.scale(self.kind));
        self.run(operator, options, &inputs, kind, scale)
    }

    fn unary(
        mut self,
        operator: BuiltinOperator,
        options: BuiltinOptions,
        shape: &[usize],
        output: Output,
    ) -> Vec<u8> {
        let kind = match (output, self.kind) {
            (Output::OtherType, TensorType::INT8) => TensorType::UINT8,
            (Output::OtherType, _) => TensorType::INT8,
            (_, kind) => kind,
        };
        let input = self.input(shape);
        let is_signed = kind == TensorType::INT8;
        let scale = match output {
            Output::Random | Output::OtherType => self.scale(kind),
            Output::Unit => (1.0 / 256.0, if is_signed { -128 } else { 0 }),
            Output::SignedUnit => (1.0 / 128.0, if is_signed { 0 } else { 128 }),
        };
        self.run(operator, options, &[input], kind, scale)
    }

    fn resize(mut self, align_corners: bool, half_pixel_centers: bool) -> Vec<u8> {
        let [rows, columns, to_rows, to_columns] =
            std::array::from_fn(|_| 1 + self.numbers.next() % 9);
        let scale = self.scale(self.kind);
        let image = self.input_of(&[1, rows as usize, columns as usize, 3], scale);
        let size = self.draft.integers(&[to_rows as i32, to_columns as i32]);
        let options = BuiltinOptions::ResizeBilinearOptions(ResizeBilinearOptions {
            align_corners,
            half_pixel_centers,
        });
        let kind = self.kind;
        self.run(BuiltinOperator::RESIZE_BILINEAR, options, &[image, size], kind, scale)
    }

    fn pool(mut self, operator: BuiltinOperator) -> Vec<u8> {
        let [rows, columns] = std::array::from_fn(|_| 1 + self.numbers.next() % 4);
        let scale = self.scale(self.kind);
        let image = self.input_of(&SHAPE, scale);
        let options = BuiltinOptions::Pool2DOptions(Pool2DOptions {
            padding: Padding::VALID,
            stride_w: 1,
            stride_h: 1,
            filter_width: columns as i32,
            filter_height: rows as i32,
            ..Pool2DOptions::default()
        });
        let kind = self.kind;
        self.run(operator, options, &[image], kind, scale)
    }

    fn mean(mut self) -> Vec<u8> {
        let image = self.input(&SHAPE);
        let (kind, scale) = (self.kind, self.scale(self.kind));
        let axes = self.draft.integers(&[1, 2]);
        let options = BuiltinOptions::ReducerOptions(ReducerOptions { keep_dims: true });
        self.run(BuiltinOperator::MEAN, options, &[image, axes], kind, scale)
    }

    fn mean_of_channels(mut self) -> Vec<u8> {
        let image = self.input(&[1, 4, 8, 24]);
        let (kind, scale) = (self.kind, self.scale(self.kind));
        let axes = self.draft.integers(&[3]);
        let options = BuiltinOptions::ReducerOptions(ReducerOptions { keep_dims: true });
        self.run(BuiltinOperator::MEAN, options, &[image, axes], kind, scale)
    }

    /// A function of values that are not negative: the zero point is the smallest byte.
    fn positive(mut self, operator: BuiltinOperator) -> Vec<u8> {
        let scale = (self.step(), -128);
        let input = self.input_of(&SHAPE, scale);
        let (kind, scale) = (self.kind, self.scale(self.kind));
        self.run(operator, BuiltinOptions::None, &[input], kind, scale)
    }

    fn same_scale(mut self, operator: BuiltinOperator) -> Vec<u8> {
        let scale = self.scale(self.kind);
        let inputs = [self.input_of(&SHAPE, scale), self.input_of(&SHAPE, scale)];
        let kind = self.kind;
        self.run(operator, BuiltinOptions::None, &inputs, kind, scale)
    }

    fn prelu(mut self) -> Vec<u8> {
        let input = self.input(&SHAPE);
        let (kind, scale) = (self.kind, self.scale(self.kind));
        let slopes = self.numbers.bytes(8);
        let slopes = self.draft.bytes(&[1, 1, 8], kind, &[scale], 0, &slopes);
        let scale = self.scale(kind);
        self.run(BuiltinOperator::PRELU, BuiltinOptions::None, &[input, slopes], kind, scale)
    }

    fn leaky_relu(mut self) -> Vec<u8> {
        let alpha = (self.numbers.next() % 200) as f32 / 100.0 - 1.0;
        let options = BuiltinOptions::LeakyReluOptions(LeakyReluOptions { alpha });
        self.unary(BuiltinOperator::LEAKY_RELU, options, &SHAPE, Output::Random)
    }

    /// Weights and a bias: unsigned weights have a zero point, signed ones may have a scale for each channel.
    fn weights(
        &mut self,
        shape: &[usize],
        outputs: usize,
        axis: i32,
        has_channels: bool,
    ) -> [i32; 2] {
        let (kind, count) = (self.kind, shape.iter().product());
        let weights = if kind == TensorType::UINT8 {
            let scale = self.scale(kind);
            let bytes = self.numbers.bytes(count);
            self.draft.bytes(shape, kind, &[scale], axis, &bytes)
        } else {
            let channels = if has_channels { outputs } else { 1 };
            let scales: Vec<Scale> = (0..channels).map(|_| (self.step(), 0)).collect();
            let bytes = self.numbers.bytes(count);
            let bytes: Vec<u8> =
                bytes.iter().map(|&byte| if byte == 128 { 129 } else { byte }).collect();
            self.draft.bytes(shape, kind, &scales, axis, &bytes)
        };
        let bias: Vec<i32> =
            (0..outputs).map(|_| (self.numbers.next() % 4000) as i32 - 2000).collect();
        [weights, self.draft.integers(&bias)]
    }

    /// The scale of sums of products.
    fn coarse(&mut self) -> Scale {
        let (scale, zero_point) = self.scale(self.kind);
        (scale * 8.0, zero_point)
    }

    fn conv(mut self, size: usize, has_channels: bool) -> Vec<u8> {
        let image = self.input(&SHAPE);
        let [weights, bias] = self.weights(&[6, size, size, 8], 6, 0, has_channels);
        let scale = self.coarse();
        let options = BuiltinOptions::Conv2DOptions(Conv2DOptions {
            stride_w: 1,
            stride_h: 1,
            ..Conv2DOptions::default()
        });
        let kind = self.kind;
        self.run(BuiltinOperator::CONV_2D, options, &[image, weights, bias], kind, scale)
    }

    fn depthwise(mut self, has_channels: bool) -> Vec<u8> {
        let image = self.input(&SHAPE);
        let [weights, bias] = self.weights(&[1, 3, 3, 8], 8, 3, has_channels);
        let scale = self.coarse();
        let options = BuiltinOptions::DepthwiseConv2DOptions(DepthwiseConv2DOptions {
            stride_w: 1,
            stride_h: 1,
            depth_multiplier: 1,
            ..DepthwiseConv2DOptions::default()
        });
        let (kind, operator) = (self.kind, BuiltinOperator::DEPTHWISE_CONV_2D);
        self.run(operator, options, &[image, weights, bias], kind, scale)
    }

    fn fully_connected(mut self) -> Vec<u8> {
        let input = self.input(&[3, 32]);
        let [weights, bias] = self.weights(&[10, 32], 10, 0, false);
        let scale = self.coarse();
        let options = BuiltinOptions::FullyConnectedOptions(FullyConnectedOptions::default());
        let (kind, operator) = (self.kind, BuiltinOperator::FULLY_CONNECTED);
        self.run(operator, options, &[input, weights, bias], kind, scale)
    }

    fn batch_matmul(mut self, is_constant: bool) -> Vec<u8> {
        let (left, kind) = (self.input(&[1, 2, 5, 24]), self.kind);
        let right = if is_constant {
            let scale = (self.step(), 0);
            let bytes = self.numbers.bytes(24 * 7);
            let bytes: Vec<u8> =
                bytes.iter().map(|&byte| if byte == 128 { 129 } else { byte }).collect();
            self.draft.bytes(&[1, 1, 24, 7], kind, &[scale], 0, &bytes)
        } else {
            self.input(&[1, 2, 24, 7])
        };
        let scale = self.coarse();
        let options = BuiltinOptions::BatchMatMulOptions(BatchMatMulOptions::default());
        self.run(BuiltinOperator::BATCH_MATMUL, options, &[left, right], kind, scale)
    }

    fn output(self, operator: &str) -> Vec<u8> {
        use BuiltinOperator as Code;
        let add = |fused_activation_function| {
            BuiltinOptions::AddOptions(AddOptions { fused_activation_function })
        };
        let mul = |fused_activation_function| {
            BuiltinOptions::MulOptions(MulOptions { fused_activation_function })
        };
        let sub = BuiltinOptions::SubOptions(SubOptions::default());
        let softmax = BuiltinOptions::SoftmaxOptions(SoftmaxOptions { beta: 1.0 });
        let none = BuiltinOptions::None;
        let rows: &[usize] = &[8, 32];
        match operator {
            "add" => self.binary(Code::ADD, add(Activation::NONE), SHAPE),
            "add_relu6" => self.binary(Code::ADD, add(Activation::RELU6), SHAPE),
            "add_row" => self.binary(Code::ADD, add(Activation::NONE), [1, 1, 1, 8]),
            "sub" => self.binary(Code::SUB, sub, SHAPE),
            "sub_number" => self.binary(Code::SUB, sub, [1; 4]),
            "mul" => self.binary(Code::MUL, mul(Activation::NONE), SHAPE),
            "mul_relu" => self.binary(Code::MUL, mul(Activation::RELU), [1, 1, 1, 8]),
            "quantize" => self.unary(Code::QUANTIZE, none, &SHAPE, Output::Random),
            "quantize_other_type" => self.unary(Code::QUANTIZE, none, &SHAPE, Output::OtherType),
            "quantize_other_type_odd" => {
                self.unary(Code::QUANTIZE, none, &[1, 3, 5, 3], Output::OtherType)
            }
            "hard_swish" => self.unary(Code::HARD_SWISH, none, &SHAPE, Output::Random),
            "logistic" => self.unary(Code::LOGISTIC, none, &SHAPE, Output::Unit),
            "tanh" => self.unary(Code::TANH, none, &SHAPE, Output::SignedUnit),
            "softmax" => self.unary(Code::SOFTMAX, softmax, rows, Output::Unit),
            "softmax_long" => self.unary(Code::SOFTMAX, softmax, &[2, 200], Output::Unit),
            "l2_normalization" | "l2_normalization_long" => {
                let options = BuiltinOptions::L2NormOptions(L2NormOptions::default());
                let rows = if operator == "l2_normalization" { rows } else { &[1, 1024] };
                self.unary(Code::L2_NORMALIZATION, options, rows, Output::SignedUnit)
            }
            "resize_bilinear" => self.resize(false, false),
            "resize_bilinear_aligned" => self.resize(true, false),
            "resize_bilinear_half_pixels" => self.resize(false, true),
            "average_pool" => self.pool(Code::AVERAGE_POOL_2D),
            "max_pool" => self.pool(Code::MAX_POOL_2D),
            "mean" => self.mean(),
            "mean_of_channels" => self.mean_of_channels(),
            "squared_difference" => self.binary(Code::SQUARED_DIFFERENCE, none, SHAPE),
            "rsqrt" => self.positive(Code::RSQRT),
            "sqrt" => self.positive(Code::SQRT),
            "log" => self.unary(Code::LOG, none, &SHAPE, Output::Random),
            "abs" => self.unary(Code::ABS, none, &SHAPE, Output::Random),
            "exp" => self.unary(Code::EXP, none, &SHAPE, Output::Random),
            "elu" => self.unary(Code::ELU, none, &SHAPE, Output::Random),
            "gelu" | "gelu_approximate" => {
                let approximate = operator == "gelu_approximate";
                let options = BuiltinOptions::GeluOptions(GeluOptions { approximate });
                self.unary(Code::GELU, options, &SHAPE, Output::Random)
            }
            "leaky_relu" => self.leaky_relu(),
            "prelu" => self.prelu(),
            "maximum" => self.same_scale(Code::MAXIMUM),
            "minimum" => self.same_scale(Code::MINIMUM),
            "conv" => self.conv(3, false),
            "conv_of_channels" => self.conv(3, true),
            "conv_pointwise" => self.conv(1, true),
            "depthwise" => self.depthwise(false),
            "depthwise_of_channels" => self.depthwise(true),
            "fully_connected" => self.fully_connected(),
            "batch_matmul" => self.batch_matmul(false),
            "batch_matmul_by_constant" => self.batch_matmul(true),
            other => panic!("there are no cases of {other}"),
        }
    }
}

/// The scale of an output.
#[derive(Clone, Copy)]
enum Output {
    Random,
    /// Random, with the other type of 8 bits.
    OtherType,
    /// 256 steps up to 1.
    Unit,
    /// 128 steps up to 1, from -1 on.
    SignedUnit,
}

#[test]
#[cfg_attr(miri, ignore = "these are eighty thousand models")]
fn quantized_operators_give_the_bytes_of_litert() {
    let golden = include_str!("../golden/quantized.txt");
    let mut wrong = Vec::new();
    for line in golden.lines() {
        let mut words = line.split(' ');
        let (operator, name) = (words.next().unwrap(), words.next().unwrap());
        let kind = if name == "i8" { TensorType::INT8 } else { TensorType::UINT8 };
        let mut differing = Vec::new();
        for (batch, expected) in (0_u64..).zip(words) {
            let mut checksum = crc32fast::Hasher::new();
            for case in batch * CASES..(batch + 1) * CASES {
                let numbers = Numbers(1 + case);
                let case = Case { numbers, draft: Draft::new(), kind, shapes: Vec::new() };
                checksum.update(&case.output(operator));
            }
            if format!("{:08x}", checksum.finalize()) != expected {
                differing.push(batch);
            }
        }
        if !differing.is_empty() {
            wrong.push(format!("{operator} {name}: batches {differing:?}"));
        }
    }
    assert!(golden.lines().count() >= 79, "cases are missing");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
