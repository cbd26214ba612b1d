//! Everything that goes wrong, one after the other: the server killed at every device command and every commit, the power cut,
//! every device command failing with every condition, robots that stop half-way and say what is not so, tapes that end anywhere,
//! disks that are full.
//!
//! Each run begins with a copy of a house that was made once: a server's data folder with labelled tapes and one committed set;
//! an operator changes the tapes of its drive, or a library, of one drive or two.
//! A fault happens while a job writes a set over three tapes; afterwards [`judge`] looks at everything that must hold.
//! What is tried is chosen by a seed, which is printed; `TAPEBACKARR_SEED=N` runs the same again. `cargo test` tries a
//! few; `make soak SECONDS=n` goes on for that long.

#[path = "../blackbox/api.rs"]
#[allow(dead_code, reason = "shared with the black-box tests")]
mod api;
#[path = "../blackbox/files.rs"]
#[allow(dead_code, reason = "shared with the black-box tests")]
mod files;

mod capacity;
mod device;
mod disk;
mod house;
mod judge;
mod kill;
mod operator;
mod robot;
mod seed;
mod soak;
