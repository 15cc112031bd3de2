//! Quantized operators on two inputs.

use super::{FixedPoint, Quantized, Scale, fixed_point};
use crate::simd::Vector;

/// A quantized operator on two inputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuantizedBinary {
    arithmetic: Arithmetic,
    inputs: [Quantized; 2],
    output_zero_point: i32,
    bounds: (i32, i32),
}

#[derive(Clone, Copy, Debug)]
enum Arithmetic {
    /// `(multipliers * steps + half) >> shift`, where multipliers have 21 bits at most.
    Add { multipliers: [i32; 2], shift: u32 },
    /// The product of steps times the factor, rounded to the nearest, half steps to even.
    Mul { factor: f32 },
    /// Steps, or steps times those of the slope where they are negative.
    Prelu { positive: FixedPoint, negative: FixedPoint },
    /// The square of the difference of 128ths of steps, each brought to twice the larger scale.
    SquaredDifference { factors: [FixedPoint; 2], of_square: FixedPoint },
}

impl QuantizedBinary {
    fn new(
        arithmetic: Arithmetic,
        inputs: [Quantized; 2],
        output: Scale,
        bounds: (i32, i32),
    ) -> Self {
        Self { arithmetic, inputs, output_zero_point: output.zero_point, bounds }
    }

    /// XNNPACK's ADD, or SUB. `None` for scales that XNNPACK does not take.
    pub(crate) fn add(
        inputs: [Quantized; 2],
        output: Scale,
        bounds: (i32, i32),
        subtracts: bool,
    ) -> Option<Self> {
        let factors = inputs.map(|input| input.scale.scale / output.scale);
        let is_taken = |factor: &f32| (2_f32.powi(-10)..2_f32.powi(8)).contains(factor);
        if !factors.iter().all(is_taken) {
            return None;
        }
        // The larger one has 21 bits.
        let exponent = libm::frexpf(factors[0].max(factors[1])).1 - 1;
        let shift = (20 - exponent) as u32;
        let [left, right] = factors
            .map(|factor| (f64::from(factor) * 2_f64.powi(20 - exponent)).round_ties_even() as i32);
        let multipliers = [left, if subtracts { -right } else { right }];
        Some(Self::new(Arithmetic::Add { multipliers, shift }, inputs, output, bounds))
    }

    /// XNNPACK's MUL. `None` for scales that XNNPACK does not take.
    pub(crate) fn mul(inputs: [Quantized; 2], output: Scale, bounds: (i32, i32)) -> Option<Self> {
        let [left, right] = inputs.map(|input| input.scale.scale);
        let factor = left * right / output.scale;
        let is_taken = (2_f32.powi(-16)..2_f32.powi(8)).contains(&factor);
        is_taken.then(|| Self::new(Arithmetic::Mul { factor }, inputs, output, bounds))
    }

    /// TensorFlow Lite's PRELU. `None` for scales that are too far apart for it.
    pub(crate) fn prelu(inputs: [Quantized; 2], output: Scale, bounds: (i32, i32)) -> Option<Self> {
        let [input, slope] = inputs.map(|input| input.scale.scale);
        let positive = fixed_point(f64::from(input / output.scale))?;
        let negative = fixed_point(f64::from(input * slope / output.scale))?;
        // Products of two bytes take 16 bits.
        (negative.shift <= 14)
            .then(|| Self::new(Arithmetic::Prelu { positive, negative }, inputs, output, bounds))
    }

    /// TensorFlow Lite's SQUARED_DIFFERENCE. `None` for scales that are too far apart for it.
    pub(crate) fn squared_difference(
        inputs: [Quantized; 2],
        output: Scale,
        bounds: (i32, i32),
    ) -> Option<Self> {
        const SHIFT: i32 = 7;
        let [left, right] = inputs.map(|input| f64::from(input.scale.scale));
        let common = 2.0 * left.max(right);
        let factors = [FixedPoint::new(left / common), FixedPoint::new(right / common)];
        let steps = f64::from(1 << (2 * SHIFT)) * f64::from(output.scale);
        let of_square = FixedPoint::new(common * common / steps);
        // The square takes up to 32 bits, and must not be shifted out of them.
        (of_square.shift <= 0).then(|| {
            let arithmetic = Arithmetic::SquaredDifference { factors, of_square };
            Self::new(arithmetic, inputs, output, bounds)
        })
    }

