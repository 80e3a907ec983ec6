//! Measures of anonymised pictures: leak, exposed, collateral, false regions.
#![forbid(unsafe_code)]
