//! JPEG files: the decoder by itself.

use std::fs;
use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use lookalike_jpeg::{Decoder, Error, ErrorKind, Options, Pixels};

use crate::subjects::{files, jpegs};

/// What a file may cost here.
fn options() -> Options {
    Options { max_bytes: 64 << 20, max_scans: 24, ..Options::default() }
}

/// Decodes any bytes, and the rows and columns that they choose.
pub fn decode_jpeg(data: &[u8]) {
    check(data, data);
}

/// Changes a sound file as the bytes say, segment by segment, and decodes it.
pub fn change_jpeg(data: &[u8]) {
    let mut choices = Unstructured::new(data);
    let Ok(file) = changed(&mut choices) else { return };
    check(&file, choices.take_rest());
}

/// Whatever becomes of a file, it becomes the same of it on every way.
fn check(file: &[u8], choices: &[u8]) {
    let options = options();
    let Ok(decoder) = Decoder::new(file, &options) else { return };
    let (width, height) = (decoder.info().width, decoder.info().height);
    if width * height > 1 << 20 {
        return;
    }
    let decode = |change: fn(&mut Options)| {
        let mut options = options.clone();
        change(&mut options);
        Decoder::new(file, &options).and_then(|decoder| decoder.decode())
    };
    let whole = decoder.decode();
    let portable = decode(|options| options.portable = true);
    assert!(whole == portable, "kernels differ");
    let tolerant = decode(|options| options.allow_truncated = true);
    match &whole {
        Ok(whole) => {
            assert!(tolerant.as_ref() == Ok(whole), "a whole file is taken for another one")
        }
        Err(error) if error.kind() == ErrorKind::Truncated => {
            // What is missing may be a table.
            let is_missing = |error: &Error| error.to_string().contains("is not there");
            assert!(
                tolerant.map_or_else(
                    |error| is_missing(&error),
                    |it| (it.width, it.height) == (width, height)
                ),
                "a file that ends early is not tolerated"
            );
        }
        Err(_) => {}
    }
    let mut choices = Unstructured::new(choices);
    let mut lines = |size: usize| -> Vec<u32> {
        let mut lines: Vec<u32> = (0..choices.int_in_range(1..=6).unwrap_or(1))
            .map_while(|_| choices.int_in_range(0..=size as u32 - 1).ok())
            .flat_map(|at| [at, (at + 1).min(size as u32 - 1)])
            .collect();
        lines.sort_unstable();
        lines.dedup();
        lines
    };
    let (rows, columns) = (lines(height), lines(width));
    match (whole, decoder.decode_at(&rows, &columns)) {
        (Ok(whole), Ok(part)) => {
            assert!(part.pixels == at(&whole, &rows, &columns), "a part differs")
        }
        (whole, part) => assert_eq!(whole.err(), part.err(), "a part fails in another way"),
    }
}

/// The pixels of an image where rows and columns meet.
fn at(image: &Pixels, rows: &[u32], columns: &[u32]) -> Vec<u8> {
    let positions =
        rows.iter().flat_map(|&y| columns.iter().map(move |&x| (y as usize, x as usize)));
    let start = |(y, x)| (y * image.width + x) * image.channels;
    positions.flat_map(|offset| &image.pixels[start(offset)..][..image.channels]).copied().collect()
}

/// The files that the decoder is tested on.
fn sound_files() -> &'static [Vec<u8>] {
    static FILES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FILES.get_or_init(|| {
        let paths = files(&jpegs(), &["jpg"]).expect("the files are in the checkout");
        paths.iter().map(|path| fs::read(path).expect("each can be read")).collect()
    })
}

/// A file with a few changes.
fn changed(choices: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let files = sound_files();
    let file = &files[choices.choose_index(files.len())?];
    let mut segments = segments(file);
    for _ in 0..choices.int_in_range(1..=4)? {
        let at = choices.choose_index(segments.len())?;
        match choices.int_in_range(0..=7)? {
            // Numbers of a segment, or entropy-coded data.
            0..=3 => {
                let length = segments[at].len();
                let offset = choices.choose_index(length)?;
                segments[at][offset] = choices.arbitrary()?;
            }
            4 => {
                segments.remove(at);
                if segments.is_empty() {
                    break;
                }
            }
            5 => {
                let to = choices.choose_index(segments.len())?;
                segments.swap(at, to);
            }
            6 => {
                let copy = segments[at].clone();
                segments.insert(at, copy);
            }
            // Of another file, so that tables and scans do not fit each other.
            _ => {
                let other = self::segments(&files[choices.choose_index(files.len())?]);
                segments[at].clone_from(&other[choices.choose_index(other.len())?]);
            }
        }
    }
    Ok(segments.concat())
}

/// Markers with what belongs to them; behind a scan's header its data.
fn segments(file: &[u8]) -> Vec<Vec<u8>> {
    let mut segments = Vec::new();
    let mut rest = file;
    while !rest.is_empty() {
        let is_start = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF | 0xD0..=0xD7);
        // What looks like a marker within a segment is one of its numbers.
        let length = match rest {
            [0xFF, 0xC0..=0xCF | 0xDA..=0xDF | 0xE0..=0xEF | 0xFE, high, low, ..] => {
                2 + usize::from(u16::from_be_bytes([*high, *low]))
            }
            _ => 2,
        };
        let length = length.min(rest.len());
        let next = rest[length..].windows(2).position(is_start);
        let (segment, behind) = rest.split_at(next.map_or(rest.len(), |next| length + next));
        segments.push(segment.to_vec());
        rest = behind;
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_the_sum_of_their_segments() {
        assert_eq!(sound_files().len(), 138);
        for file in sound_files() {
            let segments = segments(file);
            assert!(segments.len() > 1 && segments.iter().all(|segment| !segment.is_empty()));
            assert_eq!(segments.concat(), *file);
        }
    }
}
