//! SCSI for tapes and libraries: commands and their answers as bytes, and the way to the device.
//!
//! * [`command`]: one command or group of commands per file: `command(…)` builds the CDB, `decode(&[u8])` reads the
//!   answer, and a function of the command's name does both through a [`Transport`];
//! * [`log`]: log pages, one per file; [`encryption`]: the pages of SECURITY PROTOCOL IN and OUT for tape encryption;
//! * [`transport`]: how a command gets to a device: [`SgIo`](transport::SgIo) is Linux's way, and
//!   [`Scripted`](transport::Scripted) is one for tests;
//! * [`Sense`], [`TapeAlert`] and [`Attribute`]: the structures that several commands share.
//!
//! Decoders take bytes that a device sent, and so bytes that may be wrong: short, oversized, contradictory. They never
//! panic and never allocate more than they were given.

mod asc;
pub mod attribute_id;
mod bytes;
pub mod command;
pub mod encryption;
mod error;
pub mod log;
mod mam;
pub mod mode_page;
mod sense;
mod sense_key;
mod tape_alert;
mod tape_alert_table;
mod text;
pub mod transport;

pub use asc::additional_sense_text;
pub use error::{Malformed, ScsiError};
pub use mam::{Attribute, AttributeError, AttributeValue};
pub use sense::{RefusedField, Sense};
pub use sense_key::SenseKey;
pub use tape_alert::{AlertSeverity, TapeAlert};
pub use transport::{Command, Data, Reply, Status, Timeout, Transport, TransportError};
