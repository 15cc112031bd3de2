//! One loaded model in ONNX Runtime.

use std::fmt;

use lookalike_core::{
    DataRef, Error, InferenceSession, Model, Result, SessionOptions, Shape, Signature, Tensor,
    TensorRef,
};
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, TensorElementType, TensorRef as OrtTensorRef};

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
    input_names: Vec<String>,
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
        if let Some(dims) = lookalike_onnx::fixed_input_dims(model) {
            session.plan_for(dims)?;
        }
        Ok(session)
    }

    fn plan_for(&mut self, input_dims: Vec<Vec<usize>>) -> Result<&mut Planned> {
        let planned = match self.planned.take() {
            Some(planned) if planned.input_dims == input_dims => planned,
            _ => {
                let translation = lookalike_onnx::translate_for(&self.model, &input_dims)?;
                let session = contain("load the model", || self.start(&translation))?;
                let names = session.inputs().iter().map(|input| input.name().to_owned());
                Planned { input_dims, input_names: names.collect(), session }
            }
        };
        Ok(self.planned.insert(planned))
    }

    fn start(&self, model: &[u8]) -> ort::Result<Session> {
        let mut builder = Session::builder(self.library.environment())?
            .with_optimization_level(GraphOptimizationLevel::All)?
            // An arena keeps whatever a session ever needed, and there are as many sessions as callers.
            .with_execution_providers([ort::ep::CPU::default().with_arena_allocator(false).build()])?;
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
            .input_names
            .iter()
            .zip(inputs)
            .map(|(name, input)| Ok((name.as_str(), to_ort(input)?)))
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

fn to_ort<'a>(input: &'a TensorRef<'a>) -> ort::Result<SessionInputValue<'a>> {
    let dims = input.shape().dims().to_vec();
    Ok(match input.data() {
        DataRef::F32(values) => OrtTensorRef::from_array_view((dims, values))?.into(),
        DataRef::U8(values) => OrtTensorRef::from_array_view((dims, values))?.into(),
        DataRef::I8(values) => OrtTensorRef::from_array_view((dims, values))?.into(),
        other => return Err(ort::Error::new(format!("an input of type {other:?}"))),
    })
}

fn from_ort(result: &DynValue, output: &mut Tensor) -> ort::Result<Result<()>> {
    let ort::value::ValueType::Tensor { ty, shape, .. } = result.dtype() else {
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
