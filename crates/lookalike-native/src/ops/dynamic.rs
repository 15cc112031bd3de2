//! Dynamic-range depthwise convolutions: float32 inputs, which are quantized at run time, and int8 weights.
//!
//! XNNPACK leaves them to TensorFlow Lite, whose arithmetic this is, bit for bit: sums of products of steps are exact in floats as long as they
//! are below 2^24, then they are multiplied with the scale of the weights and that of the input, and the bias is added.

use lookalike_core::Result;

use super::depthwise::Depthwise;
use crate::graph::{Conv, DynamicWeights};
use crate::kernels::Kernels;
use crate::kernels::elementwise::{Activation, Bounds};
use crate::kernels::rows::ScaleShift;
use crate::runtime::{Inputs, PreparedOp, RunContext, Scratch};

/// A depthwise convolution of steps, ready to run.
#[derive(Debug)]
pub(super) struct DynamicDepthwise {
    conv: Depthwise,
    scales: Vec<f32>,
    biases: Vec<f32>,
    bounds: Option<Bounds>,
    images: usize,
}

impl DynamicDepthwise {
    pub(super) fn new(
        conv: &Conv,
        weights: &DynamicWeights,
        kernels: &Kernels,
        threads: usize,
    ) -> Self {
        let bounds = match conv.activation {
            Activation::Clamp(low, high) => Some((low, high)),
            _ => None,
        };
        let biases = weights.bias.as_ref().map(|bias| bias.floats().to_vec());
        Self {
            conv: Depthwise::new(conv, None, kernels, threads),
            biases: biases.unwrap_or_else(|| vec![0.0; conv.outputs]),
            scales: weights.scales.clone(),
            bounds,
            images: weights.rows.rows,
        }
    }
}

impl PreparedOp for DynamicDepthwise {
    fn scratch(&self) -> Scratch {
        self.conv.scratch()
    }

    fn ring_tasks(&self, threads: usize) -> usize {
        self.conv.ring_tasks(threads)
    }

    fn run(
        &self,
        context: &mut RunContext<'_>,
        inputs: Inputs<'_, '_>,
        output: &mut [u8],
    ) -> Result<()> {
        let (steps_of_images, steps) = inputs.floats(0)?.split_at(self.images);
        self.conv.run(context, Inputs(&|_| Ok(bytemuck::cast_slice(steps))), output)?;
        let (kernels, bounds) = (context.kernels, self.bounds);
        let scales = ScaleShift { factors: &self.scales, shifts: &self.biases, bounds };
        let output: &mut [f32] = bytemuck::cast_slice_mut(output);
        let image = output.len() / self.images;
        for (&step, sums) in steps_of_images.iter().zip(output.chunks_exact_mut(image)) {
            kernels.rescale(scales, step, sums);
        }
        Ok(())
    }
}
