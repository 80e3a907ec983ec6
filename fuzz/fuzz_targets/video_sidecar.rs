//! See `faceveil_fuzz::video_sidecar`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| faceveil_fuzz::video_sidecar(bytes));
