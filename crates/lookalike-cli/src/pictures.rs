//! Finding the pictures that paths on the command line stand for.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// File name endings that make a file in a directory a picture.
const ENDINGS: [&str; 14] = [
    "bmp", "gif", "jfif", "jpe", "jpeg", "jpg", "pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff",
    "webp",
];

/// A file to embed, or a place that could not be searched.
pub(crate) enum Found {
    File(PathBuf),
    Failure { path: PathBuf, message: String },
}

/// The files themselves, and the pictures in directories in order of their names.
///
/// Symbolic links to directories are not followed within a directory, so that a loop of links ends.
pub(crate) fn find(paths: &[PathBuf]) -> Vec<Found> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(Found::File(path.clone()));
            continue;
        }
        for entry in WalkDir::new(path).sort_by_file_name() {
            match entry {
                // A link that leads nowhere is told when it is opened; pipes and devices may never end.
                Ok(entry) if is_picture(entry.path()) => match entry.path().metadata() {
                    Ok(target) if !target.is_file() => {}
                    _ => found.push(Found::File(entry.into_path())),
                },
                Ok(_) => {}
                Err(error) => found.push(Found::Failure {
                    path: error.path().unwrap_or(path).to_path_buf(),
                    message: error.to_string(),
                }),
            }
        }
    }
    found
}

fn is_picture(path: &Path) -> bool {
    path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| {
        let ending = ending.to_ascii_lowercase();
        ENDINGS.contains(&ending.as_str())
    })
}
