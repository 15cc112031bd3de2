//! One loaded model in ONNX Runtime.

use std::borrow::Cow;
use std::fmt;

use lookalike_core::{
    DataRef, Error, InferenceSession, Model, ModelFormat, Result, SessionOptions, Shape, Signature,
    Tensor, TensorRef,
};
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{
    DynValue, Outlet, Tensor as OrtTensor, TensorElementType, TensorRef as OrtTensorRef, ValueType,
};

use crate::contain;
use crate::library::Library;

/// A model, and the engine's session for inputs of certain extents.
pub(crate) struct OrtSession {
    library: &'static Library,
    model: Model,
    num_threads: i32,
    planned: Option<Planned>,
}

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
            ValueType::Tensor { shape, .. } => shape.iter().map(|&extent| extent as i32).collect(),
            _ => Vec::new(),
        };
        let has_channels_first = !is_translated && lookalike_onnx::has_channels_first(&shape);
        Self { name: outlet.name().to_owned(), has_channels_first }
    }
}

impl OrtSession {
    /// Plans at once, unless the model leaves the size of an input open.
    pub(crate) fn load(
        library: &'static Library,
        model: &Model,
        options: &SessionOptions,
    ) -> Result<Self> {
        let mut session =
            Self { library, model: model.clone(), num_threads: options.num_threads, planned: None };
        // An ONNX model is planned once, for whatever sizes it takes.
        let dims = match model.format() {
            ModelFormat::TfLite => model.fixed_input_dims(),
            _ => Some(Vec::new()),
        };
        if let Some(dims) = dims {
            session.plan_for(dims)?;
        }
        Ok(session)
    }

    fn plan_for(&mut self, input_dims: Vec<Vec<usize>>) -> Result<&mut Planned> {
        let is_translated = self.model.format() == ModelFormat::TfLite;
        let planned = match self.planned.take() {
            Some(planned) if planned.input_dims == input_dims || !is_translated => planned,
            _ => {
                let translation = match self.model.format() {
                    ModelFormat::TfLite => {
                        Cow::Owned(lookalike_onnx::translate_for(&self.model, &input_dims)?)
                    }
                    _ => Cow::Borrowed(self.model.bytes()),
                };
                let session = contain("load the model", || self.start(&translation))?;
                let inputs =
                    session.inputs().iter().map(|outlet| Input::new(outlet, is_translated));
                Planned { input_dims, inputs: inputs.collect(), session }
            }
        };
        Ok(self.planned.insert(planned))
    }

    fn start(&self, model: &[u8]) -> ort::Result<Session> {
        let mut builder = Session::builder(self.library.environment())?
            .with_optimization_level(GraphOptimizationLevel::All)?
            // An arena keeps whatever a session ever needed, and there are as many sessions as callers.
            .with_execution_providers([ort::ep::CPU::default()
                .with_arena_allocator(false)
                .build()])?;
        if let Ok(threads @ 1..) = usize::try_from(self.num_threads) {
            builder = builder.with_intra_threads(threads)?;
        }
        builder.commit_from_memory(model)
    }
}

impl InferenceSession for OrtSession {
    fn signature(&self) -> &Signature {
        self.model.signature()
    }

    /// The engine shares nothing between sessions that this can reach: the model is loaded again.
    fn fork(&self) -> Result<Box<dyn InferenceSession>> {
        let Self { library, num_threads, .. } = *self;
        let mut fork = Self { library, model: self.model.clone(), num_threads, planned: None };
        if let Some(planned) = &self.planned {
            fork.plan_for(planned.input_dims.clone())?;
        }
        Ok(Box::new(fork))
    }

    fn run(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [Tensor]) -> Result<()> {
        self.signature().check_run(inputs, outputs.len())?;
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

/// Pictures of as many values each, their colours taken apart.
fn channels_first<T: Copy>(pictures: &[T], size: usize, channels: usize) -> Vec<T> {
    let mut apart = Vec::with_capacity(pictures.len());
    for picture in pictures.chunks(size.max(1)) {
        for channel in 0..channels {
            apart.extend(picture.iter().skip(channel).step_by(channels));
        }
    }
    apart
}

fn from_ort(result: &DynValue, output: &mut Tensor) -> ort::Result<Result<()>> {
    let ValueType::Tensor { ty, shape, .. } = result.dtype() else {
        return Ok(Err(Error::internal("ONNX Runtime gave something that is no tensor")));
    };
    let dims: Vec<usize> = shape.iter().map(|&extent| extent.max(0) as usize).collect();
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

impl fmt::Debug for OrtSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OrtSession")
            .field("library", &self.library.path())
            .field("signature", self.signature())
            .finish_non_exhaustive()
    }
}
