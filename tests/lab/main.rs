//! What can only be tried with the kernel's own tape drivers, in the tape lab.

#[path = "../blackbox/api.rs"]
#[allow(dead_code)]
mod api;
mod boots;
mod changer;
mod drives;
mod harness;
#[path = "../blackbox/server.rs"]
#[allow(dead_code)]
mod server;
mod service;
