//! The files packed behind a model: a zip archive whose entries are stored, so that they can be read in place.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Range;

use zip::{CompressionMethod, ZipArchive};

use crate::error::{Error, ErrorKind, Result, SupportCode};

/// Where each file lies within the model's bytes, by name.
pub(crate) type AssociatedFiles = BTreeMap<String, Range<usize>>;

/// Length of an end-of-central-directory record without, and the longest possible, comment.
const END_RECORD: usize = 22;
const LONGEST_COMMENT: usize = u16::MAX as usize;

/// Finds the files behind a model; bytes that do not end as an archive have none.
pub(crate) fn locate(bytes: &[u8]) -> Result<AssociatedFiles> {
    let mut files = AssociatedFiles::new();
    if !ends_as_archive(bytes) {
        return Ok(files);
    }
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else {
        return Ok(files);
    };
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| {
            failure("Unable to read associated file in zip archive").with_source(error)
        })?;
        if entry.compression() != CompressionMethod::Stored {
            return Err(failure("Expected uncompressed zip archive"));
        }
        let name = entry
            .name()
            .map_err(|error| {
                failure("Unable to read associated file in zip archive").with_source(error)
            })?
            .into_owned();
        let range = entry
            .data_start()
            .and_then(|start| usize::try_from(start).ok())
            .zip(usize::try_from(entry.compressed_size()).ok())
            .and_then(|(start, length)| Some(start..start.checked_add(length)?))
            .filter(|range| range.end <= bytes.len() && !entry.encrypted());
        let Some(range) = range else {
            return Err(failure(format!(
                "Unable to read associated file in zip archive: `{name}` is encrypted or reaches beyond the file"
            )));
        };
        files.insert(name, range);
    }
    Ok(files)
}

/// Whether the record that ends a zip archive is where it can be: behind it comes a comment at most.
fn ends_as_archive(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(END_RECORD + LONGEST_COMMENT)..];
    // It is near the end, if anywhere.
    tail.windows(4).rev().any(|window| window == b"PK\x05\x06")
}

fn failure(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unknown, message)
        .with_support_code(SupportCode::MetadataAssociatedFileZip)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(prefix: &[u8], entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new_append(Cursor::new(prefix.to_vec()))
            .unwrap_or_else(|_| ZipWriter::new(Cursor::new(Vec::new())));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for (name, contents) in entries {
            writer.start_file(*name, options).unwrap();
            writer.write_all(contents).unwrap();
        }
        let mut bytes = prefix.to_vec();
        bytes.extend(writer.finish().unwrap().into_inner());
        bytes
    }

    #[test]
    fn stored_entries_are_found_behind_other_bytes() {
        let bytes = archive(b"model", &[("labels.txt", b"cat\ndog\n"), ("empty", b"")]);
        let files = locate(&bytes).unwrap();
        assert_eq!(&bytes[files["labels.txt"].clone()], b"cat\ndog\n");
        assert!(files["empty"].is_empty());
    }

    #[test]
    fn a_compressed_entry_is_refused() {
        let mut bytes = archive(b"model", &[("labels.txt", b"cat\ndog\n")]);
        // The method is at offset 8 of a local and at offset 10 of a central header.
        for (signature, offset) in [(b"PK\x03\x04", 8), (b"PK\x01\x02", 10)] {
            let header = bytes.windows(4).position(|window| window == signature).unwrap();
            bytes[header + offset] = 8;
        }
        let error = locate(&bytes).unwrap_err();
        assert_eq!(error.to_string(), "Expected uncompressed zip archive");
        assert_eq!(error.support_code(), Some(SupportCode::MetadataAssociatedFileZip));
    }

    #[test]
    fn bytes_that_are_no_archive_have_no_files() {
        assert!(locate(b"").unwrap().is_empty());
        assert!(locate(&[0; 100_000]).unwrap().is_empty());
        assert!(locate(b"PK\x05\x06").unwrap().is_empty());
    }

    #[test]
    fn archives_are_looked_for_at_the_end_alone() {
        let mut bytes = archive(b"model", &[("labels.txt", b"cat")]);
        let length = bytes.len() - 2;
        bytes[length..].copy_from_slice(&u16::MAX.to_le_bytes());
        bytes.extend([0; LONGEST_COMMENT]);
        assert!(ends_as_archive(&bytes));
        assert_eq!(locate(&bytes).unwrap().len(), 1);
        // Behind the longest comment comes nothing.
        bytes.push(0);
        assert!(!ends_as_archive(&bytes));
        assert!(!ends_as_archive(b"PK"));
    }

    #[test]
    fn a_broken_archive_never_panics() {
        let bytes = archive(b"model", &[("labels.txt", b"cat\ndog\n"), ("b", b"1")]);
        for index in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut broken = bytes.clone();
                broken[index] = value;
                if let Ok(files) = locate(&broken) {
                    for range in files.into_values() {
                        assert!(range.end <= broken.len());
                    }
                }
            }
        }
        for end in 0..bytes.len() {
            locate(&bytes[..end]).ok();
        }
    }
}
