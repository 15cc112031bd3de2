//! Integer arithmetic of quantized operators: that of XNNPACK on x86-64, and TensorFlow Lite's own where XNNPACK leaves an operator to it.
//!
//! Each formula gives LiteRT 2's bytes for random scales and zero points, of those that XNNPACK takes: `tests/it/goldens.rs`.

mod binary;

pub(crate) use self::binary::QuantizedBinary;

/// `real = scale * (stored - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) scale: f32,
    pub(crate) zero_point: i32,
}

/// A type of 8 bits with its scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quantized {
    pub(crate) is_signed: bool,
    pub(crate) scale: Scale,
}

impl Quantized {
    /// The smallest and the largest integer.
    pub(crate) fn limits(self) -> (i32, i32) {
        if self.is_signed { (i8::MIN.into(), i8::MAX.into()) } else { (0, u8::MAX.into()) }
    }

    /// Steps above the zero point.
    fn steps(self, byte: u8) -> i32 {
        let stored = if self.is_signed { i32::from(byte as i8) } else { i32::from(byte) };
        stored - self.scale.zero_point
    }
}

/// How many products of two bytes less their zero points floats add up without rounding: integers up to 2^24 are floats.
pub(crate) const EXACT_PRODUCTS: usize = (1 << f32::MANTISSA_DIGITS) / (255 * 255);

/// What each byte of a quantized input becomes. The function gets the steps above the input's zero point and returns those above the output's.
pub(crate) fn table(from: Quantized, to: Quantized, steps: impl Fn(i32) -> i32) -> Box<[u8; 256]> {
    let (low, high) = to.limits();
    let mut table = Box::new([0; 256]);
    for (byte, entry) in (0..=u8::MAX).zip(table.iter_mut()) {
        let steps = steps(from.steps(byte)).saturating_add(to.scale.zero_point);
        *entry = steps.clamp(low, high) as u8;
    }
    table
}

/// A real factor as `multiplier * 2^(shift - 31)`, with the multiplier in `2^30..2^31`: TensorFlow Lite's `QuantizeMultiplier`.
#[derive(Clone, Copy, Debug)]
struct FixedPoint {
    multiplier: i32,
    shift: i32,
}

impl FixedPoint {
    fn new(factor: f64) -> Self {
        let (fraction, exponent) = libm::frexp(factor);
        let multiplier = (fraction * f64::from(1_u32 << 31)).round() as i64;
        // A fraction just below 1 may round to it.
        let (multiplier, shift) =
            if multiplier == 1 << 31 { (1 << 30, exponent + 1) } else { (multiplier, exponent) };
        if shift < -31 {
            return Self { multiplier: 0, shift: 0 };
        }
        Self { multiplier: multiplier as i32, shift }
    }

    /// The product, rounded twice to the nearest, half steps away from 0: at 31 bits, and at the shift. Where the factor is above 1, the value has
    /// room for it.
    #[inline(always)]
    fn times(self, value: i32) -> i32 {
        let (left, right) = (self.shift.max(0), (-self.shift).clamp(0, 31));
        divide_by_power(high_product(value << left, self.multiplier), right as u32)
    }

    /// The same, but that half steps are rounded up at the shift, as the vector instructions of TensorFlow Lite's kernels do.
    fn times_as_vector(self, value: i32) -> i32 {
        let product = high_product(value << self.shift.max(0), self.multiplier);
        let right = (-self.shift).clamp(0, 31) as u32;
        let half = (1_i64 << right) >> 1;
        ((i64::from(product) + half) >> right) as i32
    }
}

