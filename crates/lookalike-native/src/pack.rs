//! Weights in the order in which the inner loops read them.

use crate::graph::Conv;
use crate::kernels::{Kernels, MAX_VECTORS};

/// Floats, or what is as long, that begin at the start of a cache line.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    floats: Vec<f32>,
    start: usize,
    length: usize,
}

impl Aligned {
    /// Zeros.
    pub(crate) fn zeros(length: usize) -> Self {
        const LINE: usize = 64;
        let floats = vec![0.0f32; length + LINE / size_of::<f32>()];
        let start = floats.as_ptr().align_offset(LINE);
        Self { floats, start, length }
    }

    pub(crate) fn floats(&self) -> &[f32] {
        &self.floats[self.start..][..self.length]
    }

    pub(crate) fn floats_mut(&mut self) -> &mut [f32] {
        &mut self.floats[self.start..][..self.length]
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(self.floats_mut())
    }
}

/// Channels of a result that are computed together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// The first channel of the input that it sees.
    pub(crate) from: usize,
    /// The first one of the result.
    pub(crate) channel: usize,
    pub(crate) channels: usize,
    pub(crate) vectors: usize,
    /// Its place in lists of numbers for all lanes of all blocks.
    pub(crate) lane: usize,
    /// Where its weights begin.
    pub(crate) offset: usize,
    /// Whether the last vector has channels for half its lanes at most, and weights for the kernels of such.
    pub(crate) ends_in_half: bool,
}

impl Block {
    /// Channels of the last vector.
    pub(crate) fn last_lanes(&self, lanes: usize) -> usize {
        self.channels - (self.vectors - 1) * lanes
    }
}

/// Whether there are pixels enough to split those of each block among threads, instead of the blocks.
pub(crate) fn splits_pixels(pixels: usize, threads: usize) -> bool {
    const MIN: usize = 16;
    threads > 1 && pixels / threads >= MIN
}

/// How the channels of a result are divided into blocks: an operator that makes rows for another one has the same division as that one.
#[derive(Clone, Debug)]
pub(crate) struct Division {
    /// Channels of each group of the convolution.
    outputs: usize,
    lanes: usize,
    /// Vectors of each block of a group.
    vectors: Vec<usize>,
}

/// Divides channels evenly into blocks of whole vectors.
pub(crate) fn divide(conv: &Conv, pixels: usize, kernels: &Kernels, threads: usize) -> Division {
    let lanes = kernels.lanes;
    let max = if pixels == 1 { MAX_VECTORS } else { kernels.block_vectors };
    let outputs = conv.outputs / conv.groups;
    let vectors = outputs.div_ceil(lanes);
    let mut count = vectors.div_ceil(max);
    // As many for each thread, where blocks of one vector do not come of it: those take twice as long for a channel.
    if !splits_pixels(pixels, threads) && vectors / count.next_multiple_of(threads) >= 2 {
        count = count.next_multiple_of(threads);
    }
    let vectors = spread(vectors, vectors.div_ceil(count)).map(|(_, vectors)| vectors).collect();
    Division { outputs, lanes, vectors }
}

/// The blocks of a division, each with as much room for weights as `size` says of its vectors, and of whether the last one is a half, as it
/// may be if there `are_halves`.
pub(crate) fn blocks(
    conv: &Conv,
    division: &Division,
    are_halves: bool,
    size: impl Fn(usize, bool) -> usize,
) -> Vec<Block> {
    let Division { outputs, lanes, ref vectors } = *division;
    assert_eq!(conv.outputs, outputs * conv.groups, "a division of other channels");
    let (mut blocks, mut offset, mut lane) = (Vec::new(), 0, 0);
    for group in 0..conv.groups {
        let mut channel = 0;
        for &vectors in vectors {
            let channels = (vectors * lanes).min(outputs - channel);
            let ends_in_half = are_halves && channels <= vectors * lanes - lanes / 2;
            blocks.push(Block {
                from: group * (conv.window.channels / conv.groups),
                channel: group * outputs + channel,
                channels,
                vectors,
                lane,
                offset,
                ends_in_half,
            });
            offset += size(vectors, ends_in_half);
            lane += vectors * lanes;
            channel += channels;
        }
    }
    blocks
}

/// Divides a number evenly into parts of at most `max`: where each begins, and how large it is.
pub(crate) fn spread(total: usize, max: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = total.div_ceil(max).max(1);
    let (size, larger) = (total / count, total % count);
    (0..count).map(move |part| (part * size + part.min(larger), size + usize::from(part < larger)))
}

/// Parts of one size that lie one behind the other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Run {
    pub(crate) start: usize,
    pub(crate) size: usize,
    pub(crate) repeats: usize,
}

/// Divides a number as [`spread`] does, into the parts of one size and those of the next smaller one, which may be none.
pub(crate) fn runs(total: usize, max: usize) -> [Run; 2] {
    let count = total.div_ceil(max).max(1);
    let (size, larger) = (total / count, total % count);
    let of_larger = Run { start: 0, size: size + 1, repeats: larger };
    let rest = Run { start: larger * (size + 1), size, repeats: count - larger };
    if larger > 0 { [of_larger, rest] } else { [rest, Run::default()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_even_and_cover_all() {
        for total in 1..100 {
            for max in 1..20 {
                let parts: Vec<_> = spread(total, max).collect();
                let mut next = 0;
                for &(start, count) in &parts {
                    assert_eq!(start, next);
                    assert!((1..=max).contains(&count));
                    next += count;
                }
                assert_eq!(next, total);
                let of_runs =
                    runs(total, max).into_iter().flat_map(|Run { start, size, repeats }| {
                        (0..repeats).map(move |part| (start + part * size, size))
                    });
                assert!(of_runs.eq(parts.iter().copied()));
                let counts = || parts.iter().map(|&(_, count)| count);
                assert!(counts().max() <= counts().min().map(|min| min + 1));
            }
        }
    }
}
