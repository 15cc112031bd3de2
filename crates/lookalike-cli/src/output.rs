//! What `embed` writes: JSON lines, CSV or a NumPy array.
//!
//! A format is a [`Sink`] and a line in [`FORMATS`].

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use lookalike::{Embedding, Error, FeatureVector};
use serde::{Serialize, Serializer};

use crate::pipe;
use crate::temporary::TemporaryFile;

/// What became of one image.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    path: String,
    /// The bytes of a path that is no text, which `path` cannot hold, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    #[serde(skip)]
    raw_path: PathBuf,
    #[serde(flatten)]
    result: RecordResult,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum RecordResult {
    Success {
        width: usize,
        height: usize,
        /// Whether the file ended early.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
        embeddings: Vec<Head>,
    },
    Failure(RecordError),
}

#[derive(Debug, Serialize)]
pub(crate) struct RecordError {
    error: String,
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct Head {
    head_index: usize,
    head_name: Option<String>,
    #[serde(serialize_with = "serialize_values")]
    values: FeatureVector,
}

fn serialize_values<S: Serializer>(
    vector: &FeatureVector,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match vector {
        FeatureVector::Float(values) => values.serialize(serializer),
        FeatureVector::Quantized(values) => values.serialize(serializer),
    }
}

impl From<Error> for RecordError {
    fn from(error: Error) -> Self {
        Self { kind: error.kind().name(), error: format!("{error:#}") }
    }
}

impl RecordError {
    /// A folder that could not be searched.
    pub(crate) fn unreadable(message: &str) -> Self {
        Self { error: message.to_owned(), kind: lookalike::ErrorKind::Unknown.name() }
    }

    /// Work that panicked.
    pub(crate) fn internal(panic: &str) -> Self {
        let error = format!("internal error, please report it: {panic}");
        Self { error, kind: lookalike::ErrorKind::Internal.name() }
    }
}

impl Record {
    pub(crate) fn success(
        path: &Path,
        width: usize,
        height: usize,
        truncated: bool,
        embeddings: Vec<Embedding>,
    ) -> Self {
        let embeddings = embeddings
            .into_iter()
            .map(|embedding| Head {
                head_index: embedding.head_index,
                head_name: embedding.head_name.map(|name| name.to_string()),
                values: embedding.feature_vector,
            })
            .collect();
        Self::new(path, RecordResult::Success { width, height, truncated, embeddings })
    }

    pub(crate) fn failure(path: &Path, error: RecordError) -> Self {
        Self::new(path, RecordResult::Failure(error))
    }

    fn new(path: &Path, result: RecordResult) -> Self {
        let hex = || {
            let bytes = path.as_os_str().as_encoded_bytes().iter();
            bytes.map(|byte| format!("{byte:02x}")).collect()
        };
        Self {
            path: path.to_string_lossy().into_owned(),
            path_hex: path.to_str().is_none().then(hex),
            raw_path: path.to_path_buf(),
            result,
        }
    }

    /// Why the image failed, with its path; `None` if it did not.
    pub(crate) fn error(&self) -> Option<anyhow::Error> {
        let RecordResult::Failure(failure) = &self.result else { return None };
        Some(pipe::about(&self.raw_path, anyhow::anyhow!("{}", failure.error)))
    }

    /// Whether the file ended early and was embedded all the same.
    pub(crate) fn is_truncated(&self) -> bool {
        matches!(self.result, RecordResult::Success { truncated: true, .. })
    }

    /// The path as text.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Vectors of the heads; nothing of an image that failed.
    fn heads(&self) -> &[Head] {
        match &self.result {
            RecordResult::Success { embeddings, .. } => embeddings,
            RecordResult::Failure(_) => &[],
        }
    }
}

/// A format of output. A file appears under its name only when it is complete.
pub(crate) trait Sink {
    /// Whether there is room for one head of a model only.
    fn takes_one_head(&self) -> bool {
        false
    }

    fn write(&mut self, record: &Record) -> Result<()>;

