//! Models: read, translated and run.

use arbitrary::Unstructured;
use lookalike::{
    Data, ErrorKind, HeadSpec, InferenceBackend, InputSpec, Limits, Model, OperatorInfo,
    SessionOptions, Shape, Tensor, TensorInfo, TensorRef, TensorType, TfLiteModel, backends, onnx,
};

use crate::mutate::mutate;
use crate::subjects::sound_models;

/// What a model may cost here: little, so that many can be run.
fn small_limits() -> Limits {
    Limits { max_arena_bytes: 64 << 20, max_multiplications: 50_000_000, ..Limits::default() }
}

/// Reads the bytes as a model of either format and all that it describes, and runs it on every backend if it is found to be
/// sound.
pub fn read_model(data: &[u8]) {
    if onnx::is_onnx(data) {
        onnx::read(data.to_vec()).ok();
    }
    let Ok(tflite) = TfLiteModel::from_bytes_within(data.to_vec(), &small_limits()) else { return };
    for tensor in 0..tflite.file().tensors().len() {
        tflite.file().constant(tensor);
    }
    tflite.file().signature_defs();
    let model = Model::TfLite(tflite.clone());
    InputSpec::from_model(&model, None).ok();
    HeadSpec::from_model(&model).ok();
    if let Some(dims) = tflite.fixed_input_dims()
        && model.operators().iter().all(OperatorInfo::is_known)
    {
        // What is known and not supported is refused only when an engine is to run it.
        if let Err(error) = tflite.graph_for(&dims) {
            assert_eq!(
                error.kind(),
                ErrorKind::Unimplemented,
                "a model that was read is sound: {error}"
            );
        }
    }
    onnx::translate(&model).ok();
    for backend in backends() {
        run(*backend, &model).ok();
    }
}

/// Changes a sound model as the bytes say, and runs it on every backend if it is found to be sound still.
pub fn run_model(data: &[u8]) {
    let Some(model) = mutated(data) else { return };
    for backend in backends() {
        run(*backend, &model).ok();
    }
}

/// Changes a sound model as the bytes say, translates it to ONNX, and reads the translation.
pub fn translate_model(data: &[u8]) {
    let Some(model) = mutated(data) else { return };
    let Ok(translation) = onnx::translate(&model) else { return };
    assert!(onnx::is_onnx(&translation), "a translation is a model");
    let translated = onnx::read(translation).expect("a translation can be read");
    assert_eq!(translated.io().inputs.len(), model.io().inputs.len());
    assert_eq!(translated.io().outputs.len(), model.io().outputs.len());
    for backend in backends().iter().filter(|backend| backend.name() == "ort") {
        backend.load(&translated, &SessionOptions::default()).ok();
    }
}

fn mutated(data: &[u8]) -> Option<Model> {
    let mut choices = Unstructured::new(data);
    let models = sound_models();
    let mut model = models[choices.choose_index(models.len()).ok()?].clone();
    mutate(&mut model, &mut choices).ok()?;
    Model::from_bytes_within(model.to_bytes(), &small_limits()).ok()
}

/// Runs a model once, as an embedder would, on values that are everywhere different.
///
/// # Errors
///
/// As for the backend, or there are inputs of other types than backends take.
pub fn run(backend: &dyn InferenceBackend, model: &Model) -> lookalike::Result<Vec<Tensor>> {
    let mut session = backend.load(model, &SessionOptions::default())?.session()?;
    // Open sizes other than the batch are given some pixels.
    let dims = |input: &TensorInfo| -> lookalike::Result<Vec<usize>> {
        let is_open = |axis: usize| axis > 0 && input.shape_signature.get(axis) == Some(&-1);
        let sizes = input.dims()?.into_iter().enumerate();
        Ok(sizes.map(|(axis, size)| if is_open(axis) { 5 } else { size }).collect())
    };
    let declared = model.io().inputs.iter();
    let dims = declared.clone().map(dims).collect::<lookalike::Result<Vec<_>>>()?;
    if let Model::TfLite(model) = model {
        // An input that is too large is refused before there is one.
        model.graph_for(&dims)?;
    }
    let inputs: Vec<Tensor> = declared
        .zip(&dims)
        .map(|(input, dims)| {
            let shape = Shape::new(dims)?;
            let count = shape.element_count();
            let data = match input.element_type {
                TensorType::UINT8 => Data::U8((0..count).map(|index| (index * 37) as u8).collect()),
                TensorType::INT8 => Data::I8((0..count).map(|index| (index * 37) as i8).collect()),
                _ => Data::F32((0..count).map(|index| (index % 23) as f32 / 11.0 - 1.0).collect()),
            };
            Tensor::new(shape, data)
        })
        .collect::<lookalike::Result<_>>()?;
    let borrowed: Vec<TensorRef<'_>> = inputs.iter().map(Tensor::as_ref).collect();
    let mut outputs = vec![Tensor::empty(); model.io().outputs.len()];
    session.run(&borrowed, &mut outputs)?;
    Ok(outputs)
}
