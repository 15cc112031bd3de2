//! Reading a model file.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use lookalike_core::{Error, ErrorKind, Model, Result, SupportCode};

/// Reads and verifies a model file, in TensorFlow Lite's format or, with the feature `onnx`, in ONNX.
///
/// # Errors
///
/// The file is missing, unreadable, a directory or empty, or its contents are no valid model ([`Model::from_bytes`]).
pub fn read_model(path: impl AsRef<Path>) -> Result<Model> {
    let path = path.as_ref();
    if path.as_os_str().is_empty() {
        return Err(no_model());
    }
    let shown = path.display();
    let failure = |error| Error::file(path, error);
    let too_large = || {
        let message =
            format!("{shown} has more than the 2 GiB that a TensorFlow Lite model can have");
        Error::invalid_argument(message).with_support_code(SupportCode::InvalidArgument)
    };
    let file = File::open(path).map_err(failure)?;
    let details = file.metadata().map_err(failure)?;
    if details.is_dir() {
        return Err(Error::new(
            ErrorKind::Unknown,
            format!(
                "Unable to map file to memory buffer: {shown} is a directory; give a .tflite file"
            ),
        )
        .with_support_code(SupportCode::FileMmap));
    }
    if details.len() > MAX_MODEL_BYTES {
        return Err(too_large());
    }
    // The file is read rather than mapped: a mapped file that someone else shortens would crash the program.
    let mut bytes = Vec::new();
    let announced = usize::try_from(details.len()).unwrap_or(usize::MAX);
    bytes.try_reserve_exact(announced).map_err(|error| failure(error.into()))?;
    file.take(MAX_MODEL_BYTES + 1).read_to_end(&mut bytes).map_err(failure)?;
    if bytes.len() as u64 > MAX_MODEL_BYTES {
        return Err(too_large());
    }
    if bytes.is_empty() {
        return Err(Error::new(
            ErrorKind::Unknown,
            format!("Unable to get file size: {shown} is empty"),
        )
        .with_support_code(SupportCode::FileRead));
    }
    parse_model(bytes)
}

/// A model from the contents of a file of either format.
pub(crate) fn parse_model(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Model> {
    let bytes = bytes.into();
    #[cfg(feature = "onnx")]
    if !Model::is_tflite(&bytes) && lookalike_onnx::is_onnx(&bytes) {
        return lookalike_onnx::read(bytes);
    }
    Model::from_bytes(bytes)
}

/// Offsets within a flatbuffer are signed numbers of 32 bits. A device that never ends must not fill the memory either.
const MAX_MODEL_BYTES: u64 = (1 << 31) - 1;

/// The error for a model that was not given at all.
pub(crate) fn no_model() -> Error {
    Error::invalid_argument(
        "ExternalFile must specify at least one of 'file_content', 'file_name' or 'file_descriptor_meta': give a model",
    )
    .with_support_code(SupportCode::InvalidArgument)
}
