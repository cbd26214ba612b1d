//! The target in the tape lab: the kernel's own initiator and drivers, and programs that are not ours, use it.

mod conditions;
mod dangers;
mod drives;
#[path = "../../../../tests/lab/harness.rs"]
mod harness;
#[allow(dead_code)] // other test programs use it too
mod house;
mod reconnect;
mod rights;
mod tools;
