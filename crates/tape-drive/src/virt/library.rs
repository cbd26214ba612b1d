//! A library by hand: made, filled, opened, and rearranged without its robot.
//!
//! Everything here changes the folder only, so it works whether or not a process has the library's drives open.

use super::cartridge::{Cartridge, CartridgeSpec, WriteProtection};
use super::files::{Durability, Lock};
use super::image::{Image, ImageAccess};
use super::state::*;
use crate::DriveHealth;
use crate::lto::Generation;
use crate::{DriveError, DriveErrorKind, ElementAddress, Operation, Result};
use std::path::Path;

pub use super::state::{Door, Settings};

/// First element addresses: like those of common libraries, each kind apart from the others.
pub(crate) const CHANGER_ADDRESS: u16 = 1;
const FIRST_MAIL_SLOT: u16 = 0x0010;
const FIRST_DRIVE: u16 = 0x0100;
const FIRST_SLOT: u16 = 0x0400;
const MAX_MAIL_SLOTS: u16 = FIRST_DRIVE - FIRST_MAIL_SLOT;
const MAX_DRIVES: u16 = FIRST_SLOT - FIRST_DRIVE;
const MAX_SLOTS: u16 = 10_000;

/// A new library.
#[derive(Debug, Clone, PartialEq)]
pub struct LibrarySpec {
    /// Number of drives, at least one.
    pub drives: u16,
    /// Number of slots. With none there is no changer: the drives stand alone.
    pub slots: u16,
    /// Number of mail slots.
    pub mail_slots: u16,
    /// Generation of the drives.
    pub generation: Generation,
    /// Serial number of the changer, from which those of the drives are made; `None`: a new one.
    pub serial: Option<String>,
    /// How the drives behave.
    pub settings: Settings,
}

impl Default for LibrarySpec {
    /// One LTO-9 drive, eight slots, one mail slot.
    fn default() -> Self {
        LibrarySpec {
            drives: 1,
            slots: 8,
            mail_slots: 1,
            generation: Generation::LTO9,
            serial: None,
            settings: Settings::default(),
        }
    }
}

/// Where a cartridge can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the drive with this number, from 0.
    Drive(u16),
    /// In the slot with this number, from 0.
    Slot(u16),
    /// In the mail slot with this number, from 0.
    MailSlot(u16),
    /// In the first empty slot.
    AnySlot,
    /// In no element of the library, but in its folder.
    Shelf,
}

/// Makes a library of the directory `dir`, which is created if need be.
pub fn create(dir: &Path, spec: &LibrarySpec) -> Result<()> {
    if spec.drives == 0 || spec.drives > MAX_DRIVES || spec.slots > MAX_SLOTS || spec.mail_slots > MAX_MAIL_SLOTS {
        let limits = format!("1 to {MAX_DRIVES} drives, at most {MAX_SLOTS} slots and {MAX_MAIL_SLOTS} mail slots");
        return Err(refused(format!("a virtual library has {limits}")));
    }
    let serial = spec.serial.clone().unwrap_or_else(|| {
        let random = uuid::Uuid::new_v4().simple().to_string();
        format!("VL{}", random.get(..8).unwrap_or_default().to_uppercase())
    });
    let slot = |address| Slot { address, cartridge: None, source: None, exception: None };
    let bay = |number: u16| DriveBay {
        address: FIRST_DRIVE + number,
        serial: format!("{serial}D{number}"),
        generation: spec.generation,
        cartridge: None,
        source: None,
        thread: Thread::Ejected,
        attention: false,
        removal_prevented: false,
        health: DriveHealth { power_cycles: Some(1), ..DriveHealth::default() },
        exception: None,
    };
    let state = LibraryState {
        version: VERSION,
        vendor: "TAPEBKR".into(),
        product: "VIRTUAL LIBRARY".into(),
        serial: serial.clone(),
        settings: spec.settings.clone(),
        door: Door::Closed,
        attention: None,
        drives: (0..spec.drives).map(bay).collect(),
        slots: (0..spec.slots).map(|number| slot(FIRST_SLOT + number)).collect(),
        mail_slots: (0..spec.mail_slots).map(|number| slot(FIRST_MAIL_SLOT + number)).collect(),
    };
    Folder::create(dir, &state).map(|_| ())
}

/// The library as it is.
pub fn read(dir: &Path) -> Result<LibraryState> {
    Folder::open(dir)?.read()
}

/// Changes how the drives behave; drives that are open notice when they are opened again.
pub fn set_settings(dir: &Path, settings: Settings) -> Result<()> {
    Folder::open(dir)?.update(|state| {
        state.settings = settings;
        Ok(())
    })
}

