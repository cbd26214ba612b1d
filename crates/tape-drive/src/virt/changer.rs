//! The robot of a virtual library.
//!
//! Owns: the changer's lock file. What is where is in the folder's state and nowhere else, so that a cartridge moved by
//! hand, or by another process, is seen at the next command.

use super::cartridge::Cartridge;
use super::files::Lock;
use super::library::{CHANGER_ADDRESS, insert};
use super::state::*;
use crate::changer::*;
use crate::{DriveError, DriveErrorKind, Operation, Result};
use std::path::Path;
use std::time::Duration;
use tape_scsi::{Sense, SenseKey};

/// The changer of a virtual library.
#[derive(Debug)]
pub struct VirtualChanger {
    identity: ChangerIdentity,
    folder: Folder,
    _lock: Lock,
}

/// Whether there is a robot: drives without a slot stand alone.
pub(super) fn has_changer(state: &LibraryState) -> bool {
    !state.slots.is_empty() || !state.mail_slots.is_empty()
}

/// Who the changer of this library is.
pub(super) fn identity(state: &LibraryState) -> ChangerIdentity {
    ChangerIdentity {
        vendor: state.vendor.clone(),
        product: state.product.clone(),
        revision: env!("CARGO_PKG_VERSION").into(),
        serial: state.serial.clone(),
    }
}

impl VirtualChanger {
    /// Opens the changer of the library in `dir`. `Busy` if it is open, here or in another process; `Unsupported` if the
    /// library has no slots.
    pub fn open(dir: &Path) -> Result<VirtualChanger> {
        let folder = Folder::open(dir)?;
        let state = folder.read()?;
        if !has_changer(&state) {
            let message = format!("{} holds stand-alone drives: it has no changer", folder.path().display());
            return Err(DriveError::new(DriveErrorKind::Unsupported, Operation::Open, message));
        }
        let path = folder.file("changer.lock");
        let Some(lock) = Lock::try_now(&path).map_err(|error| io_error(&path, "lock", &error))? else {
            let message = format!("the changer of {} is in use by another program", folder.path().display());
            return Err(DriveError::new(DriveErrorKind::Busy, Operation::Open, message));
        };
        Ok(VirtualChanger { identity: identity(&state), folder, _lock: lock })
    }

    /// Tells of a unit attention, then whether the robot can move at all. Every command begins so.
    fn ready(&self, operation: Operation) -> Result<LibraryState> {
        let state = self.folder.read()?;
        if state.attention.is_some() {
            let attention = self.folder.update(|state| Ok(state.attention.take()))?;
            if let Some((asc, ascq)) = attention {
                return Err(sense(operation, SenseKey::UnitAttention, asc, ascq));
            }
        }
        if state.door == Door::Open {
            return Err(sense(operation, SenseKey::NotReady, 0x04, 0x18));
        }
        Ok(state)
    }

    /// The bar code of a cartridge, as far as the reader can tell.
    fn barcode(&self, cartridge: Option<&str>) -> Option<String> {
        cartridge.and_then(|name| Cartridge::load(&self.folder, name).ok()).and_then(|cartridge| cartridge.barcode)
    }

    fn slot(&self, slot: &Slot, kind: ElementKind) -> Element {
        Element {
            address: ElementAddress(slot.address),
            kind,
            full: slot.cartridge.is_some(),
            accessible: slot.exception.is_none(),
            exception: slot.exception,
            barcode: self.barcode(slot.cartridge.as_deref()),
            source: slot.source.map(ElementAddress),
            drive_serial: None,
        }
    }
}

impl Changer for VirtualChanger {
    fn identity(&self) -> &ChangerIdentity {
        &self.identity
    }

    fn inventory(&mut self) -> Result<Inventory> {
        let state = self.ready(Operation::Inventory)?;
        let mut elements = vec![Element {
            address: ElementAddress(CHANGER_ADDRESS),
            kind: ElementKind::Transport,
            full: false,
            accessible: true,
            exception: None,
            barcode: None,
            source: None,
            drive_serial: None,
        }];
        elements.extend(state.mail_slots.iter().map(|slot| self.slot(slot, ElementKind::ImportExport)));
        elements.extend(state.drives.iter().map(|bay| Element {
            address: ElementAddress(bay.address),
            kind: ElementKind::Drive,
            full: bay.cartridge.is_some(),
            // SMC-3, 6.11: the robot can reach the medium once the drive has let it go.
            accessible: bay.exception.is_none() && (bay.cartridge.is_none() || bay.thread == Thread::Ejected),
            exception: bay.exception,
            barcode: self.barcode(bay.cartridge.as_deref()),
            source: bay.source.map(ElementAddress),
            drive_serial: Some(bay.serial.clone()),
        }));
        elements.extend(state.slots.iter().map(|slot| self.slot(slot, ElementKind::Storage)));
        elements.sort_by_key(|element| element.address);
        Ok(Inventory { elements })
    }

    fn rescan(&mut self) -> Result<()> {
        self.ready(Operation::Inventory).map(|_| ())
    }

    fn move_medium(&mut self, from: ElementAddress, to: ElementAddress) -> Result<()> {
        let state = self.ready(Operation::Move)?;
        if state.settings.robot_ms > 0 {
            std::thread::sleep(Duration::from_millis(state.settings.robot_ms));
        }
        self.folder.update(|state| {
            if state.door == Door::Open {
                return Err(sense(Operation::Move, SenseKey::NotReady, 0x04, 0x18));
            }
            let missing = |address: ElementAddress| {
                let error = sense(Operation::Move, SenseKey::IllegalRequest, 0x21, 0x01);
                error.saying(format!("the library has no element {}", address.0))
            };
            let mut source = state.element_mut(from.0).ok_or_else(|| missing(from))?;
            let name = source.cartridge_mut().clone();
            let name = name.ok_or_else(|| sense(Operation::Move, SenseKey::IllegalRequest, 0x3b, 0x0e))?;
            if let Holder::Drive(bay) = &source {
                if bay.removal_prevented {
                    return Err(sense(Operation::Move, SenseKey::IllegalRequest, 0x53, 0x02));
                }
                if bay.thread == Thread::Threaded {
                    return Err(sense(Operation::Move, SenseKey::IllegalRequest, 0x53, 0x03));
                }
            }
            let remembered = if let Holder::Drive(bay) = &source { bay.source } else { Some(source.address()) };
            let mut destination = state.element_mut(to.0).ok_or_else(|| missing(to))?;
            if from == to {
                return Ok(());
            }
            if destination.cartridge_mut().is_some() {
                return Err(sense(Operation::Move, SenseKey::IllegalRequest, 0x3b, 0x0d));
            }
            match destination {
                Holder::Drive(bay) => insert(bay, &name, remembered),
                Holder::Slot(slot) => {
                    slot.cartridge = Some(name);
                    slot.source = remembered;
                }
            }
            if let Some(mut source) = state.element_mut(from.0) {
                *source.cartridge_mut() = None;
                *source.source_mut() = None;
            }
            Ok(())
        })
    }
}

fn sense(operation: Operation, key: SenseKey, asc: u8, ascq: u8) -> DriveError {
    DriveError::from_sense(operation, Sense::new(key, asc, ascq))
}
