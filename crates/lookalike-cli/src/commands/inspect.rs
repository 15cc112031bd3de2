//! `lookalike inspect` of a model.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use lookalike::metadata::{ModelMetadata, ProcessUnitOptions, TensorMetadata};
use lookalike::{
    DecodeOptions, HeadSpec, InputElement, InputSpec, Model, Normalization, SessionOptions,
    SignatureDef, Sniffed, TensorInfo, backends, read_model_within,
};
use serde::Serialize;

use crate::args::InspectArguments;
use crate::commands::inspect_image;
use crate::{Outcome, images, pipe};

#[derive(Serialize)]
struct Report {
    path: String,
    bytes: usize,
    description: Option<String>,
    inputs: Vec<TensorReport>,
    outputs: Vec<TensorReport>,
    signature_defs: Vec<SignatureDefReport>,
    operators: BTreeMap<String, usize>,
    metadata: Option<MetadataReport>,
    associated_files: BTreeMap<String, usize>,
    /// How an embedder would use the model, or why it refuses it.
    #[serde(flatten)]
    embedder: EmbedderReport,
    backends: Vec<BackendReport>,
}

#[derive(Serialize)]
struct TensorReport {
    name: String,
    element_type: String,
    shape: Vec<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<Vec<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zero_point: Option<Vec<i64>>,
}

#[derive(Serialize)]
struct SignatureDefReport {
    name: String,
    inputs: BTreeMap<String, usize>,
    outputs: BTreeMap<String, usize>,
}

#[derive(Serialize)]
struct MetadataReport {
    name: Option<String>,
    description: Option<String>,
    version: Option<String>,
    author: Option<String>,
    license: Option<String>,
    min_parser_version: Option<String>,
    inputs: Vec<TensorMetadataReport>,
    outputs: Vec<TensorMetadataReport>,
}

#[derive(Serialize)]
struct TensorMetadataReport {
    name: Option<String>,
    description: Option<String>,
    content: Option<&'static str>,
    process_units: Vec<String>,
    associated_files: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum EmbedderReport {
    Embedder { input: String, heads: Vec<String> },
    Refused(String),
}

#[derive(Serialize)]
struct BackendReport {
    name: &'static str,
    /// Whether it is taken where none is asked for.
    is_default: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) fn run(arguments: &InspectArguments) -> Result<Outcome> {
    let limits = arguments.limits.limits()?;
    let path = &arguments.path;
    if images::is_image(path) {
        let options = DecodeOptions { limits, ..DecodeOptions::default() };
        let bytes = images::bytes(path, &options).map_err(|error| pipe::about(path, error))?;
        return inspect_image::run(arguments, &bytes);
    }
    if let Ok(sniffed @ (Sniffed::Empty | Sniffed::Unsupported(_))) = images::sniff_file(path) {
        bail!("{}: {sniffed}", path.display());
    }
    ensure!(
        arguments.model.is_none(),
        "{} is no image: --model only applies when you inspect an image",
        path.display()
    );
    let model = read_model_within(path, &limits).map_err(|error| pipe::about(path, error))?;
    let normalization = match arguments.normalization.values()? {
        Some((mean, std)) => Some(Normalization::new(mean, std)?),
        None => None,
    };
    let report = Report::new(&model, path.display().to_string(), normalization);
    if arguments.json {
        pipe::json(&report)?;
    } else {
        pipe::line(&report.to_text())?;
    }
    Ok(match report.embedder {
        EmbedderReport::Embedder { .. } => Outcome::Done,
        EmbedderReport::Refused(_) => Outcome::SomeFailed,
    })
}

impl Report {
    fn new(model: &Model, path: String, normalization: Option<Normalization>) -> Self {
        let mut operators = BTreeMap::new();
        for operator in model.operators() {
            *operators.entry(operator.name.to_string()).or_insert(0) += 1;
        }
        let tensors = |tensors: &[TensorInfo]| tensors.iter().map(TensorReport::new).collect();
        let options = SessionOptions::default().with_captured_stderr(true);
        let mut has_default = false;
        let tflite = match model {
            Model::TfLite(model) => Some(model),
            _ => None,
        };
        let signature_defs = tflite.map(|model| model.file().signature_defs()).unwrap_or_default();
        let associated_files = tflite.iter().flat_map(|model| {
            let size = |name: &str| model.associated_file(name).map_or(0, <[u8]>::len);
            model.associated_files().map(move |name| (name.to_owned(), size(name)))
        });
        Self {
            path,
            bytes: model.bytes().len(),
            description: tflite.and_then(|model| model.file().description()).map(str::to_owned),
            inputs: tensors(&model.io().inputs),
            outputs: tensors(&model.io().outputs),
            signature_defs: signature_defs.into_iter().map(SignatureDefReport::new).collect(),
            operators,
            metadata: model.metadata().map(MetadataReport::new),
            associated_files: associated_files.collect(),
            embedder: EmbedderReport::new(model, normalization),
            backends: backends()
                .iter()
                .map(|backend| {
                    let loaded = backend.check().and_then(|_| backend.load(model, &options));
                    let is_default = loaded.is_ok() && !has_default;
                    has_default |= is_default;
                    BackendReport {
                        name: backend.name(),
                        is_default,
                        error: loaded.err().map(|error| format!("{error:#}")),
                    }
                })
                .collect(),
        }
    }

