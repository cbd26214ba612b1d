//! Real tape drives through the kernel's tape driver (`/dev/nst0`): data and positioning by its calls, everything else by
//! SCSI commands through the drive's generic node.
//!
//! The driver hides sense data, turns some lost writes into success, and goes on writing when the cartridge was exchanged.
//! So nothing that it says is believed alone:
//!
//! * buffers are aligned and blocks no longer than 1 MiB, for then the driver writes directly and the answer belongs to
//!   the block that was written, not to an earlier one;
//! * after a write that raised the driver's end-of-tape flag, after every error and every short write, and after every
//!   filemark the drive itself is asked where it is (READ POSITION), and what it says counts;
//! * after an error nothing is written until the cartridge is known to be the same, or the caller has gone to a place
//!   anew, which it does when it is told that the cartridge may have been changed;
//! * an error of a read or a motion is looked into by doing the same with a SCSI command, whose sense data say why;
//! * the driver is never left in the state in which it would write a filemark by itself.
//!
//! [`drive`] is the drive, [`write`] and [`look`] the rules above, [`ioctl`] the driver's calls, [`node`] opens it, and [`fresh`]
//! opens it anew.

mod buffer;
pub mod drive;
mod fresh;
mod ioctl;
mod look;
pub mod node;
mod write;

pub use drive::StDrive;
