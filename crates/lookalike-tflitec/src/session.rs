//! One loaded model in TensorFlow Lite.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use lookalike_core::{
    Data, DataRef, Error, ErrorKind, InferenceSession, LoadedModel, ModelIo, Result,
    SessionOptions, Shape, SupportCode, Tensor, TensorInfo, TensorRef, TensorType, TfLiteModel,
    contain_panics, one_line,
};
use lookalike_graph::{Activation, Binary, Graph, Node, Op, TensorId};
use self_cell::self_cell;
use tflitec::interpreter::{Interpreter, Options};
use tflitec::model::Model as LibraryModel;
use tflitec::tensor::{DataType, Shape as TfLiteShape};

use crate::stderr_capture::captured;

self_cell! {
    /// A model with the bytes it reads.
    struct Loaded {
        owner: AlignedModel,
        #[covariant]
        dependent: LibraryModel,
    }
}

self_cell! {
    /// An interpreter with the model it reads.
    struct Running {
        owner: Arc<Loaded>,
        #[covariant]
        dependent: Interpreter,
    }
}

/// A loaded model: its sessions share the model, and have an interpreter each.
pub(crate) struct LoadedTfLite {
    io: Arc<ModelIo>,
    options: Options,
    captures_stderr: bool,
    loaded: Arc<Loaded>,
    /// The session that loading was tried out with, for the first caller.
    first: Mutex<Option<TfLiteSession>>,
}

/// A session, with an interpreter of its own.
pub(crate) struct TfLiteSession {
    io: Arc<ModelIo>,
    captures_stderr: bool,
    running: Running,
    /// Shapes of the inputs the interpreter is set up for.
    shapes: Vec<Vec<usize>>,
}

impl LoadedTfLite {
    pub(crate) fn load(model: &TfLiteModel, options: &SessionOptions) -> Result<Self> {
        // The library prepares the model for the sizes it declares, open ones taken as 1.
        let declared = model.io().inputs.iter().map(TensorInfo::dims);
        let graph = model.graph_for(&declared.collect::<Result<Vec<_>, _>>()?)?;
        check_forms(&graph)?;
        let captures_stderr = options.captures_stderr;
        let loaded = contain(captures_stderr, || {
            Loaded::try_new(AlignedModel::new(model), |model| {
                LibraryModel::from_bytes(model.bytes())
            })
        })?;
        let (loaded, io) = (Arc::new(loaded), Arc::new(model.io().clone()));
        let thread_count = options
            .threads
            .count()
            .map_or(-1, |count| i32::try_from(count.get()).unwrap_or(i32::MAX));
        let start = |is_xnnpack_enabled| {
            let options = Options { thread_count, is_xnnpack_enabled };
            let session = TfLiteSession::start(
                Arc::clone(&loaded),
                Arc::clone(&io),
                options,
                captures_stderr,
            )?;
            let (loaded, io) = (Arc::clone(&loaded), Arc::clone(&io));
            Ok(Self { io, options, captures_stderr, loaded, first: Mutex::new(Some(session)) })
        };
        // With XNNPACK the library prepares graphs that are not run, too; by itself it leaves them alone.
        if model.file().graph_count() > 1 || has_unused_result(&graph) || has_shared_slope(&graph) {
            return start(false);
        }
        // XNNPACK refuses graphs whose sizes are known only when they run; the library's own kernels take them.
        let started = start(true).or_else(|_: Error| start(false));
        // Without what the library prints, it is unknown whether it lacks an operator: another engine may be tried.
        started.map_err(|error| {
            if captures_stderr || error.kind() != ErrorKind::Internal {
                return error;
            }
            Error::unimplemented(
                "TensorFlow Lite cannot prepare the model; it printed the reason to standard error",
            )
            .with_source(error)
        })
    }
}

impl LoadedModel for LoadedTfLite {
    fn io(&self) -> &ModelIo {
        &self.io
    }

    fn session(&self) -> Result<Box<dyn InferenceSession>> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let session = match first {
            Some(session) => session,
            None => {
                let (loaded, io) = (Arc::clone(&self.loaded), Arc::clone(&self.io));
                TfLiteSession::start(loaded, io, self.options, self.captures_stderr)?
            }
        };
        Ok(Box::new(session))
    }
}

