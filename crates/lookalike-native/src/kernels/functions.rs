//! Functions of single numbers, vector by vector where they have an approximation that is as good as a float.
#![expect(unsafe_code, reason = "the vectors are unsafe to use where the processor lacks them")]

use lookalike_graph::Unary;

use super::bytes::MAX_LANES;
use super::elementwise::apply;
use super::rows::{Function, fold_lanes, map};
use crate::simd::Vector;

/// Applies a function to all numbers.
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(crate) unsafe fn unary<V: Vector>(function: Unary, from: &[f32], to: &mut [f32]) {
    // SAFETY: the set is the caller's.
    unsafe {
        match function {
            Unary::Gelu { is_approximate: false } => map::<V>(from, to, &Gelu),
            Unary::Gelu { is_approximate: true } => map::<V>(from, to, &GeluApproximate),
            Unary::Logistic => map::<V>(from, to, &Logistic),
            Unary::Rsqrt => each(from, to, |x| apply(Unary::Rsqrt, x)),
            Unary::Sqrt => each(from, to, |x| apply(Unary::Sqrt, x)),
            Unary::Square => each(from, to, |x| apply(Unary::Square, x)),
            Unary::Neg => each(from, to, |x| apply(Unary::Neg, x)),
            Unary::Abs => each(from, to, |x| apply(Unary::Abs, x)),
            other => each(from, to, |x| apply(other, x)),
        }
    }
}

/// A loop that the compiler vectorizes where it can.
#[inline(always)]
fn each(from: &[f32], to: &mut [f32], apply: impl Fn(f32) -> f32) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = apply(from);
    }
}

/// Keeps values within bounds, and what is not a number as it is.
#[inline(always)]
unsafe fn bounded<V: Vector>(value: V, low: f32, high: f32) -> V {
    // SAFETY: the caller's. Of a comparison that fails, the second input is the result.
    unsafe { V::splat(high).min(V::splat(low).max(value)) }
}

/// A polynomial, whose coefficients begin with that of the highest power.
#[inline(always)]
unsafe fn polynomial<V: Vector, const N: usize>(x: V, coefficients: [f32; N]) -> V {
    // SAFETY: the caller's.
    unsafe {
        let mut value = V::splat(coefficients[0]);
        for &coefficient in &coefficients[1..] {
            value = x.mul_add(value, V::splat(coefficient));
        }
        value
    }
}

/// `x / 2 * (1 + erf(x / sqrt(2)))`, where a quotient of two polynomials stands for the error function: XNNPACK's (`f32-vgelu`, rational 12/10),
/// bit for bit where products and sums are rounded together.
struct Gelu;

impl<V: Vector> Function<V> for Gelu {
    #[inline(always)]
    unsafe fn apply(&self, x: V) -> V {
        // From here on the quotient is 1.
        let last = if V::ROUNDS_ONCE { 5.163_828_4 } else { 5.115_898 };
        // SAFETY: the caller's.
        unsafe {
            let bounded = bounded(x, -last, last);
            let square = bounded.mul(bounded);
            let numerator = polynomial(
                square,
                [
                    4.583_532e-8,
                    1.260_978_4e-5,
                    3.297_311_5e-4,
                    9.306_514e-3,
                    0.066_972_174,
                    0.797_884_5,
                ],
            );
            let denominator = polynomial(
                square,
                [1.198_880_6e-6, 7.226_765_6e-5, 1.862_284_3e-3, 0.028_431_978, 0.250_603_53, 1.0],
            );
            let error_function = bounded.mul(numerator).div(denominator);
            x.mul(V::splat(0.5)).mul(error_function.add(V::splat(1.0)))
        }
    }
}

/// The same with the hyperbolic tangent in place of the error function (Hendrycks and Gimpel, 2016, arXiv:1606.08415): `x / (1 + exp(-2 b))`,
/// where `b = sqrt(2 / pi) * (x + 0.044715 x^3)`.
struct GeluApproximate;

