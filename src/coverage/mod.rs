//! How many copies there are of what: per source the files of its newest state, by the tapes that hold them.
//!
//! Two halves. [`counter`] goes through the catalog, which takes long when there are many files, and remembers who holds
//! what; it does so in the background, and again only when a source has a set that was not counted. [`judge`] says, at
//! every request, what that is worth with the tapes as they are now.

pub mod counter;
pub mod judge;

pub use counter::Counter;
