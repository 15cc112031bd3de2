//! Convolutions.

mod float;
mod quantized;
mod ring;

pub(crate) use self::float::FloatConv;
pub(crate) use self::quantized::{ByteConv, Requantizing};
pub(crate) use self::ring::{Convolution, RingState};
