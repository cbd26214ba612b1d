//! A part: the run of a set's frames that is in one tape file, followed by its table of contents in the next.
//!
//! [`write_part`] writes one and knows how to end it well whatever the tape does. [`PartReader`] reads any range of the
//! set's tar stream out of one; [`PartStream`] reads all of it in order, and needs to know nothing but the key.

mod layout;
mod spec;

pub use layout::{FrameTable, PartLayout};
pub use spec::{
    DeletedPaths, PartEnd, PartError, PartErrorKind, PartObserver, PartOutcome, PartProgress, PartSpec, PendingFirst,
    TapeState,
};
