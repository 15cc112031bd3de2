//! Whole models: the input tensor, vectors and cosines.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use lookalike::{
    BackendInfo, FeatureVector, ImageEmbedder, InferenceBackend, InferenceSession, LoadedModel,
    Model, ModelIo, OperatorInfo, Region, SessionOptions, Tensor, TensorRef, cosine_similarity,
};

use crate::bounds::Bounds;
use crate::compared::after_l2;
use crate::subjects::{MEDIAPIPE, Query, Subject};
use crate::{Backend, Case};

pub(crate) fn cases(
    backends: &[Backend],
    usable: &[Backend],
    subjects: &[Arc<Subject>],
) -> Vec<Case> {
    let mut cases = Vec::new();
    for subject in subjects {
        for &backend in backends {
            for (index, (query, _)) in subject.captured.iter().enumerate() {
                let name = format!("vector/{}/{}", subject.name, query.name());
                let subject = Arc::clone(subject);
                cases.push(Case::of(backend, &name, move |bounds| {
                    let (query, expected) = &subject.captured[index];
                    let found = subject.embed(backend, query)?;
                    compare(&subject, backend, query, &found, expected, bounds).map(|_| ())
                }));
            }
        }
        for &backend in backends {
            for index in 0..subject.cosines.len() {
                let (_, b, _) = &subject.cosines[index];
                let (name, each) = (b.name(), Arc::clone(subject));
                cases.push(Case::of(
                    backend,
                    &format!("pair/{}/{name}", subject.name),
                    move |bounds| {
                        let (a, b, expected) = &each.cosines[index];
                        let (u, v) = (each.embed(backend, a)?, each.embed(backend, b)?);
                        let found = cosine_similarity(&u[0], &v[0])?;
                        let is_coarse = each.is_quantized || a.quantize;
                        bounds.check_cosine(is_coarse, found, *expected)
                    },
                ));
            }
        }
        for query in queries(subject) {
            for (position, &backend) in backends.iter().enumerate() {
                for &other in &backends[..position] {
                    let name = format!("agreement/{}/{}", subject.name, query.name());
                    let (each, query) = (Arc::clone(subject), query.clone());
                    cases.push(Case::of_two([other, backend], &name, move |bounds| {
                        let found = each.embed(backend, &query)?;
                        let expected = each.embed(other, &query)?;
                        compare(&each, backend, &query, &found, &expected, bounds).map(|_| ())
                    }));
                }
            }
        }
        for (l2_normalize, quantize) in [(false, false), (true, false), (false, true), (true, true)]
        {
            let query = Query { l2_normalize, quantize, ..Query::of(subject.pair[0]) };
            let (name, usable) = (query.name(), usable.to_vec());
            let each = Arc::clone(subject);
            cases.push(Case::new(format!("cosine/{}/{name}", subject.name), move |bounds| {
                cosines_agree(&each, &usable, &query, bounds)
            }));
        }
        let (usable, each) = (usable.to_vec(), Arc::clone(subject));
        cases.push(Case::new(format!("input/{}", subject.name), move |_| {
            inputs_are_equal(&each, &usable)
        }));
    }
    cases
}

/// Every image plain; one with all that can be asked for.
fn queries(subject: &Subject) -> Vec<Query> {
    let mut queries: Vec<Query> = subject.photos().map(Query::of).collect();
    let first = || Query::of(subject.pair[0]);
    queries.extend([90, 180, 270].map(|rotation| Query { rotation, ..first() }));
    queries.push(Query { l2_normalize: true, quantize: true, ..first() });
    let region = Some(Region::Pixels { x: 3, y: 2, width: 15, height: 11 });
    queries.push(Query { region, rotation: 90, ..first() });
    let region = Some(Region::Normalized { left: 0.125, top: 0.25, right: 0.75, bottom: 1.0 });
    queries.push(Query { region, rotation: 270, profile: MEDIAPIPE, ..first() });
    queries
}

/// Checks vectors against others of the same model and query. Returns the largest difference: of values after L2, or of steps.
pub(crate) fn compare(
    subject: &Subject,
    backend: Backend,
    query: &Query,
    found: &[FeatureVector],
    expected: &[FeatureVector],
    bounds: &Bounds,
) -> Result<f32> {
    ensure!(found.len() >= expected.len(), "{} heads instead of {}", found.len(), expected.len());
    let mut worst = 0f32;
    for (head, (found, expected)) in found.iter().zip(expected).enumerate() {
        if found == expected {
            continue;
        }
        worst = worst.max(match (found, expected) {
            (FeatureVector::Float(found), FeatureVector::Float(expected))
                if subject.is_quantized =>
            {
                quantized_floats(subject, backend, query, head, found, expected, bounds)?
            }
            (FeatureVector::Float(found), FeatureVector::Float(expected)) => {
                let worst = after_l2(found, expected)?;
                ensure!(worst <= bounds.float_value, "values differ by {worst} after L2");
                worst
            }
            (FeatureVector::Quantized(found), FeatureVector::Quantized(expected)) => {
                let whole =
                    |values: &[i8]| values.iter().map(|&value| value.into()).collect::<Vec<f32>>();
                let worst = bounds.check_steps(&whole(found), &whole(expected))?;
                if !subject.is_quantized {
                    ensure!(worst <= bounds.steps, "integers differ by {worst}");
                }
                worst
            }
            _ => anyhow::bail!("one vector is quantized and the other is not"),
        });
    }
    Ok(worst)
}

