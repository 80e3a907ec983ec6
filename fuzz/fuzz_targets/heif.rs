//! See `faceveil_fuzz::inspect`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::inspect(bytes));
