//! See `faceveil_fuzz::nut`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::nut(bytes));
