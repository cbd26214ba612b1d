//! The real program, from outside: a server process with a virtual library, spoken to as any client speaks to it.

mod api;
mod bad_input;
mod cleaning;
mod copying;
mod copying_trouble;
mod crash;
mod damage;
mod database;
mod drive_encryption;
mod drive_health;
mod drive_test;
mod drives;
mod files;
mod hands;
mod hostile_requests;
mod incremental;
mod manual;
mod many_sets;
mod notify;
mod parallel;
mod rebuild;
mod recovering;
mod restoring;
mod retention;
mod schedule;
mod scrubbing;
#[path = "../faults/seed.rs"]
mod seed;
mod server;
mod spanning;
mod spanning_hands;
mod spanning_loss;
mod spanning_restart;
mod spanning_trouble;
mod stages;
mod version1;
