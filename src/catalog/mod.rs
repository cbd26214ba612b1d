//! What is where: the catalog of every file version on every tape.
//!
//! Storage is normalised. A path is a directory ([`dirs`](crate::db::schema::catalog_dirs), stored once) and a name; a
//! *version* is what one backup set has of it, keyed (set, directory, name). So a backup appends to the table, a
//! directory of a set is one range of it, and a set is dropped as one range. Distinct names are kept beside it with a
//! trigram index over groups of them, built after a set was committed. Paths are text as
//! `tape_format::path_text` writes them, without loss.
//!
//! * [`writer`]: the one connection that writes; owned by the catalog's thread. [`index`] and [`discard`] are what
//!   else it does, in small steps, so that a running backup never waits for them long.
//! * [`chain`]: the sets that make up a state of a source: an incremental, its parent, … up to the full one.
//! * [`layers`]: the rule by which the sets of a chain make one state: the newest version of a name counts, one
//!   recorded as gone hides it, and one that is no directory (any more) hides everything older beneath it.
//! * [`browse`], [`search`], [`lookup`], [`select`]: reading, for people and for restores; [`walk`]: directory by directory.
//! * [`holders`]: which sets hold the content of a state, for counting copies.
//! * [`from_toc`]: rows out of a tape's table of contents; [`checksum`]: the checksum of a set.
//! * [`rebuild`]: tapes, jobs, sets and parts as rows, out of what tapes say.
//! * [`baseline`]: reading, for the comparison of an incremental backup with what was there before.

pub mod baseline;
pub mod browse;
pub mod chain;
pub mod checksum;
pub mod commit;
pub mod discard;
pub mod files;
pub mod from_toc;
pub mod holders;
pub mod index;
pub mod kind;
pub mod layers;
pub mod lookup;
pub mod partial;
pub mod path;
pub mod rebuild;
pub mod search;
pub mod select;
pub mod spanning;
pub mod trigrams;
pub mod walk;
pub mod writer;

pub use writer::CatalogWriter;

#[cfg(test)]
pub mod explain;
#[cfg(test)]
pub mod testing;
