//! The command line: its arguments, and the files it writes.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use arbitrary::{Arbitrary, Unstructured};
use lookalike::{Embedding, FeatureVector};

/// Takes the bytes, split at zeros, for the arguments of the program. A first byte chooses a command, so that most of them get there.
pub fn parse_arguments(data: &[u8]) {
    const COMMANDS: [&str; 5] = ["compare", "embed", "inspect", "convert", "backends"];
    let Some((&first, rest)) = data.split_first() else { return };
    let command = COMMANDS.get(usize::from(first) % 6).map(|&name| name.into());
    let words = rest.split(|&byte| byte == 0).map(|word| OsString::from_vec(word.to_vec()));
    let arguments = std::iter::once("lookalike".into()).chain(command).chain(words);
    lookalike_cli::check_arguments(arguments).ok();
}

#[derive(Arbitrary, Debug)]
struct Image {
    path: Vec<u8>,
    name: Option<String>,
    values: [f32; 3],
    bytes: [i8; 3],
}

/// Writes vectors of images of any names in every format, and reads the files again: nothing may be lost or mixed up.
pub fn write_vectors(data: &[u8]) {
    let mut choices = Unstructured::new(data);
    let Ok((is_quantized, images)) = <(bool, Vec<Image>)>::arbitrary(&mut choices) else {
        return;
    };
    if images.is_empty() {
        return;
    }
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let embedding = |image: &Image| {
        let vector = if is_quantized {
            FeatureVector::Quantized(image.bytes.to_vec())
        } else {
            FeatureVector::Float(image.values.to_vec())
        };
        Embedding::new(0, image.name.as_deref().map(Into::into), vector)
    };
    let write = |name: &str| {
        let rows = images.iter().map(|image| {
            (PathBuf::from(OsString::from_vec(image.path.clone())), vec![embedding(image)])
        });
        let file = folder.path().join(name);
        lookalike_cli::write_embeddings(&file, rows).expect("vectors can be written");
        fs::read(file).expect("the file is there")
    };
    let values = |image: &Image| -> Vec<f32> {
        let bytes = image.bytes.iter().map(|&byte| byte.into());
        if is_quantized { bytes.collect() } else { image.values.to_vec() }
    };
    let expected: Vec<f32> = images.iter().flat_map(values).collect();

    let lines = write("vectors.jsonl");
    let lines: Vec<serde_json::Value> = serde_json::Deserializer::from_slice(&lines)
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("each line is JSON");
    assert_eq!(lines.len(), images.len());
    let read = lines.iter().flat_map(|line| {
        let values = line["embeddings"][0]["values"].as_array().expect("there are values").iter();
        // JSON has no word for what is no number.
        values.map(|value| value.as_f64().map_or(f32::NAN, |value| value as f32))
    });
    for (read, &expected) in read.zip(&expected) {
        assert!(read == expected || !expected.is_finite(), "{read} instead of {expected}");
    }
    for (line, image) in lines.iter().zip(&images) {
        assert_eq!(line["path"].as_str(), Some(&*String::from_utf8_lossy(&image.path)));
    }

    let table = write("vectors.csv");
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&table[..]);
    // A path need not be text.
    let rows: Vec<csv::ByteRecord> =
        reader.byte_records().collect::<Result<_, _>>().expect("the table can be read");
    assert_eq!(rows.len(), images.len());
    for (row, image) in rows.iter().zip(&images) {
        assert_eq!(row.get(0), Some(&*image.path));
        assert_eq!(row.get(2), Some(image.name.as_deref().unwrap_or_default().as_bytes()));
        let number = |value: &[u8]| str::from_utf8(value).ok()?.parse().ok();
        let read: Option<Vec<f32>> = row.iter().skip(3).map(number).collect();
        let read = read.expect("numbers");
        assert!(is_equal(&read, &values(image)), "{read:?}");
    }

    let array = write("vectors.npy");
    let array = npyz::NpyFile::new(&array[..]).expect("the array can be read");
    assert_eq!(array.shape(), [images.len() as u64, 3]);
    let read: Vec<f32> = if is_quantized {
        array.into_vec::<i8>().expect("bytes").into_iter().map(f32::from).collect()
    } else {
        array.into_vec().expect("floats")
    };
    assert!(is_equal(&read, &expected), "{read:?}");
}

/// What is no number equals what is no number.
fn is_equal(left: &[f32], right: &[f32]) -> bool {
    let same = |(left, right): (&f32, &f32)| left == right || left.is_nan() && right.is_nan();
    left.len() == right.len() && left.iter().zip(right).all(same)
}
