//! The table of contents: what a part holds, as JSON in the tape file behind it.
//!
//! A table is never in memory as a whole, neither when it is written nor when it is read: 5 million files make more than
//! a gigabyte of it. While a part is written its members go to a [`Spool`]; [`read`] passes them on one by one.

mod entry;
mod json;
mod model;
mod reader;
mod records;
mod spool;

pub use model::{Cut, PartInfo, SetInfo, SetKind, Summary, TapeInfo, TocHead, Totals};
pub(crate) use reader::{Limited, MAX_ENTRY, MAX_WINDOW_LOG, ZSTD_MAGIC};
pub use reader::{TocKind, TocSink, read};
pub use records::{SEALED_HEAD, SealedHead};
pub(crate) use records::{Sealing, write};
pub use spool::{COMPRESS_ABOVE, FinishedToc, Spool};

/// Bytes in each record of a table of contents.
pub const RECORD: usize = 64 << 10;
