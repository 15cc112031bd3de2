//! The seven functions of the embedder, two of which are in `result`.

use std::ffi::c_char;
use std::fmt;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use lookalike::{
    EmbeddingResult, Image, ImageEmbedder, ImageProcessingOptions, LiveStreamEmbedder, Result,
    VideoEmbedder,
};

use crate::handles::Handles;
use crate::image::{self, MpImage, MpImagePtr};
use crate::options::{ImageEmbedderOptions, MpImageProcessingOptions, ResultCallback};
use crate::result::{self, ImageEmbedderResult};
use crate::status::{Failure, MpStatus, Outcome, argument, call, memory};

/// What an [`MpImageEmbedderPtr`] points to, as C programs see it.
#[repr(C)]
#[derive(Debug)]
pub struct MpImageEmbedderInternal {
    _private: [u8; 0],
}

/// An embedder.
pub type MpImageEmbedderPtr = *mut MpImageEmbedderInternal;

static EMBEDDERS: Handles<Embedder> = Handles::new("embedder");

/// An embedder in its running mode.
enum Embedder {
    Image { embedder: ImageEmbedder, next_ms: AtomicI64 },
    Video(VideoEmbedder),
    LiveStream(LiveStreamEmbedder),
}

impl Embedder {
    /// Fails as MediaPipe does where a function is for another running mode.
    fn not(&self, mode: &str) -> Failure {
        Failure::invalid(format!(
            "Task is not initialized with the {mode} mode. Current running mode:{self}"
        ))
    }

    fn embed_image(
        &self,
        image: &MpImage,
        processing: &ImageProcessingOptions,
    ) -> Outcome<(EmbeddingResult, i64)> {
        let Self::Image { embedder, next_ms } = self else { return Err(self.not("image")) };
        let result = embedder.embed_with(image.embeddable()?, processing)?;
        // MediaPipe counts images as if one came every second.
        Ok((result, next_ms.fetch_add(1000, Ordering::Relaxed)))
    }

    fn embed_for_video(
        &self,
        image: &MpImage,
        processing: &ImageProcessingOptions,
        timestamp_ms: i64,
    ) -> Outcome<(EmbeddingResult, i64)> {
        let Self::Video(embedder) = self else { return Err(self.not("video")) };
        let result = embedder.embed_with(image.embeddable()?, timestamp_ms, processing)?;
        Ok((result, timestamp_ms))
    }
}

impl fmt::Display for Embedder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Image { .. } => "image mode",
            Self::Video(_) => "video mode",
            Self::LiveStream(_) => "live stream mode",
        })
    }
}

/// Makes an embedder of a model.
///
/// # Safety
///
/// What is not null can be read, `embedder` and `error_msg` written; texts end with 0, and there are as many bytes as is said.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageEmbedderCreate(
    options: *mut ImageEmbedderOptions,
    embedder: *mut MpImageEmbedderPtr,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what these ask for.
    unsafe {
        call(error_msg, || {
            let options = argument(options, "options")?;
            let memory = memory(embedder, "embedder")?;
            let embedder = match (options.running_mode, options.result_callback) {
                (1, _) => {
                    Embedder::Image { embedder: options.embedder()?, next_ms: AtomicI64::new(0) }
                }
                (2, _) => Embedder::Video(VideoEmbedder::new(options.embedder()?)),
                (3, Some(callback)) => {
                    let answer = move |result: Result<EmbeddingResult>, frame: &Image, ms| {
                        answer(callback, result, frame, ms);
                    };
                    let embedder = LiveStreamEmbedder::new(options.embedder()?, answer)?;
                    Embedder::LiveStream(embedder)
                }
                (3, None) => {
                    return Err(Failure::invalid("Provided null pointer to callback function."));
                }
                (other, _) => {
                    return Err(Failure::invalid(format!("Unsupported running mode: {other}")));
                }
            };
            memory.write(EMBEDDERS.insert(Arc::new(embedder)));
            Ok(())
        })
    }
}

