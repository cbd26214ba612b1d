//! How long a set is kept: by rules that are computed whenever somebody asks, never frozen into a row.
//!
//! **A set is kept if any rule keeps it:** its days are not over; it is among the last n of its job; it is the newest of
//! one of the last k days, weeks, months or years that have a set, in the time zone of the job; a person protected it. What
//! a kept set builds on is kept with it, up to the full set. A set that is being written, or whose run can go on,
//! is kept; one that was never completed is not. A copy of a set, and a copy of the database, is kept by the rule of the pool it is in,
//! and the newest of all is always kept.
//!
//! * [`rule`]: what a job and its pool ask for
//! * [`decide`]: facts in, verdicts out; pure
//! * [`forecast`]: what a schedule and a rule come to, before anything was written; pure
//! * [`tapes`]: what that means for a tape; pure
//! * [`facts`]: the facts, read from the database, and the verdicts on all of them
//!
//! `backup_sets.expires_at` and `expired_at` are what the last maintenance run found, for display. Whoever is about to
//! destroy something asks [`facts::Evaluation`] anew ([`super::lifecycle`]), so a rule that was changed counts at once.

pub mod decide;
pub mod facts;
pub mod forecast;
pub mod rule;
pub mod tapes;

#[cfg(test)]
mod tests;

pub use decide::{Reason, Verdict};
pub use facts::Evaluation;
pub use rule::{Days, Rule};
