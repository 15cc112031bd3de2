//! Reading a model file.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use lookalike_core::{Error, ErrorKind, Limits, Model, Result, SupportCode};

/// Reads and verifies a model file within the default limits, in TensorFlow Lite's format or, with the feature `onnx`, in ONNX.
///
/// # Errors
///
/// The file is missing, unreadable, a directory or empty, or its contents are no valid model ([`Model::from_bytes_within`]).
pub fn read_model(path: impl AsRef<Path>) -> Result<Model> {
    read_model_within(path, &Limits::default())
}

/// Reads and verifies a model file within limits.
///
/// # Errors
///
/// As for [`read_model`].
pub fn read_model_within(path: impl AsRef<Path>, limits: &Limits) -> Result<Model> {
    let path = path.as_ref();
    if path.as_os_str().is_empty() {
        return Err(no_model());
    }
    let shown = path.display();
    let failure = |error| Error::file(path, error);
    let too_large = || {
        let limit = limits.max_model_bytes;
        let message = format!("{shown} has more bytes than max_model_bytes, which is {limit}");
        Error::new(ErrorKind::ResourceExhausted, message)
            .with_support_code(SupportCode::InvalidArgument)
    };
    let file = File::open(path).map_err(failure)?;
    let details = file.metadata().map_err(failure)?;
    if details.is_dir() {
        return Err(Error::new(
            ErrorKind::Unknown,
            format!(
                "Unable to map file to memory buffer, errno=12: {shown} is a directory; give a .tflite file"
            ),
        )
        .with_support_code(SupportCode::FileMmap));
    }
    if details.len() > limits.max_model_bytes {
        return Err(too_large());
    }
    // The file is read rather than mapped: a mapped file that someone else shortens would crash the program.
    let mut bytes = Vec::new();
    let announced = usize::try_from(details.len()).unwrap_or(usize::MAX);
    bytes.try_reserve_exact(announced).map_err(|error| failure(error.into()))?;
    // A device that never ends must not fill the memory either.
    file.take(limits.max_model_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failure)?;
    if bytes.len() as u64 > limits.max_model_bytes {
        return Err(too_large());
    }
    if bytes.is_empty() {
        return Err(Error::new(
            ErrorKind::Unknown,
            format!("Unable to get file size: {shown} is empty"),
        )
        .with_support_code(SupportCode::FileRead));
    }
    parse_model(bytes, limits)
}

/// A model from the contents of a file of either format.
pub(crate) fn parse_model(bytes: impl Into<Cow<'static, [u8]>>, limits: &Limits) -> Result<Model> {
    let bytes = bytes.into();
    #[cfg(feature = "onnx")]
    if bytes.len() as u64 <= limits.max_model_bytes
        && !Model::is_tflite(&bytes)
        && lookalike_onnx::is_onnx(&bytes)
    {
        return lookalike_onnx::read(bytes);
    }
    Model::from_bytes_within(bytes, limits)
}

/// The error for a model that was not given at all.
pub(crate) fn no_model() -> Error {
    Error::invalid_argument(
        "ExternalFile must specify at least one of 'file_content', 'file_name' or 'file_descriptor_meta': give a model",
    )
    .with_support_code(SupportCode::InvalidArgument)
}
