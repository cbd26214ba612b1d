//! The table of contents: what a part holds, as JSON in the tape file behind it.
//!
//! A table is never in memory as a whole, neither when it is written nor when it is read: 5 million files make more than
//! a gigabyte of it.

mod model;

pub use model::{Cut, PartInfo, SetInfo, SetKind, Summary, TapeInfo, TocHead, Totals};
