//! One loaded model in tract.

use std::fmt;
use std::io::Cursor;
use std::sync::Arc;

use lookalike_core::{
    DataRef, Error, InferenceSession, Model, Quantization, Result, Shape, Signature, Tensor,
    TensorRef,
};
use tract_core::framework::Framework;
use tract_core::internal::ensure;
use tract_core::prelude::{
    DatumType, IntoRunnable, TVec, Tensor as TractTensor, TractResult, TypedModel,
    TypedRunnableModel, TypedSimpleState,
};

use crate::contain;
use crate::rewrite::{for_tract, keep_fractions};

/// The plan is shared by all sessions of a model; the state is each session's own, and made when first needed.
pub(crate) struct TractSession {
    signature: Arc<Signature>,
    plan: Arc<TypedRunnableModel>,
    state: Option<TypedSimpleState>,
}

impl TractSession {
    pub(crate) fn load(model: &Model) -> TractResult<Self> {
        let mut graph =
            tract_tflite::tflite().model_for_read(&mut Cursor::new(for_tract(model)?))?;
        keep_fractions(&mut graph)?;
        check_sizes(&graph)?;
        let graph = graph.into_optimized()?;
        check_sizes(&graph)?;
        check_quantization(&graph, model.signature())?;
        let plan = graph.into_runnable()?;
        Ok(Self { signature: Arc::new(model.signature().clone()), plan, state: None })
    }

    fn run_contained(
        &mut self,
        inputs: &[TensorRef<'_>],
        outputs: &mut [Tensor],
    ) -> TractResult<()> {
        let inputs = inputs
            .iter()
            .zip(self.plan.model().input_outlets()?)
            .map(|(input, &outlet)| {
                let datum_type = self.plan.model().outlet_fact(outlet)?.datum_type;
                Ok(to_tract(input, datum_type)?.into())
            })
            .collect::<TractResult<TVec<_>>>()?;
        // A state that fails or panics is not put back.
        let mut state = match self.state.take() {
            Some(state) => state,
            None => self.plan.spawn()?,
        };
        let results = state.run(inputs)?;
        for (output, result) in outputs.iter_mut().zip(&results) {
            from_tract(result, output)?;
        }
        self.state = Some(state);
        Ok(())
    }
}

impl InferenceSession for TractSession {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn fork(&self) -> Result<Box<dyn InferenceSession>> {
        let (signature, plan) = (Arc::clone(&self.signature), Arc::clone(&self.plan));
        Ok(Box::new(Self { signature, plan, state: None }))
    }

    fn run(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [Tensor]) -> Result<()> {
        self.signature.check_arity(inputs.len(), outputs.len())?;
        contain("run the model", || self.run_contained(inputs, outputs))
    }
}

impl fmt::Debug for TractSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TractSession")
            .field("signature", &self.signature)
            .finish_non_exhaustive()
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

/// tract decides for itself how some results are quantised; where that is not what the model declares, its integers mean
/// something else.
fn check_quantization(graph: &TypedModel, signature: &Signature) -> TractResult<()> {
    for (index, declared) in signature.outputs.iter().enumerate() {
        let Some(Quantization { scale, zero_point, .. }) = &declared.quantization else {
            continue;
        };
        let datum_type = graph.output_fact(index)?.datum_type;
        let is_declared = match (datum_type.qparams(), scale.as_slice(), zero_point.as_slice()) {
            (Some(_), &[scale], &[zero_point]) => {
                datum_type.zp_scale() == (zero_point as i32, scale)
            }
            (None, ..) => true,
            _ => false,
        };
        ensure!(
            is_declared,
            "it would give output `{}` as {datum_type:?} instead of scale {scale:?} and zero point {zero_point:?}",
            declared.name
        );
    }
    Ok(())
}

/// Copies a tensor; bytes take the quantised type that the graph gives them.
fn to_tract(input: &TensorRef<'_>, datum_type: DatumType) -> TractResult<TractTensor> {
    let dims = input.shape().dims();
    let signed;
    let bytes = match input.data() {
        DataRef::F32(values) => return TractTensor::from_shape(dims, values),
        DataRef::U8(values) => values,
        DataRef::I8(values) => {
            signed = values.iter().map(|&value| value as u8).collect::<Vec<_>>();
            &signed
        }
        other => tract_core::internal::bail!("an input of type {other:?}"),
    };
    let mut tensor = TractTensor::zero_dt(datum_type, dims)?;
    let mut view = tensor.try_as_plain_ram_mut()?;
    let target = view.as_bytes_mut();
    if target.len() != bytes.len() {
        tract_core::internal::bail!(
            "an input of {} bytes where the model takes {}",
            bytes.len(),
            target.len()
        );
    }
    target.copy_from_slice(bytes);
    Ok(tensor)
}

fn from_tract(result: &TractTensor, output: &mut Tensor) -> TractResult<()> {
    let view = result.try_as_plain_ram()?;
    let shape = Shape::new(result.shape())?;
    match result.datum_type().unquantized() {
        DatumType::F32 => output.reset_f32(shape).copy_from_slice(view.as_slice()?),
        DatumType::U8 => output.reset_u8(shape).copy_from_slice(view.as_bytes()),
        DatumType::I8 => {
            let values: Vec<i8> = view.as_bytes().iter().map(|&byte| byte as i8).collect();
            output.copy_from(TensorRef::new(shape, DataRef::I8(&values))?);
        }
        other => return Err(Error::internal(format!("an output of type {other:?}")).into()),
    }
    Ok(())
}
