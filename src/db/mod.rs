//! To be filled.
pub mod schema;
