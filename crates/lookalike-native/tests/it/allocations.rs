//! A run takes no memory from the system.
#![expect(unsafe_code, reason = "an allocator that counts is one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use lookalike_core::{Data, Tensor};
use lookalike_native::Native;
use lookalike_schema::tflite::*;

use crate::models::{Draft, Numbers, session, tensor};

/// The system's allocator, which counts what each thread asks it for.
struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: the system's allocator does what is promised.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(place, layout) }
    }
}

/// Convolutions alone and fused, a sum of two values, means, and a function of its own.
#[test]
fn a_run_allocates_nothing() {
    let mut numbers = Numbers(11);
    let mut draft = Draft::new();
    let input = draft.input(&[1, 9, 9, 5], TensorType::FLOAT32, &[]);
    let conv = || {
        let options = Conv2DOptions { stride_w: 1, stride_h: 1, ..Conv2DOptions::default() };
        BuiltinOptions::Conv2DOptions(options)
    };
    let window = draft.floats(&[7, 3, 3, 5], &numbers.floats(7 * 9 * 5));
    let first = draft.float(BuiltinOperator::CONV_2D, conv(), &[input, window]);
    let weights = draft.floats(&[7, 1, 1, 7], &numbers.floats(7 * 7));
    let second = draft.float(BuiltinOperator::CONV_2D, conv(), &[first, weights]);
    let window = draft.floats(&[1, 3, 3, 7], &numbers.floats(9 * 7));
    let bias = draft.floats(&[7], &numbers.floats(7));
    let options = DepthwiseConv2DOptions {
        stride_w: 1,
        stride_h: 1,
        depth_multiplier: 1,
        ..DepthwiseConv2DOptions::default()
    };
    let options = BuiltinOptions::DepthwiseConv2DOptions(options);
    let operands = [second, window, bias];
    let third = draft.float(BuiltinOperator::DEPTHWISE_CONV_2D, options, &operands);
    let sum = draft.float(BuiltinOperator::ADD, BuiltinOptions::None, &[first, third]);
    let axes = draft.integers(&[1, 2]);
    let keep = BuiltinOptions::ReducerOptions(ReducerOptions { keep_dims: true });
    let mean = draft.float(BuiltinOperator::MEAN, keep, &[sum, axes]);
    let output = draft.float(BuiltinOperator::LOGISTIC, BuiltinOptions::None, &[mean]);
    let model = draft.model(output);
    let input = tensor(&[1, 9, 9, 5], Data::F32(numbers.floats(9 * 9 * 5)));
    let mut session = session(Native::new(), 1, &model).unwrap();
    let (inputs, mut outputs) = ([input.as_ref()], [Tensor::empty()]);
    // The first run makes room for values and results.
    session.run(&inputs, &mut outputs).unwrap();
    let before = ASKED.get();
    session.run(&inputs, &mut outputs).unwrap();
    assert_eq!(ASKED.get() - before, 0, "allocations of a run");
    assert!(before > 0, "nothing is counted");
}
