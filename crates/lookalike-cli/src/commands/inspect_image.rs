//! `lookalike inspect` of an image.

use std::path::Path;

use anyhow::Result;
use lookalike::{
    DecodeOptions, ImageEmbedder, ImageInfo, ImageProcessingOptions, Orientation, SampleGrid,
    inspect,
};
use serde::Serialize;

use crate::args::InspectArguments;
use crate::{Outcome, pipe};

#[derive(Serialize)]
struct Report {
    path: String,
    bytes: usize,
    format: String,
    width: usize,
    height: usize,
    /// The number of EXIF: 1 stands upright.
    exif_orientation: u8,
    decoder: &'static str,
    jpeg: Option<JpegReport>,
    model: String,
    preprocess: &'static str,
    /// Rows and columns that are decoded.
    rows: usize,
    columns: usize,
}

#[derive(Serialize)]
struct JpegReport {
    coding: &'static str,
    sampling: Vec<(usize, usize)>,
    restart_interval: usize,
    blocks: u64,
    transformed_blocks: u64,
}

pub(crate) fn run(arguments: &InspectArguments, bytes: &[u8]) -> Result<Outcome> {
    let limits = arguments.limits.limits()?;
    let model = arguments.model.as_deref();
    let mut options = ImageEmbedder::builder()
        .limits(limits)
        .preprocessor(lookalike::preprocessor(&arguments.preprocess)?)
        .captures_stderr(true);
    if let Some(model) = model {
        options = options.model_file(model);
    }
    if let Some((mean, std)) = arguments.normalization.values()? {
        options = options.normalization(mean, std);
    }
    let name = model.map_or("the built-in model".into(), |model| model.display().to_string());
    let embedder = options.build().map_err(|error| match model {
        Some(path) => pipe::about(path, error),
        None => anyhow::Error::from(error).context("cannot use the built-in model"),
    })?;
    let whole = ImageProcessingOptions::default();
    let info = inspect(bytes, &DecodeOptions { limits, ..DecodeOptions::default() }, |outline| {
        embedder.sampling(outline, &whole)
    });
    let info = match info {
        Ok(info) => info,
        Err(error) => {
            pipe::report(&pipe::about(&arguments.path, error));
            return Ok(Outcome::SomeFailed);
        }
    };
    let report =
        Report::new(&arguments.path, bytes.len(), info, name, embedder.preprocessor_name());
    if arguments.json {
        pipe::json(&report)?;
    } else {
        pipe::line(&report.to_text())?;
    }
    Ok(Outcome::Done)
}

impl Report {
    fn new(
        path: &Path,
        bytes: usize,
        info: ImageInfo,
        model: String,
        preprocess: &'static str,
    ) -> Self {
        let lines = |positions: fn(&SampleGrid) -> &[u32], all: usize| {
            info.grid.as_ref().map_or(all, |grid| positions(grid).len())
        };
        Self {
            path: path.display().to_string(),
            bytes,
            format: info.format.to_string(),
            width: info.outline.width,
            height: info.outline.height,
            exif_orientation: info.outline.orientation.exif(),
            decoder: info.decoder,
            rows: lines(SampleGrid::rows, info.outline.height),
            columns: lines(SampleGrid::columns, info.outline.width),
            jpeg: info.jpeg.map(|jpeg| JpegReport {
                coding: if jpeg.is_progressive { "progressive" } else { "baseline" },
                sampling: jpeg.sampling,
                restart_interval: jpeg.restart_interval,
                blocks: jpeg.blocks,
                transformed_blocks: jpeg.transformed_blocks,
            }),
            model,
            preprocess,
        }
    }

    fn to_text(&self) -> String {
        let mut lines = vec![
            format!("{}: {} bytes", pipe::printable(&self.path), self.bytes),
            "image:".to_owned(),
            format!("  {} of {} x {} pixels", self.format, self.width, self.height),
        ];
        let orientation = Orientation::from_exif(self.exif_orientation).unwrap_or_default();
        lines.push(match orientation {
            Orientation::TopLeft => "  stored upright".to_owned(),
            other => format!("  stored with EXIF orientation {}", other.exif()),
        });
        if let Some(jpeg) = &self.jpeg {
            let factors: Vec<String> =
                jpeg.sampling.iter().map(|(across, down)| format!("{across}x{down}")).collect();
            let restarts = match jpeg.restart_interval {
                0 => String::new(),
                interval => format!(", a restart marker every {interval} MCUs"),
            };
            lines.push(format!(
                "  {}, components sampled {}{restarts}",
                jpeg.coding,
                factors.join(", ")
            ));
        }
        lines.push(format!("  decoded by {}", self.decoder));
        lines.push(format!("for {}, {}:", pipe::printable(&self.model), self.preprocess));
        lines.push(format!(
            "  decodes {} of {} columns and {} of {} rows",
            self.columns, self.width, self.rows, self.height
        ));
        if let Some(jpeg) = &self.jpeg {
            let share = 100.0 * jpeg.transformed_blocks as f64 / jpeg.blocks as f64;
            lines.push(format!(
                "  transforms {} of {} blocks ({share:.0} %)",
                jpeg.transformed_blocks, jpeg.blocks
            ));
        }
        lines.join("\n")
    }
}