/// `left * right / 2^31`, rounded to the nearest, half steps away from 0: gemmlowp's `SaturatingRoundingDoublingHighMul`.
#[inline(always)]
fn high_product(left: i32, right: i32) -> i32 {
    let product = i64::from(left) * i64::from(right);
    let half = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
    // A division, which rounds towards 0 where a shift would round down.
    let product = (product + half) / (1 << 31);
    product.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// The same of 16 bits.
fn high_product_16(left: i32, right: i32) -> i32 {
    let product = left * right;
    let half = if product >= 0 { 1 << 14 } else { 1 - (1 << 14) };
    ((product + half) / (1 << 15)).clamp(i16::MIN.into(), i16::MAX.into())
}

/// Divides by a power of two and rounds to the nearest, half steps away from 0: gemmlowp's `RoundingDivideByPOT`.
#[inline(always)]
fn divide_by_power(value: i32, exponent: u32) -> i32 {
    let mask = ((1_i64 << exponent) - 1) as i32;
    let threshold = (mask >> 1) + i32::from(value < 0);
    (value >> exponent) + i32::from(value & mask > threshold)
}

/// TensorFlow Lite's SOFTMAX of bytes: exponentials come from a table, and are added one after the other in 32-bit floats. Each divided by their
/// sum and the scale of the output is rounded to the nearest, half steps away from 0. Scale and zero point of the output are as declared, which are 1/256 and the
/// smallest byte in every model that TensorFlow Lite takes.
#[derive(Debug)]
pub(crate) struct QuantizedSoftmax {
    /// Of steps below the largest of a row, `exp(-beta * scale * steps)`.
    exponentials: [f32; 256],
    is_signed: bool,
    output: Quantized,
}

impl QuantizedSoftmax {
    pub(crate) fn new(from: Quantized, to: Quantized, beta: f32) -> Self {
        let factor = -from.scale.scale * beta;
        let exponentials = std::array::from_fn(|steps| (factor * steps as f32).exp());
        Self { exponentials, is_signed: from.is_signed, output: to }
    }

    pub(crate) fn row(&self, from: &[u8], to: &mut [u8]) {
        // In this order signed bytes are like unsigned ones.
        let sign = if self.is_signed { 0x80 } else { 0 };
        let max = from.iter().map(|byte| byte ^ sign).max().unwrap_or_default();
        let exponential = |byte: u8| self.exponentials[usize::from(max - (byte ^ sign))];
        let sum = from.iter().fold(0.0, |sum, &byte| sum + exponential(byte));
        let Quantized { scale: Scale { scale, zero_point }, .. } = self.output;
        let inverse = 1.0 / (sum * scale);
        let (low, high) = self.output.limits();
        for (to, &byte) in to.iter_mut().zip(from) {
            let steps = (exponential(byte) * inverse).round() as i32;
            *to = steps.saturating_add(zero_point).clamp(low, high) as u8;
        }
    }
}

/// What becomes of bytes of one scale in another (QUANTIZE of quantized values).
#[derive(Debug)]
pub(crate) struct Requantization {
    pub(crate) table: Box<[u8; 256]>,
    /// For what is left behind the last sixteen elements, if that is another one.
    pub(crate) tail: Option<Box<[u8; 256]>>,
}

/// Elements that TensorFlow Lite requantizes together.
pub(crate) const REQUANTIZED_TOGETHER: usize = 16;

/// Between equal types it is XNNPACK's, in 256ths: `(steps * round(256 * from / to) + 128) >> 8`. Where the types differ, and where the factor is
/// outside of 2^-8 to 2^7, it is TensorFlow Lite's, whose vectors round otherwise than what it computes one by one. `None` where that could
/// overflow.
pub(crate) fn requantization(from: Quantized, to: Quantized) -> Option<Requantization> {
    let (from_scale, to_scale) = (from.scale.scale, to.scale.scale);
    let factor = from_scale / to_scale;
    let fixed = fixed_point(f64::from(from_scale) / f64::from(to_scale))?;
    if from.is_signed == to.is_signed && (1.0 / 256.0..=128.0).contains(&factor) {
        let multiplier = (256.0 * factor).round_ties_even() as i32;
        let table = table(from, to, |steps| (steps * multiplier + 128) >> 8);
        return Some(Requantization { table, tail: None });
    }
    let tail = table(from, to, |steps| fixed.times(steps));
    let table = table(from, to, |steps| fixed.times_as_vector(steps));
    let differs = table != tail;
    Some(Requantization { table, tail: differs.then_some(tail) })
}

/// A factor that no product of 9 bits overflows with.
fn fixed_point(factor: f64) -> Option<FixedPoint> {
    let fixed = FixedPoint::new(factor);
    (factor > 0.0 && factor.is_finite() && fixed.shift <= 22).then_some(fixed)
}

/// TensorFlow Lite's HARD_SWISH in 16 bits: `x * (clamp(x, -3, 3) + 3) / 6`, with the input in 128ths of its scale, and `clamp(x, -3, 3) / 3` as
/// a fraction of 2^15. `None` where the output's scale is too fine for it.
pub(crate) fn hard_swish(from: Scale, to: Scale) -> Option<impl Fn(i32) -> i32> {
    let fine = (1.0 / 128.0) * from.scale;
    let output = fixed_point(f64::from(fine / to.scale)).filter(|output| output.shift <= 0)?;
    let relu = fixed_point(f64::from(fine / (3.0 / 32768.0))).filter(|relu| relu.shift <= 15)?;
    let upper_half =
        |multiplier: i32| ((i64::from(multiplier) + (1 << 15)) >> 16).min(i16::MAX.into()) as i32;
    let saturate = |value: i64| value.clamp(i16::MIN.into(), i16::MAX.into()) as i32;
    Some(move |steps: i32| {
        let value = saturate(i64::from(steps) << 7);
        let scaled = high_product_16(value, upper_half(output.multiplier));
        let mut clamped = value;
        if relu.shift > 0 {
            clamped = saturate(i64::from(clamped) << (relu.shift - 1));
        }
        clamped = high_product_16(clamped, upper_half(relu.multiplier));
        if relu.shift > 0 {
            clamped = saturate(i64::from(clamped) << 1);
        }
        if relu.shift < 0 {
            clamped = divide_by_power(clamped, -relu.shift as u32);
        }
        let gate = (clamped + (1 << 15)) >> 1;
        divide_by_power(gate * scaled / (1 << 15), -output.shift as u32)
    })
}

/// TensorFlow Lite's RSQRT, for steps that are not negative: 0 gives the largest byte, and so do negative ones, which it refuses.
pub(crate) fn rsqrt(from: Scale, to: Scale) -> Option<impl Fn(i32) -> i32> {
    const SHIFT: i32 = 20;
    let factor = fixed_point(1.0 / f64::from(from.scale.sqrt() * to.scale))?;
    let fine = FixedPoint { shift: factor.shift - SHIFT, ..factor };
    Some(move |steps: i32| {
        if steps <= 0 {
            return i32::MAX;
        }
        let (multiplier, right) = inverse_square_root(steps);
        fine.times(FixedPoint { multiplier, shift: SHIFT - right as i32 }.times(1))
    })
}

/// TensorFlow Lite's ABS. `None` for scales that are too far apart for it.
pub(crate) fn abs(from: Scale, to: Scale) -> Option<impl Fn(i32) -> i32> {
    let factor = fixed_point(f64::from(from.scale / to.scale))?;
    let has_same_scale = from.scale == to.scale;
    Some(move |steps: i32| if has_same_scale { steps.abs() } else { factor.times(steps.abs()) })
}

/// LEAKY_RELU: XNNPACK's, in 256ths, and TensorFlow Lite's for factors that XNNPACK does not take. `None` where that could overflow.
pub(crate) fn leaky_relu(from: Scale, to: Scale, slope: f32) -> Option<Box<dyn Fn(i32) -> i32>> {
    let positive = from.scale / to.scale;
    let negative = positive * slope;
    let is_taken = (1.0 / 256.0..=128.0).contains(&positive)
        && (-127.996_09..=128.0).contains(&negative)
        && negative.abs() >= 1.0 / 256.0;
    if is_taken {
        let [positive, negative] =
            [positive, negative].map(|factor| (256.0 * factor).round_ties_even() as i32);
        let factor = move |steps: i32| if steps >= 0 { positive } else { negative };
        return Some(Box::new(move |steps| (steps * factor(steps) + 128) >> 8));
    }
    let positive = fixed_point(f64::from(from.scale / to.scale))?;
    // The sign is that of the multiplier.
    let negative = f64::from(from.scale * slope / to.scale);
    let (sign, negative) = match negative {
        0.0 => (0, positive),
        factor => (factor.signum() as i32, fixed_point(factor.abs())?),
    };
    Some(Box::new(
        move |steps| {
            if steps >= 0 { positive.times(steps) } else { negative.times(sign * steps) }
        },
    ))
}

/// What sums of products of steps become, or sums of bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SumScale {
    factor: SumFactor,
    zero_point: i32,
    bounds: (i32, i32),
}

