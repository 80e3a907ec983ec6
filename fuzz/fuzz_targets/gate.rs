//! See `faceveil_fuzz::gate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::gate(bytes));
