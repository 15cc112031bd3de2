//! Operators on truth values and indices.

use lookalike_core::{Error, Result};
use lookalike_graph::{Comparison, Logical};

use crate::graph::Element;
use crate::runtime::{Inputs, PreparedOp, RunContext};

/// A relation of two inputs of one shape.
#[derive(Debug)]
pub(super) struct Compare {
    pub(super) comparison: Comparison,
    pub(super) element: Element,
}

impl PreparedOp for Compare {
    fn run(&self, _: &mut RunContext<'_>, inputs: Inputs<'_, '_>, output: &mut [u8]) -> Result<()> {
        let (left, right) = (inputs.bytes(0)?, inputs.bytes(1)?);
        match self.element {
            Element::F32 => compare(self.comparison, left, right, f32::from_ne_bytes, output),
            Element::I32 => compare(self.comparison, left, right, i32::from_ne_bytes, output),
            Element::I64 => compare(self.comparison, left, right, i64::from_ne_bytes, output),
            other => {
                return Err(Error::unimplemented(format!("elements {other:?} are not compared")));
            }
        }
        Ok(())
    }
}

fn compare<const N: usize, T: PartialOrd>(
    comparison: Comparison,
    left: &[u8],
    right: &[u8],
    element: impl Fn([u8; N]) -> T,
    to: &mut [u8],
) {
    let holds: fn(&T, &T) -> bool = match comparison {
        Comparison::Equal => T::eq,
        Comparison::Greater => T::gt,
        Comparison::GreaterEqual => T::ge,
        Comparison::Less => T::lt,
        Comparison::LessEqual => T::le,
        Comparison::NotEqual => T::ne,
    };
    let inputs = left.as_chunks().0.iter().zip(right.as_chunks().0);
    for (to, (&left, &right)) in to.iter_mut().zip(inputs) {
        *to = holds(&element(left), &element(right)).into();
    }
}

/// A function of one or two truth values.
#[derive(Debug)]
pub(super) struct LogicalFunction(pub(super) Logical);

impl PreparedOp for LogicalFunction {
    fn run(&self, _: &mut RunContext<'_>, inputs: Inputs<'_, '_>, output: &mut [u8]) -> Result<()> {
        let left = inputs.bytes(0)?;
        match self.0 {
            Logical::Not => {
                output.iter_mut().zip(left).for_each(|(to, &left)| *to = (left == 0).into())
            }
            Logical::And => {
                let pairs = left.iter().zip(inputs.bytes(1)?);
                output.iter_mut().zip(pairs).for_each(|(to, (&left, &right))| {
                    *to = (left != 0 && right != 0).into();
                });
            }
            Logical::Or => {
                let pairs = left.iter().zip(inputs.bytes(1)?);
                output.iter_mut().zip(pairs).for_each(|(to, (&left, &right))| {
                    *to = (left != 0 || right != 0).into();
                });
            }
        }
        Ok(())
    }
}

/// Elements of one of two inputs, which have so many bytes.
#[derive(Debug)]
pub(super) struct Select(pub(super) usize);

impl PreparedOp for Select {
    fn run(&self, _: &mut RunContext<'_>, inputs: Inputs<'_, '_>, output: &mut [u8]) -> Result<()> {
        let (yes, no) = (inputs.bytes(1)?, inputs.bytes(2)?);
        let elements = yes.chunks_exact(self.0).zip(no.chunks_exact(self.0));
        let conditions = inputs.bytes(0)?.iter().zip(elements);
        for (to, (&condition, (yes, no))) in output.chunks_exact_mut(self.0).zip(conditions) {
            to.copy_from_slice(if condition != 0 { yes } else { no });
        }
        Ok(())
    }
}

/// The place of the largest of `size` elements that lie `inner` apart; the first one of several.
pub(super) fn arg_max<const N: usize, T: PartialOrd>(
    (size, inner): (usize, usize),
    from: &[u8],
    element: impl Fn([u8; N]) -> T,
    mut store: impl FnMut(usize, usize),
) {
    let from = from.as_chunks().0;
    for (outer, from) in from.chunks_exact(size * inner).enumerate() {
        for column in 0..inner {
            let at = |index: usize| element(from[index * inner + column]);
            let largest = (1..size)
                .fold(0, |largest, index| if at(index) > at(largest) { index } else { largest });
            store(outer * inner + column, largest);
        }
    }
}