impl<V: Vector> Function<V> for GeluApproximate {
    #[inline(always)]
    unsafe fn apply(&self, x: V) -> V {
        let twice = 2.0 * (2.0 / std::f32::consts::PI).sqrt();
        // SAFETY: the caller's.
        unsafe {
            let factor = x.mul(x).mul_add(V::splat(-0.044_715 * twice), V::splat(-twice));
            x.div(exp(x.mul(factor)).add(V::splat(1.0)))
        }
    }
}

/// `1 / (1 + exp(-x))`, which is 0 up to -87: the smallest result is taken off from all. Numbers below the smallest normal one, which came of what is
/// further down, would take processors ten times as long, here and in every product with them.
struct Logistic;

impl<V: Vector> Function<V> for Logistic {
    #[inline(always)]
    unsafe fn apply(&self, x: V) -> V {
        // SAFETY: the caller's.
        unsafe {
            let smallest = V::splat(-87.0);
            logistic(smallest.max(x)).add(logistic(smallest).mul(V::splat(-1.0)))
        }
    }
}

#[inline(always)]
unsafe fn logistic<V: Vector>(x: V) -> V {
    // SAFETY: the caller's.
    unsafe { V::splat(1.0).div(exp(x.mul(V::splat(-1.0))).add(V::splat(1.0))) }
}

/// `x / (1 + exp(-x))`, as the product of two numbers.
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(crate) unsafe fn silu<V: Vector>(from: &[f32], to: &mut [f32]) {
    // SAFETY: the set is the caller's.
    unsafe { map::<V>(from, to, &Silu) }
}

struct Silu;

impl<V: Vector> Function<V> for Silu {
    #[inline(always)]
    unsafe fn apply(&self, x: V) -> V {
        // SAFETY: the caller's.
        unsafe { x.mul(Logistic.apply(x)) }
    }
}

/// The exponential function between the smallest normal float and the largest one, of which it takes the nearer beyond: `2^n * exp(t)` with
/// `|t|` up to `ln(2) / 2`, where the Taylor polynomial of degree 7 is as good as a float.
#[inline(always)]
unsafe fn exp<V: Vector>(x: V) -> V {
    // The logarithm of 2 in two parts: the first one has few bits, so that products with it are exact.
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    // SAFETY: the caller's.
    unsafe {
        let x = bounded(x, -87.336_5, 88.376_2);
        let power = x.mul(V::splat(std::f32::consts::LOG2_E)).round();
        let n = V::to_floats(power);
        let t = n.mul_add(V::splat(-LOW), n.mul_add(V::splat(-HIGH), x));
        let value = polynomial(
            t,
            [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0],
        );
        // The bits of a power of two.
        let biased = V::add_ints(power, V::splat_int(127));
        value.mul(V::from_bits(V::mul_ints(biased, V::splat_int(1 << 23))))
    }
}

/// `exp(beta * (x - max))`.
struct Exponent {
    max: f32,
    beta: f32,
}

impl<V: Vector> Function<V> for Exponent {
    #[inline(always)]
    unsafe fn apply(&self, x: V) -> V {
        // SAFETY: the caller's.
        unsafe { exp(x.add(V::splat(-self.max)).mul(V::splat(self.beta))) }
    }
}

/// Softmax of a row, of `beta` times its values.
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(crate) unsafe fn softmax<V: Vector>(beta: f32, from: &[f32], to: &mut [f32]) {
    // SAFETY: the set is the caller's.
    let factor = unsafe {
        map::<V>(from, to, &Exponent { max: max::<V>(from), beta });
        1.0 / sum::<V>(to)
    };
    to.iter_mut().for_each(|value| *value *= factor);
}

/// The largest number; what is not a number stays out of it, unless all is so.
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
unsafe fn max<V: Vector>(row: &[f32]) -> f32 {
    let larger = |largest: f32, value: f32| if value > largest { value } else { largest };
    let mut lanes = [f32::NEG_INFINITY; MAX_LANES];
    let mut position = 0;
    // SAFETY: the elements of the row are there; the set is the caller's, and has no more lanes.
    unsafe {
        let mut largest = V::splat(f32::NEG_INFINITY);
        while position + V::LANES <= row.len() {
            largest = V::load(row.as_ptr().add(position)).max(largest);
            position += V::LANES;
        }
        largest.store(lanes.as_mut_ptr());
    }
    for (lane, &value) in row[position..].iter().enumerate() {
        lanes[lane] = larger(lanes[lane], value);
    }
    fold_lanes(lanes, larger)
}

