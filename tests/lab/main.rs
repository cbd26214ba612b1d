//! What can only be tried with the kernel's own tape drivers, in the tape lab.

#[path = "../blackbox/api.rs"]
#[allow(dead_code)]
mod api;
mod boots;
mod changer;
mod cross;
mod cycle;
mod drive_test;
mod drives;
#[path = "../blackbox/files.rs"]
#[allow(dead_code)]
mod files;
mod harness;
#[path = "../../crates/tape-target/tests/lab/house.rs"]
#[allow(dead_code)]
mod house;
#[path = "../blackbox/refusals.rs"]
mod refusals;
mod resets;
#[path = "../blackbox/server.rs"]
#[allow(dead_code)]
mod server;
mod service;
mod udev;
mod vtl;
mod write_once;
