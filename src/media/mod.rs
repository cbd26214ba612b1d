//! Media: which tape the next backup goes to and why, and what may happen to a tape.

pub mod choose;
pub mod facts;
pub mod lifecycle;
