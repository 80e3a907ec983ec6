//! See `faceveil_fuzz::y4m`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::y4m(bytes));
