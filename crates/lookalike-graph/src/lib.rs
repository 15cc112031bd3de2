//! TensorFlow Lite graphs: verified, with typed operators, resolved shapes and typed constants.
//!
//! A [`ModelFile`] holds the bytes and what they declare. A [`Graph`] is what follows for inputs of certain shapes: each
//! [`Node`] has an [`Op`] whose parameters have been checked, and each tensor a shape. Engines lower a graph by one `match` over `Op`.
//!
//! ```no_run
//! use lookalike_graph::{GraphLimits, ModelFile};
//! use lookalike_schema::VerifiedModel;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let limits = GraphLimits {
//!     max_tensors: 100_000,
//!     max_operators: 100_000,
//!     max_arena_bytes: 1 << 30,
//!     max_multiplications: 100_000_000_000,
//! };
//! let verified = VerifiedModel::new(std::fs::read("mobilenet_v3_small.tflite")?)?;
//! let (file, _) = ModelFile::read(verified, limits)?;
//! let graph = file.with_input_shapes(&[vec![1, 224, 224, 3]])?;
//! for node in graph.nodes() {
//!     println!("{}: {:?}", graph.describe(node), graph.dims(node.output()));
//! }
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod error;
mod file;
mod graph;
mod op;
mod parse;
mod tensor;

pub use lookalike_schema::tflite::TensorType;

pub use crate::error::{Error, Result};
pub use crate::file::{GraphLimits, ModelFile};
pub use crate::graph::{Graph, Node, elements};
pub use crate::op::{
    Activation, Binary, Block, Comparison, Conv2d, Logical, Op, Pool, Reduction, Sampling,
    SliceRange, TransposeConv2d, TransposedSide, Unary, Window2d, WindowSide,
};
pub use crate::tensor::{MAX_RANK, OperatorInfo, Quantization, SignatureDef, TensorId, TensorInfo};
