//! Fault plans: what goes wrong in a drive, and when.
//!
//! [`FaultDrive`] stands before a drive, [`FaultChanger`] before a changer, and counts its commands. A plan says at which command, or at which position, which
//! [`Condition`] occurs; each condition is one that a real drive reports, with the sense data it sends. Plans can be
//! changed while the drive is in use, through its [`FaultHandle`], and can be made from a seed, so that every failure found
//! by chance can be found again.

mod changer;
mod handle;
mod plan;
mod robot;
mod wrapper;

pub use changer::FaultChanger;
pub use handle::{FaultHandle, Fired};
pub use plan::{Condition, Fault, FaultPlan, NoReply, Repeat, When};
pub use robot::Robot;
pub use wrapper::{FaultDrive, Faulty};
