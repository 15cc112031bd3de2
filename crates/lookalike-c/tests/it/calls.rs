//! The embedder: what it gives, what it refuses, and that no call harms it.

use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::{fs, ptr, slice, thread};

use lookalike::{
    FeatureVector, ImageEmbedder, ImageProcessingOptions, ImageView, MediaPipe, Region,
};
use lookalike_mediapipe::*;

const MODEL: &str = "../lookalike/models/gist.tflite";

pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text).unwrap()
}

/// Status and text of a call that fails; `None` for one that does not, which must not write a text.
pub(crate) fn said(call: impl FnOnce(*mut *mut c_char) -> MpStatus) -> Option<(MpStatus, String)> {
    let mut error = ptr::null_mut();
    let status = call(&mut error);
    assert_eq!(status == MpStatus::Ok, error.is_null());
    (status != MpStatus::Ok).then(|| {
        let text = unsafe { CStr::from_ptr(error) }.to_str().unwrap().to_owned();
        unsafe { MpErrorFree(error) };
        (status, text)
    })
}

/// Pixels of ascending bytes.
fn pixels(width: usize, height: usize, channels: usize) -> Vec<u8> {
    (0..width * height * channels).map(|index| index as u8).collect()
}

pub(crate) fn image(width: c_int, height: c_int, channels: c_int) -> MpImagePtr {
    let pixels = pixels(width as usize, height as usize, channels as usize);
    let format = [0, 3, 0, 1, 2][channels as usize];
    let mut image = ptr::null_mut();
    let made = said(|error| unsafe {
        let size = pixels.len() as c_int;
        MpImageCreateFromUint8Data(format, width, height, pixels.as_ptr(), size, &mut image, error)
    });
    assert_eq!(made, None);
    image
}

/// Options without a model.
fn options(running_mode: c_int) -> ImageEmbedderOptions {
    // SAFETY: all fields are numbers and pointers, and 0 is one of each.
    let options = unsafe { MaybeUninit::<ImageEmbedderOptions>::zeroed().assume_init() };
    ImageEmbedderOptions { running_mode, ..options }
}

fn create(mut options: ImageEmbedderOptions) -> Result<MpImageEmbedderPtr, (MpStatus, String)> {
    let mut embedder = ptr::null_mut();
    let text = said(|error| unsafe { MpImageEmbedderCreate(&mut options, &mut embedder, error) });
    assert_eq!(embedder.is_null(), text.is_some());
    text.map_or(Ok(embedder), Err)
}

fn with_model(mut options: ImageEmbedderOptions) -> MpImageEmbedderPtr {
    let path = c_text(MODEL);
    options.base_options.model_asset_path = path.as_ptr();
    create(options).unwrap()
}

fn embedder(running_mode: c_int) -> MpImageEmbedderPtr {
    with_model(options(running_mode))
}

/// Vector and time of a result, which is closed.
fn taken(mut result: ImageEmbedderResult) -> (FeatureVector, i64) {
    assert!(result.has_timestamp_ms);
    assert_eq!(result.embeddings_count, 1);
    let embedding = unsafe { *result.embeddings };
    assert_eq!(embedding.head_index, 0);
    let count = embedding.values_count as usize;
    let vector = if embedding.quantized_embedding.is_null() {
        let values = unsafe { slice::from_raw_parts(embedding.float_embedding, count) };
        FeatureVector::Float(values.to_vec())
    } else {
        assert!(embedding.float_embedding.is_null());
        let values = embedding.quantized_embedding.cast::<i8>();
        FeatureVector::Quantized(unsafe { slice::from_raw_parts(values, count) }.to_vec())
    };
    unsafe { MpImageEmbedderCloseResult(&mut result) };
    assert!(result.embeddings.is_null() && result.embeddings_count == 0);
    // Once more is fine.
    unsafe { MpImageEmbedderCloseResult(&mut result) };
    (vector, result.timestamp_ms)
}

type Answer = Result<(FeatureVector, i64), (MpStatus, String)>;

/// A result that holds what no call wrote.
const UNTOUCHED: ImageEmbedderResult = ImageEmbedderResult {
    embeddings: ptr::without_provenance_mut(0x5555),
    embeddings_count: 77,
    timestamp_ms: 88,
    has_timestamp_ms: false,
};

