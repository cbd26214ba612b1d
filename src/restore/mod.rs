//! From tape back to disk.
//!
//! [`plan`] decides what is to be read: the newest version of each wanted path along a chain of sets, hard-link targets
//! that must come along, and the order of tapes and positions. [`reader`] runs on the drive's thread and sends runs of
//! the tar stream through a bounded channel ([`flow`]); [`members`] finds the wanted members in them and hands each to
//! [`extract`], which writes it below a destination ([`safe`]) that nothing in an archive can lead out of.

pub mod archive;
pub mod existing;
pub mod extract;
pub mod metadata;
pub mod plan;
pub mod safe;
pub mod schedule;
mod temporary;
mod write;

pub use existing::ExistingPolicy;
