//! `lookalike doctor`.

use std::path::Path;
#[cfg(feature = "native")]
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(feature = "native")]
use anyhow::Context;
use anyhow::Result;
#[cfg(feature = "native")]
use lookalike::InstructionSet;
use lookalike::{
    Error, ErrorKind, Image, ImageEmbedder, ImageEmbedderOptions, SupportCode, backends,
    preprocessor, preprocessor_names,
};
use serde::Serialize;

use crate::args::DoctorArguments;
use crate::{Outcome, pipe};

/// Vectors of the built-in model for the built-in images, L2-normalized, as 32-bit floats, lowest byte first: for each profile those of each
/// image. They come from the portable kernels of `native`; `lookalike doctor --freeze` writes them.
const FROZEN: &[u8] = include_bytes!("doctor.bin");

/// Values differ by no more than this on a machine that is well: engines sum in orders of their own.
const BOUND: f32 = 1e-5;

/// Runs that the median is taken of.
const RUNS: usize = 15;

#[derive(Serialize)]
struct Row {
    engine: &'static str,
    instruction_set: &'static str,
    profile: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    largest_difference: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    milliseconds: Option<f64>,
    is_well: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) fn run(arguments: &DoctorArguments) -> Result<Outcome> {
    if let Some(file) = &arguments.freeze {
        return freeze(file).map(|()| Outcome::Done);
    }
    let mut rows = Vec::new();
    for backend in backends() {
        // This engine has kernels for several instruction sets, each of which is examined.
        #[cfg(feature = "native")]
        if backend.name() == "native" {
            for set in InstructionSet::available() {
                rows.extend(examine("native", set.name(), |options| {
                    with_instructions(options, set)
                }));
            }
            continue;
        }
        rows.extend(examine(backend.name(), "its own", |options| options.backend(backend.name())));
    }
    if arguments.json {
        pipe::json(&rows)?;
    } else {
        for row in &rows {
            let Row { engine, instruction_set, profile, .. } = row;
            let found = match (row.largest_difference, row.milliseconds, &row.error) {
                (Some(difference), Some(milliseconds), None) => {
                    let verdict = if row.is_well { "ok" } else { "DIFFERS" };
                    format!(
                        "{verdict:<8} largest difference {difference:.1e}, {milliseconds:.2} ms"
                    )
                }
                (.., error) => {
                    let verdict = if row.is_well { "not run" } else { "FAILED" };
                    format!("{verdict:<8} {}", error.as_deref().unwrap_or_default())
                }
            };
            let line = format!("{engine:<12} {instruction_set:<9} {profile:<13} {found}");
            pipe::line(&pipe::printable(&line))?;
        }
    }
    anyhow::ensure!(!rows.is_empty(), "this build has no backend to examine");
    let is_well = rows.iter().all(|row| row.is_well);
    Ok(if is_well { Outcome::Done } else { Outcome::SomeFailed })
}

/// A row for each profile of an engine.
fn examine(
    engine: &'static str,
    instruction_set: &'static str,
    choose: impl Fn(ImageEmbedderOptions) -> ImageEmbedderOptions,
) -> Vec<Row> {
    let images = images();
    let rows = preprocessor_names().enumerate().map(|(number, profile)| {
        let found = vectors(choose(ImageEmbedder::builder()), profile, &images);
        let row = Row {
            engine,
            instruction_set,
            profile,
            largest_difference: None,
            milliseconds: None,
            is_well: false,
            error: None,
        };
        match found {
            Ok((vectors, time)) => {
                let difference = difference(&vectors, frozen(number));
                Row {
                    largest_difference: Some(difference),
                    milliseconds: Some(time.as_secs_f64() * 1e3),
                    is_well: difference <= BOUND,
                    ..row
                }
            }
            // An engine that is not there, or that refuses the model, gives no wrong vector.
            Err(error) => Row {
                is_well: backend_is_excused(engine, &error),
                error: Some(format!("{error:#}")),
                ..row
            },
        }
    });
    rows.collect()
}