    fn to_text(&self) -> String {
        let mut lines = vec![format!("{}: {} bytes", pipe::printable(&self.path), self.bytes)];
        let mut section = |title: &str, rows: Vec<String>| {
            if !rows.is_empty() {
                lines.push(format!("{title}:"));
                lines.extend(rows.iter().map(|row| format!("  {}", pipe::printable(row))));
            }
        };
        section(
            "description",
            self.description.iter().filter(|text| !text.is_empty()).cloned().collect(),
        );
        section("inputs", self.inputs.iter().map(TensorReport::to_text).collect());
        section("outputs", self.outputs.iter().map(TensorReport::to_text).collect());
        let signature_defs = self.signature_defs.iter().map(|entry| {
            let names = |tensors: &BTreeMap<String, usize>| {
                tensors.keys().cloned().collect::<Vec<_>>().join(", ")
            };
            format!("{}({}) -> {}", entry.name, names(&entry.inputs), names(&entry.outputs))
        });
        section("signatures", signature_defs.collect());
        section(
            "metadata",
            self.metadata.as_ref().map(MetadataReport::to_rows).unwrap_or_default(),
        );
        section(
            "associated files",
            self.associated_files
                .iter()
                .map(|(name, size)| format!("{name}: {size} bytes"))
                .collect(),
        );
        section(
            "operators",
            self.operators.iter().map(|(name, count)| format!("{name} x{count}")).collect(),
        );
        let embedder = match &self.embedder {
            EmbedderReport::Embedder { input, heads } => {
                std::iter::once(input).chain(heads).cloned().collect()
            }
            EmbedderReport::Refused(reason) => vec![format!("refused: {reason}")],
        };
        section("as an image embedder", embedder);
        let backends = self.backends.iter().map(|backend| match &backend.error {
            None if backend.is_default => format!("{}: runs it, and is the default", backend.name),
            None => format!("{}: runs it", backend.name),
            Some(error) => format!("{}: {error}", backend.name),
        });
        section("backends", backends.collect());
        lines.join("\n")
    }
}

impl TensorReport {
    fn new(tensor: &TensorInfo) -> Self {
        let dynamic = tensor.shape_signature.len() == tensor.shape.len();
        let quantization = tensor.quantization.as_ref();
        Self {
            name: tensor.name.clone(),
            element_type: tensor.element_type.to_string(),
            shape: if dynamic { tensor.shape_signature.clone() } else { tensor.shape.clone() },
            scale: quantization.map(|quantization| quantization.scale.clone()),
            zero_point: quantization.map(|quantization| quantization.zero_point.clone()),
        }
    }

