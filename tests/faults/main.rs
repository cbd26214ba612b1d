//! Everything that goes wrong, one after the other: the server killed at every device command and every commit, the power cut,
//! every device command failing with every condition, robots that stop half-way and say what is not so, tapes that end anywhere,
//! disks that are full or break, servers that do not answer.
//!
//! Each run begins with a copy of a house that was made once: a server's data folder with labelled tapes and one committed set;
//! an operator changes the tapes of its drive, or a library, of one drive or two.
//! A fault happens while a job writes a set over three tapes; afterwards [`judge`] looks at everything that must hold.
//! [`rehearsal`] finds out at which places a server can be killed and how many commands can fail; [`sweep`] goes through all of
//! that, and of what can be damaged, broken, silent or hostile besides. `cargo test` tries a few, chosen by a seed that is printed;
//! `TAPEBACKARR_SEED=N` chooses others. `make soak SECONDS=n` goes on for that long, and `make soak SECONDS=0` until everything was
//! tried once.

#[path = "../blackbox/api.rs"]
#[allow(dead_code, reason = "shared with the black-box tests")]
mod api;
#[path = "../blackbox/notify/certificate.rs"]
#[allow(dead_code, reason = "shared with the black-box tests")]
mod certificate;
#[path = "../blackbox/files.rs"]
#[allow(dead_code, reason = "shared with the black-box tests")]
mod files;
#[path = "../blackbox/notify/receiver.rs"]
#[allow(dead_code, reason = "shared with the black-box tests")]
mod receiver;
#[path = "../blackbox/server.rs"]
#[allow(dead_code, reason = "shared with the black-box tests")]
mod server;

mod breakpoints;
mod capacity;
mod clock;
mod closing;
mod damage;
mod device;
mod disk;
mod hanging;
mod hostile_requests;
mod house;
mod io_errors;
mod judge;
mod kill;
mod labels;
mod last_part;
mod messages;
mod operator;
mod own_folder;
mod rehearsal;
mod robot;
mod room;
mod safe;
mod seed;
mod soak;
mod sweep;
mod syscalls;
mod work;