#[derive(Clone, Copy, Debug)]
enum SumFactor {
    /// TensorFlow Lite's.
    Fixed(FixedPoint),
    /// XNNPACK's: a product of floats, rounded to the nearest, half steps to even.
    Float(f32),
    /// XNNPACK's for means: a product of floats and what all zero points come to, rounded likewise. Sums of unsigned bytes are unsigned.
    Mean { factor: f32, offset: f32, is_signed: bool },
}

impl SumScale {
    /// XNNPACK's MEAN of so many elements, from the sum of what is stored.
    pub(crate) fn mean(from: Quantized, to: Quantized, count: usize) -> Self {
        let factor = from.scale.scale / to.scale.scale * (1.0 / count as f32);
        let zero_points = count as i64 * i64::from(from.scale.zero_point);
        let offset = -zero_points as f32 * factor + to.scale.zero_point as f32;
        let factor = SumFactor::Mean { factor, offset, is_signed: from.is_signed };
        Self { factor, zero_point: to.scale.zero_point, bounds: to.limits() }
    }

    /// BATCH_MATMUL: XNNPACK's where the second input is a constant, otherwise TensorFlow Lite's. `None` where that could overflow.
    pub(crate) fn matmul(inputs: [Quantized; 2], to: Quantized, is_constant: bool) -> Option<Self> {
        let [left, right] = inputs.map(|input| input.scale.scale);
        let factor = if is_constant {
            SumFactor::Float(left * right / to.scale.scale)
        } else {
            // The product of the scales is one of floats.
            let factor = f64::from(left * right) / f64::from(to.scale.scale);
            SumFactor::Fixed(fixed_point(factor).filter(|factor| factor.shift <= 0)?)
        };
        Some(Self { factor, zero_point: to.scale.zero_point, bounds: to.limits() })
    }

