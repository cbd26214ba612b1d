//! The database is lost; the tapes alone bring it back (invariant I3).

mod damage;
mod house;
mod rows;
mod trouble;
mod whole;
