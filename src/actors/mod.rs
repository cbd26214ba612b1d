//! The subsystems: who owns what while the server runs.

pub mod notifier;
