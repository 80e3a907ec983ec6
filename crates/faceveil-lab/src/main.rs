//! The `faceveil-lab` program; everything that can be tested lives in the library beside it.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    faceveil_lab::run(std::env::args_os())
}
