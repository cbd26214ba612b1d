//! Work with what version 1 of the program (the Go program) left: its database, and its tapes.

pub mod import_database;
pub mod import_tape;
pub mod inspect;
mod jobs;
pub mod keys;
pub mod reading;
mod store;
mod tape_row;
pub mod uploads;
