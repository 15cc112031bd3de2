//! The inverse transform of several blocks, written once for registers of all lengths.

/// Defines `transform_blocks` for registers that hold a row of each block. The module has the intrinsics that the code names, and `load_rows`
/// and `split_rows`.
macro_rules! transform {
    ($features:literal, $lines:ty, $blocks:literal) => {
        use super::scalar::{COLUMN_BIAS, COLUMN_SHIFT, Factors, ROW_BIAS, ROW_SHIFT};

        /// Sums of 32 bits of the coefficients of a register, in two halves.
        type Sums = [$lines; 2];

        #[target_feature(enable = $features)]
        #[inline]
        fn rotate(x: $lines, y: $lines, [of_x, of_y]: [i32; 2]) -> Sums {
            let factors = set1_epi32((of_y << 16) | (of_x & 0xFFFF));
            [madd_epi16(unpacklo_epi16(x, y), factors), madd_epi16(unpackhi_epi16(x, y), factors)]
        }

        /// Sums in 4096ths.
        #[target_feature(enable = $features)]
        #[inline]
        fn widen(line: $lines) -> Sums {
            let zero = set1_epi32(0);
            [
                srai_epi32::<4>(unpacklo_epi16(zero, line)),
                srai_epi32::<4>(unpackhi_epi16(zero, line)),
            ]
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn add(left: Sums, right: Sums) -> Sums {
            [add_epi32(left[0], right[0]), add_epi32(left[1], right[1])]
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn subtract(left: Sums, right: Sums) -> Sums {
            [sub_epi32(left[0], right[0]), sub_epi32(left[1], right[1])]
        }

        /// The one-dimensional inverse transform of eight lines of each block at a time, across the lines of the array.
        #[target_feature(enable = $features)]
        #[inline]
        fn transform_lines(lines: &mut [$lines; 8], bias: i32, shift: i32) {
            let [s0, s1, s2, s3, s4, s5, s6, s7] = *lines;
            let bias = [set1_epi32(bias); 2];
            let sum = add(widen(add_epi16(s0, s4)), bias);
            let difference = add(widen(sub_epi16(s0, s4)), bias);
            let outer = rotate(s2, s6, Factors::EVEN_OUTER);
            let inner = rotate(s2, s6, Factors::EVEN_INNER);
            let even = [
                add(sum, outer),
                add(difference, inner),
                subtract(difference, inner),
                subtract(sum, outer),
            ];
            let (s17, s35) = (add_epi16(s1, s7), add_epi16(s3, s5));
            let outer = rotate(s17, s35, Factors::SUMS_OUTER);
            let inner = rotate(s17, s35, Factors::SUMS_INNER);
            let odd = [
                add(rotate(s5, s1, Factors::ONE), outer),
                add(rotate(s7, s3, Factors::THREE), inner),
                add(rotate(s5, s1, Factors::FIVE), inner),
                add(rotate(s7, s3, Factors::SEVEN), outer),
            ];
            let shift = set1_epi32(shift);
            let narrow =
                |sums: Sums| packs_epi32(srav_epi32(sums[0], shift), srav_epi32(sums[1], shift));
            for index in 0..4 {
                lines[index] = narrow(add(even[index], odd[index]));
                lines[7 - index] = narrow(subtract(even[index], odd[index]));
            }
        }

        /// Samples of blocks of coefficients.
        #[target_feature(enable = $features)]
        #[inline]
        fn transform_blocks(blocks: [&Block; $blocks], samples: &mut [Samples; $blocks]) {
            let mut lines: [$lines; 8] = std::array::from_fn(|row| load_rows(blocks, row));
            transform_lines(&mut lines, COLUMN_BIAS, COLUMN_SHIFT);
            // Rows become columns.
            for distance in [4, 2, 1] {
                for at in (0..8).filter(|at| at & distance == 0) {
                    let (low, high) = (lines[at], lines[at + distance]);
                    lines[at] = unpacklo_epi16(low, high);
                    lines[at + distance] = unpackhi_epi16(low, high);
                }
            }
            transform_lines(&mut lines, ROW_BIAS, ROW_SHIFT);
            // Columns of bytes, two a register, become rows.
            let [c0, c1, c2, c3, c4, c5, c6, c7] = lines;
            let (p0, p1) = (packus_epi16(c0, c1), packus_epi16(c2, c3));
            let (p2, p3) = (packus_epi16(c4, c5), packus_epi16(c6, c7));
            let (q0, q2) = (unpacklo_epi8(p0, p2), unpackhi_epi8(p0, p2));
            let (q1, q3) = (unpacklo_epi8(p1, p3), unpackhi_epi8(p1, p3));
            let (p0, p1) = (unpacklo_epi8(q0, q1), unpackhi_epi8(q0, q1));
            let (p2, p3) = (unpacklo_epi8(q2, q3), unpackhi_epi8(q2, q3));
            let pairs = [
                unpacklo_epi8(p0, p2),
                unpackhi_epi8(p0, p2),
                unpacklo_epi8(p1, p3),
                unpackhi_epi8(p1, p3),
            ];
            for (pair, rows) in pairs.into_iter().enumerate() {
                for (samples, rows) in samples.iter_mut().zip(split_rows(rows)) {
                    let to = &mut samples.as_chunks_mut::<16>().0[pair];
                    // SAFETY: these are sixteen bytes.
                    unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), rows) };
                }
            }
        }
    };
}

pub(super) use transform;
