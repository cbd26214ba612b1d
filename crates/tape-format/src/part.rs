//! A part: the run of a set's frames that is in one tape file, followed by its table of contents in the next.
//!
//! [`write_part`] writes one and knows how to end it well whatever the tape does. [`PartReader`] reads any range of the
//! set's tar stream out of one; [`PartStream`] reads all of it in order, and needs to know nothing but the key.

mod blocks;
mod checkpoint;
mod checks;
mod close;
mod close_at;
mod layout;
mod pack;
mod reader;
mod room;
mod scan;
mod spec;
mod stream;
mod write;

pub use blocks::FileReader;
pub use close_at::{KnownMembers, close_at};
pub use layout::{FrameTable, MAX_FRAMES, PartLayout};
pub use reader::{PartReader, RangeReader};
pub(crate) use scan::kind_of;
pub use scan::{
    After, FileKind, TapeEnd, TapeFile, Visitor, first_block_kind, read_label, read_rest_of_toc, read_toc, scan,
    scan_reading, visit,
};
pub use spec::{
    Checkpoint, DeletedPaths, PartEnd, PartError, PartErrorKind, PartObserver, PartOutcome, PartProgress, PartSpec,
    PendingFirst, TapeState, Wish,
};
pub use stream::{PartKey, PartStream};
pub use write::write_part;
