//! What runs below the example and the tests: start-up, the emulator's console and files, the count of instructions, and
//! the painted stack.
#![no_std]

pub mod board;
pub mod count;
pub mod example;
pub mod host;
pub mod random;