    /// Computes a row. An input of one element is used for all of the row.
    ///
    /// # Safety
    ///
    /// The processor has the set of `V`.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the vectors are unsafe to use where the processor lacks them")]
    pub(crate) unsafe fn row<V: Vector>(&self, left: &[u8], right: &[u8], to: &mut [u8]) {
        match self.arithmetic {
            // Sums of two products of 9 and 21 bits fit.
            //
            // SAFETY: the set is the caller's.
            Arithmetic::Add { multipliers: [of_left, of_right], shift } => unsafe {
                let multipliers = (V::splat_int(of_left), V::splat_int(of_right));
                let half = V::splat_int(1 << (shift - 1));
                self.vectors(left, right, to, &AddSteps::<V> { multipliers, half, shift });
            },
            // SAFETY: as above.
            Arithmetic::Mul { factor } => unsafe {
                self.vectors(left, right, to, &MulSteps(V::splat(factor)));
            },
            Arithmetic::Prelu { positive, negative } => {
                self.each(left, right, to, |[left, right]| {
                    if left >= 0 { positive.times(left) } else { negative.times(left * right) }
                });
            }
            Arithmetic::SquaredDifference { factors: [of_left, of_right], of_square } => {
                self.each(left, right, to, |[left, right]| {
                    let difference = of_left.times(left << 7) - of_right.times(right << 7);
                    of_square.times(difference.wrapping_mul(difference))
                });
            }
        }
    }

    /// Computes a row vector by vector, with a function of the steps of both inputs.
    ///
    /// # Safety
    ///
    /// The processor has the set of `V`.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the vectors are unsafe to use where the processor lacks them")]
    unsafe fn vectors<V: Vector>(
        &self,
        left: &[u8],
        right: &[u8],
        to: &mut [u8],
        function: &impl Steps<V>,
    ) {
        let is_there = |row: &[u8]| row.len() == 1 || row.len() >= to.len();
        assert!(is_there(left) && is_there(right), "rows that are not there");
        // SAFETY: the elements are there, as was just seen; the set is the caller's.
        unsafe {
            let bytes = ResultBytes {
                inputs: [InputSteps::new(self.inputs[0]), InputSteps::new(self.inputs[1])],
                zero_point: V::splat_int(self.output_zero_point),
                bounds: (V::splat_int(self.bounds.0), V::splat_int(self.bounds.1)),
            };
            let mut position = 0;
            while position + V::LANES <= to.len() {
                bytes.compute(function, (left, right), to, position, V::LANES);
                position += V::LANES;
            }
            let rest = to.len() - position;
            if rest > 0 {
                bytes.compute(function, (left, right), to, position, rest);
            }
        }
    }

    #[inline(always)]
    fn each(&self, left: &[u8], right: &[u8], to: &mut [u8], steps: impl Fn([i32; 2]) -> i32) {
        // Signed bytes count as unsigned ones with a zero point 128 higher.
        let masks = self.inputs.map(|input| if input.is_signed { 0x80 } else { 0 });
        let zero_points: [i32; 2] = std::array::from_fn(|index| {
            self.inputs[index].scale.zero_point + i32::from(masks[index])
        });
        let (low, high) = self.bounds;
        let value = |left: u8, right: u8| {
            let left = i32::from(left ^ masks[0]) - zero_points[0];
            let right = i32::from(right ^ masks[1]) - zero_points[1];
            (steps([left, right]) + self.output_zero_point).clamp(low, high) as u8
        };
        match (left, right) {
            (&[left], &[right]) => to.fill(value(left, right)),
            (&[left], right) => {
                to.iter_mut().zip(right).for_each(|(to, &right)| *to = value(left, right));
            }
            (left, &[right]) => {
                to.iter_mut().zip(left).for_each(|(to, &left)| *to = value(left, right));
            }
            _ => {
                let inputs = left.iter().zip(right);
                to.iter_mut()
                    .zip(inputs)
                    .for_each(|(to, (&left, &right))| *to = value(left, right));
            }
        }
    }
}

