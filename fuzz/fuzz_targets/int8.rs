//! See `faceveil_fuzz::int8`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::int8(bytes));
