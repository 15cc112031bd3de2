//! `lookalike_hardening::targets::parse_arguments` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lookalike_hardening::targets::parse_arguments(data));
