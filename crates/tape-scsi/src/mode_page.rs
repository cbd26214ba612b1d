//! Mode pages, one per file: [`MODE SENSE`](crate::command) delivers them, and each file reads and writes one.

pub mod device_capabilities;
pub mod element_address_assignment;
