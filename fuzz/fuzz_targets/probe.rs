//! See `faceveil_fuzz::probe`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::probe(bytes));
