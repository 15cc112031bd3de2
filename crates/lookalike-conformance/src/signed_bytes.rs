//! Models that take and give signed bytes, which no reference takes: pixels are normalized and quantized as TensorFlow Lite does it.

use anyhow::{Result, ensure};
use lookalike::{ErrorKind, ImageEmbedder, ImageView};

use crate::{Backend, Case, Folders};

/// An echo of 7x5 pixels, normalized with 127.5 and 127.5; a byte stands for a 128th.
const MODEL: &str = "refused_int8_input.tflite";

pub(crate) fn cases(backends: &[Backend], folders: &Folders) -> Vec<Case> {
    let path = folders.fixtures.join(MODEL);
    let case = |&backend: &Backend| {
        let path = path.clone();
        Case::of(backend, "signed-bytes/echo", move |_| echo(backend, &path))
    };
    backends.iter().map(case).collect()
}

fn echo(backend: Backend, path: &std::path::Path) -> Result<()> {
    // Every byte is among them, and so are both ends of the range, which is kept within.
    let pixels: Vec<u8> = (0..7 * 5 * 3).map(|index| (index * 37 % 256) as u8).collect();
    let embedder = match ImageEmbedder::builder().model_file(path).backend(backend.name()).build() {
        Err(error) if error.kind() == ErrorKind::Unimplemented => {
            // The only engine that runs no quantized models.
            ensure!(backend.name() == "tract-tflite", "it is refused: {error}");
            return Ok(());
        }
        embedder => embedder?,
    };
    let result = embedder.embed(ImageView::rgb(&pixels, 7, 5)?)?;
    let expected = pixels.iter().map(|&pixel| {
        let value = (f32::from(pixel) - 127.5) * (1.0 / 127.5);
        (value * 128.0).round().clamp(-128.0, 127.0) / 128.0
    });
    let vector = result.first();
    ensure!(vector.as_float() == Some(&expected.collect::<Vec<f32>>()[..]), "{vector:?}");
    Ok(())
}