    fn to_text(&self) -> String {
        let quantization = match (&self.scale, &self.zero_point) {
            (Some(scale), Some(zero_point)) if scale.len() == 1 => {
                let zero_point = zero_point.first().copied().unwrap_or(0);
                format!(", {} * (value - {zero_point})", scale[0])
            }
            (Some(scale), _) => format!(", {} scales", scale.len()),
            _ => String::new(),
        };
        format!("{}: {} {:?}{quantization}", self.name, self.element_type, self.shape)
    }
}

impl SignatureDefReport {
    fn new(entry: SignatureDef) -> Self {
        Self {
            name: entry.name,
            inputs: entry.inputs.into_iter().collect(),
            outputs: entry.outputs.into_iter().collect(),
        }
    }
}

impl MetadataReport {
    fn new(metadata: &ModelMetadata) -> Self {
        let first = metadata.subgraph_metadata.first();
        let tensors =
            |tensors: &[TensorMetadata]| tensors.iter().map(TensorMetadataReport::new).collect();
        Self {
            name: metadata.name.clone(),
            description: metadata.description.clone(),
            version: metadata.version.clone(),
            author: metadata.author.clone(),
            license: metadata.license.clone(),
            min_parser_version: metadata.min_parser_version.clone(),
            inputs: first.map(|graph| tensors(&graph.input_tensor_metadata)).unwrap_or_default(),
            outputs: first.map(|graph| tensors(&graph.output_tensor_metadata)).unwrap_or_default(),
        }
    }

    fn to_rows(&self) -> Vec<String> {
        let fields = [
            ("name", &self.name),
            ("description", &self.description),
            ("version", &self.version),
            ("author", &self.author),
            ("license", &self.license),
            ("minimum parser version", &self.min_parser_version),
        ];
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut rows: Vec<String> = fields
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}: {}", one_line(value.as_deref()?))))
            .collect();
        for (what, tensors) in [("input", &self.inputs), ("output", &self.outputs)] {
            rows.extend(
                tensors.iter().map(|tensor| format!("{what} {}", one_line(&tensor.to_text()))),
            );
        }
        rows
    }
}

impl TensorMetadataReport {
    fn new(tensor: &TensorMetadata) -> Self {
        let files = &tensor.associated_files;
        Self {
            name: tensor.name.clone(),
            description: tensor.description.clone(),
            content: tensor.content.as_ref().map(|content| content.content_properties.name()),
            process_units: tensor
                .process_units
                .iter()
                .map(|unit| process_unit(&unit.options))
                .collect(),
            associated_files: files.iter().filter_map(|file| file.name.clone()).collect(),
        }
    }

    fn to_text(&self) -> String {
        let name = self.name.as_deref().unwrap_or("without a name");
        let details = [self.content.map(str::to_owned), self.description.clone()];
        let details: Vec<String> = details
            .into_iter()
            .flatten()
            .chain(self.process_units.iter().cloned())
            .chain(self.associated_files.iter().map(|file| format!("file {file}")))
            .collect();
        format!("{name}: {}", details.join("; "))
    }
}

fn process_unit(options: &ProcessUnitOptions) -> String {
    match options {
        ProcessUnitOptions::NormalizationOptions(normalization) => {
            format!("mean {:?} std {:?}", normalization.mean, normalization.std)
        }
        other => other.name().to_owned(),
    }
}

impl EmbedderReport {
    fn new(model: &Model, normalization: Option<Normalization>) -> Self {
        let described = InputSpec::from_model(model, normalization)
            .and_then(|input| Ok((input, HeadSpec::from_model(model)?)));
        let (input, heads) = match described {
            Ok(described) => described,
            Err(error) => return Self::Refused(format!("{error:#}")),
        };
        let length =
            |length: Option<usize>| length.map_or("any".to_owned(), |length| length.to_string());
        let element = match input.element {
            InputElement::F32(normalization) => {
                format!("float32, mean {:?} std {:?}", normalization.mean(), normalization.std())
            }
            InputElement::F16(normalization) => format!(
                "float16, mean {:?} std {:?} (refused with --reference-rules)",
                normalization.mean(),
                normalization.std()
            ),
            InputElement::I8 { normalization, scale, zero_point } => format!(
                "int8 of scale {scale} and zero point {zero_point}, mean {:?} std {:?} (refused with --reference-rules)",
                normalization.mean(),
                normalization.std()
            ),
            _ => "uint8".to_owned(),
        };
        let input =
            format!("image {} x {} RGB, {element}", length(input.width), length(input.height));
        let heads = heads.iter().map(|head| {
            let name = head.name.as_deref().map(|name| format!(" `{name}`")).unwrap_or_default();
            format!("head {}{name}: {} values", head.index, head.dimension)
        });
        Self::Embedder { input, heads: heads.collect() }
    }
}
