//! What a tape drive and a tape library are, and the devices that implement it.
//!
//! Two traits are the whole interface to hardware: [`TapeDrive`] (one drive, one thread at a time) and [`Changer`]
//! (the robot of one library). Everything above them (the format on tape, the actors, the command line) sees only
//! these, so that all of it runs and is tested on a machine without hardware.
//!
//! Backends:
//! * [`virt`]: cartridges are image files, a library is a directory; with capacity, early warning, a drive buffer that
//!   a power cut loses, an optional speed model, and [`fault`] plans;
//! * [`fault`] also wraps any other drive, to make it fail where a test wants it to;
//! * [`ssc`]: real drives, over SCSI generic; [`st`]: real drives, through the kernel's tape driver;
//! * [`smc`]: real libraries, over SCSI generic;
//! * [`null`]: a drive that accepts everything and keeps nothing, for measuring what stands before it.
//!
//! [`open_drive`] and [`open_changer`] choose the backend from a device path. [`conformance`] is the one suite of
//! behaviour that every backend passes.

pub mod breakpoint;
pub mod changer;
pub mod conformance;
pub mod drive;
mod encryption;
pub mod error;
pub mod fault;
mod found;
pub mod hardware;
mod health;
pub mod lto;
pub mod null;
mod open;
pub mod position;
mod ready;
mod sense_map;
pub mod smc;
pub mod ssc;
pub mod st;
pub mod virt;

pub use changer::{Changer, ChangerIdentity, DeviceCapabilities, Element, ElementAddress, ElementKind, Inventory};
pub use drive::{
    BlockLimits, Compression, DriveIdentity, DriveState, DriveStatus, FilemarkSync, Medium, MediumKind, ReadOutcome,
    Removal, TapeDrive, WriteOutcome,
};
pub use encryption::{DecryptionMode, DriveKey, EncryptionMode, EncryptionState, MAX_KEY_ASSOCIATED_DATA, NextBlock};
pub use error::{DriveError, DriveErrorKind, Operation, Result};
pub use found::{DeviceKind, FoundDevice, place};
pub use health::{Capabilities, DriveHealth, SupportedDensity, VolumeHealth};
pub use open::{open_changer, open_drive, open_virtual_drive, virtual_directory};
pub use position::{Position, TapePosition};
pub use ready::make_ready;
pub use sense_map::sense_kind;
