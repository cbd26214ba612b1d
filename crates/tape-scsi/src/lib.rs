//! SCSI as bytes: sense data, TapeAlert flags and cartridge memory attributes, decoded and encoded without any I/O.
//!
//! Everything here takes bytes that a device sent, and so bytes that may be wrong: short, oversized, contradictory.
//! Decoders never panic and never allocate more than they were given.

mod asc;
pub mod attribute_id;
mod mam;
mod sense;
mod sense_key;
mod tape_alert;
mod tape_alert_table;

pub use asc::additional_sense_text;
pub use mam::{Attribute, AttributeError, AttributeValue};
pub use sense::Sense;
pub use sense_key::SenseKey;
pub use tape_alert::{AlertSeverity, TapeAlert};