fn answer(call: impl FnOnce(*mut ImageEmbedderResult, *mut *mut c_char) -> MpStatus) -> Answer {
    let mut result = UNTOUCHED;
    if let Some(failure) = said(|error| call(&mut result, error)) {
        assert_eq!((result.embeddings.addr(), result.embeddings_count), (0x5555, 77));
        // The result of a failure may be closed, and stays as it is.
        unsafe { MpImageEmbedderCloseResult(&mut result) };
        assert_eq!((result.embeddings.addr(), result.embeddings_count), (0x5555, 77));
        return Err(failure);
    }
    Ok(taken(result))
}

fn embed(
    embedder: MpImageEmbedderPtr,
    image: MpImagePtr,
    processing: Option<&MpImageProcessingOptions>,
) -> Answer {
    let processing = processing.map_or(ptr::null(), ptr::from_ref);
    answer(|result, error| unsafe {
        MpImageEmbedderEmbedImage(embedder, image, processing, result, error)
    })
}

fn embed_for_video(embedder: MpImageEmbedderPtr, image: MpImagePtr, time: i64) -> Answer {
    answer(|result, error| unsafe {
        MpImageEmbedderEmbedForVideo(embedder, image, ptr::null(), time, result, error)
    })
}

fn send(embedder: MpImageEmbedderPtr, image: MpImagePtr, time: i64) -> Option<(MpStatus, String)> {
    said(|error| unsafe { MpImageEmbedderEmbedAsync(embedder, image, ptr::null(), time, error) })
}

fn close(embedder: MpImageEmbedderPtr) -> Option<(MpStatus, String)> {
    said(|error| unsafe { MpImageEmbedderClose(embedder, error) })
}

fn region(left: f32, top: f32, right: f32, bottom: f32) -> MpImageProcessingOptions {
    let region_of_interest = MpRectF { left, top, bottom, right };
    MpImageProcessingOptions {
        has_region_of_interest: 256,
        region_of_interest,
        rotation_degrees: 0,
    }
}

#[test]
fn vectors_are_those_of_the_profile_mediapipe() {
    let reference = ImageEmbedder::builder()
        .model_file(MODEL)
        .preprocessor(Arc::new(MediaPipe::new()))
        .build()
        .unwrap();
    let embedder = embedder(1);
    for channels in [1, 3, 4] {
        let image = image(20, 30, channels);
        let pixels = pixels(20, 30, channels as usize);
        let view = match channels {
            1 => ImageView::gray(&pixels, 20, 30),
            3 => ImageView::rgb(&pixels, 20, 30),
            _ => ImageView::rgba(&pixels, 20, 30),
        };
        let view = view.unwrap();
        let expected = reference.embed(view).unwrap();
        assert_eq!(&embed(embedder, image, None).unwrap().0, expected.first());
        let (left, top, right, bottom) = (0.1, 0.2, 0.7, 0.9);
        let processing = ImageProcessingOptions {
            region_of_interest: Some(Region::Normalized { left, top, right, bottom }),
            rotation_degrees: -90,
        };
        let expected = reference.embed_with(view, &processing).unwrap();
        let options = region(left, top, right, bottom);
        let options = MpImageProcessingOptions { rotation_degrees: -90, ..options };
        assert_eq!(&embed(embedder, image, Some(&options)).unwrap().0, expected.first());
        MpImageFree(image);
    }
    assert_eq!(close(embedder), None);
}

#[test]
fn vectors_are_normalized_and_quantized_if_asked() {
    let mut options = options(1);
    options.embedder_options = MpEmbedderOptions { l2_normalize: true, quantize: true };
    let embedder = with_model(options);
    let image = image(20, 30, 3);
    let (vector, _) = embed(embedder, image, None).unwrap();
    let sum: f64 =
        vector.as_quantized().unwrap().iter().map(|&value| f64::from(value).powi(2)).sum();
    assert!((sum.sqrt() / 128.0 - 1.0).abs() < 0.05, "{sum}");
    MpImageFree(image);
    close(embedder);
}

