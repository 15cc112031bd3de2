//! `lookalike_hardening::targets::write_vectors` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lookalike_hardening::targets::write_vectors(data));
