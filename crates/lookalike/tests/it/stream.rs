//! Videos and live streams.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use lookalike::{
    BackendInfo, ErrorKind, Image, ImageEmbedder, ImageProcessingOptions, ImageView,
    InferenceBackend, InferenceSession, LiveStreamEmbedder, LoadedModel, Model, ModelIo,
    OperatorInfo, Region, Result, SessionOptions, Tensor, TensorRef, VideoEmbedder,
};

use crate::fixture;

fn frame(value: u8) -> Image {
    Image::rgb(vec![value; 7 * 5 * 3], 7, 5).unwrap()
}

fn echo() -> ImageEmbedder {
    ImageEmbedder::from_file(fixture("echo_f32.tflite")).unwrap()
}

#[test]
fn the_time_of_a_video_goes_on() {
    let video = VideoEmbedder::new(echo());
    let pixels = [0; 7 * 5 * 3];
    let view = ImageView::rgb(&pixels, 7, 5).unwrap();
    assert_eq!(video.embed(view, -1).unwrap().timestamp_ms, Some(-1));
    assert_eq!(video.embed(view, 10).unwrap().timestamp_ms, Some(10));
    for refused in [10, 9, i64::MIN, i64::MAX, i64::MAX / 1000 + 1] {
        let error = video.embed(view, refused).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    // What was refused did not move the time, and what failed was not the end.
    assert!(video.embed(view, 11).is_ok());
    let outside = Region::Pixels { x: 5, y: 0, width: 5, height: 5 };
    let processing =
        ImageProcessingOptions { region_of_interest: Some(outside), rotation_degrees: 0 };
    assert!(video.embed_with(view, 12, &processing).is_err());
    assert!(video.embed(view, 12).is_err());
    assert!(video.embed(view, i64::MAX / 1000).is_ok());
}

#[test]
fn frames_become_results_in_their_order() {
    let video = VideoEmbedder::new(echo());
    let frames = [(frame(1), 5), (frame(2), 5), (frame(3), 7)];
    let results: Vec<_> = video.embed_frames(frames).collect();
    assert_eq!(results[0].as_ref().unwrap().timestamp_ms, Some(5));
    assert!(results[1].is_err());
    assert_eq!(results[2].as_ref().unwrap().timestamp_ms, Some(7));
}

/// An engine whose runs wait until they are let go, and can be made to panic.
#[derive(Clone, Debug)]
struct Gate {
    passes: Arc<Mutex<Receiver<bool>>>,
    started: Sender<()>,
}

#[derive(Debug)]
struct GatedModel {
    io: ModelIo,
    gate: Gate,
}

#[derive(Debug)]
struct GatedSession(Gate);

impl InferenceBackend for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn check(&self) -> Result<BackendInfo> {
        Ok(BackendInfo::built_in("1"))
    }

    fn has_operator(&self, _operator: &OperatorInfo) -> bool {
        true
    }

    fn load(&self, model: &Model, _options: &SessionOptions) -> Result<Arc<dyn LoadedModel>> {
        Ok(Arc::new(GatedModel { io: model.io().clone(), gate: self.clone() }))
    }
}

impl LoadedModel for GatedModel {
    fn io(&self) -> &ModelIo {
        &self.io
    }

    fn session(&self) -> Result<Box<dyn InferenceSession>> {
        Ok(Box::new(GatedSession(self.gate.clone())))
    }
}

impl InferenceSession for GatedSession {
    fn run(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [Tensor]) -> Result<()> {
        self.0.started.send(()).unwrap();
        let passes = self.0.passes.lock().unwrap().recv().unwrap();
        assert!(passes, "the engine breaks");
        outputs[0].copy_from(inputs[0]);
        Ok(())
    }
}