/// The sum of a row: as many sums as two vectors of the longest set have lanes, in the order in which XNNPACK adds them up (`f32-rsum`).
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(crate) unsafe fn sum<V: Vector>(row: &[f32]) -> f32 {
    const SUMS: usize = 2;
    let mut lanes = [0.0; MAX_LANES];
    // SAFETY: the elements of the row are there; the set is the caller's, and its lanes divide [`MAX_LANES`].
    unsafe {
        let count = MAX_LANES / V::LANES;
        let mut sums = [[V::splat(0.0); 2]; SUMS];
        let mut position = 0;
        while row.len() - position >= SUMS * MAX_LANES {
            for sum in &mut sums {
                for part in &mut sum[..count] {
                    *part = part.add(V::load(row.as_ptr().add(position)));
                    position += V::LANES;
                }
            }
        }
        let [first, second] = &mut sums;
        for (part, other) in first[..count].iter_mut().zip(second) {
            *part = part.add(*other);
        }
        while position < row.len() {
            for part in &mut sums[0][..count] {
                let lanes = row.len().saturating_sub(position).min(V::LANES);
                *part = part.add(V::load_part(row.as_ptr().add(position.min(row.len())), lanes));
                position += V::LANES;
            }
        }
        for (part, sum) in sums[0][..count].iter().enumerate() {
            sum.store(lanes.as_mut_ptr().add(part * V::LANES));
        }
    }
    fold_lanes(lanes, |left, right| left + right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::portable::Lanes;

    /// The largest error of a function relative to its value, or to 1 where that is more.
    fn error(function: Unary, exact: impl Fn(f64) -> f64) -> f64 {
        let from: Vec<f32> = (-24_000..=24_000).map(|step| step as f32 / 1000.0).collect();
        let mut to = vec![0.0; from.len()];
        // SAFETY: every processor has what the portable vectors need.
        unsafe { unary::<Lanes>(function, &from, &mut to) };
        let errors = from.iter().zip(&to).map(|(&x, &y)| {
            let exact = exact(x.into());
            (f64::from(y) - exact).abs() / exact.abs().max(1.0)
        });
        errors.fold(0.0, f64::max)
    }

    #[test]
    fn approximations_are_as_good_as_floats() {
        let gelu = |x: f64| 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2));
        // The quotient is less exact where products and sums are rounded one by one.
        let bound = if Lanes::ROUNDS_ONCE { 3e-7 } else { 1e-6 };
        assert!(error(Unary::Gelu { is_approximate: false }, gelu) < bound);
        let bent = |x: f64| (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
        let gelu = |x: f64| 0.5 * x * (1.0 + bent(x).tanh());
        assert!(error(Unary::Gelu { is_approximate: true }, gelu) < 3e-7);
        assert!(error(Unary::Logistic, |x| 1.0 / (1.0 + (-x).exp())) < 2e-7);
    }

    #[test]
    fn the_ends_of_the_exponential_function_are_finite() {
        let mut to = [0.0; 4];
        let from = [f32::NEG_INFINITY, f32::INFINITY, f32::NAN, -200.0];
        // SAFETY: every processor has what the portable vectors need.
        unsafe { unary::<Lanes>(Unary::Logistic, &from, &mut to) };
        assert!(to[0] < 1e-37 && to[1] == 1.0 && to[2].is_nan() && to[3] < 1e-37, "{to:?}");
    }

    #[test]
    fn rows_of_any_length_are_summed_up() {
        for length in 0..200 {
            let row: Vec<f32> = (0..length).map(|value| value as f32).collect();
            // SAFETY: every processor has what the portable vectors need.
            let sum = unsafe { sum::<Lanes>(&row) };
            assert_eq!(sum, row.iter().sum::<f32>(), "{length}");
        }
    }
}
