//! Work with tapes that version 1 of the program wrote.

pub mod keys;
pub mod reading;