#[test]
fn images_come_every_second_and_frames_when_they_say() {
    let image = image(8, 8, 3);
    let still = embedder(1);
    for time in [0, 1000, 2000] {
        assert_eq!(embed(still, image, None).unwrap().1, time);
    }
    close(still);
    let video = embedder(2);
    assert_eq!(embed_for_video(video, image, 40).unwrap().1, 40);
    let (status, text) = embed_for_video(video, image, 40).unwrap_err();
    assert_eq!(status, MpStatus::InvalidArgument);
    assert!(text.starts_with("Input timestamp must be monotonically increasing"), "{text}");
    assert_eq!(embed_for_video(video, image, i64::MAX).unwrap_err().0, MpStatus::InvalidArgument);
    // A frame that was refused has no time.
    let wrong = region(0.5, 0.0, 0.5, 1.0);
    let refused = answer(|result, error| unsafe {
        MpImageEmbedderEmbedForVideo(video, image, &wrong, 100, result, error)
    });
    assert!(
        refused.unwrap_err().1.starts_with("Expected RectF with left < right and top < bottom")
    );
    assert_eq!(embed_for_video(video, image, 41).unwrap().1, 41);
    close(video);
    MpImageFree(image);
}

#[test]
fn each_running_mode_has_its_function() {
    extern "C" fn ignore(_: MpStatus, _: *const ImageEmbedderResult, _: MpImagePtr, _: i64) {}
    let image = image(8, 8, 3);
    let stream = ImageEmbedderOptions { result_callback: Some(ignore), ..options(3) };
    let modes =
        [(embedder(1), "image"), (embedder(2), "video"), (with_model(stream), "live stream")];
    for (embedder, mode) in modes {
        let wrong = |asked: &str, said: Option<(MpStatus, String)>| {
            if mode == asked {
                return assert_eq!(said, None);
            }
            let expected = format!(
                "Task is not initialized with the {asked} mode. Current running mode:{mode} mode"
            );
            assert_eq!(said, Some((MpStatus::InvalidArgument, expected)));
        };
        wrong("image", embed(embedder, image, None).err());
        wrong("video", embed_for_video(embedder, image, 1).err());
        wrong("live stream", send(embedder, image, 1));
        assert_eq!(close(embedder), None);
    }
    for other in [0, 4, 99, -1] {
        let (status, text) = create(options(other)).unwrap_err();
        assert_eq!(status, MpStatus::InvalidArgument);
        assert_eq!(text, format!("Unsupported running mode: {other}"));
    }
    let (status, text) = create(options(3)).unwrap_err();
    assert_eq!(status, MpStatus::InvalidArgument);
    assert_eq!(text, "Provided null pointer to callback function.");
    MpImageFree(image);
}

