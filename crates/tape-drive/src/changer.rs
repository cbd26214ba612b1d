//! The interface of a library's robot (SMC-3 medium changer).

use crate::Result;
use serde::{Deserialize, Serialize};
pub use tape_scsi::command::read_element_status::ElementKind;
pub use tape_scsi::mode_page::device_capabilities::DeviceCapabilities;

/// Who a library is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangerIdentity {
    /// T10 vendor identification, trimmed.
    pub vendor: String,
    /// Product identification, trimmed.
    pub product: String,
    /// Firmware revision.
    pub revision: String,
    /// Unit serial number.
    pub serial: String,
}

/// Element address: how SMC names a slot, a drive bay, a mail slot or the gripper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ElementAddress(pub u16);

/// One element's descriptor of READ ELEMENT STATUS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Element {
    /// Its address.
    pub address: ElementAddress,
    /// Its type.
    pub kind: ElementKind,
    /// Holds a medium.
    pub full: bool,
    /// The robot can reach it; for a drive: its medium is ejected and can be taken.
    pub accessible: bool,
    /// Additional sense code and qualifier, if the element is in an abnormal state.
    pub exception: Option<(u8, u8)>,
    /// Primary volume tag, trimmed; `None` if empty, unread or without a reader.
    pub barcode: Option<String>,
    /// It holds a cleaning cartridge, as its bar code (`CLN…`) or the library says.
    pub cleaning: bool,
    /// Where the medium in it came from, if the library remembers.
    pub source: Option<ElementAddress>,
    /// For a drive bay: the drive's unit serial number.
    pub drive_serial: Option<String>,
}

impl Element {
    /// An empty element in good order.
    pub fn empty(address: ElementAddress, kind: ElementKind) -> Element {
        Element {
            address,
            kind,
            full: false,
            accessible: true,
            exception: None,
            barcode: None,
            cleaning: false,
            source: None,
            drive_serial: None,
        }
    }
}

/// All elements of a library, in address order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Inventory {
    /// The elements.
    pub elements: Vec<Element>,
}

impl Inventory {
    /// The elements of one kind, in address order.
    pub fn of(&self, kind: ElementKind) -> impl Iterator<Item = &Element> {
        self.elements.iter().filter(move |element| element.kind == kind)
    }

    /// The element at `address`.
    pub fn element(&self, address: ElementAddress) -> Option<&Element> {
        self.elements.iter().find(|element| element.address == address)
    }
}

/// The robot of one library. Methods block until the robot has finished.
pub trait Changer: Send {
    /// Who the library is; known from opening it.
    fn identity(&self) -> &ChangerIdentity;

    /// From where to where it can move cartridges; known from opening it.
    fn capabilities(&self) -> DeviceCapabilities;

    /// READ ELEMENT STATUS: what the library believes to be where. Moves nothing.
    fn inventory(&mut self) -> Result<Inventory>;

    /// INITIALIZE ELEMENT STATUS: lets the robot look and read the bar codes again.
    fn rescan(&mut self) -> Result<()>;

    /// MOVE MEDIUM. The source must be full, the destination empty; a drive must have ejected its medium.
    fn move_medium(&mut self, from: ElementAddress, to: ElementAddress) -> Result<()>;

    /// EXCHANGE MEDIUM: what is in `from` goes to `to`, and what was in `to` goes to `then`, which is `from` or empty.
    /// Nothing is moved if the first of both is not possible. See [`DeviceCapabilities::can_exchange`].
    fn exchange(&mut self, from: ElementAddress, to: ElementAddress, then: ElementAddress) -> Result<()>;
}