    #[inline(always)]
    pub(crate) fn apply(&self, sums: &[i32], to: &mut [u8]) {
        let (low, high) = self.bounds;
        let byte = |steps: i32| steps.saturating_add(self.zero_point).clamp(low, high) as u8;
        let pairs = to.iter_mut().zip(sums);
        match self.factor {
            SumFactor::Fixed(factor) => pairs.for_each(|(to, &sum)| *to = byte(factor.times(sum))),
            SumFactor::Float(factor) => pairs.for_each(|(to, &sum)| {
                *to = byte((sum as f32 * factor).round_ties_even() as i32);
            }),
            SumFactor::Mean { factor, offset, is_signed } => pairs.for_each(|(to, &sum)| {
                let sum = if is_signed { sum as f32 } else { sum as u32 as f32 };
                *to = ((sum * factor + offset).round_ties_even() as i32).clamp(low, high) as u8;
            }),
        }
    }
}

/// XNNPACK's RESIZE_BILINEAR of `[batch, rows, columns, channels]`, with weights in 2048ths: first across, then down, rounded once at the end.
///
/// For each row and column of the output there are the two of the input around it, and the weight of the second one.
pub(crate) fn resize<T: Copy + Into<i32> + TryFrom<i32>>(
    [batch, height, width, channels]: [usize; 4],
    rows: &[(usize, usize, f32)],
    columns: &[(usize, usize, f32)],
    from: &[T],
    to: &mut [T],
) {
    let weight = |fraction: f32| i64::from((fraction * 2048.0).round_ties_even() as i32);
    let mut pixels = to.chunks_exact_mut(channels);
    for image in 0..batch {
        let pixel = |row: usize, column: usize| {
            &from[((image * height + row) * width + column) * channels..][..channels]
        };
        for &(upper, lower, down) in rows {
            for &(left, right, across) in columns {
                let Some(to) = pixels.next() else { return };
                let corners = [(upper, left), (upper, right), (lower, left), (lower, right)]
                    .map(|(row, column)| pixel(row, column));
                let (down, across) = (weight(down), weight(across));
                for (channel, to) in to.iter_mut().enumerate() {
                    let [a, b, c, d] = corners.map(|pixel| i64::from(pixel[channel].into()));
                    let (upper, lower) =
                        ((a << 11) + (b - a) * across, (c << 11) + (d - c) * across);
                    let sum = (upper << 11) + (lower - upper) * down;
                    let value = ((sum + (1 << 21)) >> 22) as i32;
                    // Between two values of a type is another one.
                    *to = T::try_from(value).unwrap_or(*to);
                }
            }
        }
    }
}

