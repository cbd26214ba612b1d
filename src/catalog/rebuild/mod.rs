//! What tapes say of themselves becomes rows: tapes and pools, jobs and sources, sets and parts.
//!
//! Everything here may be repeated: what is there already stays as it is. A set read from tapes is `incomplete`, with
//! the reason in words, until all its parts have been taken; a part counts once its row is there, which is after the
//! whole of its table of contents has been read.
//!
//! * [`tape`]: the row of a tape, and where it ends.
//! * [`set`]: the row of a set that a tape names, with the job it belongs to, its parent and its key.
//! * [`part`]: a part that was read: its row, and what becomes of its set.
//! * [`known`]: comparing what a tape says with what the database has.

pub mod known;
pub mod part;
pub mod set;
pub mod tape;

use chrono::{DateTime, NaiveDateTime};

/// What SQLite can hold of a size or a position; larger ones do not occur on a medium.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A time on tape. One that no calendar can hold becomes 1970.
fn time(seconds: i64) -> NaiveDateTime {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().naive_utc()
}
