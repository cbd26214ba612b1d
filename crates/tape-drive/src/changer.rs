//! The interface of a library's robot (SMC-3 medium changer).

use crate::Result;
use serde::{Deserialize, Serialize};

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

/// Element types of SMC-3, table 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ElementKind {
    /// The gripper (type 1).
    Transport,
    /// A storage slot (type 2).
    Storage,
    /// A mail slot (type 3).
    ImportExport,
    /// A drive bay (type 4).
    Drive,
}

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
    /// Where the medium in it came from, if the library remembers.
    pub source: Option<ElementAddress>,
    /// For a drive bay: the drive's unit serial number.
    pub drive_serial: Option<String>,
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

    /// READ ELEMENT STATUS: what the library believes to be where. Moves nothing.
    fn inventory(&mut self) -> Result<Inventory>;

    /// INITIALIZE ELEMENT STATUS: lets the robot look and read the bar codes again.
    fn rescan(&mut self) -> Result<()>;

    /// MOVE MEDIUM. The source must be full, the destination empty; a drive must have ejected its medium.
    fn move_medium(&mut self, from: ElementAddress, to: ElementAddress) -> Result<()>;
}
