//! A camera that is faster than the model: how long a frame's sender waits, and what memory does over many frames.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails may panic")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lookalike::{Image, ImageEmbedder, LiveStreamEmbedder};

const WIDTH: usize = 640;
const HEIGHT: usize = 480;
/// Frames of the burst.
const BURST: i64 = 100;
/// Frames of the soak.
const SOAK: i64 = 100_000;

fn main() {
    let embedder = ImageEmbedder::builder().build().unwrap();
    let frame = Image::rgb(vec![128; WIDTH * HEIGHT * 3], WIDTH, HEIGHT).unwrap();

    let (stream, results) = stream(&embedder);
    let mut longest = Duration::ZERO;
    for timestamp_ms in 0..BURST {
        let next = frame.clone();
        let start = Instant::now();
        stream.send(next, timestamp_ms).unwrap();
        longest = longest.max(start.elapsed());
    }
    stream.close();
    let (count, last) = (results.0.load(Ordering::Relaxed), results.1.load(Ordering::Relaxed));
    println!(
        "burst of {BURST} frames: {count} results, the last of frame {last}; the longest send took {:.3} ms",
        longest.as_secs_f64() * 1e3
    );

    let (stream, results) = self::stream(&embedder);
    for timestamp_ms in 0..SOAK {
        stream.send(frame.clone(), timestamp_ms).unwrap();
        if (timestamp_ms + 1) % (SOAK / 10) == 0 {
            println!("after {} frames: {} MiB resident", timestamp_ms + 1, resident_mebibytes());
        }
    }
    stream.close();
    println!("{} results", results.0.load(Ordering::Relaxed));
}

type Results = Arc<(AtomicU64, AtomicI64)>;

/// A stream that counts its results and keeps the time of the last one.
fn stream(embedder: &ImageEmbedder) -> (LiveStreamEmbedder, Results) {
    let results = Results::default();
    let kept = Arc::clone(&results);
    let stream = LiveStreamEmbedder::new(embedder.clone(), move |result, _, timestamp_ms| {
        result.unwrap();
        kept.0.fetch_add(1, Ordering::Relaxed);
        let before = kept.1.swap(timestamp_ms, Ordering::Relaxed);
        assert!(before <= timestamp_ms);
    });
    (stream.unwrap(), results)
}

/// Memory that is resident, as Linux tells it.
fn resident_mebibytes() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes =
        line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kibibytes.map_or("unknown".to_owned(), |kibibytes| format!("{:.1}", kibibytes / 1024.0))
}
