//! The REST API of media, jobs, sets, catalog and restores, against a real house with a virtual library.

mod coverage;
mod database;
mod drives;
mod house;
mod jobs;
mod tapes;