/// A function of the steps of two inputs. As of [`Function`](crate::kernels::rows::Function), it is no closure.
#[expect(unsafe_code, reason = "the vectors are unsafe to use where the processor lacks them")]
trait Steps<V: Vector> {
    /// # Safety
    ///
    /// The processor has the set of `V`.
    unsafe fn apply(&self, left: V::Ints, right: V::Ints) -> V::Ints;
}

/// What makes steps of an input's bytes. Signed ones are read as unsigned ones with a zero point 128 higher.
struct InputSteps<V: Vector> {
    sign_mask: V::Ints,
    minus_zero_point: V::Ints,
}

#[expect(unsafe_code, reason = "the vectors are unsafe to use where the processor lacks them")]
impl<V: Vector> InputSteps<V> {
    /// # Safety
    ///
    /// The processor has the set of `V`.
    #[inline(always)]
    unsafe fn new(input: Quantized) -> Self {
        let sign_mask = if input.is_signed { 128 } else { 0 };
        let zero_point = input.scale.zero_point + sign_mask;
        // SAFETY: the caller's.
        unsafe {
            Self { sign_mask: V::splat_int(sign_mask), minus_zero_point: V::splat_int(-zero_point) }
        }
    }

    /// The steps of a row from a place on, or of its one element.
    ///
    /// # Safety
    ///
    /// The processor has the set of `V`, and the elements are there.
    #[inline(always)]
    unsafe fn steps(&self, row: &[u8], position: usize, lanes: usize) -> V::Ints {
        // SAFETY: the caller's.
        unsafe {
            let bytes = if row.len() == 1 {
                V::splat_int(row[0].into())
            } else {
                V::load_bytes(row.as_ptr().add(position), lanes)
            };
            V::add_ints(V::xor_ints(bytes, self.sign_mask), self.minus_zero_point)
        }
    }
}

/// What makes bytes of the result, a vector at a time.
struct ResultBytes<V: Vector> {
    inputs: [InputSteps<V>; 2],
    zero_point: V::Ints,
    bounds: (V::Ints, V::Ints),
}

#[expect(unsafe_code, reason = "the vectors are unsafe to use where the processor lacks them")]
impl<V: Vector> ResultBytes<V> {
    /// Computes so many bytes of a row, a vector at most.
    ///
    /// # Safety
    ///
    /// The processor has the set of `V`, and the elements are there.
    #[inline(always)]
    unsafe fn compute(
        &self,
        function: &impl Steps<V>,
        (left, right): (&[u8], &[u8]),
        to: &mut [u8],
        position: usize,
        lanes: usize,
    ) {
        // SAFETY: the caller's.
        unsafe {
            let left = self.inputs[0].steps(left, position, lanes);
            let right = self.inputs[1].steps(right, position, lanes);
            let bytes = V::add_ints(function.apply(left, right), self.zero_point);
            let bytes = V::clamp_ints(bytes, self.bounds.0, self.bounds.1);
            V::store_bytes(bytes, to.as_mut_ptr().add(position), lanes);
        }
    }
}

struct AddSteps<V: Vector> {
    multipliers: (V::Ints, V::Ints),
    half: V::Ints,
    shift: u32,
}

#[expect(unsafe_code, reason = "the vectors are unsafe to use where the processor lacks them")]
impl<V: Vector> Steps<V> for AddSteps<V> {
    #[inline(always)]
    unsafe fn apply(&self, left: V::Ints, right: V::Ints) -> V::Ints {
        // SAFETY: the caller's.
        unsafe {
            let sum = V::add_ints(V::mul_ints(left, self.multipliers.0), self.half);
            let sum = V::add_ints(sum, V::mul_ints(right, self.multipliers.1));
            V::shift_right(sum, self.shift)
        }
    }
}

struct MulSteps<V>(V);

#[expect(unsafe_code, reason = "the vectors are unsafe to use where the processor lacks them")]
impl<V: Vector> Steps<V> for MulSteps<V> {
    #[inline(always)]
    unsafe fn apply(&self, left: V::Ints, right: V::Ints) -> V::Ints {
        // SAFETY: the caller's.
        unsafe { V::to_floats(V::mul_ints(left, right)).mul(self.0).round() }
    }
}
