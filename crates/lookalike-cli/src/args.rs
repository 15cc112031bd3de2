//! What can be said on the command line.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use lookalike::{HeadSpec, ImageEmbedder, ImageProcessingOptions, Limits, Region};

/// Tell how alike pictures are, by the cosine similarity of their feature vectors.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the cosine similarity of two pictures: 1 for the same, around 0 for unrelated ones
    Compare(CompareArguments),
    /// Print or write the feature vector of each picture
    Embed(EmbedArguments),
    /// Show what a model takes and gives, what it says of itself, and which backends can run it
    Inspect(InspectArguments),
    /// Translate a TensorFlow Lite model to ONNX
    Convert(ConvertArguments),
    /// Show the inference engines of this build and whether they can run here
    Backends(BackendsArguments),
}

#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// First picture: JPEG, PNG, WebP, GIF, BMP, TIFF or PNM
    pub(crate) image_a: PathBuf,
    /// Second picture
    pub(crate) image_b: PathBuf,
    #[command(flatten)]
    pub(crate) embedder: EmbedderArguments,
    #[command(flatten)]
    pub(crate) image: ImageArguments,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    /// Head of the model to compare, by index or name
    #[arg(long, value_name = "INDEX|NAME", default_value = "0")]
    pub(crate) head: String,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EmbedArguments {
    /// Pictures, and directories to search for pictures
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Write a file instead of standard output; its name ends in .jsonl, .csv (rows of path, head index, head name, values)
    /// or .npy (an array with a row for each picture that did not fail)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) embedder: EmbedderArguments,
    #[command(flatten)]
    pub(crate) image: ImageArguments,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    /// Head of the model to write, by index or name; may be given several times, all by default
    #[arg(long, value_name = "INDEX|NAME")]
    pub(crate) head: Vec<String>,
    /// Head of the model to leave out, by index or name; may be given several times
    #[arg(long, value_name = "INDEX|NAME", conflicts_with = "head")]
    pub(crate) without_head: Vec<String>,
    /// Pictures at a time; as many as there are processors by default
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    /// Print JSON lines, which is what happens anyway
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// TensorFlow Lite model (.tflite)
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArguments {
    /// TensorFlow Lite model (.tflite)
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    /// ONNX model to write
    #[arg(short, long, value_name = "MODEL.onnx")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct BackendsArguments {
    /// Print a JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct EmbedderArguments {
    /// TensorFlow Lite model (.tflite); by default the built-in one, which finds near-duplicates
    #[arg(short, long, value_name = "PATH")]
    pub(crate) model: Option<PathBuf>,
    /// Inference engine, as listed by `lookalike backends`
    #[arg(short, long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
    /// How pictures are prepared: `task-library` or `mediapipe`, each as the reference of this name does it, or `antialias`,
    /// which averages what it shrinks
    #[arg(long, value_name = "PROFILE", default_value = "task-library")]
    pub(crate) preprocess: String,
    /// Divide each vector by its Euclidean norm
    #[arg(long)]
    pub(crate) l2_normalize: bool,
    /// Round values times 128 to integers of -128 to 127
    #[arg(long)]
    pub(crate) quantize: bool,
    /// Mean of the pixels (0 to 255) that the model was trained with, one value or R,G,B; goes with --std
    #[arg(long, value_name = "R[,G,B]", value_delimiter = ',', allow_negative_numbers = true)]
    pub(crate) mean: Option<Vec<f32>>,
    /// Standard deviation of the pixels, one value or R,G,B; goes with --mean
    #[arg(long, value_name = "R[,G,B]", value_delimiter = ',', allow_negative_numbers = true)]
    pub(crate) std: Option<Vec<f32>>,
    /// Threads within one inference; -1 lets the engine choose
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    pub(crate) threads: i32,
}

impl EmbedderArguments {
    /// Loads the model.
    pub(crate) fn embedder(&self, limits: &Limits) -> Result<ImageEmbedder> {
        let mut options = ImageEmbedder::builder()
            .limits(*limits)
            .preprocessor(lookalike::preprocessor(&self.preprocess)?)
            .l2_normalize(self.l2_normalize)
            .quantize(self.quantize)
            .num_threads(self.threads);
        if let Some(model) = &self.model {
            options = options.model_file(model);
        }
        if let Some(backend) = &self.backend {
            options = options.backend(backend);
        }
        match (&self.mean, &self.std) {
            (Some(mean), Some(std)) => options = options.normalization(mean.clone(), std.clone()),
            (None, None) => {}
            (Some(_), None) => bail!("--mean needs --std: give both"),
            (None, Some(_)) => bail!("--std needs --mean: give both"),
        }
        options.build().with_context(|| format!("cannot use {}", self.model_name()))
    }

    /// The model as messages and results name it.
    pub(crate) fn model_name(&self) -> String {
        match &self.model {
            Some(path) => path.display().to_string(),
            None => "the built-in model".to_owned(),
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Pictures")]
pub(crate) struct ImageArguments {
    /// Part of each picture to embed, in pixels of the picture as stored
    #[arg(
        long,
        value_name = "X,Y,W,H",
        value_delimiter = ',',
        num_args = 1,
        allow_hyphen_values = true
    )]
    roi: Option<Vec<i64>>,
    /// Part of each picture to embed, as fractions of its width and height
    #[arg(
        long,
        value_name = "L,T,R,B",
        value_delimiter = ',',
        num_args = 1,
        allow_hyphen_values = true,
        conflicts_with = "roi"
    )]
    roi_normalized: Option<Vec<f32>>,
    /// Turn each picture clockwise, by a multiple of 90
    #[arg(long, value_name = "DEGREES", default_value_t = 0, allow_negative_numbers = true)]
    rotation: i32,
    /// Turn pictures as their EXIF data says, those in JPEG only, or take them as stored
    #[arg(long, value_enum, default_value_t = ExifArgument::Apply)]
    exif: ExifArgument,
}

