//! One loaded model in tract.

use std::fmt;
use std::sync::Arc;

use lookalike_core::{
    DataRef, Error, InferenceSession, LoadedModel, ModelIo, Result, Shape, Tensor, TensorRef,
    TfLiteModel,
};
use tract_core::internal::{bail, ensure};
use tract_core::prelude::{
    DatumType, IntoRunnable, TVec, Tensor as TractTensor, TractResult, TypedModel,
    TypedRunnableModel, TypedSimpleState,
};

use crate::contain;

/// Reads a model, with inputs of these shapes, into a graph of the engine.
pub(crate) type Reader = fn(&TfLiteModel, &[Vec<usize>]) -> Result<TypedModel>;

/// A loaded model: what its sessions share.
#[derive(Clone)]
pub(crate) struct LoadedTract {
    model: TfLiteModel,
    read: Reader,
    /// `None` where the model leaves the size of an input open.
    planned: Option<Planned>,
}

/// The state is each session's own, and made when first needed. The plan is the loaded model's, until inputs of another shape ask for
/// another one.
struct TractSession {
    loaded: LoadedTract,
    state: Option<TypedSimpleState>,
}

/// A plan for inputs of certain shapes.
#[derive(Clone)]
struct Planned {
    input_dims: Vec<Vec<usize>>,
    plan: Arc<TypedRunnableModel>,
}

impl LoadedTract {
    /// Plans at once, unless the model leaves the size of an input open.
    pub(crate) fn load(model: &TfLiteModel, read: Reader) -> Result<Self> {
        let fixed = model.fixed_input_dims();
        let planned = fixed.map(|dims| Planned::new(model, read, dims)).transpose()?;
        Ok(Self { model: model.clone(), read, planned })
    }
}

impl LoadedModel for LoadedTract {
    fn io(&self) -> &ModelIo {
        self.model.io()
    }

    fn session(&self) -> Result<Box<dyn InferenceSession>> {
        Ok(Box::new(TractSession { loaded: self.clone(), state: None }))
    }
}

impl TractSession {
    fn plan_for(&mut self, inputs: &[TensorRef<'_>]) -> Result<Arc<TypedRunnableModel>> {
        let wanted = || inputs.iter().map(|input| input.shape().dims());
        let planned = match self.loaded.planned.take() {
            Some(planned) if wanted().eq(planned.input_dims.iter().map(Vec::as_slice)) => planned,
            _ => {
                self.state = None;
                Planned::new(
                    &self.loaded.model,
                    self.loaded.read,
                    wanted().map(<[usize]>::to_vec).collect(),
                )?
            }
        };
        Ok(Arc::clone(&self.loaded.planned.insert(planned).plan))
    }

    fn run_contained(
        &mut self,
        plan: &Arc<TypedRunnableModel>,
        inputs: &[TensorRef<'_>],
        outputs: &mut [Tensor],
    ) -> TractResult<()> {
        let inputs = inputs
            .iter()
            .map(|input| Ok(to_tract(input)?.into()))
            .collect::<TractResult<TVec<_>>>()?;
        // A state that fails or panics is not put back.
        let mut state = match self.state.take() {
            Some(state) => state,
            None => plan.spawn()?,
        };
        let results = state.run(inputs)?;
        for (output, result) in outputs.iter_mut().zip(&results) {
            from_tract(result, output)?;
        }
        self.state = Some(state);
        Ok(())
    }
}

impl Planned {
    fn new(model: &TfLiteModel, read: Reader, input_dims: Vec<Vec<usize>>) -> Result<Self> {
        let graph = read(model, &input_dims)?;
        let plan = contain("load the model", || {
            check_sizes(&graph)?;
            let graph = graph.into_optimized()?;
            check_sizes(&graph)?;
            graph.into_runnable()
        })?;
        Ok(Self { input_dims, plan })
    }
}

impl InferenceSession for TractSession {
    fn run(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [Tensor]) -> Result<()> {
        self.loaded.model.io().check_run(inputs, outputs.len())?;
        let plan = self.plan_for(inputs)?;
        contain("run the model", || self.run_contained(&plan, inputs, outputs))
    }
}

impl fmt::Debug for LoadedTract {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LoadedTract").field("io", self.io()).finish_non_exhaustive()
    }
}

impl fmt::Debug for TractSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("TractSession").field(&self.loaded).finish()
    }
}

/// Most bytes of a tensor between operators: a small file must not ask for all memory.
const MAX_TENSOR_BYTES: usize = 1 << 30;

fn check_sizes(graph: &TypedModel) -> TractResult<()> {
    for output in graph.nodes().iter().flat_map(|node| &node.outputs) {
        let fact = &output.fact;
        let bytes = fact.shape.as_concrete().and_then(|dims| {
            dims.iter().try_fold(fact.datum_type.size_of(), |bytes, &dim| bytes.checked_mul(dim))
        });
        ensure!(
            bytes.is_some_and(|bytes| bytes <= MAX_TENSOR_BYTES),
            "a tensor of {:?} is larger than {MAX_TENSOR_BYTES} bytes",
            fact.shape
        );
    }
    Ok(())
}

fn to_tract(input: &TensorRef<'_>) -> TractResult<TractTensor> {
    let dims = input.shape().dims();
    match input.data() {
        DataRef::F32(values) => TractTensor::from_shape(dims, values),
        DataRef::U8(values) => TractTensor::from_shape(dims, values),
        DataRef::I8(values) => TractTensor::from_shape(dims, values),
        other => bail!("an input of type {other:?}"),
    }
}

fn from_tract(result: &TractTensor, output: &mut Tensor) -> TractResult<()> {
    let view = result.try_as_plain_ram()?;
    let shape = Shape::new(result.shape())?;
    match result.datum_type() {
        DatumType::F32 => output.reset_f32(shape).copy_from_slice(view.as_slice()?),
        DatumType::U8 => output.reset_u8(shape).copy_from_slice(view.as_slice()?),
        DatumType::I8 => {
            output.copy_from(TensorRef::new(shape, DataRef::I8(view.as_slice()?))?);
        }
        other => return Err(Error::internal(format!("an output of type {other:?}")).into()),
    }
    Ok(())
}
