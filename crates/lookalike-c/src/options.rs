//! Options as C programs give them.

use std::ffi::{CStr, c_char, c_int, c_uint};
use std::path::PathBuf;
use std::slice;
use std::sync::Arc;

use lookalike::{ImageEmbedder, ImageProcessingOptions, MediaPipe, Orientation, Region};

use crate::image::MpImagePtr;
use crate::result::ImageEmbedderResult;
use crate::status::{Failure, MpStatus, Outcome, text};

/// The model, and what would run it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MpBaseOptions {
    /// Contents of a model file. If it is not null, path and descriptor are not looked at.
    pub model_asset_buffer: *const c_char,
    /// Number of these bytes.
    pub model_asset_buffer_count: c_uint,
    /// Path of a model file.
    pub model_asset_path: *const c_char,
    /// Descriptor of an open model file, if above 0.
    pub file_descriptor: c_int,
    /// 2 asks for a graphics processor and 5 for a neural one, of which there is none; all others run on the processor.
    pub delegate: c_int,
    /// Not looked at, as no statistics are sent.
    pub host_environment: c_int,
    /// Not looked at.
    pub host_system: c_int,
    /// Not looked at.
    pub host_version: *const c_char,
    /// Not looked at, as nothing is fetched.
    pub ca_bundle_path: *const c_char,
    /// Not looked at.
    pub app_id: *const c_char,
    /// Not looked at.
    pub app_version: *const c_char,
    /// Not looked at.
    #[cfg(feature = "layout-1-2-3")]
    pub npu_dispatch_library_dir: *const c_char,
}

/// What becomes of the vectors.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MpEmbedderOptions {
    /// Whether each vector is divided by its Euclidean norm.
    pub l2_normalize: bool,
    /// Whether values become bytes.
    pub quantize: bool,
}

/// What a live stream calls with each result, on a thread of its own: status, result (null if the status is not `kMpOk`), image and time in
/// milliseconds. Result and image are gone when it returns. It may not throw.
pub type ResultCallback =
    unsafe extern "C" fn(MpStatus, *const ImageEmbedderResult, MpImagePtr, i64);

/// Options of an embedder.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ImageEmbedderOptions {
    /// The model.
    pub base_options: MpBaseOptions,
    /// 1 for images, 2 for a video, 3 for a live stream.
    pub running_mode: c_int,
    /// What becomes of the vectors.
    pub embedder_options: MpEmbedderOptions,
    /// Needed for a live stream, and not looked at otherwise.
    pub result_callback: Option<ResultCallback>,
}

/// A region in fractions of width and height. The order of the fields is MediaPipe's.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct MpRectF {
    pub left: f32,
    pub top: f32,
    pub bottom: f32,
    pub right: f32,
}

/// How an image is to be prepared.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MpImageProcessingOptions {
    /// Whether there is a region; any number but 0 says so.
    pub has_region_of_interest: c_int,
    /// The region, in the upright image.
    pub region_of_interest: MpRectF,
    /// Degrees clockwise, a multiple of 90.
    pub rotation_degrees: c_int,
}

impl MpImageProcessingOptions {
    /// The same in our words. The rotation is checked before the region.
    pub(crate) fn checked(&self) -> Outcome<ImageProcessingOptions> {
        Orientation::from_rotation(self.rotation_degrees)?;
        let MpRectF { left, top, bottom, right } = self.region_of_interest;
        let region = Region::Normalized { left, top, right, bottom };
        let region = (self.has_region_of_interest != 0).then_some(region);
        if let Some(region) = region {
            region.check_fractions()?;
        }
        Ok(ImageProcessingOptions {
            region_of_interest: region,
            rotation_degrees: self.rotation_degrees,
        })
    }
}

impl ImageEmbedderOptions {
    /// Makes the embedder, whatever the running mode is.
    ///
    /// # Safety
    ///
    /// Pointers that are not null point to texts that end with 0, and to as many bytes as they say.
    pub(crate) unsafe fn embedder(&self) -> Outcome<ImageEmbedder> {
        if let Some(processor) = match self.base_options.delegate {
            2 => Some("GPU"),
            5 => Some("NPU"),
            _ => None,
        } {
            return Err(Failure::new(
                MpStatus::FailedPrecondition,
                format!("there is no delegate for a {processor} here: leave the delegate at CPU"),
            ));
        }
        let builder = ImageEmbedder::builder()
            .backend("native")
            .preprocessor(Arc::new(MediaPipe::new()))
            .l2_normalize(self.embedder_options.l2_normalize)
            .quantize(self.embedder_options.quantize);
        let base = &self.base_options;
        // SAFETY: the caller promised that it is a text.
        let path = unsafe { text(base.model_asset_path) }.filter(|path| !path.is_empty());
        let builder = if !base.model_asset_buffer.is_null() {
            let (buffer, count) = (base.model_asset_buffer, base.model_asset_buffer_count);
            // SAFETY: the caller promised that there are as many bytes.
            let bytes = unsafe { slice::from_raw_parts(buffer.cast::<u8>(), count as usize) };
            if bytes.is_empty() {
                return Err(no_model());
            }
            builder.model_bytes(bytes.to_vec())
        } else if let Some(path) = path {
            builder.model_file(path_of(path)?)
        } else if base.file_descriptor > 0 {
            builder.model_bytes(contents(base.file_descriptor)?)
        } else {
            return Err(no_model());
        };
        Ok(builder.build()?)
    }
}

fn no_model() -> Failure {
    Failure::invalid(
        "ExternalFile must specify at least one of 'file_content', 'file_name', 'file_pointer_meta' or 'file_descriptor_meta'.",
    )
}

/// The path of a text: any bytes on Unix, UTF-8 elsewhere.
pub(crate) fn path_of(text: &CStr) -> Outcome<PathBuf> {
    #[cfg(unix)]
    {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        Ok(PathBuf::from(OsStr::from_bytes(text.to_bytes())))
    }
    #[cfg(not(unix))]
    match text.to_str() {
        Ok(path) => Ok(PathBuf::from(path)),
        Err(_) => Err(Failure::invalid("a path is not in UTF-8")),
    }
}

/// What an open file contains, from its beginning; the position in it stays where it is.
#[cfg(unix)]
fn contents(descriptor: c_int) -> Outcome<Vec<u8>> {
    use std::fs::File;
    use std::os::fd::BorrowedFd;
    use std::os::unix::fs::FileExt;

    use lookalike::Limits;

    let failure = |error| {
        let text = format!("Unable to read the model of file descriptor {descriptor}: {error}");
        Failure::new(MpStatus::Unknown, text)
    };
    // SAFETY: it is above 0, and the system says so if it is not open.
    let file = unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned();
    let file = File::from(file.map_err(failure)?);
    let length = file.metadata().map_err(failure)?.len();
    if length == 0 {
        let text = format!(
            "file descriptor {descriptor} is of an empty file, or of none that has a length"
        );
        return Err(Failure::new(MpStatus::Unknown, text));
    }
    let max = Limits::default().max_model_bytes;
    if length > max {
        let text = format!("the model has more bytes than max_model_bytes, which is {max}");
        return Err(Failure::new(MpStatus::ResourceExhausted, text));
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, 0).map_err(failure)?;
    Ok(bytes)
}

#[cfg(not(unix))]
fn contents(_descriptor: c_int) -> Outcome<Vec<u8>> {
    Err(Failure::new(
        MpStatus::Unimplemented,
        "models are not read from file descriptors here: give a path or a buffer",
    ))
}
