//! See `faceveil_fuzz::annotations`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::annotations(bytes));
