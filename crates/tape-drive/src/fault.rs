//! Fault plans: what goes wrong, and when.
