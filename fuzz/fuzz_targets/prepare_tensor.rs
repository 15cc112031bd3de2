//! `lookalike_hardening::targets::prepare_tensor` under libFuzzer.

#![no_main]

use lookalike_hardening::targets;

libfuzzer_sys::fuzz_target!(init: targets::abort_on_own_panics(), |data: &[u8]| targets::prepare_tensor(data));
