//! Kernels for processors of which nothing is known.

use crate::kernels::{Kernels, kernels};
use crate::simd::portable::{Lanes, transpose};

kernels!(
    Lanes,
    ,
    2,
    [[1 2 3 4 5 6], [1 2 3], [1], [1]],
    [[1 2 3 4 5 6], [1 2 3], [1], [1]],
    [[1 2 3 4], [1 2], [1], [1]],
    [1 2 3 4],
    [[], []],
    None,
    transpose
);
