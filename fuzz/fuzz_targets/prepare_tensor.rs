//! `lookalike_hardening::targets::prepare_tensor` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lookalike_hardening::targets::prepare_tensor(data));
