//! Which rule is whose.

use super::{Op, elementwise, layout, matrices, reductions, windows};
use crate::error::Result;
use crate::model::OperatorInfo;

/// Checks an operator and tells the shape of its results.
type Rule = fn(&mut Op<'_, '_>) -> Result<()>;

/// The operators that are known, in the schema's names and sorted.
const RULES: &[(&str, Rule)] = &[
    ("ABS", elementwise::signed),
    ("ADD", elementwise::add),
    ("AVERAGE_POOL_2D", windows::pool),
    ("BATCH_MATMUL", matrices::batch_matmul),
    ("BATCH_TO_SPACE_ND", windows::batch_to_space),
    ("CAST", elementwise::cast),
    ("CEIL", elementwise::unary),
    ("CONCATENATION", layout::concatenation),
    ("CONV_2D", windows::conv),
    ("COS", elementwise::unary),
    ("DEPTHWISE_CONV_2D", windows::depthwise_conv),
    ("DEQUANTIZE", elementwise::dequantize),
    ("DIV", elementwise::div),
    ("ELU", elementwise::unary),
    ("EQUAL", elementwise::comparison),
    ("EXP", elementwise::unary),
    ("EXPAND_DIMS", layout::expand_dims),
    ("FLOOR", elementwise::unary),
    ("FLOOR_DIV", elementwise::floor_div),
    ("FLOOR_MOD", elementwise::floor_mod),
    ("FULLY_CONNECTED", matrices::fully_connected),
    ("GATHER", layout::gather),
    ("GELU", elementwise::unary),
    ("GREATER", elementwise::comparison),
    ("GREATER_EQUAL", elementwise::comparison),
    ("HARD_SWISH", elementwise::unary),
    ("L2_NORMALIZATION", reductions::l2_normalization),
    ("LEAKY_RELU", elementwise::leaky_relu),
    ("LESS", elementwise::comparison),
    ("LESS_EQUAL", elementwise::comparison),
    ("LOG", elementwise::unary),
    ("LOGICAL_AND", elementwise::logical),
    ("LOGICAL_NOT", elementwise::logical_not),
    ("LOGICAL_OR", elementwise::logical),
    ("LOGISTIC", elementwise::unary),
    ("LOG_SOFTMAX", elementwise::unary),
    ("MAXIMUM", elementwise::numeric),
    ("MAX_POOL_2D", windows::pool),
    ("MEAN", reductions::reduce),
    ("MINIMUM", elementwise::numeric),
    ("MIRROR_PAD", layout::mirror_pad),
    ("MUL", elementwise::mul),
    ("NEG", elementwise::signed),
    ("NOT_EQUAL", elementwise::comparison),
    ("PACK", layout::pack),
    ("PAD", layout::pad),
    ("PADV2", layout::pad),
    ("POW", elementwise::binary),
    ("PRELU", elementwise::prelu),
    ("QUANTIZE", elementwise::quantize),
    ("REDUCE_MAX", reductions::reduce),
    ("REDUCE_MIN", reductions::reduce),
    ("REDUCE_PROD", reductions::product_of),
    ("RELU", elementwise::unary),
    ("RELU6", elementwise::unary),
    ("RELU_N1_TO_1", elementwise::unary),
    ("RESHAPE", layout::reshape),
    ("RESIZE_BILINEAR", windows::resize),
    ("RESIZE_NEAREST_NEIGHBOR", windows::resize),
    ("ROUND", elementwise::unary),
    ("RSQRT", elementwise::unary),
    ("SHAPE", elementwise::shape),
    ("SIN", elementwise::unary),
    ("SLICE", layout::slice),
    ("SOFTMAX", reductions::softmax),
    ("SPACE_TO_BATCH_ND", windows::space_to_batch),
    ("SPLIT", layout::split),
    ("SQRT", elementwise::unary),
    ("SQUARE", elementwise::unary),
    ("SQUARED_DIFFERENCE", elementwise::squared_difference),
    ("SQUEEZE", layout::squeeze),
    ("STRIDED_SLICE", layout::strided_slice),
    ("SUB", elementwise::sub),
    ("SUM", reductions::reduce),
    ("TANH", elementwise::unary),
    ("TRANSPOSE", layout::transpose),
    ("UNPACK", layout::unpack),
];

impl OperatorInfo {
    /// Whether a rule checks the inputs and outputs of the operator. Engines never get an operator without a rule.
    pub fn is_known(&self) -> bool {
        rule(self).is_some()
    }
}

/// The rule of an operator, if it is known.
pub(super) fn rule(operator: &OperatorInfo) -> Option<Rule> {
    if operator.is_custom {
        return None;
    }
    let place = RULES.binary_search_by_key(&&*operator.name, |&(name, _)| name).ok()?;
    Some(RULES[place].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_sorted() {
        assert!(RULES.is_sorted_by_key(|&(name, _)| name));
    }
}
