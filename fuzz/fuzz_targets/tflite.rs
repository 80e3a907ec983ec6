//! See `faceveil_fuzz::tflite`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::tflite(bytes));