/// Hands a result of a live stream over, and takes it back.
///
/// # Safety
///
/// The callback may be called on any thread.
unsafe fn answer(
    callback: ResultCallback,
    result: Result<EmbeddingResult>,
    frame: &Image,
    timestamp_ms: i64,
) {
    let image = image::IMAGES.insert(Arc::new(MpImage::from(frame.clone())));
    let (status, mut shown) = match result {
        Ok(result) => (MpStatus::Ok, Some(result::publish(result, timestamp_ms))),
        Err(error) => (Failure::from(error).status, None),
    };
    let pointer = shown.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: who gave the callback promised that it may be called so.
    unsafe { callback(status, pointer, image, timestamp_ms) };
    if let Some(shown) = &mut shown {
        result::close(shown);
    }
    // The callback may have freed the image itself.
    image::IMAGES.remove(image).ok();
}

/// Embeds an image, or a region of it.
///
/// # Safety
///
/// What is not null can be read, `result` and `error_msg` written. `result` is written on success only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageEmbedderEmbedImage(
    embedder: MpImageEmbedderPtr,
    image: MpImagePtr,
    options: *const MpImageProcessingOptions,
    result: *mut ImageEmbedderResult,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what this asks for.
    unsafe { embed(embedder, image, options, result, error_msg, Embedder::embed_image) }
}

/// Embeds a frame of a video, or a region of it. Times are in milliseconds, each later than the one before.
///
/// # Safety
///
/// As for [`MpImageEmbedderEmbedImage`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageEmbedderEmbedForVideo(
    embedder: MpImageEmbedderPtr,
    image: MpImagePtr,
    options: *const MpImageProcessingOptions,
    timestamp_ms: i64,
    result: *mut ImageEmbedderResult,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what this asks for.
    unsafe {
        embed(embedder, image, options, result, error_msg, |embedder, image, processing| {
            embedder.embed_for_video(image, processing, timestamp_ms)
        })
    }
}

/// # Safety
///
/// As for [`MpImageEmbedderEmbedImage`].
unsafe fn embed(
    embedder: MpImageEmbedderPtr,
    image: MpImagePtr,
    options: *const MpImageProcessingOptions,
    result: *mut ImageEmbedderResult,
    error_msg: *mut *mut c_char,
    embed: impl FnOnce(&Embedder, &MpImage, &ImageProcessingOptions) -> Outcome<(EmbeddingResult, i64)>,
) -> MpStatus {
    // SAFETY: the caller promised what these ask for.
    unsafe {
        call(error_msg, || {
            let (embedder, image) = (EMBEDDERS.get(embedder)?, image::IMAGES.get(image)?);
            let memory = memory(result, "result")?;
            let (result, timestamp_ms) = embed(&embedder, &image, &checked(options)?)?;
            memory.write(result::publish(result, timestamp_ms));
            Ok(())
        })
    }
}

/// # Safety
///
/// The options are null or can be read.
unsafe fn checked(options: *const MpImageProcessingOptions) -> Outcome<ImageProcessingOptions> {
    // SAFETY: the caller promised so.
    unsafe { options.as_ref() }
        .map_or_else(|| Ok(ImageProcessingOptions::default()), |it| it.checked())
}

/// Sends a frame of a live stream, and returns at once. The frame may be freed then.
///
/// # Safety
///
/// What is not null can be read, and `error_msg` written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageEmbedderEmbedAsync(
    embedder: MpImageEmbedderPtr,
    image: MpImagePtr,
    options: *const MpImageProcessingOptions,
    timestamp_ms: i64,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what these ask for.
    unsafe {
        call(error_msg, || {
            let (embedder, image) = (EMBEDDERS.get(embedder)?, image::IMAGES.get(image)?);
            let Embedder::LiveStream(stream) = &*embedder else {
                return Err(embedder.not("live stream"));
            };
            let processing = checked(options)?;
            stream.send_with(image.embeddable()?.clone(), timestamp_ms, processing)?;
            Ok(())
        })
    }
}

/// Closes an embedder. A live stream embeds the frames it has, and its callbacks have returned when this does, unless it is called from one.
///
/// # Safety
///
/// `error_msg` is null or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageEmbedderClose(
    embedder: MpImageEmbedderPtr,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what this asks for.
    unsafe {
        call(error_msg, || {
            if let Embedder::LiveStream(stream) = &*EMBEDDERS.remove(embedder)? {
                stream.close();
            }
            Ok(())
        })
    }
}
