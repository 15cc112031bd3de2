//! `lookalike_hardening::targets::decode_jpeg` under libFuzzer.

#![no_main]

use lookalike_hardening::targets;

libfuzzer_sys::fuzz_target!(init: targets::abort_on_own_panics(), |data: &[u8]| targets::decode_jpeg(data));
