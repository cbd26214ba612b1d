//! From tape back to disk.
//!
//! [`select`] makes a [`plan`] from the catalog: the newest version of each wanted path along a chain of sets, and hard-link
//! targets that must come along; [`schedule`] puts tapes and positions in order
//! (on a tape, that of its tracks: [`serpentine`]). [`reader`] runs on the drive's thread and sends runs of
//! the tar stream through a bounded channel ([`flow`], [`feed`]); [`members`] finds the wanted members in them and hands each to
//! [`extract`], which writes it below a destination ([`safe`]) that nothing in an archive can lead out of.

pub mod archive;
pub mod check;
pub mod copies;
pub mod database;
pub mod estimate;
pub mod exclude;
pub mod existing;
pub mod extract;
pub mod feed;
pub mod flow;
pub mod items;
pub mod layout;
pub mod lost;
pub mod members;
pub mod metadata;
pub mod pieces;
pub mod plan;
pub mod reader;
pub mod required;
pub mod safe;
pub mod schedule;
pub mod select;
pub mod serpentine;
mod temporary;
mod write;

pub use existing::ExistingPolicy;
pub use extract::{Expected, Failed, Placed};

#[cfg(test)]
mod tests;