impl TfLiteSession {
    fn start(
        loaded: Arc<Loaded>,
        io: Arc<ModelIo>,
        options: Options,
        captures_stderr: bool,
    ) -> Result<Self> {
        let running = contain(captures_stderr, || {
            Running::try_new(loaded, |loaded| {
                let interpreter = Interpreter::new(loaded.borrow_dependent(), Some(options))?;
                interpreter.allocate_tensors()?;
                Ok(interpreter)
            })
        })?;
        let shapes = contain(captures_stderr, || {
            let interpreter = running.borrow_dependent();
            (0..io.inputs.len())
                .map(|index| Ok(interpreter.input(index)?.shape().dimensions().clone()))
                .collect::<tflitec::Result<_>>()
        })?;
        Ok(Self { io, captures_stderr, running, shapes })
    }

    /// Gives the inputs these shapes; a model of open size plans anew.
    fn resize(&mut self, inputs: &[TensorRef<'_>]) -> Result<()> {
        let wanted = || inputs.iter().map(|input| input.shape().dims());
        if wanted().eq(self.shapes.iter().map(Vec::as_slice)) {
            return Ok(());
        }
        let shapes: Vec<Vec<usize>> = wanted().map(<[usize]>::to_vec).collect();
        let graph = self.running.borrow_owner().borrow_owner().model.graph_for(&shapes)?;
        check_forms(&graph)?;
        // Whatever happens, the interpreter is not set up for the old shapes any more.
        self.shapes.clear();
        let interpreter = self.running.borrow_dependent();
        contain(self.captures_stderr, || {
            for (index, shape) in shapes.iter().enumerate() {
                interpreter.resize_input(index, TfLiteShape::new(shape.clone()))?;
            }
            interpreter.allocate_tensors()
        })?;
        self.shapes = shapes;
        Ok(())
    }
}

/// Refuses what the library's kernels cannot do, or do wrongly: they rely on converters that never write it.
fn check_forms(graph: &Graph) -> Result<()> {
    let refuse = |node: &Node, reason: String| {
        Err(Error::unimplemented(format!(
            "TensorFlow Lite 2.9 cannot run a {} {reason}; take another backend",
            graph.name(node)
        ))
        .with_support_code(SupportCode::Error))
    };
    let mut inputs = graph.file().inputs().iter();
    if inputs.any(|&input| graph.tensor(input).element_type == TensorType::FLOAT16) {
        let message = "`tflitec` does not take inputs of 16-bit floats; take another backend";
        return Err(Error::unimplemented(message).with_support_code(SupportCode::Error));
    }
    for node in graph.nodes() {
        let rank = |tensor: TensorId| graph.dims(tensor).len();
        let ranks =
            node.inputs.iter().flatten().chain(node.outputs.iter()).map(|&tensor| rank(tensor));
        let largest = ranks.max().unwrap_or_default();
        let is_broadcast = || {
            let first = graph.dims(node.input(0));
            largest > 4 && node.inputs.iter().flatten().any(|&input| graph.dims(input) != first)
        };
        match &node.op {
            // It is taken for granted, and read where it is not.
            Op::DepthwiseConv2d(_) if node.optional_input(2).is_none() => {
                return refuse(node, "without a bias".to_owned());
            }
            Op::Binary { .. } | Op::Comparison(_) | Op::Logical(_) | Op::Select
                if is_broadcast() =>
            {
                return refuse(node, "that broadcasts along more than 4 dimensions".to_owned());
            }
            Op::TransposeConv2d(conv) if conv.activation != Activation::None => {
                return refuse(node, "with an activation, which it leaves out".to_owned());
            }
            Op::Transpose { .. } if largest > 6 => {
                return refuse(node, "of more than 6 dimensions".to_owned());
            }
            Op::BatchMatMul { .. } | Op::MirrorPad { .. } | Op::Pad { .. } | Op::Slice { .. }
                if largest > 5 =>
            {
                return refuse(node, "of more than 5 dimensions".to_owned());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether channels share a slope of PRELU. XNNPACK reads one for each channel, whatever there is.
fn has_shared_slope(graph: &Graph) -> bool {
    let channels = |tensor: TensorId| graph.dims(tensor).last();
    graph.nodes().iter().any(|node| {
        matches!(node.op, Op::Binary { function: Binary::Prelu, .. })
            && channels(node.input(0)) != channels(node.input(1))
    })
}

/// Whether an operator has a result that nobody reads. XNNPACK gives it no memory and writes it all the same.
fn has_unused_result(graph: &Graph) -> bool {
    let (file, mut is_used) = (graph.file(), vec![false; graph.file().tensors().len()]);
    let inputs = file.operators().iter().flat_map(|operator| operator.inputs.iter().flatten());
    inputs.chain(file.outputs()).for_each(|&tensor| is_used[tensor] = true);
    file.operators()
        .iter()
        .flat_map(|operator| operator.outputs.iter())
        .any(|&tensor| !is_used[tensor])
}

impl InferenceSession for TfLiteSession {
    fn run(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [Tensor]) -> Result<()> {
        self.io.check_run(inputs, outputs.len())?;
        self.resize(inputs)?;
        let interpreter = self.running.borrow_dependent();
        contain_panics(|| run(interpreter, inputs, outputs))
            .unwrap_or_else(|panic| Err(failure(&panic)))
    }
}

fn run(
    interpreter: &Interpreter<'_>,
    inputs: &[TensorRef<'_>],
    outputs: &mut [Tensor],
) -> Result<()> {
    let fail = |error: tflitec::Error| failure(&error.to_string());
    for (index, input) in inputs.iter().enumerate() {
        match input.data() {
            DataRef::F32(values) => interpreter.copy(values, index),
            DataRef::I8(values) => interpreter.copy(values, index),
            DataRef::U8(values) => interpreter.copy(values, index),
            other => return Err(failure(&format!("an input of type {other:?}"))),
        }
        .map_err(fail)?;
    }
    interpreter.invoke().map_err(fail)?;
    for (index, output) in outputs.iter_mut().enumerate() {
        let result = interpreter.output(index).map_err(fail)?;
        let shape = Shape::new(result.shape().dimensions())?;
        let count = shape.element_count();
        match result.data_type() {
            DataType::Float32 if result.data::<f32>().len() == count => {
                output.reset_f32(shape).copy_from_slice(result.data());
            }
            DataType::UInt8 if result.data::<u8>().len() == count => {
                output.reset_u8(shape).copy_from_slice(result.data());
            }
            DataType::Int8 if result.data::<i8>().len() == count => {
                *output = Tensor::new(shape, Data::I8(result.data().to_vec()))?;
            }
            other => return Err(failure(&format!("an output of type {other:?}"))),
        }
    }
    Ok(())
}

/// Runs a step that may print and may panic; where standard error is captured, the reason of an error is what the library printed.
pub(crate) fn contain<T>(
    captures_stderr: bool,
    run: impl FnOnce() -> tflitec::Result<T>,
) -> Result<T> {
    let run = || contain_panics(run);
    let (result, said) = if captures_stderr { captured(run) } else { (run(), String::new()) };
    let said = said.lines().filter_map(|line| line.strip_prefix("ERROR: ")).collect::<Vec<_>>();
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if said.is_empty() => Err(failure(&error.to_string())),
        Ok(Err(_)) => Err(from_report(&said.join(" "))),
        Err(panic) => Err(failure(&panic)),
    }
}

/// An error in the library's own words.
fn from_report(said: &str) -> Error {
    let said = one_line(said);
    if said.contains("unresolved custom op") {
        return Error::invalid_argument(said).with_support_code(SupportCode::UnsupportedCustomOp);
    }
    if said.contains("Didn't find op for builtin opcode") {
        return Error::invalid_argument(said).with_support_code(SupportCode::UnsupportedBuiltinOp);
    }
    failure(&said)
}

fn failure(cause: &str) -> Error {
    Error::internal(format!("TensorFlow Lite could not run the model: {cause}"))
        .with_support_code(SupportCode::Error)
}

impl fmt::Debug for LoadedTfLite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LoadedTfLite")
            .field("io", &self.io)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TfLiteSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TfLiteSession").field("io", &self.io).finish_non_exhaustive()
    }
}

/// Bytes of a model at an address where the library's kernels may read weights as vectors.
struct AlignedModel {
    model: TfLiteModel,
    /// A copy that starts at this offset, if the model's own bytes lie badly.
    copy: Option<(Vec<u8>, usize)>,
}

impl AlignedModel {
    const ALIGNMENT: usize = 16;

    fn new(model: &TfLiteModel) -> Self {
        let bytes = model.file().bytes();
        let is_aligned = bytes.as_ptr().align_offset(Self::ALIGNMENT) == 0;
        let copy = (!is_aligned).then(|| {
            let mut copy = vec![0; bytes.len() + Self::ALIGNMENT];
            let start = copy.as_ptr().align_offset(Self::ALIGNMENT).min(Self::ALIGNMENT);
            copy[start..start + bytes.len()].copy_from_slice(bytes);
            (copy, start)
        });
        Self { model: model.clone(), copy }
    }

    fn bytes(&self) -> &[u8] {
        match &self.copy {
            Some((copy, start)) => &copy[*start..*start + self.model.file().bytes().len()],
            None => self.model.file().bytes(),
        }
    }
}
