//! See `faceveil_fuzz::album`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::album(bytes));
