//! What can only be tried with the kernel's own tape drivers, in the tape lab.

mod boots;
mod drives;
mod harness;
