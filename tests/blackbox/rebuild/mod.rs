//! The database is lost; the tapes alone bring it back (invariant I3).

mod house;
mod rows;
mod whole;