#[derive(Debug, Args)]
pub(crate) struct LimitArguments {
    /// Let a model or a picture cost more, or less: one of max_model_bytes, max_tensors, max_operators, max_arena_bytes,
    /// max_multiplications, max_picture_bytes, max_pixels and max_decoder_bytes; may be given several times
    #[arg(long, value_name = "NAME=N", help_heading = "Limits")]
    limit: Vec<String>,
}

impl LimitArguments {
    pub(crate) fn limits(&self) -> Result<Limits> {
        let mut limits = Limits::default();
        for limit in &self.limit {
            let set =
                limit.split_once('=').and_then(|(name, value)| Some((name, value.parse().ok()?)));
            let Some((name, value)) = set else {
                bail!(
                    "--limit takes a name and a number, such as max_pixels=200000000, not `{limit}`"
                );
            };
            limits.set(name, value)?;
        }
        Ok(limits)
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ExifArgument {
    Apply,
    ApplyToJpeg,
    Ignore,
}

impl ImageArguments {
    pub(crate) fn processing(&self) -> Result<ImageProcessingOptions> {
        let region_of_interest = match (self.roi.as_deref(), self.roi_normalized.as_deref()) {
            (None, None) => None,
            (Some(&[x, y, width, height]), _) => Some(Region::Pixels { x, y, width, height }),
            (_, Some(&[left, top, right, bottom])) => {
                Some(Region::Normalized { left, top, right, bottom })
            }
            (Some(_), _) => bail!("--roi takes four numbers: X,Y,W,H"),
            (_, Some(_)) => bail!("--roi-normalized takes four numbers: L,T,R,B"),
        };
        let processing =
            ImageProcessingOptions { region_of_interest, rotation_degrees: self.rotation };
        // A rotation that no picture can have is refused before any is read.
        processing.orientation(lookalike::Orientation::TopLeft)?;
        Ok(processing)
    }

    pub(crate) fn exif(&self) -> lookalike::Exif {
        match self.exif {
            ExifArgument::Apply => lookalike::Exif::Apply,
            ExifArgument::ApplyToJpeg => lookalike::Exif::ApplyToJpeg,
            ExifArgument::Ignore => lookalike::Exif::Ignore,
        }
    }
}

/// Index of the head that is meant by an index or a name.
pub(crate) fn head_index(heads: &[HeadSpec], head: &str) -> Result<usize> {
    let named = heads.iter().find(|spec| spec.name.as_deref() == Some(head));
    let indexed = || heads.get(head.parse::<usize>().ok()?);
    match named.or_else(indexed) {
        Some(spec) => Ok(spec.index),
        None => {
            let known: Vec<String> = heads
                .iter()
                .map(|spec| match &spec.name {
                    Some(name) => format!("{} (`{name}`)", spec.index),
                    None => spec.index.to_string(),
                })
                .collect();
            bail!("the model has no head `{head}`; it has: {}", known.join(", "))
        }
    }
}
