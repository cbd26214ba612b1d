//! Real libraries: the robot of an SMC medium changer, over SCSI generic.
//!
//! * [`changer`] opens it, learns what it is and can do, and moves cartridges;
//! * [`inventory`] asks it what is where;
//! * [`node`] is which device node that is.
//!
//! What a library cannot be asked (bar codes, the drives' serial numbers, answers without motion) is left out from then on
//! and costs a person nothing but that field.

pub mod changer;
mod inventory;
pub mod node;

pub use changer::SmcChanger;
