//! From files to vectors.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use lookalike_core::{EmbeddingResult, Error, ImageProcessingOptions, Result, SampledImage};
use lookalike_decode::{DecodeOptions, MemoryBudget, decode_sampled, read_file};

use crate::embedder::ImageEmbedder;
use crate::ordered::{Ordered, map_ordered};

impl ImageEmbedder {
    /// Embeds an image file, decoded as [`decode_options`](crate::ImageEmbedderOptions::decode_options) say.
    ///
    /// # Errors
    ///
    /// The file cannot be read or decoded, or as for [`embed`](Self::embed).
    pub fn embed_file(&self, path: impl AsRef<Path>) -> Result<EmbeddingResult> {
        self.embed_file_within(path.as_ref(), &MemoryBudget::unlimited())
    }

    /// Embeds the contents of an image file.
    ///
    /// # Errors
    ///
    /// The bytes cannot be decoded, or as for [`embed`](Self::embed).
    pub fn embed_bytes(&self, bytes: &[u8]) -> Result<EmbeddingResult> {
        self.embed_bytes_within(bytes, &MemoryBudget::unlimited())
    }

    /// Embeds many image files on as many threads as there are processors: one result for each, in the order of the paths, whatever becomes
    /// of the others. Paths are taken up a bounded number ahead, and decoders share the memory that
    /// [`max_decoder_bytes`](lookalike_core::Limits::max_decoder_bytes) allows one of them.
    ///
    /// ```
    /// use lookalike::ImageEmbedder;
    ///
    /// let embedder = ImageEmbedder::builder().build()?;
    /// let folder = "../../models/fixtures";
    /// let paths = ["tiny.png", "missing.png"].map(|name| format!("{folder}/{name}"));
    /// let results: Vec<_> = embedder.embed_files(paths).collect();
    /// assert!(results[0].is_ok() && results[1].is_err());
    /// # Ok::<(), lookalike::Error>(())
    /// ```
    pub fn embed_files<I>(&self, paths: I) -> EmbedFiles<I::IntoIter>
    where
        I: IntoIterator,
        I::Item: Into<PathBuf> + Send + 'static,
    {
        let embedder = self.clone();
        let budget = Arc::new(MemoryBudget::new(self.decode_options().limits.max_decoder_bytes));
        let jobs = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        EmbedFiles(map_ordered(paths, jobs, move |path: I::Item| {
            embedder.embed_file_within(&path.into(), &budget)
        }))
    }

    fn embed_file_within(&self, path: &Path, budget: &MemoryBudget) -> Result<EmbeddingResult> {
        self.embed_bytes_within(&read_file(path, self.decode_options())?, budget)
    }

    fn embed_bytes_within(&self, bytes: &[u8], budget: &MemoryBudget) -> Result<EmbeddingResult> {
        let whole = ImageProcessingOptions::default();
        let embedded = self.embed_bytes_with(bytes, &whole, self.decode_options(), budget)?;
        Ok(embedded.result)
    }

    /// Embeds the contents of an image file with options of its own, once the budget, which several threads may share, has room for it. Of a
    /// JPEG file, only those pixels are decoded that the preprocessing profile looks at.
    ///
    /// # Errors
    ///
    /// The bytes cannot be decoded, or as for [`embed_with`](Self::embed_with).
    pub fn embed_bytes_with(
        &self,
        bytes: &[u8],
        processing: &ImageProcessingOptions,
        options: &DecodeOptions,
        budget: &MemoryBudget,
    ) -> Result<EmbeddedFile> {
        let sampling = |outline| self.sampling(outline, processing);
        let (sampled, _reservation) = decode_sampled(bytes, options, budget, sampling)?;
        let (width, height) = (sampled.width, sampled.height);
        let result = match &sampled.grid {
            None => self.embed_with(&sampled.image, processing)?,
            Some(grid) => {
                let image = SampledImage::new((&sampled.image).into(), grid, width, height)?;
                self.embed_sampled(&image, processing)?
            }
        };
        Ok(EmbeddedFile { result, width, height, is_truncated: sampled.is_truncated })
    }
}

/// What became of an image file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EmbeddedFile {
    /// The vectors.
    pub result: EmbeddingResult,
    /// Pixels in a row of the image, as stored.
    pub width: usize,
    /// Rows of the image, as stored.
    pub height: usize,
    /// Whether the file ended early, so that only part of the pixels are its own.
    pub is_truncated: bool,
}

/// The results of [`ImageEmbedder::embed_files`].
#[derive(Debug)]
pub struct EmbedFiles<I: Iterator>(Ordered<I, Result<EmbeddingResult>>);

impl<I: Iterator> Iterator for EmbedFiles<I> {
    type Item = Result<EmbeddingResult>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.0.next()?;
        Some(result.unwrap_or_else(|panic| {
            Err(Error::internal(format!("embedding a file panicked: {panic}")))
        }))
    }
}
