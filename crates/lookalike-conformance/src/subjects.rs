//! The models that are embedded with, and what the reference gave for them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use lookalike::{
    FeatureVector, Image, ImageEmbedder, ImageEmbedderOptions, ImageProcessingOptions, Region,
    TensorType, preprocessor,
};
use serde::Deserialize;

use crate::files::{floats, from_base64, read_image};
use crate::{Backend, Folders};

/// Images that the reference was captured on.
const COMMITTED_PICTURES: [&str; 3] = ["landscape.png", "tiles.png", "tiny.png"];
const PUBLIC_PICTURES: [&str; 3] = ["burger.jpg", "burger_crop.jpg", "burger-224.png"];

/// What is asked of an embedder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) photo: &'static str,
    pub(crate) l2_normalize: bool,
    pub(crate) quantize: bool,
    pub(crate) region: Option<Region>,
    pub(crate) rotation: i32,
    /// The preprocessing profile.
    pub(crate) profile: &'static str,
}

pub(crate) const TASK_LIBRARY: &str = "task-library";
pub(crate) const MEDIAPIPE: &str = "mediapipe";

impl Query {
    pub(crate) fn of(photo: &'static str) -> Self {
        Self {
            photo,
            l2_normalize: false,
            quantize: false,
            region: None,
            rotation: 0,
            profile: TASK_LIBRARY,
        }
    }

    /// As it stands in the names of cases.
    pub(crate) fn name(&self) -> String {
        let mut name = self.photo.to_owned();
        for (is_set, word) in [(self.l2_normalize, "/l2"), (self.quantize, "/quantize")] {
            if is_set {
                name.push_str(word);
            }
        }
        match self.region {
            Some(Region::Pixels { x, y, width, height }) => {
                name.push_str(&format!("/roi={x},{y},{width},{height}"));
            }
            Some(Region::Normalized { left, top, right, bottom }) => {
                name.push_str(&format!("/roi={left},{top},{right},{bottom}"));
            }
            _ => {}
        }
        if self.rotation != 0 {
            name.push_str(&format!("/rotation={}", self.rotation));
        }
        if self.profile != TASK_LIBRARY {
            name.push_str(&format!("/{}", self.profile));
        }
        name
    }
}

/// A query with the vectors that the reference gave, one for each head.
pub(crate) type Captured = (Query, Vec<FeatureVector>);

/// Backend, profile, `l2_normalize`, `quantize`.
type EmbedderKey = (&'static str, &'static str, bool, bool);

/// A model.
pub(crate) struct Subject {
    pub(crate) name: String,
    options: ImageEmbedderOptions,
    pub(crate) is_quantized: bool,
    /// The two images whose similarity is compared.
    pub(crate) pair: [&'static str; 2],
    pub(crate) captured: Vec<Captured>,
    /// Pairs of queries with the cosine of their vectors.
    pub(crate) cosines: Vec<(Query, Query, f64)>,
    photos: BTreeMap<&'static str, Image>,
    /// Embedders that were loaded before; loading takes longer than anything else here.
    embedders: Mutex<BTreeMap<EmbedderKey, Arc<ImageEmbedder>>>,
}

impl Subject {
    pub(crate) fn options(&self, backend: Backend) -> ImageEmbedderOptions {
        self.options.clone().backend(backend.name())
    }

    pub(crate) fn pixels(&self, photo: &str) -> Result<&Image> {
        self.photos.get(photo).with_context(|| format!("there is no picture {photo}"))
    }

    pub(crate) fn photos(&self) -> impl Iterator<Item = &'static str> {
        self.photos.keys().copied()
    }

    pub(crate) fn embedder(&self, backend: Backend, query: &Query) -> Result<Arc<ImageEmbedder>> {
        let key = (backend.name(), query.profile, query.l2_normalize, query.quantize);
        let mut embedders = self.embedders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(embedder) = embedders.get(&key) {
            return Ok(Arc::clone(embedder));
        }
        let options = self.options(backend).preprocessor(preprocessor(query.profile)?);
        let options = options.l2_normalize(query.l2_normalize).quantize(query.quantize);
        let embedder = Arc::new(options.build()?);
        embedders.insert(key, Arc::clone(&embedder));
        Ok(embedder)
    }

