//! See `faceveil_fuzz::keep`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::keep(bytes));
