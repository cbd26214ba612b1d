//! What to send: from a source on disk to frames of a tar stream.
//!
//! [`source`] checks that a source is really there. [`walk`] lists it in order without ever following a symbolic link,
//! leaving out what [`filter`] says. [`diff`] joins that with the state as of the parent set and keeps what is new or
//! changed, and the paths that are gone. [`engine`] reads, hashes and compresses what is left with several threads and
//! hands frames, in order, to whoever writes them.

mod chain;
pub mod content;
pub mod diff;
pub mod directory;
pub mod engine;
pub mod filter;
pub mod folders;
pub mod glob;
pub mod hash;
pub mod hooks;
pub mod lanes;
mod large;
pub mod lookahead;
pub mod mounts;
pub mod owners;
pub mod place;
pub mod planner;
pub mod preview;
pub mod resume;
pub mod scan;
pub mod small;
pub mod source;
pub mod spool;
pub mod stats;
pub mod stop;
pub mod unit;
pub mod walk;
pub mod warning;
pub mod worker;
pub mod xattr;

#[cfg(test)]
mod testing;
