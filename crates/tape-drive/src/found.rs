//! What a search for devices finds.

use crate::ElementAddress;
use serde::{Deserialize, Serialize};

/// Kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// A tape drive, to be opened by [`crate::open_drive`].
    Drive,
    /// A library's robot, to be opened by [`crate::open_changer`].
    Changer,
}

/// A device that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundDevice {
    /// Drive or changer.
    pub kind: DeviceKind,
    /// The path that opens it.
    pub device_path: String,
    /// T10 vendor identification.
    pub vendor: String,
    /// Product identification.
    pub product: String,
    /// Firmware revision.
    pub revision: String,
    /// Unit serial number.
    pub serial: String,
    /// For a drive in a library: its element address.
    pub element: Option<ElementAddress>,
    /// For a drive in a library: the serial number of the library's changer.
    pub changer_serial: Option<String>,
}
