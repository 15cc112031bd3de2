//! Loops over rows of values, which the compiler vectorizes for each instruction set.

use lookalike_graph::Unary;

/// What is applied to each value of a result before it is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Activation {
    None,
    /// Not below the first number and not above the second.
    Clamp(f32, f32),
    /// `x * clamp(x / 6 + 1 / 2, 0, 1)`.
    HardSwish,
}

/// Bounds that values are kept within: not below the first, not above the second.
pub(crate) type Bounds = (f32, f32);

impl Activation {
    #[inline(always)]
    pub(crate) fn apply(self, value: f32) -> f32 {
        match self {
            Self::None => value,
            Self::Clamp(low, high) => clamp(value, low, high),
            Self::HardSwish => value * clamp(value * (1.0 / 6.0) + 0.5, 0.0, 1.0),
        }
    }
}

/// As processors do: what is not a number becomes the lower bound.
#[inline(always)]
fn clamp(value: f32, low: f32, high: f32) -> f32 {
    let value = if value > low { value } else { low };
    if value < high { value } else { high }
}

/// Operators of two numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Binary {
    Add,
    Sub,
    /// The second less the first.
    SubFrom,
    Mul,
    Div,
    /// The second divided by the first.
    DivFrom,
    Max,
    Min,
    SquaredDifference,
    Pow,
    /// The second to the power of the first.
    PowFrom,
    /// The first, times the second where it is negative.
    Prelu,
}

impl Binary {
    /// The same operator for inputs that are swapped.
    pub(crate) fn swapped(self) -> Option<Self> {
        Some(match self {
            Self::Add | Self::Mul | Self::Max | Self::Min | Self::SquaredDifference => self,
            Self::Sub => Self::SubFrom,
            Self::SubFrom => Self::Sub,
            Self::Div => Self::DivFrom,
            Self::DivFrom => Self::Div,
            Self::Pow => Self::PowFrom,
            Self::PowFrom => Self::Pow,
            Self::Prelu => return None,
        })
    }
}

/// Calls a loop with the function of an operator, so that each operator has a loop of its own.
macro_rules! with_function {
    ($binary:expr, |$function:ident| $loop:expr) => {
        match $binary {
            Binary::Add => {
                let $function = |a: f32, b: f32| a + b;
                $loop
            }
            Binary::Sub => {
                let $function = |a: f32, b: f32| a - b;
                $loop
            }
            Binary::SubFrom => {
                let $function = |a: f32, b: f32| b - a;
                $loop
            }
            Binary::Mul => {
                let $function = |a: f32, b: f32| a * b;
                $loop
            }
            Binary::Div => {
                let $function = |a: f32, b: f32| a / b;
                $loop
            }
            Binary::DivFrom => {
                let $function = |a: f32, b: f32| b / a;
                $loop
            }
            Binary::Max => {
                let $function = |a: f32, b: f32| if a > b { a } else { b };
                $loop
            }
            Binary::Min => {
                let $function = |a: f32, b: f32| if a < b { a } else { b };
                $loop
            }
            Binary::SquaredDifference => {
                let $function = |a: f32, b: f32| (a - b) * (a - b);
                $loop
            }
            Binary::Pow => {
                let $function = |a: f32, b: f32| a.powf(b);
                $loop
            }
            Binary::PowFrom => {
                let $function = |a: f32, b: f32| b.powf(a);
                $loop
            }
            Binary::Prelu => {
                let $function = |a: f32, b: f32| if a >= 0.0 { a } else { a * b };
                $loop
            }
        }
    };
}

#[inline(always)]
pub(crate) fn binary(binary: Binary, left: &[f32], right: &[f32], to: &mut [f32]) {
    with_function!(binary, |apply| {
        for ((to, &left), &right) in to.iter_mut().zip(left).zip(right) {
            *to = apply(left, right);
        }
    });
}

#[inline(always)]
pub(crate) fn binary_with_number(binary: Binary, left: &[f32], right: f32, to: &mut [f32]) {
    with_function!(binary, |apply| {
        for (to, &left) in to.iter_mut().zip(left) {
            *to = apply(left, right);
        }
    });
}

/// Keeps values within bounds.
#[inline(always)]
pub(crate) fn bound((low, high): Bounds, values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = clamp(*value, low, high));
}

#[inline(always)]
pub(crate) fn affine(from: &[f32], scale: f32, shift: f32, to: &mut [f32]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from * scale - shift;
    }
}

#[inline(always)]
pub(crate) fn dequantize(
    from: &[u8],
    is_signed: bool,
    zero_point: i32,
    scale: f32,
    to: &mut [f32],
) {
    if is_signed {
        for (to, &byte) in to.iter_mut().zip(from) {
            *to = (i32::from(byte as i8) - zero_point) as f32 * scale;
        }
    } else {
        for (to, &byte) in to.iter_mut().zip(from) {
            *to = (i32::from(byte) - zero_point) as f32 * scale;
        }
    }
}

#[inline(always)]
pub(crate) fn quantize(from: &[f32], is_signed: bool, zero_point: i32, scale: f32, to: &mut [u8]) {
    let (min, max) = if is_signed { (-128.0, 127.0) } else { (0.0, 255.0) };
    for (to, &value) in to.iter_mut().zip(from) {
        // Half steps go away from 0.
        let steps = (value / scale).round() + zero_point as f32;
        *to = clamp(steps, min, max) as i32 as u8;
    }
}

/// The steps of numbers above a zero point once they have been quantized to signed bytes: `round(factor * x + zero point) - zero point`.
#[inline(always)]
pub(crate) fn step_row(from: &[f32], factor: f32, zero_point: f32, to: &mut [f32]) {
    for (to, &value) in to.iter_mut().zip(from) {
        let byte = (zero_point + value * factor).round();
        *to = clamp(byte, i8::MIN.into(), i8::MAX.into()) - zero_point;
    }
}

/// A function of one number.
pub(crate) fn apply(function: Unary, x: f32) -> f32 {
    match function {
        Unary::Abs => x.abs(),
        Unary::Ceil => x.ceil(),
        Unary::Cos => x.cos(),
        Unary::Elu => {
            if x >= 0.0 {
                x
            } else {
                x.exp_m1()
            }
        }
        Unary::Exp => x.exp(),
        Unary::Floor => x.floor(),
        // Hendrycks and Gimpel, 2016, arXiv:1606.08415.
        Unary::Gelu { is_approximate: true } => {
            let bent = (2.0 / std::f32::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
            0.5 * x * (1.0 + bent.tanh())
        }
        Unary::Gelu { is_approximate: false } => {
            0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
        }
        Unary::HardSwish => Activation::HardSwish.apply(x),
        Unary::LeakyRelu { slope } => {
            if x >= 0.0 {
                x
            } else {
                x * slope
            }
        }
        Unary::Log => x.ln(),
        Unary::Logistic => 1.0 / (1.0 + (-x).exp()),
        Unary::Neg => -x,
        Unary::Round => x.round_ties_even(),
        Unary::Rsqrt => 1.0 / x.sqrt(),
        Unary::Sin => x.sin(),
        Unary::Sqrt => x.sqrt(),
        Unary::Square => x * x,
        Unary::Tanh => x.tanh(),
    }
}
