//! What `embed` writes: JSON lines, CSV or a NumPy array.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, bail};
use lookalike::{Embedding, Error, FeatureVector};
use serde::{Serialize, Serializer};

use crate::pipe;
use crate::temporary::TemporaryFile;

/// What became of one picture.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    path: String,
    #[serde(flatten)]
    result: RecordResult,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum RecordResult {
    Success { width: usize, height: usize, embeddings: Vec<Head> },
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
        Self { kind: error.kind().name(), error: format!("{:#}", anyhow::Error::new(error)) }
    }
}

impl RecordError {
    /// A place that could not be searched.
    pub(crate) fn unreadable(message: &str) -> Self {
        Self { error: message.to_owned(), kind: lookalike::ErrorKind::Unknown.name() }
    }
}

impl Record {
    pub(crate) fn success(
        path: &Path,
        width: usize,
        height: usize,
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
        let result = RecordResult::Success { width, height, embeddings };
        Self { path: path.to_string_lossy().into_owned(), result }
    }

    pub(crate) fn failure(path: &Path, error: RecordError) -> Self {
        Self { path: path.to_string_lossy().into_owned(), result: RecordResult::Failure(error) }
    }

    pub(crate) fn is_error(&self) -> bool {
        matches!(self.result, RecordResult::Failure(_))
    }

    /// Says on standard error what a format without room for errors cannot hold.
    fn report_failure(&self) {
        if let RecordResult::Failure(failure) = &self.result {
            pipe::report(&anyhow::anyhow!("{}: {}", self.path, failure.error));
        }
    }
}

/// Where records go. A file appears under its name only when it is complete.
pub(crate) enum Output {
    Stdout,
    JsonLines(TemporaryFile),
    Csv(Box<csv::Writer<TemporaryFile>>),
    Array { file: TemporaryFile, rows: Vec<FeatureVector> },
}

impl Output {
    pub(crate) fn new(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Stdout);
        };
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            "jsonl" => Ok(Self::JsonLines(TemporaryFile::new(path)?)),
            "csv" => {
                let file = TemporaryFile::new(path)?;
                let writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
                Ok(Self::Csv(Box::new(writer)))
            }
            "npy" => Ok(Self::Array { file: TemporaryFile::new(path)?, rows: Vec::new() }),
            _ => bail!(
                "the name of the output file {} must end in .jsonl, .csv or .npy",
                path.display()
            ),
        }
    }

    pub(crate) fn takes_one_head(&self) -> bool {
        matches!(self, Self::Array { .. })
    }

    pub(crate) fn write(&mut self, record: &Record) -> Result<()> {
        match self {
            Self::Stdout => pipe::json(record),
            Self::JsonLines(file) => {
                record.report_failure();
                serde_json::to_writer(&mut *file, record).map_err(std::io::Error::from)?;
                Ok(file.write_all(b"\n")?)
            }
            Self::Csv(writer) => write_csv(writer, record),
            Self::Array { rows, .. } => {
                record.report_failure();
                if let RecordResult::Success { embeddings, .. } = &record.result {
                    rows.extend(embeddings.iter().map(|head| head.values.clone()));
                }
                Ok(())
            }
        }
    }

    /// Makes a file appear, unless nothing in it would be of use.
    pub(crate) fn finish(self, successes: usize) -> Result<()> {
        let file = match self {
            Self::Stdout => return Ok(()),
            Self::JsonLines(file) => file,
            Self::Csv(writer) => writer.into_inner().map_err(|error| error.into_error())?,
            Self::Array { mut file, rows } => {
                if successes > 0 {
                    write_array(&mut file, &rows)?;
                }
                file
            }
        };
        if successes > 0 { file.persist() } else { Ok(()) }
    }
}

/// One row a head: path, index, name, values. A picture that fails has no row.
fn write_csv(writer: &mut csv::Writer<TemporaryFile>, record: &Record) -> Result<()> {
    record.report_failure();
    let RecordResult::Success { embeddings, .. } = &record.result else {
        return Ok(());
    };
    for head in embeddings {
        writer.write_field(&record.path)?;
        writer.write_field(head.head_index.to_string())?;
        writer.write_field(head.head_name.as_deref().unwrap_or_default())?;
        match &head.values {
            FeatureVector::Float(values) => {
                values.iter().try_for_each(|value| writer.write_field(value.to_string()))?;
            }
            FeatureVector::Quantized(values) => {
                values.iter().try_for_each(|value| writer.write_field(value.to_string()))?;
            }
        }
        writer.write_record(None::<&[u8]>)?;
    }
    Ok(())
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
