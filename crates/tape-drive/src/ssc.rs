//! Real tape drives by SCSI commands alone: over SCSI generic (`/dev/sg3`), the first choice for writing, for here every
//! sense byte arrives.
//!
//! * [`drive`] opens a drive, learns what it can do, and makes a [`TapeDrive`](crate::TapeDrive) of it;
//! * [`transfer`] writes and reads blocks and filemarks, and says what the sense data behind them mean;
//! * [`motion`] goes to places, and [`walk`] does it for drives that cannot be told where to go;
//! * [`medium`] is the cartridge: its kind, its memory, its settings;
//! * [`logs`] is what the drive counted and noticed, [`encrypting`] its keys;
//! * [`node`] opens the device node.
//!
//! Nothing is written unless the position is known from the drive itself, or counted from the beginning of the tape by the
//! drive's own answers (see [`motion`]).

pub mod drive;
mod encrypting;
mod logs;
mod medium;
mod motion;
pub mod node;
mod tally;
mod transfer;
mod walk;

pub use drive::SscDrive;