    /// The vectors of all heads.
    pub(crate) fn embed(&self, backend: Backend, query: &Query) -> Result<Vec<FeatureVector>> {
        let embedder = self.embedder(backend, query)?;
        self.embed_on(&embedder, query)
    }

    pub(crate) fn embed_on(
        &self,
        embedder: &ImageEmbedder,
        query: &Query,
    ) -> Result<Vec<FeatureVector>> {
        let processing = ImageProcessingOptions {
            region_of_interest: query.region,
            rotation_degrees: query.rotation,
        };
        let result = embedder.embed_with(self.pixels(query.photo)?, &processing)?;
        Ok(result.embeddings.into_iter().map(|embedding| embedding.feature_vector).collect())
    }
}

/// All models that are there.
pub(crate) fn all(folders: &Folders) -> Result<Vec<Arc<Subject>>> {
    let golden = committed(folders)?;
    let mut subjects = vec![subject("gist.tflite", ImageEmbedder::builder(), folders, &golden)?];
    let mut names: Vec<String> = fs::read_dir(&folders.fixtures)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.retain(|name| name.ends_with(".tflite") && !name.starts_with("refused"));
    names.sort();
    for name in &names {
        let options = ImageEmbedder::builder().model_file(folders.fixtures.join(name));
        subjects.push(subject(name, options, folders, &golden)?);
    }
    let mut golden = Golden::default();
    for (file, profile) in
        [("task_library_embeddings.json", TASK_LIBRARY), ("mediapipe_embeddings.json", MEDIAPIPE)]
    {
        let file = folders.cache.join(file);
        if file.exists() {
            public(&file, profile, &mut golden)?;
        }
    }
    // One says nothing of its normalization.
    for (name, normalization) in [
        ("mobilenet_v3_small.tflite", None),
        ("mobilenet_v1_0.25_224_1_metadata_1.tflite", None),
        ("mobilenet_v1_0.25_224_quant.tflite", None),
        ("automl_labeler_model.tflite", None),
        ("mobilenet_v1_0.25_224_1_default_1.tflite", Some(127.5)),
        ("dilated_conv.tflite", None),
    ] {
        let path = folders.cache.join(name);
        if path.exists() {
            let mut options = ImageEmbedder::builder().model_file(path);
            if let Some(value) = normalization {
                options = options.normalization([value], [value]);
            }
            subjects.push(subject(name, options, folders, &golden)?);
        }
    }
    Ok(subjects)
}

/// What was captured, by model.
#[derive(Default)]
struct Golden {
    vectors: BTreeMap<String, Vec<Captured>>,
    cosines: BTreeMap<String, Vec<(Query, Query, f64)>>,
}

fn subject(
    name: &str,
    options: ImageEmbedderOptions,
    folders: &Folders,
    golden: &Golden,
) -> Result<Arc<Subject>> {
    let mut photos = BTreeMap::new();
    for photo in COMMITTED_PICTURES {
        photos.insert(photo, read_image(&folders.fixtures, photo)?);
    }
    let is_public = folders.cache.join(name).exists();
    if is_public {
        for photo in PUBLIC_PICTURES {
            photos.insert(photo, read_image(&folders.cache, photo)?);
        }
    }
    let model = options.read_model()?;
    let is_byte = |element_type| element_type != TensorType::FLOAT32;
    Ok(Arc::new(Subject {
        name: name.to_owned(),
        options,
        is_quantized: model.io().outputs.iter().any(|output| is_byte(output.element_type)),
        pair: if is_public {
            ["burger.jpg", "burger_crop.jpg"]
        } else {
            ["landscape.png", "tiles.png"]
        },
        captured: golden.vectors.get(name).cloned().unwrap_or_default(),
        cosines: golden.cosines.get(name).cloned().unwrap_or_default(),
        photos,
        embedders: Mutex::default(),
    }))
}

#[derive(Deserialize)]
struct CommittedGolden {
    cases: Vec<CommittedCase>,
}

#[derive(Deserialize)]
struct CommittedCase {
    model: String,
    image: String,
    l2_normalize: bool,
    quantize: bool,
    roi: Option<[i64; 4]>,
    #[serde(default)]
    heads: Vec<CommittedHead>,
}

#[derive(Deserialize)]
struct CommittedHead {
    r#type: String,
    base64: String,
}

fn vector(element_type: &str, base64: &str) -> Result<FeatureVector> {
    let bytes = from_base64(base64)?;
    Ok(if element_type == "i8" {
        FeatureVector::Quantized(bytes.iter().map(|&byte| byte as i8).collect())
    } else {
        FeatureVector::Float(floats(&bytes))
    })
}

