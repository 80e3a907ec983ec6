//! See `faceveil_fuzz::request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::request(bytes));
