//! What is wrong is refused by every backend, as the same kind of error.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use lookalike::{
    Data, ErrorKind, ImageEmbedder, SessionOptions, Shape, SupportCode, Tensor, read_model,
};

use crate::operators::inputs;
use crate::subjects::Subject;
use crate::{Backend, Case, Exceptions, Folders};

/// Kinds that models of the fixtures are refused with, where that is not an invalid argument.
const OTHER_KINDS: [(&str, ErrorKind); 4] = [
    ("refused_compressed_file.tflite", ErrorKind::Unknown),
    ("refused_no_metadata.tflite", ErrorKind::NotFound),
    ("refused_no_normalization.tflite", ErrorKind::NotFound),
    ("refused_version_2.tflite", ErrorKind::Unknown),
];

pub(crate) fn cases(backends: &[Backend], folders: &Folders) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let mut models: Vec<String> = fs::read_dir(&folders.fixtures)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    models.retain(|name| name.starts_with("refused_"));
    models.sort();
    ensure!(!models.is_empty(), "{} has no models to refuse", folders.fixtures.display());
    for &backend in backends {
        for name in &models {
            let other = OTHER_KINDS.into_iter().find(|(model, _)| model == name);
            let expected = other.map_or(ErrorKind::InvalidArgument, |(_, kind)| kind);
            let path = folders.fixtures.join(name);
            cases.push(Case::of(backend, &format!("error/{name}"), move |_| {
                let options = ImageEmbedder::builder().model_file(path).backend(backend.name());
                is_refused(options.reference_rules(true).build(), expected)
            }));
        }
        let path = folders.fixtures.join("echo_f32.tflite");
        for wrong in WRONG_RUNS {
            let path = path.clone();
            cases.push(Case::of(backend, &format!("error/{}", wrong.name()), move |_| {
                wrong.is_refused(backend, &path)
            }));
        }
    }
    Ok(cases)
}

/// Models that a backend is listed to refuse are refused in the words that the list has.
pub(crate) fn refusals(
    backends: &[Backend],
    subject: &Arc<Subject>,
    exceptions: &Exceptions,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for &backend in backends {
        let Some(refusal) = exceptions.refusal(backend.name(), &subject.name) else { continue };
        let (says, each) = (refusal.says.clone(), Arc::clone(subject));
        cases.push(Case::of(backend, &format!("refused/{}", subject.name), move |_| {
            is_refused_with(each.options(backend).build(), &says)
        }));
    }
    cases
}

/// Checks that an engine lacks what a model needs, and says so.
pub(crate) fn is_refused_with<T>(result: lookalike::Result<T>, says: &str) -> Result<()> {
    let Err(error) = result else { bail!("it is not refused") };
    let lacks_operators = matches!(error.support_code(), Some(SupportCode::UnsupportedBuiltinOp));
    ensure!(
        lacks_operators || error.kind() == ErrorKind::Unimplemented,
        "it fails instead of being refused: {error:?}"
    );
    ensure!(format!("{error:#}").contains(says), "it is refused otherwise: {error:#}");
    Ok(())
}

fn is_refused<T>(result: lookalike::Result<T>, expected: ErrorKind) -> Result<()> {
    match result {
        Ok(_) => bail!("it is not refused"),
        Err(error) => {
            let kind = error.kind();
            ensure!(kind == expected, "{kind:?} instead of {expected:?}: {error}");
            Ok(())
        }
    }
}

/// Ways to run a session wrongly.
#[derive(Clone, Copy, Debug)]
enum WrongRun {
    NoInput,
    NoOutput,
    OtherType,
    OtherShape,
    OtherRank,
    Empty,
}

const WRONG_RUNS: [WrongRun; 6] = [
    WrongRun::NoInput,
    WrongRun::NoOutput,
    WrongRun::OtherType,
    WrongRun::OtherShape,
    WrongRun::OtherRank,
    WrongRun::Empty,
];

impl WrongRun {
    fn name(self) -> &'static str {
        match self {
            Self::NoInput => "run_without_input",
            Self::NoOutput => "run_without_output",
            Self::OtherType => "run_with_another_type",
            Self::OtherShape => "run_with_another_shape",
            Self::OtherRank => "run_with_another_rank",
            Self::Empty => "run_with_nothing_in_a_tensor",
        }
    }

    fn is_refused(self, backend: Backend, model: &std::path::Path) -> Result<()> {
        let model = read_model(model)?;
        let mut session = backend.load(&model, &SessionOptions::default())?.session()?;
        let right = inputs(&model)?.pop().context("the model has no input")?;
        let count = right.shape().element_count();
        let floats = |dims: &[usize]| {
            let shape = Shape::new(dims)?;
            Tensor::new(shape, Data::F32(vec![0.0; shape.element_count()]))
        };
        let input = match self {
            Self::NoInput | Self::NoOutput => right.clone(),
            Self::OtherType => Tensor::new(*right.shape(), Data::U8(vec![0; count]))?,
            Self::OtherShape => floats(&[1, 7, 5, 3])?,
            Self::OtherRank => floats(&[1, count])?,
            Self::Empty => floats(&[1, 0, 0, 3])?,
        };
        let inputs = if matches!(self, Self::NoInput) { vec![] } else { vec![input.as_ref()] };
        let mut outputs = vec![Tensor::empty(); usize::from(!matches!(self, Self::NoOutput))];
        is_refused(session.run(&inputs, &mut outputs), ErrorKind::InvalidArgument)?;
        let mut outputs = [Tensor::empty()];
        session.run(&[right.as_ref()], &mut outputs).context("the session cannot be used again")?;
        Ok(())
    }
}
