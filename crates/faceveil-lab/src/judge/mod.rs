//! Judging trained networks: exporting one, choosing its operating point on pictures kept for that, and comparing outputs
//! on the report part.

pub mod args;
pub mod choose;
pub mod coverage;
pub mod direct;
pub mod evaluate;
pub mod export;
pub mod page;
pub mod pictures;