/// Makes a new, blank cartridge and puts it at `place`.
pub fn add_cartridge(dir: &Path, spec: &CartridgeSpec, place: Place) -> Result<()> {
    let folder = Folder::open(dir)?;
    let cartridge = Cartridge::new(spec)?;
    folder.update(|state| {
        // First, because it can be refused; nothing is kept of it if a file cannot be written.
        put_down(state, &spec.name, place)?;
        let image = folder.cartridge_file(&spec.name, "tap");
        Image::create(&image).map_err(|error| io_error(&image, "create", &error))?;
        cartridge.save(&folder, &spec.name, state.settings.durability).inspect_err(|_| {
            // The error that led here is the one to tell.
            let _ = std::fs::remove_file(&image);
        })
    })
}

/// Moves the cartridge `name` by hand to `place`, from wherever it is. A drive must have ejected it.
pub fn put(dir: &Path, name: &str, place: Place) -> Result<()> {
    let folder = Folder::open(dir)?;
    Cartridge::load(&folder, name)?;
    folder.update(|state| {
        pick_up(state, name)?;
        put_down(state, name, place)
    })
}

/// Destroys the cartridge `name`: its image and everything known of it. A drive must have ejected it.
pub fn remove_cartridge(dir: &Path, name: &str) -> Result<()> {
    let folder = Folder::open(dir)?;
    Cartridge::load(&folder, name)?;
    folder.update(|state| {
        pick_up(state, name)?;
        for extension in ["idx", "tap", "json"] {
            let path = folder.cartridge_file(name, extension);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io_error(&path, "remove", &error));
                }
                _ => {}
            }
        }
        Ok(())
    })
}

