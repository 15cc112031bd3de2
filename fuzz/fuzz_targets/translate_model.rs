//! `lookalike_hardening::targets::translate_model` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lookalike_hardening::targets::translate_model(data));
