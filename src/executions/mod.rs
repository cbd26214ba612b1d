//! Long work as data: what was asked, how far it is, what it said, and who holds which drive and tape meanwhile.
//!
//! An **execution** is one run of one [`Request`]. Its row in `job_executions` is written before anything starts, so
//! that none is lost or run twice; a worker thread runs it with a [`Context`], which is its only way to the world:
//! phases, log, warnings, decisions ("why"), progress, leases on drives and tapes, and the question whether to stop.

pub mod advice;
pub(crate) mod backup;
mod batch_label;
mod cleaning;
pub mod command_line;
pub mod context;
mod control;
mod copy;
pub mod database_backup;
pub mod database_restore;
mod drill;
mod drive_action;
mod drive_test;
mod format;
mod inspect;
mod interrupted;
mod label;
mod library_action;
mod log;
mod maintenance;
pub mod mount;
mod pass;
mod progress;
mod raw_read;
mod rebuild;
mod request;
mod reservations;
mod restore;
mod room;
pub mod run;
mod scrub;
pub mod stages;
mod tape_change;
mod tape_reading;
pub mod throughput;
mod v1;
mod verify;

pub use context::{Context, FailedDrives, Services};
pub use control::{Control, Stop};
pub use interrupted::{after_a_crash, after_a_shutdown};
pub use log::{Log, WarningWriter, Warnings};
pub use maintenance::{Chore, last_check};
pub use progress::{Progress, ProgressView, TapeFill};
pub use request::*;
pub use reservations::{Lease, Reservations, Taken, Wanted};
pub use stages::{Stage, StageView, Stages};
pub use throughput::{Recorder, Throughput};
pub use v1::uploads as v1_uploads;
