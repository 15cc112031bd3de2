//! The inner loops, each written once over [`Vector`](crate::simd::Vector).

pub(crate) mod bytes;
pub(crate) mod compiled;
pub(crate) mod depthwise;
pub(crate) mod dynamic;
mod each;
pub(crate) mod elementwise;
pub(crate) mod functions;
pub(crate) mod halves;
pub(crate) mod look_up;
pub(crate) mod rows;
pub(crate) mod tile;

use lookalike_graph::Unary;

pub(crate) use crate::simd::SIDE;

use self::bytes::ByteTile;
use self::depthwise::DepthwiseTile;
use self::dynamic::RowScale;
use self::elementwise::{Activation, Binary, Bounds};
use self::look_up::LookUp;
use self::rows::{Rows, ScaleShift, Taps};
use self::tile::Tile;
use crate::quantized::{QuantizedBinary, SumScale};

/// The inner loops as they are compiled for one instruction set.
///
/// All are unsafe to call: a set must be there, which [`InstructionSet`](lookalike_core::InstructionSet) sees to, and pointers must be good,
/// which their callers see to.
pub(crate) struct Kernels {
    /// Floats of a vector.
    pub(crate) lanes: usize,
    /// Most vectors of channels that are computed together, where there are pixels enough to compute several together.
    pub(crate) block_vectors: usize,
    /// For 1, 2, … vectors of channels those for 1, 2, … pixels.
    pub(crate) tiles: Tiles<Tile>,
    /// The same where the last vector is one of [`halves`]; nothing for sets of short vectors.
    pub(crate) half_tiles: Option<Tiles<Tile>>,
    /// The same for bytes.
    pub(crate) byte_tiles: Tiles<ByteTile>,
    /// The same with the sum of each pixel's bytes added, as often as the tile says; nothing where weights have two bytes, which hold them
    /// less their zero points.
    pub(crate) summed_byte_tiles: Option<Tiles<ByteTile>>,
    /// For windows any number of pixels apart, one pixel and two: for 1, 2, … columns.
    pub(crate) depthwise: [&'static [unsafe fn(&DepthwiseTile)]; 3],
    /// The same for windows three taps wide, one pixel and two apart.
    pub(crate) depthwise_3: [&'static [unsafe fn(&DepthwiseTile)]; 2],
    /// And five taps wide. Both are empty for a set that has none.
    pub(crate) depthwise_5: [&'static [unsafe fn(&DepthwiseTile)]; 2],
    /// Takes a vector of channels of pixels: where the first one is, how far apart they are, how many, and how many channels.
    pub(crate) take: unsafe fn(*const f32, usize, usize, usize, *mut f32),
    /// Transposes a square of [`SIDE`] rows: where the first row and the first column are, each with how far apart they lie.
    pub(crate) transpose: unsafe fn(*const f32, usize, *mut f32, usize),
    /// Takes each value times a factor, and a number off it.
    pub(crate) affine: unsafe fn(&[f32], f32, f32, &mut [f32]),
    /// Applies an activation.
    pub(crate) activate: unsafe fn(Activation, &[f32], &mut [f32]),
    /// Two inputs of one length.
    pub(crate) binary: unsafe fn(Binary, &[f32], &[f32], &mut [f32]),
    /// A row and a number.
    pub(crate) binary_with_number: unsafe fn(Binary, &[f32], f32, &mut [f32]),
    /// Adds rows to sums, or keeps the largest values.
    pub(crate) accumulate: unsafe fn(Rows, bool, &[f32], &mut [f32]),
    /// The sum of up to nine rows times a factor.
    pub(crate) average: unsafe fn(&Taps<'_>, f32, &mut [f32]),
    /// Multiplies rows with one row.
    pub(crate) scale: unsafe fn(&[f32], &[f32], &mut [f32]),
    /// Real values of bytes, signed or not, less a zero point and times a scale.
    pub(crate) dequantize: unsafe fn(&[u8], bool, i32, f32, &mut [f32]),
    /// Bytes that stand for real values.
    pub(crate) quantize: unsafe fn(&[f32], bool, i32, f32, &mut [u8]),
    /// Quantizes rows of a length, each with a scale of its own.
    pub(crate) quantize_rows: unsafe fn(usize, &[f32], &mut [RowScale], &mut [u8]),
    /// Applies a function to each number.
    pub(crate) unary: unsafe fn(Unary, &[f32], &mut [f32]),
    /// `x / (1 + exp(-x))`.
    pub(crate) silu: unsafe fn(&[f32], &mut [f32]),
    /// Multiplies rows with one row, adds another one, and keeps the sums within bounds.
    pub(crate) scale_shift: unsafe fn(&[f32], ScaleShift<'_>, &mut [f32]),
    /// Keeps values within bounds.
    pub(crate) bound: unsafe fn(Bounds, &mut [f32]),
    /// Softmax of a row, of a number times its values.
    pub(crate) softmax: unsafe fn(f32, &[f32], &mut [f32]),
    /// The sum of a row.
    pub(crate) sum: unsafe fn(&[f32]) -> f32,
    /// A quantized operator on rows of two inputs.
    pub(crate) quantized_binary: unsafe fn(&QuantizedBinary, &[u8], &[u8], &mut [u8]),
    /// Looks up each byte.
    pub(crate) look_up: unsafe fn(&LookUp, &[u8], &mut [u8]),
    /// Makes bytes of sums.
    pub(crate) scale_sums: unsafe fn(&SumScale, &[i32], &mut [u8]),
    /// The smallest and the largest value of a row, and of 0.
    pub(crate) extremes: unsafe fn(&[f32]) -> (f32, f32),
    /// The steps of a row that is quantized by a factor and a zero point.
    pub(crate) step_row: unsafe fn(&[f32], f32, f32, &mut [f32]),
    /// Makes floats of sums of steps, by scales and biases of channels and a step.
    pub(crate) rescale: unsafe fn(ScaleShift<'_>, f32, &mut [f32]),
}

/// Inner loops for 1, 2, … vectors of channels, of each those for 1, 2, … pixels.
type Tiles<T> = [&'static [unsafe fn(&T)]; MAX_VECTORS];

/// Most vectors of channels that are computed together, of one pixel.
pub(crate) const MAX_VECTORS: usize = 8;

/// Those that take slices: whoever has the kernels of a set has the set, and they look at lengths themselves.
#[expect(unsafe_code, reason = "the set is there, which the compiler does not know")]
impl Kernels {
    pub(crate) fn transpose(&self, from: &[f32], stride: usize, to: &mut [f32], to_stride: usize) {
        let is_there = |stride: usize, length: usize| {
            let last = stride.checked_mul(SIDE - 1).and_then(|last| last.checked_add(SIDE));
            stride >= SIDE && last.is_some_and(|end| end <= length)
        };
        assert!(is_there(stride, from.len()), "rows that are not there");
        assert!(is_there(to_stride, to.len()), "columns that are not there");
        // SAFETY: the set is there, and the rows and columns are, as was just seen.
        unsafe { (self.transpose)(from.as_ptr(), stride, to.as_mut_ptr(), to_stride) };
    }

    pub(crate) fn affine(&self, from: &[f32], scale: f32, shift: f32, to: &mut [f32]) {
        // SAFETY: the set is there.
        unsafe { (self.affine)(from, scale, shift, to) };
    }

    pub(crate) fn activate(&self, activation: Activation, from: &[f32], to: &mut [f32]) {
        // SAFETY: the set is there.
        unsafe { (self.activate)(activation, from, to) };
    }

    pub(crate) fn binary(&self, it: Binary, left: &[f32], right: &[f32], to: &mut [f32]) {
        // SAFETY: the set is there.
        unsafe { (self.binary)(it, left, right, to) };
    }

    pub(crate) fn binary_with_number(&self, it: Binary, left: &[f32], right: f32, to: &mut [f32]) {
        // SAFETY: the set is there.
        unsafe { (self.binary_with_number)(it, left, right, to) };
    }

    pub(crate) fn accumulate(&self, rows: Rows, keeps_max: bool, from: &[f32], sums: &mut [f32]) {
        // SAFETY: the set is there.
        unsafe { (self.accumulate)(rows, keeps_max, from, sums) };
    }

    pub(crate) fn average(&self, rows: &Taps<'_>, factor: f32, to: &mut [f32]) {
        // SAFETY: the set is there.
        unsafe { (self.average)(rows, factor, to) };
    }

    pub(crate) fn scale(&self, from: &[f32], factors: &[f32], to: &mut [f32]) {
        // SAFETY: the set is there.
        unsafe { (self.scale)(from, factors, to) };
    }

    pub(crate) fn dequantize(
        &self,
        from: &[u8],
        signed: bool,
        zero: i32,
        scale: f32,
        to: &mut [f32],
    ) {
        // SAFETY: the set is there.
        unsafe { (self.dequantize)(from, signed, zero, scale, to) };
    }

    pub(crate) fn quantize(
        &self,
        from: &[f32],
        signed: bool,
        zero: i32,
        scale: f32,
        to: &mut [u8],
    ) {
        // SAFETY: the set is there.
        unsafe { (self.quantize)(from, signed, zero, scale, to) };
    }

    pub(crate) fn unary(&self, function: Unary, from: &[f32], to: &mut [f32]) {
        // SAFETY: the set is there.
        unsafe { (self.unary)(function, from, to) };
    }

    pub(crate) fn silu(&self, from: &[f32], to: &mut [f32]) {
        // SAFETY: the set is there.
        unsafe { (self.silu)(from, to) };
    }

    pub(crate) fn scale_shift(&self, from: &[f32], it: ScaleShift<'_>, to: &mut [f32]) {
        // SAFETY: the set is there.
        unsafe { (self.scale_shift)(from, it, to) };
    }

    pub(crate) fn bound(&self, bounds: Bounds, values: &mut [f32]) {
        // SAFETY: the set is there.
        unsafe { (self.bound)(bounds, values) };
    }

    pub(crate) fn softmax(&self, beta: f32, from: &[f32], to: &mut [f32]) {
        // SAFETY: the set is there.
        unsafe { (self.softmax)(beta, from, to) };
    }

    pub(crate) fn sum(&self, row: &[f32]) -> f32 {
        // SAFETY: the set is there.
        unsafe { (self.sum)(row) }
    }

    pub(crate) fn quantized_binary(
        &self,
        binary: &QuantizedBinary,
        left: &[u8],
        right: &[u8],
        to: &mut [u8],
    ) {
        // SAFETY: the set is there.
        unsafe { (self.quantized_binary)(binary, left, right, to) };
    }

    pub(crate) fn look_up(&self, it: &LookUp, from: &[u8], to: &mut [u8]) {
        // SAFETY: the set is there.
        unsafe { (self.look_up)(it, from, to) };
    }

    pub(crate) fn scale_sums(&self, scale: &SumScale, sums: &[i32], to: &mut [u8]) {
        // SAFETY: the set is there.
        unsafe { (self.scale_sums)(scale, sums, to) };
    }

    pub(crate) fn extremes(&self, row: &[f32]) -> (f32, f32) {
        // SAFETY: the set is there.
        unsafe { (self.extremes)(row) }
    }

    pub(crate) fn step_row(&self, from: &[f32], factor: f32, zero_point: f32, to: &mut [f32]) {
        // SAFETY: the set is there.
        unsafe { (self.step_row)(from, factor, zero_point, to) };
    }

    pub(crate) fn rescale(&self, it: ScaleShift<'_>, step: f32, sums: &mut [f32]) {
        // SAFETY: the set is there.
        unsafe { (self.rescale)(it, step, sums) };
    }

    pub(crate) fn quantize_rows(
        &self,
        length: usize,
        from: &[f32],
        scales: &mut [RowScale],
        to: &mut [u8],
    ) {
        // SAFETY: the set is there.
        unsafe { (self.quantize_rows)(length, from, scales, to) };
    }
}

/// Compiles all of them for a set.
macro_rules! kernels {
    (
        $vector:ident,
        $(#[$feature:meta])?,
        $block_vectors:literal,
        [$one:tt, $two:tt, $three:tt, $four:tt],
        [$byte_one:tt, $byte_two:tt, $byte_three:tt, $byte_four:tt],
        $summed:tt,
        $columns:tt,
        [$columns_3:tt, $columns_5:tt],
        $half_tiles:expr,
        $transpose:path

    ) => {
        #[expect(unsafe_code, reason = "whoever calls them knows that the set is there")]
        mod compiled {
            use super::$vector as V;
            use $crate::kernels::bytes::ByteTile;
            use $crate::kernels::depthwise::DepthwiseTile;
            use $crate::kernels::dynamic::RowScale;
            use $crate::kernels::elementwise::{Activation, Binary, Bounds};
            use $crate::kernels::look_up::LookUp;
            use $crate::kernels::rows::{Rows, ScaleShift, Taps};
            use $crate::kernels::tile::Tile;
            use $crate::kernels::{bytes, depthwise, dynamic, elementwise, functions, look_up, rows, tile};
            use $crate::quantized::{QuantizedBinary, SumScale};
            use lookalike_graph::Unary;

            $(#[$feature])?
            pub(super) unsafe fn tile<const M: usize, const N: usize>(it: &Tile) {
                // SAFETY: the caller's.
                unsafe { tile::multiply::<V, M, N>(it) }
            }
            $(#[$feature])?
            pub(super) unsafe fn byte_tile<const M: usize, const N: usize, const SUMMED: bool>(it: &ByteTile) {
                // SAFETY: the caller's.
                unsafe { bytes::multiply::<V, M, N, SUMMED>(it) }
            }
            $(#[$feature])?
            pub(super) unsafe fn depthwise<const M: usize, const S: usize, const W: usize>(it: &DepthwiseTile) {
                // SAFETY: the caller's.
                unsafe { depthwise::multiply::<V, M, S, W>(it) }
            }
            $(#[$feature])?
            pub(super) unsafe fn take(from: *const f32, stride: usize, count: usize, lanes: usize, to: *mut f32) {
                // SAFETY: the caller's.
                unsafe { rows::take::<V>(from, stride, count, lanes, to) }
            }
            $(#[$feature])?
            pub(super) unsafe fn affine(from: &[f32], scale: f32, shift: f32, to: &mut [f32]) {
                elementwise::affine(from, scale, shift, to);
            }
            $(#[$feature])?
            pub(super) unsafe fn activate(activation: Activation, from: &[f32], to: &mut [f32]) {
                // SAFETY: the caller's.
                unsafe { rows::activate::<V>(activation, from, to) }
            }
            $(#[$feature])?
            pub(super) unsafe fn binary(it: Binary, left: &[f32], right: &[f32], to: &mut [f32]) {
                elementwise::binary(it, left, right, to);
            }
            $(#[$feature])?
            pub(super) unsafe fn binary_with_number(it: Binary, left: &[f32], right: f32, to: &mut [f32]) {
                elementwise::binary_with_number(it, left, right, to);
            }
            $(#[$feature])?
            pub(super) unsafe fn accumulate(rows: Rows, keeps_max: bool, from: &[f32], sums: &mut [f32]) {
                // SAFETY: the caller's.
                unsafe { rows::accumulate::<V>(rows, keeps_max, from, sums) }
            }
            $(#[$feature])?
            pub(super) unsafe fn average(it: &Taps<'_>, factor: f32, to: &mut [f32]) {
                // SAFETY: the caller's.
                unsafe { rows::average::<V>(it, factor, to) }
            }
            $(#[$feature])?
            pub(super) unsafe fn scale(from: &[f32], factors: &[f32], to: &mut [f32]) {
                // SAFETY: the caller's.
                unsafe { rows::scale::<V>(from, factors, to) }
            }
            $(#[$feature])?
            pub(super) unsafe fn dequantize(from: &[u8], signed: bool, zero: i32, scale: f32, to: &mut [f32]) {
                elementwise::dequantize(from, signed, zero, scale, to);
            }
            $(#[$feature])?
            pub(super) unsafe fn quantize(from: &[f32], signed: bool, zero: i32, scale: f32, to: &mut [u8]) {
                elementwise::quantize(from, signed, zero, scale, to);
            }
            $(#[$feature])?
            pub(super) unsafe fn quantize_rows(length: usize, from: &[f32], scales: &mut [RowScale], to: &mut [u8]) {
                // SAFETY: the caller's.
                unsafe { dynamic::quantize_rows::<V>(length, from, scales, to) }
            }
            $(#[$feature])?
            pub(super) unsafe fn unary(function: Unary, from: &[f32], to: &mut [f32]) {
                // SAFETY: the caller's.
                unsafe { functions::unary::<V>(function, from, to) }
            }
            $(#[$feature])?
            pub(super) unsafe fn silu(from: &[f32], to: &mut [f32]) {
                // SAFETY: the caller's.
                unsafe { functions::silu::<V>(from, to) }
            }
            $(#[$feature])?
            pub(super) unsafe fn scale_shift(from: &[f32], it: ScaleShift<'_>, to: &mut [f32]) {
                // SAFETY: the caller's.
                unsafe { rows::scale_shift::<V>(from, it, to) }
            }
            $(#[$feature])?
            pub(super) unsafe fn bound(bounds: Bounds, values: &mut [f32]) {
                elementwise::bound(bounds, values);
            }
            $(#[$feature])?
            pub(super) unsafe fn softmax(beta: f32, from: &[f32], to: &mut [f32]) {
                // SAFETY: the caller's.
                unsafe { functions::softmax::<V>(beta, from, to) }
            }
            $(#[$feature])?
            pub(super) unsafe fn sum(row: &[f32]) -> f32 {
                // SAFETY: the caller's.
                unsafe { functions::sum::<V>(row) }
            }
            $(#[$feature])?
            pub(super) unsafe fn quantized_binary(it: &QuantizedBinary, left: &[u8], right: &[u8], to: &mut [u8]) {
                // SAFETY: the caller's.
                unsafe { it.row::<V>(left, right, to) }
            }
            $(#[$feature])?
            pub(super) unsafe fn look_up(it: &LookUp, from: &[u8], to: &mut [u8]) {
                // SAFETY: the caller's.
                unsafe { look_up::look_up::<V>(it, from, to) }
            }
            $(#[$feature])?
            pub(super) unsafe fn scale_sums(it: &SumScale, sums: &[i32], to: &mut [u8]) {
                it.apply(sums, to);
            }
            $(#[$feature])?
            pub(super) unsafe fn extremes(row: &[f32]) -> (f32, f32) {
                // SAFETY: the caller's.
                unsafe { dynamic::extremes::<V>(row) }
            }
            $(#[$feature])?
            pub(super) unsafe fn step_row(from: &[f32], factor: f32, zero_point: f32, to: &mut [f32]) {
                elementwise::step_row(from, factor, zero_point, to);
            }
            $(#[$feature])?
            pub(super) unsafe fn rescale(it: ScaleShift<'_>, step: f32, sums: &mut [f32]) {
                // SAFETY: the caller's.
                unsafe { dynamic::rescale::<V>(it, step, sums) }
            }
        }

        pub(super) static KERNELS: Kernels = Kernels {
            lanes: <$vector as $crate::simd::Vector>::LANES,
            block_vectors: $block_vectors,
            tiles: $crate::kernels::table!(compiled::tile, $one, $two, $three, $four),
            half_tiles: $half_tiles,
            byte_tiles: $crate::kernels::table!(
                compiled::byte_tile, $byte_one, $byte_two, $byte_three, $byte_four, false
            ),
            summed_byte_tiles: $crate::kernels::summed_table!($summed),
            depthwise: [
                $crate::kernels::row!(compiled::depthwise, [1 2 3 4], 0, 0),
                $crate::kernels::row!(compiled::depthwise, $columns, 1, 0),
                $crate::kernels::row!(compiled::depthwise, $columns, 2, 0),
            ],
            depthwise_3: [
                $crate::kernels::row!(compiled::depthwise, $columns_3, 1, 3),
                $crate::kernels::row!(compiled::depthwise, $columns_3, 2, 3),
            ],
            depthwise_5: [
                $crate::kernels::row!(compiled::depthwise, $columns_5, 1, 5),
                $crate::kernels::row!(compiled::depthwise, $columns_5, 2, 5),
            ],
            transpose: $transpose,
            take: compiled::take,
            affine: compiled::affine,
            activate: compiled::activate,
            binary: compiled::binary,
            binary_with_number: compiled::binary_with_number,
            accumulate: compiled::accumulate,
            average: compiled::average,
            scale: compiled::scale,
            dequantize: compiled::dequantize,
            quantize: compiled::quantize,
            quantize_rows: compiled::quantize_rows,
            unary: compiled::unary,
            silu: compiled::silu,
            scale_shift: compiled::scale_shift,
            bound: compiled::bound,
            softmax: compiled::softmax,
            sum: compiled::sum,
            quantized_binary: compiled::quantized_binary,
            look_up: compiled::look_up,
            scale_sums: compiled::scale_sums,
            extremes: compiled::extremes,
            step_row: compiled::step_row,
            rescale: compiled::rescale,
        };
    };
}

macro_rules! table {
    (compiled::$kernel:ident, $one:tt, $two:tt, $three:tt, $four:tt $(, $third:literal)?) => {
        [
            $crate::kernels::row!(compiled::$kernel, $one, 1 $(, $third)?),
            $crate::kernels::row!(compiled::$kernel, $two, 2 $(, $third)?),
            $crate::kernels::row!(compiled::$kernel, $three, 3 $(, $third)?),
            $crate::kernels::row!(compiled::$kernel, $four, 4 $(, $third)?),
            $crate::kernels::row!(compiled::$kernel, [1], 5 $(, $third)?),
            $crate::kernels::row!(compiled::$kernel, [1], 6 $(, $third)?),
            $crate::kernels::row!(compiled::$kernel, [1], 7 $(, $third)?),
            $crate::kernels::row!(compiled::$kernel, [1], 8 $(, $third)?),
        ]
    };
}

macro_rules! summed_table {
    (none) => {
        None
    };
    ([$one:tt, $two:tt, $three:tt, $four:tt]) => {
        Some($crate::kernels::table!(compiled::byte_tile, $one, $two, $three, $four, true))
    };
}

macro_rules! row {
    ($module:ident::$kernel:ident, [$($pixels:literal)*], $second:literal) => {
        &[$($module::$kernel::<$pixels, $second>),*]
    };
    ($module:ident::$kernel:ident, [$($pixels:literal)*], $second:literal, $third:literal) => {
        &[$($module::$kernel::<$pixels, $second, $third>),*]
    };
}

pub(crate) use {kernels, row, summed_table, table};

#[cfg(test)]
mod tests {
    use lookalike_core::InstructionSet;

    use super::compiled::kernels_for;
    use super::*;

    #[test]
    #[should_panic(expected = "rows that are not there")]
    fn rows_whose_stride_overflows_are_not_there() {
        let mut to = [0.0; SIDE * SIDE];
        let kernels = kernels_for(InstructionSet::PORTABLE);
        kernels.transpose(&[0.0; SIDE * SIDE], usize::MAX / 4, &mut to, SIDE);
    }
}
