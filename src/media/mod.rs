//! Media: which tape the next backup goes to and why, how long sets are kept, what may happen to a tape, and how worn it is.

pub mod choose;
pub mod facts;
pub mod lifecycle;
mod refusals;
pub mod retention;
pub mod wear;