/// An embedder, what lets its runs go, and what tells that one began.
fn gated() -> (ImageEmbedder, Sender<bool>, Receiver<()>) {
    let ((pass, passes), (started, begun)) = (mpsc::channel(), mpsc::channel());
    let gate = Gate { passes: Arc::new(Mutex::new(passes)), started };
    let options = ImageEmbedder::builder().model_file(fixture("echo_f32.tflite"));
    (options.custom_backend(Arc::new(gate)).build().unwrap(), pass, begun)
}

#[test]
fn of_a_burst_the_first_and_the_newest_frames_are_embedded() {
    let (embedder, pass, begun) = gated();
    let (sender, results) = mpsc::channel();
    let stream = LiveStreamEmbedder::new(embedder, move |result, _, timestamp_ms| {
        assert_eq!(result.unwrap().timestamp_ms, Some(timestamp_ms));
        sender.send(timestamp_ms).unwrap();
    })
    .unwrap();
    stream.send(frame(0), 100).unwrap();
    begun.recv().unwrap();
    // The engine is stuck in the first frame: if one of these waited for it, the test would not end.
    for timestamp_ms in 101..200 {
        stream.send(frame(0), timestamp_ms).unwrap();
    }
    assert!(stream.send(frame(0), 199).is_err());
    pass.send(true).unwrap();
    pass.send(true).unwrap();
    stream.close();
    assert_eq!(results.iter().collect::<Vec<_>>(), [100, 199]);
    assert!(stream.send(frame(0), 300).unwrap_err().to_string().contains("closed"));
}

#[test]
fn the_callback_gets_the_frame_and_errors_do_not_end_the_stream() {
    let (sender, results) = mpsc::channel();
    let stream = LiveStreamEmbedder::new(echo(), move |result, frame: &Image, timestamp_ms| {
        sender.send((result.is_ok(), frame.clone(), timestamp_ms)).unwrap();
    })
    .unwrap();
    let outside = Region::Pixels { x: 5, y: 0, width: 5, height: 5 };
    let processing =
        ImageProcessingOptions { region_of_interest: Some(outside), rotation_degrees: 0 };
    stream.send_with(frame(1), 1, processing).unwrap();
    assert_eq!(results.recv().unwrap(), (false, frame(1), 1));
    stream.send(frame(2), 2).unwrap();
    assert_eq!(results.recv().unwrap(), (true, frame(2), 2));
}

#[test]
fn panics_are_contained() {
    let (embedder, pass, begun) = gated();
    let (sender, results) = mpsc::channel();
    let calls = AtomicUsize::new(0);
    let stream = LiveStreamEmbedder::new(embedder, move |result, _, timestamp_ms| {
        sender.send((result.is_ok(), timestamp_ms)).unwrap();
        assert!(calls.fetch_add(1, Ordering::Relaxed) > 0, "the callback breaks");
    })
    .unwrap();
    for (timestamp_ms, passes) in [(1, true), (2, false), (3, true)] {
        stream.send(frame(0), timestamp_ms).unwrap();
        begun.recv().unwrap();
        pass.send(passes).unwrap();
        assert_eq!(results.recv().unwrap(), (passes, timestamp_ms));
    }
}

#[test]
fn a_stream_can_be_dropped_anywhere() {
    // Without a frame, with one in flight and one waiting, and from its own callback.
    drop(LiveStreamEmbedder::new(echo(), |_, _, _| {}).unwrap());
    let stream = LiveStreamEmbedder::new(echo(), |_, _, _| {}).unwrap();
    stream.send(frame(0), 1).unwrap();
    stream.send(frame(0), 2).unwrap();
    drop(stream);
    let slot: Arc<Mutex<Option<LiveStreamEmbedder>>> = Arc::default();
    let (sender, done) = mpsc::channel();
    let own = Arc::clone(&slot);
    let stream = LiveStreamEmbedder::new(echo(), move |_, _, _| {
        let stream = own.lock().unwrap().take();
        drop(stream);
        sender.send(()).unwrap();
    })
    .unwrap();
    let mut held = slot.lock().unwrap();
    stream.send(frame(0), 1).unwrap();
    *held = Some(stream);
    drop(held);
    done.recv().unwrap();
}
