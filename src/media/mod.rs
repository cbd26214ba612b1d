//! Media: which tape the next backup goes to and why, how long sets are kept, and what may happen to a tape.

pub mod choose;
pub mod facts;
pub mod lifecycle;
pub mod retention;
