//! The command line: subcommands, options and their help.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use lookalike::{
    DecodeOptions, HeadSpec, ImageEmbedder, ImageProcessingOptions, Limits, Normalization, Region,
    Threads,
};

use crate::pipe;

const AFTER_HELP: &str = "\
Examples:
  lookalike compare a.jpg b.jpg
  lookalike embed photos/ -o vectors.npy
  find . -name '*.jpg' -print0 | lookalike embed --files-from - -0 -o vectors.jsonl
  lookalike embed - < a.jpg

Exit codes:
  0    success, also if the reader of the output closes the pipe early
  1    at least one image failed (the rest were processed), `inspect` found a model that cannot be an embedder,
       or `doctor` found a difference
  2    wrong usage, or a model or backend that cannot be used
  130  interrupted";

/// Compare images by the cosine similarity of their feature vectors.
#[derive(Debug, Parser)]
#[command(name = "lookalike", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the cosine similarity of two images: 1 for equal ones, around 0 for unrelated ones
    Compare(CompareArguments),
    /// Print or write the feature vector of each image
    Embed(EmbedArguments),
    /// Show a model's inputs, outputs, metadata and operators, and which backends can run it; or how an image is coded, and which
    /// part of it a model looks at
    Inspect(InspectArguments),
    /// Translate a TensorFlow Lite model to ONNX
    Convert(ConvertArguments),
    /// Show the inference engines of this build and whether they can run here
    Backends(BackendsArguments),
    /// Check that every engine of this build gives the vectors it should
    Doctor(DoctorArguments),
}

#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// First image: JPEG, PNG, WebP, GIF, BMP, TIFF or PNM; `-` reads standard input
    pub(crate) image_a: PathBuf,
    /// Second image
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
    /// Images, and folders to search for images; `-` reads one image from standard input. Folders are searched with all folders in them,
    /// in the order of names, for files with the ending of an image format and for others that begin like an image; hidden files are left
    /// out, and links to folders are not followed
    #[arg(required_unless_present = "files_from", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Read paths from this file, one a line; `-` reads them from standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) files_from: Option<PathBuf>,
    /// Paths of --files-from end with a NUL byte instead of a line break
    #[arg(short = '0', long, requires = "files_from")]
    pub(crate) null: bool,
    /// Take hidden files in folders as well, whose names begin with a dot
    #[arg(long)]
    pub(crate) hidden: bool,
    /// Write a file instead of printing JSON lines; its name ends in .jsonl, .csv (rows of path, head index, head name, values) or .npy (an
    /// array with a row for each image that did not fail, and beside it a .paths.txt with their paths)
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
    /// Images at a time; as many as there are processors by default. All of them share the memory of max_decoder_bytes
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Print JSON lines, which is the default
    #[arg(long, conflicts_with = "output")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// TensorFlow Lite model (.tflite), ONNX model, or image
    pub(crate) path: PathBuf,
    /// Model that an image is inspected for; by default the built-in one
    #[arg(short, long, value_name = "PATH")]
    pub(crate) model: Option<PathBuf>,
    /// Preprocessing profile that an image is inspected for
    #[arg(long, value_name = "PROFILE", default_value = "task-library", value_parser = PossibleValuesParser::new(lookalike::preprocessor_names()))]
    pub(crate) preprocess: String,
    #[command(flatten)]
    pub(crate) normalization: NormalizationArguments,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Print a JSON array
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the vectors that engines are compared with, as `native` gives them with portable instructions
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) freeze: Option<PathBuf>,
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
    /// TensorFlow Lite model (.tflite), or ONNX model (backend `ort`); by default the built-in one, which finds
    /// near-duplicates but does not recognize what an image shows
    #[arg(short, long, value_name = "PATH")]
    pub(crate) model: Option<PathBuf>,
    /// Inference engine, as listed by `lookalike backends`; by default the first one that supports all operators of the model
    #[arg(short, long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
    /// How images are preprocessed: `task-library` or `mediapipe`, each as the reference of this name does it, or `antialias`,
    /// which averages what it shrinks
    #[arg(long, value_name = "PROFILE", default_value = "task-library", value_parser = PossibleValuesParser::new(lookalike::preprocessor_names()), hide_possible_values = true)]
    pub(crate) preprocess: String,
    /// Divide each vector by its Euclidean norm
    #[arg(long)]
    pub(crate) l2_normalize: bool,
    /// Round values times 128 to integers of -128 to 127; values beyond -1 to 1 saturate, so use --l2-normalize with it
    #[arg(long)]
    pub(crate) quantize: bool,
    #[command(flatten)]
    pub(crate) normalization: NormalizationArguments,
    /// Refuse models that tflite-support refuses and lookalike takes: those with int8 inputs or outputs, or float16 inputs
    #[arg(long)]
    pub(crate) reference_rules: bool,
    /// Threads within one inference: a number, or `auto` for the engine's choice
    #[arg(long, value_name = "N|auto", default_value = "1", allow_negative_numbers = true, value_parser = threads)]
    pub(crate) threads: Threads,
}

fn threads(text: &str) -> Result<Threads, String> {
    if text == "auto" {
        return Ok(Threads::EngineChoice);
    }
    let number = text.parse().map_err(|_| "give a number, or `auto`".to_owned())?;
    Threads::from_num_threads(number).map_err(|error| error.to_string())
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct NormalizationArguments {
    /// Mean of the pixels (0 to 255) that the model was trained with, one value or R,G,B; goes with --std
    #[arg(
        long,
        value_name = "R[,G,B]",
        value_delimiter = ',',
        allow_negative_numbers = true,
        requires = "std"
    )]
    mean: Option<Vec<f32>>,
    /// Standard deviation of the pixels, one value or R,G,B, none of them 0; goes with --mean
    #[arg(
        long,
        value_name = "R[,G,B]",
        value_delimiter = ',',
        allow_negative_numbers = true,
        requires = "mean"
    )]
    std: Option<Vec<f32>>,
}

