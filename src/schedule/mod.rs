//! When a job runs: cron expressions read as people write them, in a time zone, right on the days the clocks change.
//!
//! Pure computation, no clock and no thread: whoever owns the clock asks [`Schedule::next_after`] when to wake up,
//! and [`due`] what to do now that it has.
//!
//! ```
//! use chrono::{TimeZone, Utc};
//! use tapebackarr::schedule::Schedule;
//!
//! let nightly = Schedule::parse("30 1 * * 1-5", "Europe/Berlin").unwrap();
//! assert_eq!(nightly.explain(), "every weekday at 01:30 (Europe/Berlin)");
//! let friday_noon = Utc.with_ymd_and_hms(2026, 11, 20, 12, 0, 0).unwrap();
//! assert_eq!(nightly.next_after(friday_noon).unwrap().to_rfc3339(), "2026-11-23T00:30:00+00:00");
//! ```
//!
//! * [`cron`]: the expression: what is accepted, and errors that say where
//! * [`next`]: from wall-clock times to instants, through both kinds of clock change
//! * [`missed`]: what was missed while nobody looked
//! * [`explain`]: the expression in words

mod calendar;
pub mod cron;
mod error;
pub mod explain;
mod field;
pub mod missed;
pub mod next;

pub use cron::Cron;
pub use error::ScheduleError;
pub use field::FieldName;
pub use missed::{Due, Missed, due, missed_between};
pub use next::{Schedule, parse_time_zone};
