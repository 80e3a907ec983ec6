//! The kernels of `faceveil-infer` with their tests, as `cargo xtask cross` builds them for 64-bit ARM.
#![deny(unsafe_code)]

#[path = "../../crates/faceveil-infer/src/kernels/mod.rs"]
pub mod kernels;

#[cfg(test)]
mod tests {
    use super::kernels::Isa;

    /// Else a test of all instruction sets would be one of the portable one alone.
    #[test]
    fn the_emulated_processor_has_the_instructions_that_are_to_be_tested() {
        let wanted = std::env::var("FACEVEIL_ISAS").expect("FACEVEIL_ISAS says how many instruction sets");
        let all = Isa::all();
        assert_eq!(all.len().to_string(), wanted, "{all:?}");
    }
}
