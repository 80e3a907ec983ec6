//! See `faceveil_fuzz::strip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::strip(bytes));