#[test]
fn models_come_as_bytes_by_path_or_by_descriptor() {
    let image = image(8, 8, 3);
    let bytes = fs::read(MODEL).unwrap();
    let (path, missing) = (c_text(MODEL), c_text("/nope.tflite"));
    let file = fs::File::open(MODEL).unwrap();
    let mut of_bytes = options(1);
    of_bytes.base_options.model_asset_buffer = bytes.as_ptr().cast();
    of_bytes.base_options.model_asset_buffer_count = bytes.len() as u32;
    // The path is not even opened then.
    of_bytes.base_options.model_asset_path = missing.as_ptr();
    let mut of_path = options(1);
    of_path.base_options.model_asset_path = path.as_ptr();
    of_path.base_options.file_descriptor = 9999;
    let mut of_file = options(1);
    of_file.base_options.file_descriptor = file.as_raw_fd();
    let vectors = [of_bytes, of_path, of_file].map(|options| {
        let embedder = create(options).unwrap();
        let (vector, _) = embed(embedder, image, None).unwrap();
        close(embedder);
        vector
    });
    assert!(vectors.iter().all(|vector| *vector == vectors[0]));
    MpImageFree(image);

    const NO_MODEL: &str = "ExternalFile must specify at least one of";
    let refused = |change: &dyn Fn(&mut MpBaseOptions)| {
        let mut options = options(1);
        change(&mut options.base_options);
        create(options).unwrap_err()
    };
    let empty = c_text("");
    let text = c_text("this is not a model");
    for (change, status, words) in [
        (
            &(|_: &mut MpBaseOptions| ()) as &dyn Fn(&mut MpBaseOptions),
            MpStatus::InvalidArgument,
            NO_MODEL,
        ),
        (&|base| base.file_descriptor = -1, MpStatus::InvalidArgument, NO_MODEL),
        (&|base| base.model_asset_path = empty.as_ptr(), MpStatus::InvalidArgument, NO_MODEL),
        (&|base| base.model_asset_buffer = text.as_ptr(), MpStatus::InvalidArgument, NO_MODEL),
        (
            &|base| base.model_asset_path = missing.as_ptr(),
            MpStatus::NotFound,
            "Unable to open file at /nope.tflite",
        ),
        (&|base| base.file_descriptor = 9999, MpStatus::Unknown, "file descriptor 9999: Bad file"),
        (
            &|base| {
                base.model_asset_buffer = text.as_ptr();
                base.model_asset_buffer_count = 19;
            },
            MpStatus::InvalidArgument,
            "The model is not a valid Flatbuffer buffer",
        ),
        (&|base| base.delegate = 2, MpStatus::FailedPrecondition, "no delegate for a GPU"),
        (&|base| base.delegate = 5, MpStatus::FailedPrecondition, "no delegate for a NPU"),
    ] {
        let (said, text) = refused(change);
        assert_eq!(said, status, "{text}");
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn null_and_closed_handles_are_failures() {
    let (embedder, image) = (embedder(1), image(8, 8, 3));
    let invalid = |said: Option<(MpStatus, String)>, words: &str| {
        let (status, text) = said.unwrap();
        assert_eq!(status, MpStatus::InvalidArgument, "{text}");
        assert!(text.contains(words), "{text}");
    };
    invalid(embed(ptr::null_mut(), image, None).err(), "`embedder` is null");
    invalid(embed(embedder, ptr::null_mut(), None).err(), "`image` is null");
    let no_result = |error| unsafe {
        MpImageEmbedderEmbedImage(embedder, image, ptr::null(), ptr::null_mut(), error)
    };
    invalid(said(no_result), "`result` is null");
    let mut handle = ptr::null_mut();
    invalid(
        said(|error| unsafe { MpImageEmbedderCreate(ptr::null_mut(), &mut handle, error) }),
        "`options`",
    );
    invalid(
        said(|error| unsafe { MpImageEmbedderCreate(&mut options(1), ptr::null_mut(), error) }),
        "`embedder`",
    );
    invalid(
        said(|error| unsafe { MpImageCreateFromFile(ptr::null(), ptr::null_mut(), error) }),
        "`file_name`",
    );
    invalid(
        said(|error| unsafe { MpImageCreateFromImageFrame(image, ptr::null_mut(), error) }),
        "`out`",
    );
    invalid(said(|error| unsafe { MpImageDataUint8(image, ptr::null_mut(), error) }), "`out`");
    invalid(
        said(|error| unsafe { MpImageGetValueUint8(image, ptr::null_mut(), 3, &mut 0, error) }),
        "`pos`",
    );
    let no_pixels = |error| unsafe {
        MpImageCreateFromUint8Data(1, 2, 2, ptr::null(), 12, &mut ptr::null_mut(), error)
    };
    invalid(said(no_pixels), "`pixel_data` is null");
    let mut similarity = 0.0;
    let similar = |error| unsafe {
        MpImageEmbedderCosineSimilarity(ptr::null(), ptr::null(), &mut similarity, error)
    };
    invalid(said(similar), "`u` is null");
    invalid(close(ptr::null_mut()), "`embedder` is null");
    // A text is written only where there is room for it.
    let status = unsafe { MpImageEmbedderClose(ptr::null_mut(), ptr::null_mut()) };
    assert_eq!(status, MpStatus::InvalidArgument);
    // One kind of handle is not taken for the other.
    invalid(embed(image.cast(), image, None).err(), "this is no handle of an embedder");
    invalid(embed(embedder, embedder.cast(), None).err(), "this is no handle of an image");
    assert_eq!(close(embedder), None);
    invalid(close(embedder), "this is no handle of an embedder, or one that was closed");
    invalid(embed(embedder, image, None).err(), "or one that was closed");
    MpImageFree(image);
    unsafe { MpErrorFree(ptr::null_mut()) };
    MpStringListFree(ptr::null_mut());
    unsafe { MpImageEmbedderCloseResult(ptr::null_mut()) };
}

#[test]
fn a_refused_image_leaves_the_embedder_as_it_was() {
    let (embedder, image) = (embedder(1), image(8, 8, 3));
    let before = embed(embedder, image, None).unwrap().0;
    let words = [0u16; 12];
    let floats = [0f32; 4];
    let (mut deep, mut real, mut empty) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    unsafe {
        let none = ptr::null_mut();
        MpImageCreateFromUint16Data(7, 2, 2, words.as_ptr(), 12, &mut deep, none);
        MpImageCreateFromFloatData(9, 2, 2, floats.as_ptr(), 4, &mut real, none);
        MpImageCreateFromUint8Data(1, 0, 0, ptr::null(), 0, &mut empty, none);
    }
    for (refused, words) in [
        (deep, "Unsupported format: SRGB48; give an image of SRGB, SRGBA or GRAY8"),
        (real, "Unsupported format: VEC32F1"),
        (empty, "ROI width and height must be > 0"),
    ] {
        let (status, text) = embed(embedder, refused, None).unwrap_err();
        assert_eq!(status, MpStatus::InvalidArgument);
        assert!(text.contains(words), "{text}");
        MpImageFree(refused);
    }
    for (processing, words) in [
        (region(0.5, 0.0, 0.5, 1.0), "Expected RectF with left < right and top < bottom"),
        (region(0.0, 0.0, 1.5, 1.0), "Expected RectF values to be in [0,1]"),
        (region(f32::NAN, 0.0, 1.0, 1.0), "Expected RectF"),
        (
            MpImageProcessingOptions { rotation_degrees: 45, ..region(2.0, 2.0, 1.0, 1.0) },
            "Expected rotation to be a multiple of 90°",
        ),
    ] {
        let (status, text) = embed(embedder, image, Some(&processing)).unwrap_err();
        assert_eq!(status, MpStatus::InvalidArgument);
        assert!(text.starts_with(words), "{text}");
    }
    assert_eq!(embed(embedder, image, None).unwrap().0, before);
    MpImageFree(image);
    close(embedder);
}

#[test]
fn vectors_are_compared() {
    let floats = |values: &mut [f32]| MpEmbedding {
        float_embedding: values.as_mut_ptr(),
        quantized_embedding: ptr::null_mut(),
        values_count: values.len() as u32,
        head_index: 0,
        head_name: ptr::null_mut(),
    };
    let bytes = |values: &mut [i8]| MpEmbedding {
        float_embedding: ptr::null_mut(),
        quantized_embedding: values.as_mut_ptr().cast(),
        ..floats(&mut vec![0.0; values.len()])
    };
    let cosine = |u: MpEmbedding, v: MpEmbedding| {
        let mut similarity = 0.0;
        let text = said(|error| unsafe {
            MpImageEmbedderCosineSimilarity(&u, &v, &mut similarity, error)
        });
        text.map_or(Ok(similarity), |(status, text)| {
            assert_eq!(status, MpStatus::InvalidArgument);
            Err(text)
        })
    };
    let (a, b) = (&mut [1.0, 0.0, 0.0, 0.0], &mut [0.5f32; 4]);
    assert_eq!(cosine(floats(a), floats(b)), Ok(0.5));
    let (c, d) = (&mut [127i8, 0, 0, 0], &mut [-128i8, 0, 0, 0]);
    assert_eq!(cosine(bytes(c), bytes(d)), Ok(-1.0));
    let refused = |u, v| cosine(u, v).unwrap_err();
    let mixed = "Cannot compute cosine similarity between quantized and float embeddings";
    assert_eq!(refused(floats(a), bytes(c)), mixed);
    let mut none = floats(&mut []);
    none.float_embedding = ptr::null_mut();
    assert_eq!(refused(none, none), mixed);
    assert_eq!(
        refused(floats(&mut [1.0, 2.0]), floats(&mut [1.0, 2.0, 3.0])),
        "Cannot compute cosine similarity between embeddings of different sizes (2 vs. 3)"
    );
    assert_eq!(
        refused(floats(&mut [0.0, 0.0]), floats(&mut [1.0, 2.0])),
        "Cannot compute cosine similarity on embedding with 0 norm"
    );
    assert_eq!(
        refused(floats(&mut []), floats(&mut [])),
        "Cannot compute cosing similarity on empty embeddings"
    );
}

/// Embedder, times that arrived, and an image that a callback kept.
static STREAM: AtomicPtr<MpImageEmbedderInternal> = AtomicPtr::new(ptr::null_mut());
static KEPT: AtomicPtr<MpImageInternal> = AtomicPtr::new(ptr::null_mut());
static TIMES: Mutex<Vec<i64>> = Mutex::new(Vec::new());
static REFUSED: AtomicUsize = AtomicUsize::new(0);

/// Does all that a callback should rather not do.
unsafe extern "C" fn on_result(
    status: MpStatus,
    result: *const ImageEmbedderResult,
    image: MpImagePtr,
    time: i64,
) {
    TIMES.lock().unwrap().push(time);
    if status != MpStatus::Ok {
        assert!(result.is_null());
        REFUSED.fetch_add(1, Ordering::Relaxed);
        return;
    }
    let stream = STREAM.load(Ordering::Relaxed);
    unsafe {
        let mut copy = *result;
        assert_eq!((copy.timestamp_ms, copy.embeddings_count), (time, 1));
        assert_eq!((*copy.embeddings).values_count, 306);
        // The library's own result is closed too early, and its image given back.
        MpImageEmbedderCloseResult(&mut copy);
        let mut kept = ptr::null_mut();
        assert_eq!(MpImageCreateFromImageFrame(image, &mut kept, ptr::null_mut()), MpStatus::Ok);
        MpImageFree(KEPT.swap(kept, Ordering::Relaxed));
        if time < 100 {
            // The stream goes on with the same image, and ends from within.
            assert_eq!(send(stream, image, time + 50), None);
        } else {
            assert_eq!(close(stream), None);
            assert!(send(stream, image, 1000).unwrap().1.contains("or one that was closed"));
        }
        MpImageFree(image);
    }
}

#[test]
fn a_callback_may_call_back() {
    let stream =
        with_model(ImageEmbedderOptions { result_callback: Some(on_result), ..options(3) });
    STREAM.store(stream, Ordering::Relaxed);
    let image = image(8, 8, 3);
    assert_eq!(send(stream, image, 10), None);
    // The stream holds on to the pixels.
    MpImageFree(image);
    let (mut all, mut waited) = (Vec::new(), 0);
    while all.len() < 3 && waited < 2000 {
        thread::sleep(std::time::Duration::from_millis(10));
        waited += 1;
        all.clone_from(&TIMES.lock().unwrap());
    }
    assert_eq!(all, [10, 60, 110]);
    assert_eq!(REFUSED.load(Ordering::Relaxed), 0);
    // What the callback kept is there after the stream has ended.
    while close(stream).is_none() {}
    assert_eq!(MpImageGetWidth(KEPT.load(Ordering::Relaxed)), 8);
    MpImageFree(KEPT.load(Ordering::Relaxed));
}

static LATE: Mutex<Vec<(MpStatus, i64)>> = Mutex::new(Vec::new());

extern "C" fn note(status: MpStatus, _: *const ImageEmbedderResult, _: MpImagePtr, time: i64) {
    thread::sleep(std::time::Duration::from_millis(5));
    LATE.lock().unwrap().push((status, time));
}

#[test]
fn closing_waits_for_the_last_callback() {
    let stream = with_model(ImageEmbedderOptions { result_callback: Some(note), ..options(3) });
    let image = image(8, 8, 3);
    for time in 0..100 {
        assert_eq!(send(stream, image, time), None);
    }
    assert!(send(stream, image, 99).unwrap().1.starts_with("Input timestamp must be"));
    assert_eq!(close(stream), None);
    let times: Vec<i64> = LATE.lock().unwrap().iter().map(|&(_, time)| time).collect();
    assert!(times.is_sorted() && times.last() == Some(&99), "{times:?}");
    thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(LATE.lock().unwrap().len(), times.len());
    MpImageFree(image);
}

#[test]
fn any_number_of_threads_may_call() {
    let (embedder, image) = (embedder(1).addr(), image(40, 30, 3).addr());
    let once = || {
        let (embedder, image) =
            (ptr::without_provenance_mut(embedder), ptr::without_provenance_mut(image));
        embed(embedder, image, None).unwrap()
    };
    let (expected, _) = once();
    let mut times: Vec<i64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..5)
                        .map(|_| once())
                        .map(|(vector, time)| (vector == expected, time))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .map(|(is_equal, time)| {
                assert!(is_equal);
                time
            })
            .collect()
    });
    times.sort_unstable();
    assert_eq!(times, (1..=40).map(|second| second * 1000).collect::<Vec<_>>());
    assert_eq!(close(ptr::without_provenance_mut(embedder)), None);
    MpImageFree(ptr::without_provenance_mut(image));
}