/// Dequantized values, in steps of the output's scale.
fn quantized_floats(
    subject: &Subject,
    backend: Backend,
    query: &Query,
    head: usize,
    found: &[f32],
    expected: &[f32],
    bounds: &Bounds,
) -> Result<f32> {
    if query.l2_normalize {
        // A step has no fixed size after L2.
        let (u, v) =
            (FeatureVector::Float(found.to_vec()), FeatureVector::Float(expected.to_vec()));
        let cosine = cosine_similarity(&u, &v)?;
        bounds.check_cosine(true, cosine, 1.0)?;
        return Ok(0.0);
    }
    let embedder = subject.embedder(backend, query)?;
    let output = &embedder.model().io().outputs[head];
    let scale = output.quantization.as_ref().and_then(|quantization| quantization.scale.first());
    // Without parameters every value is 0.
    let scale = scale.copied().unwrap_or(1.0);
    let whole =
        |values: &[f32]| values.iter().map(|value| (value / scale).round()).collect::<Vec<_>>();
    bounds.check_steps(&whole(found), &whole(expected))
}

/// The similarity of two images is the same on every backend.
fn cosines_agree(
    subject: &Subject,
    usable: &[Backend],
    query: &Query,
    bounds: &Bounds,
) -> Result<()> {
    let cosines = on_all(usable, |backend| {
        let of = |photo| subject.embed(backend, &Query { photo, ..query.clone() });
        let (u, v) = (of(subject.pair[0])?, of(subject.pair[1])?);
        // Where a vector has no length, all backends must say so.
        Ok(u.iter().zip(&v).map(|(u, v)| cosine_similarity(u, v).ok()).collect::<Vec<_>>())
    })?;
    let is_coarse = subject.is_quantized || query.quantize;
    for (position, (backend, found)) in cosines.iter().enumerate() {
        for (other, expected) in &cosines[..position] {
            for (found, expected) in found.iter().zip(expected) {
                let compared = match (found, expected) {
                    (Some(found), Some(expected)) => {
                        bounds.check_cosine(is_coarse, *found, *expected)
                    }
                    (found, expected) => {
                        ensure!(found == expected, "{found:?} instead of {expected:?}");
                        Ok(())
                    }
                };
                compared.with_context(|| format!("{} and {}", backend.name(), other.name()))?;
            }
        }
    }
    Ok(())
}

fn on_all<T>(usable: &[Backend], get: impl Fn(Backend) -> Result<T>) -> Result<Vec<(Backend, T)>> {
    usable
        .iter()
        .map(|&backend| {
            let got = get(backend).with_context(|| backend.name())?;
            Ok((backend, got))
        })
        .collect()
}

/// An engine that keeps what it is given.
#[derive(Debug)]
struct Recorder {
    engine: Backend,
    inputs: Arc<Mutex<Vec<Tensor>>>,
}

impl InferenceBackend for Recorder {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn check(&self) -> lookalike::Result<BackendInfo> {
        self.engine.check()
    }

    fn has_operator(&self, operator: &OperatorInfo) -> bool {
        self.engine.has_operator(operator)
    }

    fn load(
        &self,
        model: &Model,
        options: &SessionOptions,
    ) -> lookalike::Result<Arc<dyn LoadedModel>> {
        let model = self.engine.load(model, options)?;
        Ok(Arc::new(RecordedModel { model, inputs: Arc::clone(&self.inputs) }))
    }
}

#[derive(Debug)]
struct RecordedModel {
    model: Arc<dyn LoadedModel>,
    inputs: Arc<Mutex<Vec<Tensor>>>,
}

impl LoadedModel for RecordedModel {
    fn io(&self) -> &ModelIo {
        self.model.io()
    }

    fn session(&self) -> lookalike::Result<Box<dyn InferenceSession>> {
        let session = self.model.session()?;
        Ok(Box::new(RecordedSession { session, inputs: Arc::clone(&self.inputs) }))
    }
}

#[derive(Debug)]
struct RecordedSession {
    session: Box<dyn InferenceSession>,
    inputs: Arc<Mutex<Vec<Tensor>>>,
}

impl InferenceSession for RecordedSession {
    fn run(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [Tensor]) -> lookalike::Result<()> {
        let mut kept = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        for input in inputs {
            let mut tensor = Tensor::empty();
            tensor.copy_from(*input);
            kept.push(tensor);
        }
        drop(kept);
        self.session.run(inputs, outputs)
    }
}

/// Every engine is handed the same tensor.
fn inputs_are_equal(subject: &Subject, usable: &[Backend]) -> Result<()> {
    let all = on_all(usable, |engine| {
        let inputs = Arc::new(Mutex::new(Vec::new()));
        let recorder = Recorder { engine, inputs: Arc::clone(&inputs) };
        let options = subject.options(engine).custom_backend(Arc::new(recorder));
        let embedder: ImageEmbedder = options.build()?;
        for query in queries(subject) {
            subject.embed_on(&embedder, &query)?;
        }
        let inputs = std::mem::take(&mut *inputs.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(inputs)
    })?;
    let (_, expected) = all.first().context("there is no backend")?;
    ensure!(expected.len() == queries(subject).len(), "{} tensors were recorded", expected.len());
    for (backend, found) in &all {
        ensure!(found == expected, "`{}` was handed another tensor", backend.name());
    }
    Ok(())
}
