//! Frames that follow one another: of a video, one by one; of a camera, as many as can be kept up with.

use std::fmt;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use lookalike_core::{
    EmbeddingResult, Error, Image, ImageProcessingOptions, ImageView, Result, contain_panics,
};

use crate::embedder::ImageEmbedder;

/// Time as frames tell it: each later than the one before.
#[derive(Debug, Default)]
struct Clock {
    last_ms: Option<i64>,
}

impl Clock {
    /// Moves on, unless the frame is refused.
    fn advance(&mut self, timestamp_ms: i64) -> Result<()> {
        // The references count in microseconds.
        if timestamp_ms.checked_mul(1000).is_none() {
            return Err(Error::invalid_argument(format!(
                "a timestamp of {timestamp_ms} ms does not fit 64 bits of microseconds"
            )));
        }
        if let Some(last_ms) = self.last_ms.filter(|&last_ms| timestamp_ms <= last_ms) {
            return Err(Error::invalid_argument(format!(
                "Input timestamp must be monotonically increasing: {timestamp_ms} ms comes after {last_ms} ms"
            )));
        }
        self.last_ms = Some(timestamp_ms);
        Ok(())
    }
}

/// Embeds the frames of a video, each when it is asked for.
///
/// ```
/// use lookalike::{ImageEmbedder, ImageView, VideoEmbedder};
///
/// let video = VideoEmbedder::new(ImageEmbedder::builder().build()?);
/// let pixels = [0; 8 * 8 * 3];
/// let frame = ImageView::rgb(&pixels, 8, 8)?;
/// assert_eq!(video.embed(&frame, 40)?.timestamp_ms, Some(40));
/// assert!(video.embed(&frame, 40).is_err());
/// assert!(video.embed(&frame, 80).is_ok());
/// # Ok::<(), lookalike::Error>(())
/// ```
#[derive(Debug)]
pub struct VideoEmbedder {
    embedder: ImageEmbedder,
    clock: Mutex<Clock>,
}

impl VideoEmbedder {
    /// A video that begins. Several may share an embedder.
    pub fn new(embedder: ImageEmbedder) -> Self {
        Self { embedder, clock: Mutex::default() }
    }

    /// Embeds the frame of this time, in milliseconds.
    ///
    /// # Errors
    ///
    /// The frame is not later than the one before, or its time does not fit 64 bits of microseconds: the time then stays where it
    /// was. Or as [`ImageEmbedder::embed`]; the video goes on with the next frame.
    pub fn embed<'a>(
        &self,
        frame: impl Into<ImageView<'a>>,
        timestamp_ms: i64,
    ) -> Result<EmbeddingResult> {
        self.embed_with(frame, timestamp_ms, &ImageProcessingOptions::default())
    }

    /// Embeds a region of a frame, or one that is to be rotated.
    ///
    /// # Errors
    ///
    /// As [`embed`](Self::embed), and as [`ImageEmbedder::embed_with`].
    pub fn embed_with<'a>(
        &self,
        frame: impl Into<ImageView<'a>>,
        timestamp_ms: i64,
        processing: &ImageProcessingOptions,
    ) -> Result<EmbeddingResult> {
        lock(&self.clock).advance(timestamp_ms)?;
        let mut result = self.embedder.embed_with(frame, processing)?;
        result.timestamp_ms = Some(timestamp_ms);
        Ok(result)
    }

    /// The results of frames with their times, in their order; each is embedded when its result is asked for.
    pub fn embed_frames<I>(&self, frames: I) -> impl Iterator<Item = Result<EmbeddingResult>>
    where
        I: IntoIterator<Item = (Image, i64)>,
    {
        frames.into_iter().map(|(frame, timestamp_ms)| self.embed(&frame, timestamp_ms))
    }

    /// The embedder.
    pub fn embedder(&self) -> &ImageEmbedder {
        &self.embedder
    }
}

