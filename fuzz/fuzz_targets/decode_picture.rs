//! `lookalike_hardening::targets::decode_picture` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lookalike_hardening::targets::decode_picture(data));
