//! Files of all kinds, against what the Task Library (stb_image 2.26) makes of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use libtest_mimic::{Arguments, Failed, Trial};
use lookalike_jpeg::{Decoder, ErrorKind, Options, Result};
use serde::Deserialize;

/// What the reference gives for a file.
#[derive(Deserialize)]
#[serde(untagged)]
enum Expected {
    Pixels { width: usize, height: usize, channels: usize, crc32: u32 },
    Refused { error: String },
}

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let read = |name: &str| fs::read(folder.join(name));
    let golden = read("task_library.json").expect("the golden numbers are there");
    let golden: BTreeMap<String, Expected> =
        serde_json::from_slice(&golden).expect("the golden numbers are as expected");
    let trials = golden.into_iter().map(|(name, expected)| {
        let file = read(&name).expect("each file is there");
        Trial::test(name, move || check(&file, &expected))
    });
    let large = Trial::test("a photograph of which few blocks are wanted", || {
        Ok(parts_equal_the_whole(&photograph(800, 720))?)
    });
    libtest_mimic::run(&Arguments::from_args(), trials.chain([large]).collect()).exit();
}

fn check(file: &[u8], expected: &Expected) -> std::result::Result<(), Failed> {
    for portable in [false, true] {
        let options = Options { portable, ..Options::default() };
        let decoded = Decoder::new(file, &options).and_then(|decoder| decoder.decode());
        match (decoded, expected) {
            (Ok(image), &Expected::Pixels { width, height, channels, crc32 }) => {
                if (image.width, image.height, image.channels) != (width, height, channels) {
                    return Err("another size".into());
                }
                if crc32fast::hash(&image.pixels) != crc32 {
                    return Err("other pixels".into());
                }
            }
            (Err(error), Expected::Refused { error: expected }) => {
                let is_arithmetic = error.kind() == ErrorKind::Unsupported;
                if !is_arithmetic && !error.to_string().starts_with(expected) {
                    return Err(format!("{error} instead of {expected}").into());
                }
            }
            (Ok(_), Expected::Refused { error }) => {
                return Err(format!("decoded, although {error}").into());
            }
            (Err(error), Expected::Pixels { .. }) => return Err(error.to_string().into()),
        }
    }
    if let Expected::Pixels { .. } = expected {
        parts_equal_the_whole(file)?;
    }
    Ok(())
}

/// Pixels of grids, of single ones and of rectangles, are those of the whole image.
fn parts_equal_the_whole(file: &[u8]) -> Result<()> {
    let decoder = Decoder::new(file, &Options::default())?;
    let whole = decoder.decode()?;
    let (width, height) = (whole.width as u32, whole.height as u32);
    let every = |extent: u32, step: usize, first: u32| -> Vec<u32> {
        (first..extent).step_by(step).collect()
    };
    let grids = [
        (every(height, 7, 0), every(width, 5, 0)),
        (every(height, 1, height / 2), every(width, 1, width / 3)),
        (vec![height - 1], vec![width - 1]),
        (vec![0], vec![0, width - 1]),
        (every(height, 9, height.min(8) - 1), every(width, 16, width.min(15) - 1)),
        (vec![], vec![]),
    ];
    for (rows, mut columns) in grids {
        columns.dedup();
        let part = decoder.decode_at(&rows, &columns)?;
        let pixel = |y: u32, x: u32| {
            let start = (y as usize * whole.width + x as usize) * whole.channels;
            &whole.pixels[start..start + whole.channels]
        };
        let expected: Vec<u8> = rows
            .iter()
            .flat_map(|&y| columns.iter().map(move |&x| (y, x)))
            .flat_map(|(y, x)| pixel(y, x))
            .copied()
            .collect();
        assert!(part.pixels == expected, "{rows:?} {columns:?}");
    }
    Ok(())
}

/// A file with details everywhere, so large that dropped blocks have a table of their own.
fn photograph(width: u32, height: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let image = image::RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 24) as u8 % (1 + (x / 8 + y / 16) as u8 % 120);
        image::Rgb([(x / 4) as u8 ^ noise, (y / 3) as u8, noise.wrapping_mul(3)])
    });
    let mut file = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 93);
    image.write_with_encoder(encoder).expect("an image can be encoded");
    file
}
