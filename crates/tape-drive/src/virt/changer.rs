//! The robot of a virtual library.
//!
//! Owns: the changer's lock file. What is where is in the folder's state and nowhere else, so that a cartridge moved by
//! hand, or by another process, is seen at the next command.

use super::cartridge::Cartridge;
use super::files::Lock;
use super::library::{CHANGER_ADDRESS, insert};
use super::state::*;
use crate::changer::*;
use crate::{DriveError, DriveErrorKind, MediumKind, Operation, Result};
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

    fn slot(&self, slot: &Slot, kind: ElementKind) -> Element {
        Element {
            accessible: slot.exception.is_none(),
            exception: slot.exception,
            source: slot.source.map(ElementAddress),
            ..self.holding(ElementAddress(slot.address), kind, slot.cartridge.as_deref())
        }
    }

    /// An element with this cartridge in it, or none.
    fn holding(&self, address: ElementAddress, kind: ElementKind, cartridge: Option<&str>) -> Element {
        let found = cartridge.and_then(|name| Cartridge::load(&self.folder, name).ok());
        Element {
            full: cartridge.is_some(),
            cleaning: found.as_ref().is_some_and(|cartridge| cartridge.kind == MediumKind::Cleaning),
            barcode: found.and_then(|cartridge| cartridge.barcode),
            ..Element::empty(address, kind)
        }
    }
}

impl Changer for VirtualChanger {
    fn identity(&self) -> &ChangerIdentity {
        &self.identity
    }

    fn capabilities(&self) -> DeviceCapabilities {
        DeviceCapabilities::usual().with_exchange()
    }

    fn inventory(&mut self) -> Result<Inventory> {
        let state = self.ready(Operation::Inventory)?;
        let mut elements = vec![Element::empty(ElementAddress(CHANGER_ADDRESS), ElementKind::Transport)];
        elements.extend(state.mail_slots.iter().map(|slot| self.slot(slot, ElementKind::ImportExport)));
        elements.extend(state.drives.iter().map(|bay| Element {
            // SMC-3, ACCESS: the robot can reach the medium once the drive has let it go.
            accessible: bay.exception.is_none() && (bay.cartridge.is_none() || bay.thread == Thread::Ejected),
            exception: bay.exception,
            source: bay.source.map(ElementAddress),
            drive_serial: Some(bay.serial.clone()),
            ..self.holding(ElementAddress(bay.address), ElementKind::Drive, bay.cartridge.as_deref())
        }));
        elements.extend(state.slots.iter().map(|slot| self.slot(slot, ElementKind::Storage)));
        elements.sort_by_key(|element| element.address);
        Ok(Inventory { elements })
    }

    fn rescan(&mut self) -> Result<()> {
        self.ready(Operation::Inventory).map(|_| ())
    }

    fn move_medium(&mut self, from: ElementAddress, to: ElementAddress) -> Result<()> {
        self.turn(|state| {
            if from == to {
                return take(&mut state.clone(), from).map(drop);
            }
            let (name, came_from) = take(state, from)?;
            put(state, to, name, came_from)
        })
    }

    fn exchange(&mut self, from: ElementAddress, to: ElementAddress, then: ElementAddress) -> Result<()> {
        self.turn(|state| {
            let (coming, its_source) = take(state, from)?;
            let (going, from_where) = take(state, to)?;
            put(state, to, coming, its_source)?;
            put(state, then, going, from_where)
        })
    }
}

impl VirtualChanger {
    /// Lets the robot work. What it did is kept only if it could do all of it.
    fn turn(&mut self, work: impl FnOnce(&mut LibraryState) -> Result<()>) -> Result<()> {
        let state = self.ready(Operation::Move)?;
        if state.settings.robot_ms > 0 {
            std::thread::sleep(Duration::from_millis(state.settings.robot_ms));
        }
        self.folder.update(|state| {
            if state.door == Door::Open {
                return Err(sense(Operation::Move, SenseKey::NotReady, 0x04, 0x18));
            }
            work(state)
        })
    }
}

fn holder(state: &mut LibraryState, address: ElementAddress) -> Result<Holder<'_>> {
    state.element_mut(address.0).ok_or_else(|| {
        let error = sense(Operation::Move, SenseKey::IllegalRequest, 0x21, 0x01);
        error.saying(format!("the library has no element {}", address.0))
    })
}

/// Takes the cartridge out of an element: its name, and the slot that it is to be remembered as coming from.
fn take(state: &mut LibraryState, from: ElementAddress) -> Result<(String, Option<u16>)> {
    let mut source = holder(state, from)?;
    if source.cartridge_mut().is_some()
        && let Holder::Drive(bay) = &source
    {
        if bay.removal_prevented {
            return Err(sense(Operation::Move, SenseKey::IllegalRequest, 0x53, 0x02));
        }
        if bay.thread == Thread::Threaded {
            return Err(sense(Operation::Move, SenseKey::IllegalRequest, 0x53, 0x03));
        }
    }
    let name = source.cartridge_mut().take();
    let name = name.ok_or_else(|| sense(Operation::Move, SenseKey::IllegalRequest, 0x3b, 0x0e))?;
    let remembered = source.source_mut().take();
    Ok((name, if matches!(source, Holder::Drive(_)) { remembered } else { Some(from.0) }))
}

/// Puts a cartridge into an element.
fn put(state: &mut LibraryState, to: ElementAddress, name: String, came_from: Option<u16>) -> Result<()> {
    let mut destination = holder(state, to)?;
    if destination.cartridge_mut().is_some() {
        return Err(sense(Operation::Move, SenseKey::IllegalRequest, 0x3b, 0x0d));
    }
    match destination {
        Holder::Drive(bay) => insert(bay, &name, came_from),
        Holder::Slot(slot) => {
            slot.cartridge = Some(name);
            slot.source = came_from;
        }
    }
    Ok(())
}

fn sense(operation: Operation, key: SenseKey, asc: u8, ascq: u8) -> DriveError {
    DriveError::from_sense(operation, Sense::new(key, asc, ascq))
}
