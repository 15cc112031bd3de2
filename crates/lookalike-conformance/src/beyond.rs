//! Models that no reference takes: those of signed bytes, for which pixels are normalized and quantized as TensorFlow Lite does it, and those
//! that take 16-bit floats.

use anyhow::{Result, ensure};
use lookalike::{ImageEmbedder, ImageView};

use crate::{Backend, Case, Folders};

/// An echo of 7x5 pixels, normalized with 127.5 and 127.5.
struct Echo {
    name: &'static str,
    model: &'static str,
    /// What becomes of a normalized value.
    value: fn(f32) -> f32,
    /// Engines that lack such models.
    refused_by: &'static [&'static str],
}

const ECHOES: [Echo; 2] = [
    Echo {
        name: "beyond-the-references/signed-bytes",
        model: "refused_int8_input.tflite",
        // A byte stands for a 128th.
        value: |value| (value * 128.0).round().clamp(-128.0, 127.0) / 128.0,
        refused_by: &["tract-tflite"],
    },
    Echo {
        name: "beyond-the-references/float16",
        model: "refused_float16_input.tflite",
        value: |value| half::f16::from_f32(value).to_f32(),
        refused_by: &["tflitec", "tract-tflite"],
    },
];

pub(crate) fn cases(backends: &[Backend], folders: &Folders) -> Vec<Case> {
    let mut cases = Vec::new();
    for echo in &ECHOES {
        let path = folders.fixtures.join(echo.model);
        for &backend in backends {
            let path = path.clone();
            cases.push(Case::of(backend, echo.name, move |_| run(echo, backend, &path)));
        }
    }
    cases
}

fn run(echo: &Echo, backend: Backend, path: &std::path::Path) -> Result<()> {
    // Every byte is among them, and so are both ends of the range, which is kept within.
    let pixels: Vec<u8> = (0..7 * 5 * 3).map(|index| (index * 37 % 256) as u8).collect();
    let embedder = match ImageEmbedder::builder().model_file(path).backend(backend.name()).build() {
        Err(error) => {
            ensure!(echo.refused_by.contains(&backend.name()), "it is refused: {error}");
            return Ok(());
        }
        Ok(embedder) => embedder,
    };
    ensure!(!echo.refused_by.contains(&backend.name()), "it is not refused any more");
    let result = embedder.embed(ImageView::rgb(&pixels, 7, 5)?)?;
    let expected =
        pixels.iter().map(|&pixel| (echo.value)((f32::from(pixel) - 127.5) * (1.0 / 127.5)));
    let vector = result.first();
    ensure!(vector.as_float() == Some(&expected.collect::<Vec<f32>>()[..]), "{vector:?}");
    Ok(())
}
