//! What a model or an image may cost.

use crate::error::{Error, ErrorKind, Result};

/// What an untrusted model or image may cost. A limit is checked before the memory or the time is spent.
///
/// ```
/// use lookalike_core::Limits;
///
/// let limits = Limits { max_pixels: 400_000_000, ..Limits::default() }; // panoramas
/// # assert_eq!(limits.max_pixels, 400_000_000);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Maximum number of bytes of a model file. Default 2³¹ - 1, which is as far as offsets in a flatbuffer reach.
    pub max_model_bytes: u64,
    /// Maximum number of tensors of a model, constants included. Default 100 000.
    pub max_tensors: u64,
    /// Maximum number of operators of a model. Default 100 000.
    pub max_operators: u64,
    /// Maximum number of bytes of all values that an inference holds at a time, with the patches that a convolution lays out; weights are
    /// counted where the graph converts them. Default 1 GiB.
    pub max_arena_bytes: u64,
    /// Maximum number of multiplications of an inference, an operation on an element counted as one. Default 10¹¹: half a minute on a slow
    /// engine.
    pub max_multiplications: u64,
    /// Maximum number of bytes of an image file. Default 256 MiB.
    pub max_image_bytes: u64,
    /// Maximum number of pixels of an image. Default 100 million.
    pub max_pixels: u64,
    /// Maximum number of bytes a decoder may hold at a time, the decoded image included. Default 1 GiB. The WebP
    /// decoder does not count: it is taken to need three times the decoded image.
    pub max_decoder_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_model_bytes: (1 << 31) - 1,
            max_tensors: 100_000,
            max_operators: 100_000,
            max_arena_bytes: 1 << 30,
            max_multiplications: 100_000_000_000,
            max_image_bytes: 256 << 20,
            max_pixels: 100_000_000,
            max_decoder_bytes: 1 << 30,
        }
    }
}

impl Limits {
    /// Sets the limit of this name, such as `max_pixels`.
    ///
    /// # Errors
    ///
    /// There is no such limit; the message names those there are.
    pub fn set(&mut self, name: &str, value: u64) -> Result<()> {
        let mut limits = self.by_name();
        let Some((_, limit)) = limits.iter_mut().find(|(known, _)| *known == name) else {
            let known = limits.map(|(known, _)| known).join(", ");
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("there is no limit `{name}`; the limits are: {known}"),
            ));
        };
        **limit = value;
        Ok(())
    }

    /// Names of all limits with their values, in the order of the fields.
    pub fn values(mut self) -> Vec<(&'static str, u64)> {
        self.by_name().into_iter().map(|(name, value)| (name, *value)).collect()
    }

    fn by_name(&mut self) -> [(&'static str, &mut u64); 8] {
        [
            ("max_model_bytes", &mut self.max_model_bytes),
            ("max_tensors", &mut self.max_tensors),
            ("max_operators", &mut self.max_operators),
            ("max_arena_bytes", &mut self.max_arena_bytes),
            ("max_multiplications", &mut self.max_multiplications),
            ("max_image_bytes", &mut self.max_image_bytes),
            ("max_pixels", &mut self.max_pixels),
            ("max_decoder_bytes", &mut self.max_decoder_bytes),
        ]
    }
}

/// The error for what costs more than a limit of this name allows.
pub(crate) fn exceeded(what: impl std::fmt::Display, name: &str, limit: u64) -> Error {
    Error::new(ErrorKind::ResourceExhausted, format!("{what}, and {name} is {limit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_set_by_name() {
        let mut limits = Limits::default();
        limits.set("max_pixels", 7).unwrap();
        assert_eq!(limits, Limits { max_pixels: 7, ..Limits::default() });
        let error = limits.set("pixels", 7).unwrap_err();
        assert!(error.to_string().contains("max_pixels"), "{error}");
    }
}
