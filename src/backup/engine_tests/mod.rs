//! Whole runs of the engine over real trees.

mod ending;
mod incremental;
mod names;
mod resuming;
mod trouble;
