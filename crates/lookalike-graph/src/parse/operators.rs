//! The table from operators to their parsers.

use super::{Operator, elementwise, layout, lookups, matrices, reductions, windows};
use crate::error::Result;
use crate::op::{Activation, Binary, Comparison, Logical, Op, Pool, Reduction, Unary};
use crate::tensor::OperatorInfo;

/// Checks an operator, and gives its outputs their shapes.
type Parser = fn(&mut Operator<'_, '_>) -> Result<Op>;

/// The operators that are known, in the schema's names and sorted.
const PARSERS: &[(&str, Parser)] = &[
    ("ABS", |op| elementwise::signed(op, Unary::Abs)),
    ("ADD", elementwise::add),
    ("ARG_MAX", reductions::arg_max),
    ("AVERAGE_POOL_2D", |op| windows::pool(op, Pool::Average)),
    ("BATCH_MATMUL", matrices::batch_matmul),
    ("BATCH_TO_SPACE_ND", windows::batch_to_space),
    ("BROADCAST_TO", layout::broadcast_to),
    ("CAST", elementwise::cast),
    ("CEIL", |op| elementwise::unary(op, Unary::Ceil)),
    ("CONCATENATION", layout::concatenation),
    ("CONV_2D", windows::conv),
    ("COS", |op| elementwise::unary(op, Unary::Cos)),
    ("CUMSUM", reductions::cumsum),
    ("DEPTHWISE_CONV_2D", windows::depthwise_conv),
    ("DEQUANTIZE", elementwise::dequantize),
    ("DIV", elementwise::div),
    ("ELU", |op| elementwise::unary(op, Unary::Elu)),
    ("EMBEDDING_LOOKUP", lookups::embedding_lookup),
    ("EQUAL", |op| elementwise::comparison(op, Comparison::Equal)),
    ("EXP", |op| elementwise::unary(op, Unary::Exp)),
    ("EXPAND_DIMS", layout::expand_dims),
    ("FLOOR", |op| elementwise::unary(op, Unary::Floor)),
    ("FLOOR_DIV", elementwise::floor_div),
    ("FLOOR_MOD", elementwise::floor_mod),
    ("FULLY_CONNECTED", matrices::fully_connected),
    ("GATHER", lookups::gather),
    ("GATHER_ND", lookups::gather_nd),
    ("GELU", elementwise::gelu),
    ("GREATER", |op| elementwise::comparison(op, Comparison::Greater)),
    ("GREATER_EQUAL", |op| elementwise::comparison(op, Comparison::GreaterEqual)),
    ("HARD_SWISH", |op| elementwise::unary(op, Unary::HardSwish)),
    ("L2_NORMALIZATION", reductions::l2_normalization),
    ("LEAKY_RELU", elementwise::leaky_relu),
    ("LESS", |op| elementwise::comparison(op, Comparison::Less)),
    ("LESS_EQUAL", |op| elementwise::comparison(op, Comparison::LessEqual)),
    ("LOG", |op| elementwise::unary(op, Unary::Log)),
    ("LOGICAL_AND", |op| elementwise::logical(op, Logical::And)),
    ("LOGICAL_NOT", elementwise::logical_not),
    ("LOGICAL_OR", |op| elementwise::logical(op, Logical::Or)),
    ("LOGISTIC", |op| elementwise::unary(op, Unary::Logistic)),
    ("LOG_SOFTMAX", elementwise::log_softmax),
    ("MAXIMUM", |op| elementwise::numeric(op, Binary::Maximum)),
    ("MAX_POOL_2D", |op| windows::pool(op, Pool::Max)),
    ("MEAN", |op| reductions::reduce(op, Reduction::Mean)),
    ("MINIMUM", |op| elementwise::numeric(op, Binary::Minimum)),
    ("MIRROR_PAD", layout::mirror_pad),
    ("MUL", elementwise::mul),
    ("NEG", |op| elementwise::signed(op, Unary::Neg)),
    ("NOT_EQUAL", |op| elementwise::comparison(op, Comparison::NotEqual)),
    ("ONE_HOT", lookups::one_hot),
    ("PACK", layout::pack),
    ("PAD", layout::pad),
    ("PADV2", layout::pad),
    ("POW", |op| elementwise::binary(op, Binary::Pow)),
    ("PRELU", elementwise::prelu),
    ("QUANTIZE", elementwise::quantize),
    ("REDUCE_MAX", |op| reductions::reduce(op, Reduction::Max)),
    ("REDUCE_MIN", |op| reductions::reduce(op, Reduction::Min)),
    ("REDUCE_PROD", reductions::product_of),
    ("RELU", |op| elementwise::relu(op, Activation::Relu)),
    ("RELU6", |op| elementwise::relu(op, Activation::Relu6)),
    ("RELU_N1_TO_1", |op| elementwise::relu(op, Activation::ReluN1To1)),
    ("RESHAPE", layout::reshape),
    ("RESIZE_BILINEAR", windows::resize_bilinear),
    ("RESIZE_NEAREST_NEIGHBOR", windows::resize_nearest),
    ("ROUND", |op| elementwise::unary(op, Unary::Round)),
    ("RSQRT", |op| elementwise::unary(op, Unary::Rsqrt)),
    ("SELECT", elementwise::select),
    ("SELECT_V2", elementwise::select_v2),
    ("SHAPE", elementwise::shape),
    ("SIN", |op| elementwise::unary(op, Unary::Sin)),
    ("SLICE", layout::slice),
    ("SOFTMAX", reductions::softmax),
    ("SPACE_TO_BATCH_ND", windows::space_to_batch),
    ("SPLIT", layout::split),
    ("SQRT", |op| elementwise::unary(op, Unary::Sqrt)),
    ("SQUARE", |op| elementwise::unary(op, Unary::Square)),
    ("SQUARED_DIFFERENCE", elementwise::squared_difference),
    ("SQUEEZE", layout::squeeze),
    ("STRIDED_SLICE", layout::strided_slice),
    ("SUB", elementwise::sub),
    ("SUM", |op| reductions::reduce(op, Reduction::Sum)),
    ("TANH", |op| elementwise::unary(op, Unary::Tanh)),
    ("TILE", layout::tile),
    ("TRANSPOSE", layout::transpose),
    ("TRANSPOSE_CONV", windows::transpose_conv),
    ("UNPACK", layout::unpack),
];

impl OperatorInfo {
    /// Whether there is a parser for the operator. Engines never get an operator without one.
    pub fn is_known(&self) -> bool {
        parser(self).is_some()
    }
}

/// The parser of an operator, if it is known.
pub(super) fn parser(operator: &OperatorInfo) -> Option<Parser> {
    if operator.is_custom {
        return None;
    }
    let index = PARSERS.binary_search_by_key(&&*operator.name, |&(name, _)| name).ok()?;
    Some(PARSERS[index].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsers_are_sorted() {
        assert!(PARSERS.is_sorted_by_key(|&(name, _)| name));
    }
}
