//! One model loaded in ONNX Runtime.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use lookalike_core::{
    DataRef, Error, InferenceSession, LoadedModel, Model, ModelIo, Result, SessionOptions, Shape,
    Tensor, TensorRef, Threads,
};
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{
    DynValue, Outlet, Tensor as OrtTensor, TensorElementType, TensorRef as OrtTensorRef, ValueType,
};

use crate::contain;
use crate::library::Library;

/// A loaded model: what its sessions are made from.
pub(crate) struct LoadedOrt {
    source: Source,
    /// The engine's session that loading was tried out with, for the first caller. The engine shares nothing between sessions that its
    /// bindings can reach: each one loads the model.
    first: Mutex<Option<Planned>>,
}

/// What the engine's sessions are made from.
#[derive(Clone)]
struct Source {
    library: &'static Library,
    model: Model,
    threads: Threads,
}

/// Its engine session is for inputs of certain shapes; other shapes need a new one.
struct OrtSession {
    source: Source,
    planned: Option<Planned>,
}

/// The engine's session for inputs of certain shapes.
struct Planned {
    input_dims: Vec<Vec<usize>>,
    session: Session,
    inputs: Vec<Input>,
}

/// An input of the ONNX model.
struct Input {
    name: String,
    has_channels_first: bool,
}

impl Input {
    /// A translated model has its channels last.
    fn new(outlet: &Outlet, is_translated: bool) -> Self {
        let shape = match outlet.dtype() {
            ValueType::Tensor { shape, .. } => shape.iter().map(|&length| length as i32).collect(),
            _ => Vec::new(),
        };
        let has_channels_first = !is_translated && lookalike_onnx::has_channels_first(&shape);
        Self { name: outlet.name().to_owned(), has_channels_first }
    }
}

impl LoadedOrt {
    /// Plans at once, unless the model leaves the size of an input open.
    pub(crate) fn load(
        library: &'static Library,
        model: &Model,
        options: &SessionOptions,
    ) -> Result<Self> {
        let source = Source { library, model: model.clone(), threads: options.threads };
        let first = source.fixed_dims().map(|dims| source.plan(dims)).transpose()?;
        Ok(Self { source, first: Mutex::new(first) })
    }
}

impl LoadedModel for LoadedOrt {
    fn io(&self) -> &ModelIo {
        self.source.model.io()
    }

    fn session(&self) -> Result<Box<dyn InferenceSession>> {
        let source = self.source.clone();
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let planned = match (first, source.fixed_dims()) {
            (None, Some(dims)) => Some(source.plan(dims)?),
            (first, _) => first,
        };
        Ok(Box::new(OrtSession { source, planned }))
    }
}

impl Source {
    /// The input shapes that a session can be planned for in advance. An ONNX model is planned once, for whatever sizes it takes.
    fn fixed_dims(&self) -> Option<Vec<Vec<usize>>> {
        match &self.model {
            Model::TfLite(model) => model.fixed_input_dims(),
            _ => Some(Vec::new()),
        }
    }

    fn plan(&self, input_dims: Vec<Vec<usize>>) -> Result<Planned> {
        let (translation, is_translated) = match &self.model {
            Model::TfLite(model) => {
                (Cow::Owned(lookalike_onnx::translate_for(model, &input_dims)?), true)
            }
            model => (Cow::Borrowed(model.bytes()), false),
        };
        let session = contain("load the model", || self.start(&translation))?;
        let inputs = session.inputs().iter().map(|outlet| Input::new(outlet, is_translated));
        Ok(Planned { input_dims, inputs: inputs.collect(), session })
    }

    fn start(&self, model: &[u8]) -> ort::Result<Session> {
        let mut builder = Session::builder(self.library.environment())?
            .with_optimization_level(GraphOptimizationLevel::All)?
            // An arena keeps whatever a session ever needed, and there are as many sessions as callers.
            .with_execution_providers([ort::ep::CPU::default()
                .with_arena_allocator(false)
                .build()])?;
        if let Some(threads) = self.threads.count() {
            builder = builder.with_intra_threads(threads.get())?;
        }
        builder.commit_from_memory(model)
    }
}

