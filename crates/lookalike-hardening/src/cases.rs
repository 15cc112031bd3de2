//! The cases of the campaign: what is done to one file, by number, so that any case can be made again.

use std::path::Path;

use arbitrary::Unstructured;
use lookalike_schema::VerifiedModel;
use lookalike_schema::tflite;

use crate::mutate::mutate;
use crate::random::Random;

/// Bytes between two truncations.
const STEP: usize = 64;

/// A file and what is done to it: first every truncation at steps of 64 bytes, then mutations.
#[derive(Debug)]
pub struct Cases {
    bytes: Vec<u8>,
    /// The model as a value, if the file is one.
    model: Option<tflite::Model>,
    seed: u64,
    mutations: usize,
    /// Every how many truncations one is taken.
    stride: usize,
}

impl Cases {
    /// The cases of a file. With fewer mutations than bytes, truncations are thinned out to as many.
    pub fn new(path: &Path, bytes: Vec<u8>, mutations: usize, thin: bool) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let model = VerifiedModel::new(bytes.clone()).ok().map(|model| model.root().to_owned());
        let truncations = bytes.len().div_ceil(STEP);
        let stride = if thin { truncations.div_ceil(mutations.max(1)).max(1) } else { 1 };
        Self { bytes, model, seed, mutations, stride }
    }

    /// Number of truncations.
    pub fn truncations(&self) -> usize {
        self.bytes.len().div_ceil(STEP * self.stride)
    }

    /// Number of cases.
    pub fn count(&self) -> usize {
        self.truncations() + self.mutations
    }

    /// The bytes of a case.
    pub fn bytes(&self, index: usize) -> Vec<u8> {
        let Some(mutation) = index.checked_sub(self.truncations()) else {
            return self.bytes[..index * STEP * self.stride].to_vec();
        };
        let mut random = Random::new(self.seed ^ (mutation as u64).rotate_left(32));
        match &self.model {
            // Half of the mutations of a model know what a model is.
            Some(model) if mutation % 2 == 0 => {
                let choices = random.bytes(256);
                let mut model = model.clone();
                mutate(&mut model, &mut Unstructured::new(&choices)).ok();
                model.to_bytes()
            }
            Some(_) => {
                // What holds a model together lies mostly at its end; weights take most of the rest.
                let end = self.bytes.len();
                let region = if mutation % 4 == 1 { end.min(8192) } else { end };
                self.with_broken_bytes(&mut random, end - region..end)
            }
            None => {
                // Headers of images are at the front.
                let end = self.bytes.len();
                let region = if mutation % 2 == 0 { end.min(512) } else { end };
                self.with_broken_bytes(&mut random, 0..region)
            }
        }
    }

    /// Flips, numbers, lengths and pieces: a few of them within a range.
    fn with_broken_bytes(&self, random: &mut Random, range: std::ops::Range<usize>) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        if range.is_empty() {
            return bytes;
        }
        for _ in 0..=random.below(4) {
            let position = range.start + random.below(range.len());
            match random.below(6) {
                0 => bytes[position] ^= 1 << random.below(8),
                1 => bytes[position] = random.next() as u8,
                2 | 3 => {
                    // An offset, a length or a size.
                    const ODD: [u32; 8] =
                        [0, 1, 4, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x0001_0000, 0xffff_fffc];
                    let position = position & !3;
                    if let Some(number) = bytes.get_mut(position..position + 4) {
                        let old = u32::from_le_bytes([number[0], number[1], number[2], number[3]]);
                        let new = match random.below(3) {
                            0 => ODD[random.below(ODD.len())],
                            1 => old.wrapping_add(random.below(64) as u32).wrapping_sub(32),
                            _ => random.next() as u32,
                        };
                        number.copy_from_slice(&new.to_le_bytes());
                    }
                }
                4 => {
                    let from = range.start + random.below(range.len());
                    let length = random.below(64).min(bytes.len() - position.max(from));
                    bytes.copy_within(from..from + length, position);
                }
                _ => {
                    let end = (position + random.below(64)).min(bytes.len());
                    bytes[position..end].fill(random.next() as u8);
                }
            }
        }
        bytes
    }
}