impl NormalizationArguments {
    /// Mean and standard deviation, if they were given.
    pub(crate) fn values(&self) -> Result<Option<(&[f32], &[f32])>> {
        let (Some(mean), Some(std)) = (&self.mean, &self.std) else { return Ok(None) };
        if let Some(value) = std.iter().find(|std| std.abs() < f32::EPSILON) {
            bail!("--std {value} is too close to 0: pixels are divided by it");
        }
        Normalization::new(mean, std).context("--mean and --std")?;
        Ok(Some((mean, std)))
    }
}

impl EmbedderArguments {
    /// Loads the model.
    pub(crate) fn embedder(&self, limits: &Limits) -> Result<ImageEmbedder> {
        let mut options = ImageEmbedder::builder()
            .limits(*limits)
            .preprocessor(lookalike::preprocessor(&self.preprocess)?)
            .l2_normalize(self.l2_normalize)
            .quantize(self.quantize)
            .reference_rules(self.reference_rules)
            .threads(self.threads)
            .captures_stderr(true);
        if let Some(model) = &self.model {
            options = options.model_file(model);
        }
        if let Some(backend) = &self.backend {
            options = options.backend(backend);
        }
        if let Some((mean, std)) = self.normalization.values()? {
            options = options.normalization(mean, std);
        }
        options.build().map_err(|error| match &self.model {
            Some(path) => pipe::about(path, error),
            None => anyhow::Error::from(error).context("cannot use the built-in model"),
        })
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
#[command(next_help_heading = "Images")]
pub(crate) struct ImageArguments {
    /// Part of each image to embed, in pixels: of the image as stored with `task-library`, of the upright image with `mediapipe` and
    /// `antialias`
    #[arg(
        long,
        value_name = "X,Y,W,H",
        value_delimiter = ',',
        num_args = 1,
        allow_hyphen_values = true
    )]
    roi: Option<Vec<i64>>,
    /// Part of each image to embed, as fractions of its width and height
    #[arg(
        long,
        value_name = "L,T,R,B",
        value_delimiter = ',',
        num_args = 1,
        allow_hyphen_values = true,
        conflicts_with = "roi"
    )]
    roi_normalized: Option<Vec<f32>>,
    /// Rotate each image clockwise, by a multiple of 90
    #[arg(long, value_name = "DEGREES", default_value_t = 0, allow_negative_numbers = true)]
    rotation: i32,
    /// Which images to rotate as their EXIF data says: all, only JPEG files, or none
    #[arg(long, value_enum, default_value_t = ExifArgument::Apply)]
    exif: ExifArgument,
    /// Embed truncated JPEG, PNG, BMP, binary PNM and uncompressed TIFF files as far as they decode, with a warning, instead of refusing
    /// them
    #[arg(long)]
    allow_truncated: bool,
    /// Color to put behind transparent pixels, RRGGBB or R,G,B; by default, as in the references, alpha is ignored and hidden colors count
    #[arg(long, value_name = "COLOR", value_parser = color)]
    background: Option<Color>,
}

/// R, G, B.
#[derive(Clone, Copy, Debug)]
struct Color([u8; 3]);

fn color(text: &str) -> Result<Color, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let hexadecimal = || {
        let is_hexadecimal = digits.len() == 6 && digits.bytes().all(|it| it.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_hexadecimal)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some([red, green, blue])
    };
    let decimal = || {
        let numbers: Option<Vec<u8>> =
            text.split(',').map(|part| part.trim().parse().ok()).collect();
        <[u8; 3]>::try_from(numbers?).ok()
    };
    hexadecimal().or_else(decimal).map(Color).ok_or_else(|| {
        "give a color as RRGGBB, such as ffffff, or as R,G,B, such as 255,255,255".to_owned()
    })
}

#[derive(Debug, Args)]
pub(crate) struct LimitArguments {
    #[arg(long, value_name = "NAME=N", help_heading = "Limits", help = limit_help())]
    limit: Vec<String>,
}

fn limit_help() -> String {
    let limits = Limits::default().values().into_iter();
    let limits: Vec<String> = limits.map(|(name, value)| format!("{name}={value}")).collect();
    format!(
        "Change a limit on what a model or an image may cost; may be given several times. Defaults: {}",
        limits.join(", ")
    )
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
    /// Region and rotation; those that no image can have are refused before any is read.
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
        if let Some(region) = region_of_interest {
            region.check()?;
        }
        let processing =
            ImageProcessingOptions { region_of_interest, rotation_degrees: self.rotation };
        processing.orientation(lookalike::Orientation::TopLeft)?;
        Ok(processing)
    }

    pub(crate) fn decode_options(&self, limits: &Limits) -> DecodeOptions {
        DecodeOptions {
            limits: *limits,
            exif: match self.exif {
                ExifArgument::Apply => lookalike::Exif::Apply,
                ExifArgument::ApplyToJpeg => lookalike::Exif::ApplyToJpeg,
                ExifArgument::Ignore => lookalike::Exif::Ignore,
            },
            allow_truncated: self.allow_truncated,
            background: self.background.map(|Color(color)| color),
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
