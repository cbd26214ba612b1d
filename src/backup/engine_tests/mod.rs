//! Whole runs of the engine over real trees.

mod ending;
mod incremental;
mod names;
mod trouble;
mod resuming;