impl OrtSession {
    fn plan_for(&mut self, input_dims: Vec<Vec<usize>>) -> Result<&mut Planned> {
        let planned = match self.planned.take() {
            Some(planned)
                if planned.input_dims == input_dims
                    || !matches!(self.source.model, Model::TfLite(_)) =>
            {
                planned
            }
            _ => self.source.plan(input_dims)?,
        };
        Ok(self.planned.insert(planned))
    }
}

impl InferenceSession for OrtSession {
    fn run(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [Tensor]) -> Result<()> {
        self.source.model.io().check_run(inputs, outputs.len())?;
        let dims = inputs.iter().map(|input| input.shape().dims().to_vec()).collect();
        let planned = self.plan_for(dims)?;
        contain("run the model", || planned.run(inputs, outputs))?
    }
}

impl Planned {
    fn run(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [Tensor]) -> ort::Result<Result<()>> {
        let values = self
            .inputs
            .iter()
            .zip(inputs)
            .map(|(declared, input)| Ok((declared.name.as_str(), to_ort(declared, input)?)))
            .collect::<ort::Result<Vec<(&str, SessionInputValue<'_>)>>>()?;
        let results = self.session.run(values)?;
        for (output, (_, result)) in outputs.iter_mut().zip(results.iter()) {
            if let Err(error) = from_ort(&result, output)? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }
}

fn to_ort<'a>(declared: &Input, input: &'a TensorRef<'a>) -> ort::Result<SessionInputValue<'a>> {
    let dims = input.shape().dims();
    if let (true, &[batch, height, width, channels]) = (declared.has_channels_first, dims) {
        let (dims, size) = ([batch, channels, height, width], height * width * channels);
        return Ok(match input.data() {
            DataRef::F32(values) => {
                OrtTensor::from_array((dims, channels_first(values, size, channels)))?.into()
            }
            DataRef::U8(values) => {
                OrtTensor::from_array((dims, channels_first(values, size, channels)))?.into()
            }
            DataRef::I8(values) => {
                OrtTensor::from_array((dims, channels_first(values, size, channels)))?.into()
            }
            other => return Err(ort::Error::new(format!("an input of type {other:?}"))),
        });
    }
    Ok(match input.data() {
        DataRef::F32(values) => OrtTensorRef::from_array_view((dims, values))?.into(),
        DataRef::U8(values) => OrtTensorRef::from_array_view((dims, values))?.into(),
        DataRef::I8(values) => OrtTensorRef::from_array_view((dims, values))?.into(),
        other => return Err(ort::Error::new(format!("an input of type {other:?}"))),
    })
}

/// Images of as many values each, their colors taken apart.
fn channels_first<T: Copy>(images: &[T], size: usize, channels: usize) -> Vec<T> {
    let mut apart = Vec::with_capacity(images.len());
    for image in images.chunks(size.max(1)) {
        for channel in 0..channels {
            apart.extend(image.iter().skip(channel).step_by(channels));
        }
    }
    apart
}

fn from_ort(result: &DynValue, output: &mut Tensor) -> ort::Result<Result<()>> {
    let ValueType::Tensor { ty, shape, .. } = result.dtype() else {
        return Ok(Err(Error::internal("ONNX Runtime gave something that is no tensor")));
    };
    let dims: Vec<usize> = shape.iter().map(|&length| length.max(0) as usize).collect();
    let shape = match Shape::new(&dims) {
        Ok(shape) => shape,
        Err(error) => return Ok(Err(error)),
    };
    match ty {
        TensorElementType::Float32 => {
            output.reset_f32(shape).copy_from_slice(result.try_extract_tensor::<f32>()?.1);
        }
        TensorElementType::Uint8 => {
            output.reset_u8(shape).copy_from_slice(result.try_extract_tensor::<u8>()?.1);
        }
        TensorElementType::Int8 => {
            let values = result.try_extract_tensor::<i8>()?.1;
            match TensorRef::new(shape, DataRef::I8(values)) {
                Ok(values) => output.copy_from(values),
                Err(error) => return Ok(Err(error)),
            }
        }
        other => return Ok(Err(Error::internal(format!("an output of type {other}")))),
    }
    Ok(Ok(()))
}

impl fmt::Debug for LoadedOrt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("LoadedOrt").field(&self.source).finish()
    }
}

impl fmt::Debug for OrtSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("OrtSession").field(&self.source).finish()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Source")
            .field("library", &self.library.path())
            .field("io", self.model.io())
            .finish_non_exhaustive()
    }
}