/// What was captured on the committed models.
fn committed(folders: &Folders) -> Result<Golden> {
    let file = folders.fixtures.join("golden/task_library.json");
    let golden: CommittedGolden = serde_json::from_slice(&fs::read(file)?)?;
    let mut captured = Golden::default();
    for case in golden.cases {
        let photo = COMMITTED_PICTURES.into_iter().find(|photo| *photo == case.image);
        let (Some(photo), false) = (photo, case.heads.is_empty()) else { continue };
        let query = Query {
            l2_normalize: case.l2_normalize,
            quantize: case.quantize,
            region: case.roi.map(pixels),
            ..Query::of(photo)
        };
        let heads = case.heads.iter().map(|head| vector(&head.r#type, &head.base64));
        captured
            .vectors
            .entry(case.model)
            .or_default()
            .push((query, heads.collect::<Result<_>>()?));
    }
    Ok(captured)
}

#[derive(Deserialize)]
struct PublicGolden {
    cases: Vec<PublicCase>,
    /// Of MediaPipe; the Task Library reports them in other terms.
    #[serde(default)]
    cosine: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct PublicCosine {
    model: String,
    a: String,
    b: String,
    b_roi_ltrb: Option<[f32; 4]>,
    b_rotation_degrees: i32,
    l2_normalize: bool,
    quantize: bool,
    cosine: f64,
}

#[derive(Deserialize)]
struct PublicCase {
    model: String,
    image: Option<String>,
    #[serde(default)]
    l2_normalize: bool,
    #[serde(default)]
    quantize: bool,
    #[serde(default)]
    roi_xywh: Option<[i64; 4]>,
    #[serde(default)]
    roi_ltrb: Option<[f32; 4]>,
    #[serde(default)]
    rotation_degrees: i32,
    #[serde(default)]
    dtype: String,
    #[serde(default)]
    base64_le: String,
}

fn pixels([x, y, width, height]: [i64; 4]) -> Region {
    Region::Pixels { x, y, width, height }
}

fn fractions([left, top, right, bottom]: [f32; 4]) -> Region {
    Region::Normalized { left, top, right, bottom }
}

/// The model that leaves the size of its input open. MediaPipe takes the 1 that stands for it for the size, and embeds one pixel.
const OPEN_SIZE: &str = "dilated_conv.tflite";

/// Adds what was captured on the public models from the reference that has this profile.
fn public(file: &Path, profile: &'static str, captured: &mut Golden) -> Result<()> {
    let golden: PublicGolden = serde_json::from_slice(&fs::read(file)?)?;
    let known = |name: &str| PUBLIC_PICTURES.into_iter().find(|photo| *photo == name);
    for pair in golden.cosine.into_iter().filter(|_| profile == MEDIAPIPE) {
        let pair: PublicCosine = serde_json::from_value(pair)?;
        let (Some(a), Some(b)) = (known(&pair.a), known(&pair.b)) else { continue };
        if pair.model == OPEN_SIZE {
            continue;
        }
        let PublicCosine { l2_normalize, quantize, .. } = pair;
        let a = Query { l2_normalize, quantize, profile, ..Query::of(a) };
        let region = pair.b_roi_ltrb.map(fractions);
        let rotation = pair.b_rotation_degrees;
        let b = Query { photo: b, region, rotation, ..a.clone() };
        captured.cosines.entry(pair.model).or_default().push((a, b, pair.cosine));
    }
    for case in golden.cases {
        let photo = PUBLIC_PICTURES.into_iter().find(|photo| Some(*photo) == case.image.as_deref());
        let (Some(photo), false) = (photo, case.base64_le.is_empty()) else { continue };
        let query = Query {
            l2_normalize: case.l2_normalize,
            quantize: case.quantize,
            region: case.roi_xywh.map(pixels).or(case.roi_ltrb.map(fractions)),
            rotation: case.rotation_degrees,
            profile,
            ..Query::of(photo)
        };
        if profile == MEDIAPIPE && case.model == OPEN_SIZE {
            continue;
        }
        let heads = vec![vector(&case.dtype, &case.base64_le)?];
        captured.vectors.entry(case.model).or_default().push((query, heads));
    }
    Ok(())
}