/// Names of all cartridges in the folder, those on the shelf too, sorted.
pub fn cartridges(dir: &Path) -> Result<Vec<String>> {
    let folder = Folder::open(dir)?;
    let path = folder.file("cartridges");
    let entries = std::fs::read_dir(&path).map_err(|error| io_error(&path, "list", &error))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| io_error(&path, "list", &error))?;
        if let Some(name) = entry.file_name().to_str().and_then(|name| name.strip_suffix(".json"))
            && valid_name(name)
        {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// What is known of the cartridge `name`.
pub fn cartridge(dir: &Path, name: &str) -> Result<Cartridge> {
    Cartridge::load(&Folder::open(dir)?, name)
}

/// Sets the write protect tab of a cartridge that no drive holds.
pub fn set_write_protection(dir: &Path, name: &str, protection: WriteProtection) -> Result<()> {
    let folder = Folder::open(dir)?;
    folder.update(|state| {
        if let Some(Holder::Drive(bay)) = state.holder_mut(name)
            && bay.thread == Thread::Threaded
        {
            return Err(refused(format!("{name} is threaded in a drive; unload it first")));
        }
        let mut cartridge = Cartridge::load(&folder, name)?;
        cartridge.write_protection = protection;
        cartridge.save(&folder, name, state.settings.durability)
    })
}

/// Opens or closes the door. After closing, the changer reads all bar codes again and says so (unit attention 28h).
pub fn set_door(dir: &Path, door: Door) -> Result<()> {
    Folder::open(dir)?.update(|state| {
        if state.door == Door::Open && door == Door::Closed {
            state.attention = Some((0x28, 0x00));
        }
        state.door = door;
        Ok(())
    })
}

/// The unit attention that the changer has not told yet, which from now on is the caller's to tell.
pub fn take_attention(dir: &Path) -> Result<Option<(u8, u8)>> {
    let folder = Folder::open(dir)?;
    match folder.read()?.attention {
        None => Ok(None),
        Some(_) => folder.update(|state| Ok(state.attention.take())),
    }
}

/// Puts an element into an abnormal state (additional sense code and qualifier), or back to normal.
pub fn set_exception(dir: &Path, address: ElementAddress, exception: Option<(u8, u8)>) -> Result<()> {
    Folder::open(dir)?.update(|state| {
        match state.element_mut(address.0) {
            Some(Holder::Drive(bay)) => bay.exception = exception,
            Some(Holder::Slot(slot)) => slot.exception = exception,
            None => return Err(refused(format!("the library has no element {}", address.0))),
        }
        Ok(())
    })
}

/// Lets drive `number` ask for a cleaning cartridge (TapeAlert 20) until it gets one.
pub fn request_cleaning(dir: &Path, number: u16) -> Result<()> {
    Folder::open(dir)?.update(|state| {
        bay_mut(state, number)?.health.cleaning_required = true;
        Ok(())
    })
}

/// What the power cut does that took a process with it: drive `number`, which nobody has open, loses what was in its
/// buffer. Returns the number of objects that are left on the tape.
pub fn power_cut(dir: &Path, number: u16) -> Result<Option<u64>> {
    let folder = Folder::open(dir)?;
    let Some(_lock) = drive_lock(&folder, number)? else {
        return Err(refused(format!("drive {number} is open; let its owner cut the power")));
    };
    folder.update(|state| {
        let buffer_bytes = state.settings.buffer_bytes;
        let bay = bay_mut(state, number)?;
        bay.removal_prevented = false;
        bay.health.power_cycles = bay.health.power_cycles.map(|cycles| cycles + 1);
        let Some(name) = bay.cartridge.clone().filter(|_| bay.thread == Thread::Threaded) else { return Ok(None) };
        let path = folder.cartridge_file(&name, "tap");
        let fail = |error: std::io::Error| io_error(&path, "cut", &error);
        let mut image = Image::open(&path, ImageAccess::ReadWrite).map_err(fail)?;
        let settled = read_mark(&folder, number).unwrap_or(0);
        image.lose_since(settled, buffer_bytes).map_err(fail)?;
        image.save_index().map_err(fail)?;
        Ok(Some(image.objects()))
    })
}

/// The drive's lock: `None` if somebody has it open.
pub(crate) fn drive_lock(folder: &Folder, number: u16) -> Result<Option<Lock>> {
    let path = folder.file(&format!("drive{number}.lock"));
    Lock::try_now(&path).map_err(|error| io_error(&path, "lock", &error))
}

/// Up to which object the tape in drive `number` was flushed, as the drive last noted.
pub(crate) fn read_mark(folder: &Folder, number: u16) -> Option<u64> {
    let bytes = std::fs::read(folder.file(&format!("drive{number}.mark"))).ok()?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// Takes a cartridge out of its element, if it is in one.
fn pick_up(state: &mut LibraryState, name: &str) -> Result<()> {
    let Some(mut holder) = state.holder_mut(name) else { return Ok(()) };
    if let Holder::Drive(bay) = &holder
        && bay.thread == Thread::Threaded
    {
        return Err(refused(format!("{name} is threaded in the drive {}; unload it first", bay.serial)));
    }
    *holder.cartridge_mut() = None;
    *holder.source_mut() = None;
    Ok(())
}

fn put_down(state: &mut LibraryState, name: &str, place: Place) -> Result<()> {
    let missing = || refused(format!("the library has no such place as {place:?}"));
    let slot = match place {
        Place::Shelf => return Ok(()),
        Place::Drive(number) => {
            let bay = bay_mut(state, number)?;
            if let Some(there) = &bay.cartridge {
                return Err(refused(format!("drive {number} already holds {there}")));
            }
            insert(bay, name, None);
            return Ok(());
        }
        Place::AnySlot => state.slots.iter_mut().find(|slot| slot.cartridge.is_none()),
        Place::Slot(number) => state.slots.get_mut(usize::from(number)),
        Place::MailSlot(number) => {
            // SMC-3, 6.6: a cartridge put into a mail slot is announced.
            state.attention = Some((0x28, 0x01));
            state.mail_slots.get_mut(usize::from(number))
        }
    };
    let slot = slot.ok_or_else(missing)?;
    if let Some(there) = &slot.cartridge {
        return Err(refused(format!("{place:?} already holds {there}")));
    }
    slot.cartridge = Some(name.to_owned());
    slot.source = None;
    Ok(())
}

/// A cartridge that comes into a drive is drawn in and threaded, and the next command is told of it.
pub(crate) fn insert(bay: &mut DriveBay, name: &str, source: Option<u16>) {
    bay.cartridge = Some(name.to_owned());
    bay.source = source;
    bay.thread = Thread::Threaded;
    bay.attention = true;
}

pub(crate) fn bay_mut(state: &mut LibraryState, number: u16) -> Result<&mut DriveBay> {
    state.drives.get_mut(usize::from(number)).ok_or_else(|| refused(format!("the library has no drive {number}")))
}

pub(crate) fn refused(message: String) -> DriveError {
    DriveError::new(DriveErrorKind::IllegalRequest, Operation::Move, message)
}

/// Flushes of test libraries need not wait for a disk.
impl Settings {
    /// As fast as possible, surviving the process but not the machine: for tests.
    pub fn volatile() -> Settings {
        Settings { durability: Durability::Cache, ..Settings::default() }
    }
}