    /// Ends the output; `embedded` images have vectors. A format without room for errors writes nothing if there are none.
    fn finish(self: Box<Self>, embedded: usize) -> Result<()>;
}

/// The ending of a file name, and what writes such a file.
type Format = (&'static str, fn(TemporaryFile) -> Result<Box<dyn Sink>>);

/// The formats of files.
const FORMATS: [Format; 3] = [
    ("jsonl", |file| Ok(Box::new(JsonLines(file)))),
    ("csv", |file| Ok(Box::new(Csv(csv::WriterBuilder::new().flexible(true).from_writer(file))))),
    ("npy", |file| Ok(Box::new(Array::new(file)?))),
];

/// What writes to this file, or to standard output.
pub(crate) fn open(path: Option<&Path>) -> Result<Box<dyn Sink>> {
    let Some(path) = path else { return Ok(Box::new(Stdout)) };
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let format = FORMATS.iter().find(|(known, _)| known.eq_ignore_ascii_case(ending));
    let Some((_, make)) = format else {
        let known: Vec<String> = FORMATS.iter().map(|(ending, _)| format!(".{ending}")).collect();
        bail!(
            "the name of the output file {} must end in one of {}",
            path.display(),
            known.join(", ")
        );
    };
    make(TemporaryFile::new(path)?)
}

/// JSON lines on standard output.
struct Stdout;

impl Sink for Stdout {
    fn write(&mut self, record: &Record) -> Result<()> {
        pipe::json(record)
    }

    fn finish(self: Box<Self>, _: usize) -> Result<()> {
        Ok(())
    }
}

/// JSON lines in a file, errors among them.
struct JsonLines(TemporaryFile);

impl Sink for JsonLines {
    fn write(&mut self, record: &Record) -> Result<()> {
        serde_json::to_writer(&mut self.0, record).map_err(io::Error::from)?;
        Ok(self.0.write_all(b"\n")?)
    }

    fn finish(self: Box<Self>, _: usize) -> Result<()> {
        self.0.persist()
    }
}

/// One row a head: path, index, name, values.
struct Csv(csv::Writer<TemporaryFile>);

impl Sink for Csv {
    fn write(&mut self, record: &Record) -> Result<()> {
        for head in record.heads() {
            self.0.write_field(record.raw_path.as_os_str().as_encoded_bytes())?;
            self.0.write_field(head.head_index.to_string())?;
            self.0.write_field(head.head_name.as_deref().unwrap_or_default())?;
            match &head.values {
                FeatureVector::Float(values) => {
                    values.iter().try_for_each(|value| self.0.write_field(value.to_string()))?;
                }
                FeatureVector::Quantized(values) => {
                    values.iter().try_for_each(|value| self.0.write_field(value.to_string()))?;
                }
            }
            self.0.write_record(None::<&[u8]>)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, embedded: usize) -> Result<()> {
        let file = self.0.into_inner().map_err(|error| error.into_error())?;
        persist([file], embedded)
    }
}

/// One row per image that did not fail, and the path of each on a line of a file beside it.
struct Array {
    file: TemporaryFile,
    names: TemporaryFile,
    rows: Vec<FeatureVector>,
}

impl Array {
    fn new(file: TemporaryFile) -> Result<Self> {
        let names = TemporaryFile::new(&file.path().with_extension("paths.txt"))?;
        Ok(Self { file, names, rows: Vec::new() })
    }
}

impl Sink for Array {
    fn takes_one_head(&self) -> bool {
        true
    }

    fn write(&mut self, record: &Record) -> Result<()> {
        for head in record.heads() {
            self.rows.push(head.values.clone());
            self.names.write_all(&line_of(&record.raw_path))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, embedded: usize) -> Result<()> {
        write_array(&mut self.file, &self.rows)?;
        persist([self.names, self.file], embedded)
    }
}

/// Makes files appear, unless there is nothing in them.
fn persist<const N: usize>(mut files: [TemporaryFile; N], embedded: usize) -> Result<()> {
    // Whatever the disk has no room for shows before the first of them appears.
    files.iter_mut().try_for_each(TemporaryFile::flush)?;
    for file in files {
        if embedded > 0 {
            file.persist()?;
            continue;
        }
        let path = file.path();
        let kept = if fs::exists(path)? { "; it is as it was before" } else { "" };
        pipe::note(
            "error",
            &format!("no image was embedded, so {} is not written{kept}", path.display()),
        );
    }
    Ok(())
}

/// A path as a line. One that holds a line break or a backslash has these written as `\n` and `\\`, and a backslash before it, as in the
/// output of GNU's `sha256sum`.
fn line_of(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_encoded_bytes();
    let mut line = Vec::with_capacity(bytes.len() + 1);
    if bytes.iter().any(|byte| matches!(byte, b'\n' | b'\\')) {
        line.push(b'\\');
        for &byte in bytes {
            match byte {
                b'\n' => line.extend_from_slice(b"\\n"),
                b'\\' => line.extend_from_slice(b"\\\\"),
                _ => line.push(byte),
            }
        }
    } else {
        line.extend_from_slice(bytes);
    }
    line.push(b'\n');
    line
}

/// One row per image, in their order, of 32-bit floats or of signed bytes.
fn write_array(file: &mut TemporaryFile, rows: &[FeatureVector]) -> Result<()> {
    let width = rows.first().map_or(0, FeatureVector::len);
    let is_float = rows.first().is_none_or(|row| row.as_float().is_some());
    file.write_all(&array_header(if is_float { "<f4" } else { "|i1" }, rows.len(), width))?;
    for row in rows {
        match row {
            FeatureVector::Float(values) => {
                values.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))?;
            }
            FeatureVector::Quantized(values) => {
                values.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))?;
            }
        }
    }
    Ok(())
}

/// The header of a NumPy file of version 1.0: a magic number, the version, and a Python literal padded so that the data begin at a
/// multiple of 64 (numpy.lib.format). The crates that write it bring a parser of Python literals, which needs a C compiler.
fn array_header(element_type: &str, rows: usize, columns: usize) -> Vec<u8> {
    const PREFIX: usize = 10;
    let mut literal = format!(
        "{{'descr': '{element_type}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    );
    let length = (PREFIX + literal.len() + 1).next_multiple_of(64) - PREFIX;
    literal.push_str(&" ".repeat(length - 1 - literal.len()));
    literal.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&(literal.len() as u16).to_le_bytes());
    header.extend_from_slice(literal.as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_paths_can_be_told_apart() {
        assert_eq!(line_of(Path::new("a b.png")), b"a b.png\n");
        assert_eq!(line_of(Path::new("a\nb\\c")), b"\\a\\nb\\\\c\n");
    }

    #[test]
    fn data_of_an_array_begin_at_a_multiple_of_64() {
        for (rows, columns) in [(0, 0), (1, 1024), (123_456_789, 3)] {
            let header = array_header("<f4", rows, columns);
            assert!(header.len().is_multiple_of(64), "{rows} {columns}");
            assert_eq!(header.last(), Some(&b'\n'));
        }
    }
}
