//! Convolutions.

mod dynamic;
mod float;
mod products;
mod quantized;
mod ring;

pub(crate) use self::dynamic::{DynamicConv, QuantizeRows};
pub(crate) use self::float::FloatConv;
pub(crate) use self::quantized::{ByteConv, Requantizing};
pub(crate) use self::ring::{Convolution, RingState};
