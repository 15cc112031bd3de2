//! One operator at a time, against LiteRT.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use lookalike::{
    Data, DataRef, Model, SessionOptions, Shape, Tensor, TensorInfo, TensorType, read_model,
};
use serde::Deserialize;

use crate::bounds::Bounds;
use crate::compared::largest;
use crate::errors::is_refused_with;
use crate::files::{floats, from_base64};
use crate::{Backend, Case, Exceptions, Folders};

/// Results of the operators, as they were captured.
#[derive(Debug, Deserialize)]
struct Golden {
    engine: String,
    results: BTreeMap<String, Vec<Values>>,
    /// Models that the engine refused, with what it said.
    refused: BTreeMap<String, String>,
}

/// A tensor: shape, element type, base64 of its little-endian elements.
#[derive(Debug, Deserialize)]
struct Values {
    shape: Vec<usize>,
    r#type: ElementType,
    base64: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
enum ElementType {
    F32,
    I8,
    U8,
}

fn golden_file(folders: &Folders) -> PathBuf {
    folders.fixtures.join("golden/operators.json")
}

/// The models of one operator each.
fn models(folders: &Folders) -> Result<Vec<(String, PathBuf)>> {
    let folder = folders.fixtures.join("operators");
    let mut models = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        models.push((name, path));
    }
    models.sort();
    Ok(models)
}

pub(crate) fn cases(
    backends: &[Backend],
    folders: &Folders,
    exceptions: &Exceptions,
) -> Result<Vec<Case>> {
    let file = golden_file(folders);
    let text = fs::read(&file).with_context(|| file.display().to_string())?;
    let golden: Arc<Golden> = Arc::new(serde_json::from_slice(&text)?);
    let mut cases = Vec::new();
    for (name, path) in models(folders)? {
        for &backend in backends {
            if let Some(refusal) = exceptions.refusal(backend.name(), &name) {
                let says = refusal.says.clone();
                let path = path.clone();
                cases.push(Case::of(backend, &format!("refused/{name}"), move |_| {
                    let model = read_model(&path)?;
                    is_refused_with(backend.load(&model, &SessionOptions::default()), &says)
                }));
                continue;
            }
            let (golden, model, path) = (Arc::clone(&golden), name.clone(), path.clone());
            cases.push(Case::of(backend, &format!("operator/{name}"), move |bounds| {
                let found = run(backend, &path)?;
                let expected = golden.results.get(&model).with_context(|| {
                    match golden.refused.get(&model) {
                        Some(reason) => {
                            format!("it runs, and {} refused it: {reason}", golden.engine)
                        }
                        None => "nothing was captured for it".to_owned(),
                    }
                })?;
                ensure!(found.len() == expected.len(), "{} results", found.len());
                found
                    .iter()
                    .zip(expected)
                    .try_for_each(|(found, expected)| compare(found, expected, bounds))
            }));
        }
    }
    Ok(cases)
}

fn run(backend: Backend, path: &Path) -> Result<Vec<Tensor>> {
    let model = read_model(path)?;
    let mut session = backend.load(&model, &SessionOptions::default())?.session()?;
    let inputs = inputs(&model)?;
    let views: Vec<_> = inputs.iter().map(Tensor::as_ref).collect();
    let mut outputs = vec![Tensor::empty(); model.io().outputs.len()];
    session.run(&views, &mut outputs)?;
    Ok(outputs)
}

/// Numbers that look like any, and are the same every time: floats of -3 to 3, or above 0 where the model needs that; all bytes.
pub(crate) fn inputs(model: &Model) -> Result<Vec<Tensor>> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u32
    };
    let mut tensor = |input: &TensorInfo| {
        let dims: Vec<usize> = input.shape.iter().map(|&size| size.max(0) as usize).collect();
        let shape = Shape::new(&dims)?;
        let count = shape.element_count();
        let (lower, upper) = if input.name == "positive" { (0.1, 3.0) } else { (-3.0, 3.0) };
        let data = match input.element_type {
            TensorType::UINT8 => Data::U8((0..count).map(|_| next() as u8).collect()),
            TensorType::INT8 => Data::I8((0..count).map(|_| next() as i8).collect()),
            _ => {
                let float = |bits: u32| lower + bits as f32 / (1 << 24) as f32 * (upper - lower);
                Data::F32((0..count).map(|_| float(next())).collect())
            }
        };
        Ok(Tensor::new(shape, data)?)
    };
    model.io().inputs.iter().map(&mut tensor).collect()
}

fn compare(found: &Tensor, expected: &Values, bounds: &Bounds) -> Result<()> {
    let dims = found.shape().dims();
    ensure!(dims == expected.shape, "shape {dims:?} instead of {:?}", expected.shape);
    let bytes = from_base64(&expected.base64)?;
    match (found.as_ref().data(), expected.r#type) {
        (DataRef::F32(found), ElementType::F32) => {
            let expected = floats(&bytes);
            let relative = |(&a, &b): (&f32, &f32)| (a - b).abs() / b.abs().max(1.0);
            let worst = largest(found.iter().zip(&expected).map(relative));
            ensure!(worst <= bounds.operator, "it differs by {worst}");
        }
        (DataRef::I8(found), ElementType::I8) => {
            let found: Vec<f32> = found.iter().map(|&value| value.into()).collect();
            let expected: Vec<f32> = bytes.iter().map(|&value| (value as i8).into()).collect();
            bounds.check_steps(&found, &expected)?;
        }
        (DataRef::U8(found), ElementType::U8) => {
            let found: Vec<f32> = found.iter().map(|&value| value.into()).collect();
            let expected: Vec<f32> = bytes.iter().map(|&value| value.into()).collect();
            bounds.check_steps(&found, &expected)?;
        }
        (found, expected) => ensure!(false, "{found:?} instead of {expected:?}"),
    }
    Ok(())
}