/// Whether an engine cannot run here, or reports that it lacks something that the model needs.
fn backend_is_excused(engine: &str, error: &Error) -> bool {
    let is_missing = lookalike::backend(engine).and_then(|backend| backend.check()).is_err();
    is_missing
        || error.kind() == ErrorKind::Unimplemented
        || error.support_code() == Some(SupportCode::UnsupportedBuiltinOp)
}

/// Vectors of all images, one behind the other, and the median time of one.
fn vectors(
    options: ImageEmbedderOptions,
    profile: &str,
    images: &[Image],
) -> lookalike::Result<(Vec<f32>, Duration)> {
    let embedder = options
        .captures_stderr(true)
        .preprocessor(preprocessor(profile)?)
        .l2_normalize(true)
        .build()?;
    let mut vectors = Vec::new();
    for image in images {
        let result = embedder.embed(image)?;
        vectors.extend_from_slice(result.first().as_float().unwrap_or_default());
    }
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        embedder.embed(&images[0])?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok((vectors, times[RUNS / 2]))
}

/// The frozen vectors of a profile, as they are stored.
fn frozen(profile: usize) -> &'static [u8] {
    let length = FROZEN.len() / preprocessor_names().count();
    FROZEN.chunks_exact(length).nth(profile).unwrap_or_default()
}

/// The largest difference from stored vectors; infinite if there are more or fewer of them.
fn difference(vectors: &[f32], stored: &[u8]) -> f32 {
    let frozen = stored.chunks_exact(size_of::<f32>());
    if frozen.len() != vectors.len() || vectors.is_empty() {
        return f32::INFINITY;
    }
    let frozen = frozen.filter_map(|bytes| bytes.try_into().ok().map(f32::from_le_bytes));
    let differences = vectors.iter().zip(frozen).map(|(found, frozen)| (found - frozen).abs());
    differences
        .fold(0.0, |largest, next| if next.is_nan() { f32::INFINITY } else { next.max(largest) })
}

#[cfg(feature = "native")]
fn with_instructions(options: ImageEmbedderOptions, set: InstructionSet) -> ImageEmbedderOptions {
    options.custom_backend(Arc::new(lookalike::native::Native::with_instructions(set)))
}

#[cfg(feature = "native")]
fn freeze(file: &Path) -> Result<()> {
    let mut bytes = Vec::new();
    for profile in preprocessor_names() {
        let options = with_instructions(ImageEmbedder::builder(), InstructionSet::PORTABLE);
        let (vectors, _) = vectors(options, profile, &images())?;
        bytes.extend(vectors.iter().flat_map(|value| value.to_le_bytes()));
    }
    std::fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(not(feature = "native"))]
fn freeze(file: &Path) -> Result<()> {
    anyhow::bail!("writing {} needs a build with the feature `native`", file.display())
}

/// A gradient, stripes, and noise, of sizes that are resized in different ways.
fn images() -> Vec<Image> {
    let mut state = 1u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let gradient = |x: usize, y: usize| [(x * 255 / 319) as u8, (y * 255 / 239) as u8, 128];
    let stripes = |x: usize, y: usize| {
        if (x / 9 + y / 5).is_multiple_of(2) { [230, 40, 20] } else { [10, 60, 200] }
    };
    let pixels = |width: usize, height: usize, pixel: &mut dyn FnMut(usize, usize) -> [u8; 3]| {
        let positions = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let data = positions.flat_map(|(x, y)| pixel(x, y)).collect();
        Image::rgb(data, width, height).ok()
    };
    [
        pixels(320, 240, &mut { gradient }),
        pixels(101, 203, &mut { stripes }),
        pixels(64, 64, &mut |_, _| [noise(), noise(), noise()]),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_that_differ_are_found() {
        let stored: Vec<u8> = [1.0_f32, -0.5].iter().flat_map(|it| it.to_le_bytes()).collect();
        assert_eq!(difference(&[1.0, -0.5], &stored), 0.0);
        assert_eq!(difference(&[1.0, -0.25], &stored), 0.25);
        assert!(difference(&[1.0], &stored) > BOUND, "a vector is missing");
        assert!(difference(&[], &[]) > BOUND, "there are no vectors");
        assert!(difference(&[f32::NAN, -0.5], &stored) > BOUND);
        assert!(!frozen(0).is_empty());
    }
}
