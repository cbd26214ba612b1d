//! Virtual tape: a cartridge is an image file, a library is a directory.
//!
//! * [`image`] is a tape in a file: blocks, filemarks, positions, nothing of drives; [`index`] and [`sidecar`] let it
//!   find any object at once;
//! * [`cartridge`] adds what a cartridge is: bar code, format, capacity, write protection, cartridge memory;
//! * [`library`] is the directory: what is in which drive and slot, changed by hand here and by the robot in [`changer`];
//! * [`drive`] is the drive: states, unit attentions, early warning, the buffer that a power cut loses, alerts, health;
//! * `sealed` is how a block is stored that the drive compressed (`squeezed`) or encrypted, `encrypting` what the drive does
//!   with it, `transferred` how much it was;
//! * [`speed`] is how long all that takes on a real one; by default nothing takes any time;
//! * [`copies`] reads an image, or files copied off a tape, without any library;
//! * [`control`] reaches the drives that are open in this process, and in others when they open, to inject faults.
//!
//! All state is in files, updated under a lock and by rename, so several drives and the changer of one library can be
//! used by different threads and processes at the same time, and everything survives a restart. The formats are
//! described in `docs/virtual-tape.md`.

pub mod cartridge;
pub mod changer;
mod commands;
pub mod control;
pub mod copies;
pub mod drive;
mod encrypting;
mod files;
pub mod image;
pub mod index;
pub mod library;
mod loading;
mod scan;
mod sealed;
pub mod sidecar;
pub mod speed;
mod squeezed;
pub mod state;
mod survey;
mod transferred;

pub use cartridge::CartridgeSpec;
pub use changer::VirtualChanger;
pub use control::{DeviceControl, changer_control, control};
pub use copies::TapeCopy;
pub use drive::VirtualDrive;
pub use library::{LibrarySpec, Place};
pub use scan::scan;
pub use transferred::Transferred;
