//! See `faceveil_fuzz::sidecar`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::sidecar(bytes));
