//! A virtual library behind iSCSI: its changer and its drives, for the kernel's tape drivers and for everything that
//! speaks SCSI.
//!
//! A [`Target`] serves one virtual library (see `tape_drive::virt`). The robot is logical unit 0 and the drives follow; a
//! library without slots has no robot, and its drives begin at 0. Without [`Credentials`] (CHAP) it listens on the
//! loopback network only.
//!
//! Threads: one that accepts, one for each connection, and one for each logical unit, which executes commands one after
//! the other. Everything that arrives is limited: connections, commands under way, data of writes, time for a login.
//!
//! [`Injection`] makes a unit answer what a test wants, and remembers what it was asked.

mod injection;
mod iscsi;
mod scsi;
mod server;
mod units;

pub use injection::{Execution, Injection, Logged, Response, Rule};
pub use iscsi::chap::{Credentials, MIN_SECRET};
pub use server::{Settings, Target, TargetError};