/// TensorFlow Lite's L2_NORMALIZATION of rows, whose output has 128 steps up to 1.
pub(crate) fn normalize(from: &[u8], input: Quantized, length: usize, to: &mut [u8]) {
    for (from, to) in from.chunks_exact(length).zip(to.chunks_exact_mut(length)) {
        let squares = from.iter().fold(0_i32, |sum, &byte| {
            let steps = input.steps(byte);
            sum.saturating_add(steps * steps)
        });
        let (multiplier, right) = inverse_square_root(squares);
        for (to, &byte) in to.iter_mut().zip(from) {
            let steps = input.steps(byte);
            *to = if input.is_signed {
                let factor = FixedPoint { multiplier, shift: 7 - right as i32 };
                factor.times(steps).clamp(i8::MIN.into(), i8::MAX.into()) as u8
            } else {
                let value = divide_by_power(high_product(128 * steps, multiplier), right);
                (value + 128).clamp(0, u8::MAX.into()) as u8
            };
        }
    }
}

/// `1 / sqrt(value)` as `multiplier / 2^(31 + right)`, by five steps of Newton's method: TensorFlow Lite's `GetInvSqrtQuantizedMultiplierExp`.
fn inverse_square_root(value: i32) -> (i32, u32) {
    if value <= 1 {
        return (i32::MAX, 0);
    }
    let (mut value, mut right) = (value, 11_i32);
    while value >= 1 << 29 {
        value /= 4;
        right += 1;
    }
    let pairs = (value.leading_zeros() as i32 - 1) / 2 - 1;
    right -= pairs;
    value <<= 2 * pairs;
    let saturating_shift = |value: i32, left: u32| {
        (i64::from(value) << left).clamp(i32::MIN.into(), i32::MAX.into()) as i32
    };
    // Numbers with three bits before the point.
    let (half_value, three_halves) = (divide_by_power(value >> 1, 1), (1 << 28) + (1 << 27));
    let mut root = 1 << 28;
    for _ in 0..5 {
        let cube = saturating_shift(high_product(high_product(root, root), root), 6);
        let next = high_product(three_halves, root) - high_product(half_value, cube);
        root = saturating_shift(next, 3);
    }
    // Half of the square root of 2.
    let root = high_product(root, 1_518_500_250);
    if right < 0 { (saturating_shift(root, -right as u32), 0) } else { (root, right as u32) }
}