/// Sums up to each of `size` elements that lie `inner` apart.
pub(super) fn cumulative_sum(
    (size, inner): (usize, usize),
    is_exclusive: bool,
    is_reversed: bool,
    from: &[f32],
    to: &mut [f32],
) {
    let (from, to) = (from.chunks_exact(size * inner), to.chunks_exact_mut(size * inner));
    for (from, to) in from.zip(to) {
        for column in 0..inner {
            let mut sum = 0.0;
            for index in 0..size {
                let index = if is_reversed { size - 1 - index } else { index };
                let position = index * inner + column;
                let before = sum;
                sum += from[position];
                to[position] = if is_exclusive { before } else { sum };
            }
        }
    }
}

/// For each place `depth` elements that lie `inner` apart, one of which is `on`; none if there is no such place.
pub(super) fn one_hot(
    (depth, inner): (usize, usize),
    (on, off): (&[u8], &[u8]),
    positions: impl Iterator<Item = i64>,
    to: &mut [u8],
) {
    let size = on.len();
    to.chunks_exact_mut(size).for_each(|to| to.copy_from_slice(off));
    for (index, position) in positions.enumerate() {
        let Some(position) = usize::try_from(position).ok().filter(|&position| position < depth)
        else {
            continue;
        };
        let element = (index / inner * depth + position) * inner + index % inner;
        to[element * size..][..size].copy_from_slice(on);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared() {
        let bytes = |values: &[f32]| {
            values.iter().flat_map(|value| value.to_ne_bytes()).collect::<Vec<_>>()
        };
        let (left, right) = (bytes(&[1.0, 2.0, f32::NAN]), bytes(&[2.0, 2.0, f32::NAN]));
        let of = |comparison| {
            let mut to = [9; 3];
            compare(comparison, &left, &right, f32::from_ne_bytes, &mut to);
            to
        };
        assert_eq!(of(Comparison::Equal), [0, 1, 0]);
        assert_eq!(of(Comparison::NotEqual), [1, 0, 1]);
        assert_eq!(of(Comparison::Less), [1, 0, 0]);
        assert_eq!(of(Comparison::LessEqual), [1, 1, 0]);
        assert_eq!(of(Comparison::Greater), [0, 0, 0]);
        assert_eq!(of(Comparison::GreaterEqual), [0, 1, 0]);
    }

    #[test]
    fn the_first_of_the_largest_is_found() {
        let from = [3, 1, 5, 9, 5, 0];
        let mut positions = [9; 2];
        arg_max((3, 2), &from, |[byte]| byte, |index, position| positions[index] = position);
        assert_eq!(positions, [1, 1]);
    }

    #[test]
    fn sums_run_both_ways() {
        let of = |is_exclusive, is_reversed| {
            let mut to = [0.0; 3];
            cumulative_sum((3, 1), is_exclusive, is_reversed, &[1.0, 2.0, 4.0], &mut to);
            to
        };
        assert_eq!(of(false, false), [1.0, 3.0, 7.0]);
        assert_eq!(of(true, false), [0.0, 1.0, 3.0]);
        assert_eq!(of(false, true), [7.0, 6.0, 4.0]);
        assert_eq!(of(true, true), [6.0, 4.0, 0.0]);
    }

    #[test]
    fn one_of_many_is_on() {
        let mut to = [9; 9];
        one_hot((3, 1), (&[1], &[0]), [2, -1, 0].into_iter(), &mut to);
        assert_eq!(to, [0, 0, 1, 0, 0, 0, 1, 0, 0]);
        // The indices are columns.
        let mut to = [9; 4];
        one_hot((2, 2), (&[1], &[0]), [1, 0].into_iter(), &mut to);
        assert_eq!(to, [0, 1, 1, 0]);
    }
}
