//! The suite of behaviour that every backend passes.