/// Embeds the frames of a camera on a thread of its own, and hands the results to a callback there.
///
/// [`send`](Self::send) returns at once. One frame is being embedded and one waits; a frame that comes while one waits takes its
/// place, so that the newest is kept. The callback is not called for a replaced frame. Results arrive in the order of their times.
///
/// ```
/// use std::sync::mpsc;
///
/// use lookalike::{Image, ImageEmbedder, LiveStreamEmbedder};
///
/// let (sender, receiver) = mpsc::channel();
/// let camera = LiveStreamEmbedder::new(ImageEmbedder::builder().build()?, move |result, _frame, _timestamp_ms| {
///     sender.send(result).ok();
/// })?;
/// camera.send(Image::rgb(vec![0; 8 * 8 * 3], 8, 8)?, 40)?;
/// camera.close();
/// assert_eq!(receiver.recv().unwrap()?.timestamp_ms, Some(40));
/// # Ok::<(), lookalike::Error>(())
/// ```
pub struct LiveStreamEmbedder {
    shared: Arc<Shared>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

/// What the callers and the worker share.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    clock: Clock,
    waiting: Option<Job>,
    is_closed: bool,
}

struct Job {
    frame: Image,
    timestamp_ms: i64,
    processing: ImageProcessingOptions,
}

impl LiveStreamEmbedder {
    /// Starts a live stream. The callback gets each result or error with its frame and time; a panic in it is contained, and the
    /// stream goes on.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn new<C>(embedder: ImageEmbedder, mut callback: C) -> Result<Self>
    where
        C: FnMut(Result<EmbeddingResult>, &Image, i64) + Send + 'static,
    {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let worker = thread::Builder::new().name("lookalike-live-stream".to_owned());
        let worker = worker.spawn({
            let shared = Arc::clone(&shared);
            move || {
                while let Some(job) = shared.next_job() {
                    let result = job.embed(&embedder);
                    let call = || callback(result, &job.frame, job.timestamp_ms);
                    if let Err(panic) = contain_panics(call) {
                        log::error!("the callback of a live stream panicked: {panic}");
                    }
                }
            }
        });
        let worker = worker.map_err(|error| {
            Error::internal("no thread could be started for the live stream").with_source(error)
        })?;
        Ok(Self { shared, worker: Mutex::new(Some(worker)) })
    }

    /// Takes the frame of this time, in milliseconds, and returns without waiting for anything.
    ///
    /// # Errors
    ///
    /// The frame is not later than the one before, whatever became of that, or its time does not fit 64 bits of microseconds: the
    /// time then stays where it was. Or the stream was closed. Later errors go to the callback.
    pub fn send(&self, frame: Image, timestamp_ms: i64) -> Result<()> {
        self.send_with(frame, timestamp_ms, ImageProcessingOptions::default())
    }

    /// Takes a frame of which a region is to be embedded, or which is to be rotated.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_with(
        &self,
        frame: Image,
        timestamp_ms: i64,
        processing: ImageProcessingOptions,
    ) -> Result<()> {
        let mut state = lock(&self.shared.state);
        if state.is_closed {
            return Err(Error::invalid_argument(
                "Task runner is currently not running: the stream was closed",
            ));
        }
        state.clock.advance(timestamp_ms)?;
        let pushed_out = state.waiting.replace(Job { frame, timestamp_ms, processing });
        drop(state);
        self.shared.changed.notify_one();
        // Its pixels are given back without the lock.
        drop(pushed_out);
        Ok(())
    }

    /// Ends the stream: no frame is taken any more, those that were are embedded, and their callbacks have returned when this
    /// does. Only the first call waits, and not if it comes from the callback itself.
    pub fn close(&self) {
        lock(&self.shared.state).is_closed = true;
        self.shared.changed.notify_one();
        let worker = mem::take(&mut *lock(&self.worker));
        let Some(worker) = worker else { return };
        if worker.thread().id() == thread::current().id() {
            return;
        }
        // The worker contains the panics of what it runs.
        worker.join().ok();
    }
}

impl Drop for LiveStreamEmbedder {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// Waits for a frame; `None` when the stream has ended.
    fn next_job(&self) -> Option<Job> {
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.waiting.take() {
                return Some(job);
            }
            if state.is_closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Job {
    fn embed(&self, embedder: &ImageEmbedder) -> Result<EmbeddingResult> {
        let embed = || embedder.embed_with(&self.frame, &self.processing);
        let mut result = contain_panics(embed)
            .unwrap_or_else(|panic| Err(Error::internal(format!("embedding panicked: {panic}"))))?;
        result.timestamp_ms = Some(self.timestamp_ms);
        Ok(result)
    }
}

impl fmt::Debug for LiveStreamEmbedder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.shared.state);
        formatter
            .debug_struct("LiveStreamEmbedder")
            .field("last_ms", &state.clock.last_ms)
            .field("is_closed", &state.is_closed)
            .finish_non_exhaustive()
    }
}

/// No panic happens while one of these locks is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
