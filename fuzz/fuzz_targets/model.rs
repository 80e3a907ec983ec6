//! See `faceveil_fuzz::model`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::model(bytes));
