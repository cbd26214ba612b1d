//! What `library.json` holds: where every cartridge is, and what does not depend on a process being alive.

use super::files::{self, Durability, Lock};
use super::speed::SpeedSpec;
use crate::DriveHealth;
use crate::lto::Generation;
use crate::{DriveError, DriveErrorKind, Operation, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version of the folder's layout.
pub const VERSION: u32 = 1;
const STATE_FILE: &str = "library.json";

/// Whether a person can reach into the library, and so the robot must not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Closed.
    #[default]
    Closed,
    /// Open.
    Open,
}

/// How the drives of a library behave. Everything has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Size of a drive's buffer: so much of what was written and not flushed is lost by a power cut.
    pub buffer_bytes: u64,
    /// Largest block.
    pub max_block_bytes: u32,
    /// Whether a flush puts the image on the disk.
    pub durability: Durability,
    /// How long everything takes; `None`: as fast as possible.
    pub speed: Option<SpeedSpec>,
    /// How long a move of the robot takes, in milliseconds.
    pub robot_ms: u64,
    /// How long a drive measures a cartridge of generation 9 or later that it is given for the first time.
    pub first_load_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            buffer_bytes: 64 << 20,
            max_block_bytes: 8 << 20,
            durability: Durability::Disk,
            speed: None,
            robot_ms: 0,
            first_load_ms: 0,
        }
    }
}

/// Whether the cartridge in a drive is threaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thread {
    /// Ejected: it can be taken.
    #[default]
    Ejected,
    /// In the drive's grip.
    Threaded,
}

/// One drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriveBay {
    /// Element address.
    pub address: u16,
    /// Unit serial number.
    pub serial: String,
    /// Generation.
    pub generation: Generation,
    /// Name of the cartridge in it.
    #[serde(default)]
    pub cartridge: Option<String>,
    /// Element the cartridge came from.
    #[serde(default)]
    pub source: Option<u16>,
    /// Whether the cartridge can be taken.
    #[serde(default)]
    pub thread: Thread,
    /// The cartridge was put in and no command has been told yet (unit attention 28h).
    #[serde(default)]
    pub attention: bool,
    /// PREVENT MEDIUM REMOVAL is set.
    #[serde(default)]
    pub removal_prevented: bool,
    /// The drive's counters when it was last closed, and whether it asks for a cleaning cartridge.
    #[serde(default)]
    pub health: DriveHealth,
    /// The element's exception (additional sense code and qualifier).
    #[serde(default)]
    pub exception: Option<(u8, u8)>,
}

/// One slot or mail slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Element address.
    pub address: u16,
    /// Name of the cartridge in it.
    #[serde(default)]
    pub cartridge: Option<String>,
    /// Element the cartridge came from.
    #[serde(default)]
    pub source: Option<u16>,
    /// The element's exception (additional sense code and qualifier).
    #[serde(default)]
    pub exception: Option<(u8, u8)>,
}

/// A library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LibraryState {
    /// [`VERSION`].
    pub version: u32,
    /// T10 vendor identification.
    pub vendor: String,
    /// Product identification of the changer.
    pub product: String,
    /// Serial number of the changer.
    pub serial: String,
    /// Behaviour of the drives.
    #[serde(default)]
    pub settings: Settings,
    /// The door.
    #[serde(default)]
    pub door: Door,
    /// Unit attention that the changer has not told yet.
    #[serde(default)]
    pub attention: Option<(u8, u8)>,
    /// The drives.
    pub drives: Vec<DriveBay>,
    /// The slots.
    pub slots: Vec<Slot>,
    /// The mail slots.
    #[serde(default)]
    pub mail_slots: Vec<Slot>,
}

impl LibraryState {
    /// Where the cartridge `name` is, as references to the fields of its element.
    pub(crate) fn holder_mut(&mut self, name: &str) -> Option<Holder<'_>> {
        let holds = |cartridge: &Option<String>| cartridge.as_deref() == Some(name);
        if let Some(bay) = self.drives.iter_mut().find(|bay| holds(&bay.cartridge)) {
            return Some(Holder::Drive(bay));
        }
        let mut slots = self.slots.iter_mut().chain(self.mail_slots.iter_mut());
        slots.find(|slot| holds(&slot.cartridge)).map(Holder::Slot)
    }

    /// The element with this address.
    pub(crate) fn element_mut(&mut self, address: u16) -> Option<Holder<'_>> {
        if let Some(bay) = self.drives.iter_mut().find(|bay| bay.address == address) {
            return Some(Holder::Drive(bay));
        }
        let mut slots = self.slots.iter_mut().chain(self.mail_slots.iter_mut());
        slots.find(|slot| slot.address == address).map(Holder::Slot)
    }

    fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("it is of version {}, this program knows {VERSION}", self.version));
        }
        let slots = self.slots.iter().chain(&self.mail_slots);
        let addresses = self.drives.iter().map(|bay| bay.address).chain(slots.clone().map(|slot| slot.address));
        let mut addresses: Vec<u16> = addresses.collect();
        addresses.sort_unstable();
        if addresses.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err("two of its elements have the same address".into());
        }
        let names = self.drives.iter().map(|bay| &bay.cartridge).chain(slots.map(|slot| &slot.cartridge));
        let mut names: Vec<&str> = names.filter_map(|name| name.as_deref()).collect();
        names.sort_unstable();
        if let Some(name) = names.iter().find(|name| !valid_name(name)) {
            return Err(format!("{name:?} is not a name for a cartridge"));
        }
        if let Some(pair) = names.windows(2).find(|pair| pair.first() == pair.last()) {
            return Err(format!("the cartridge {:?} is in two places", pair.first().unwrap_or(&"")));
        }
        Ok(())
    }
}

/// What holds a cartridge.
pub(crate) enum Holder<'a> {
    Drive(&'a mut DriveBay),
    Slot(&'a mut Slot),
}

impl Holder<'_> {
    pub(crate) fn cartridge_mut(&mut self) -> &mut Option<String> {
        match self {
            Holder::Drive(bay) => &mut bay.cartridge,
            Holder::Slot(slot) => &mut slot.cartridge,
        }
    }

    pub(crate) fn source_mut(&mut self) -> &mut Option<u16> {
        match self {
            Holder::Drive(bay) => &mut bay.source,
            Holder::Slot(slot) => &mut slot.source,
        }
    }
}

/// Cartridge names are file names, so they are kept to what needs no quoting anywhere.
pub fn valid_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// The folder of a library.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder `path`, which must hold a library.
    pub fn open(path: &Path) -> Result<Folder> {
        let path = path.canonicalize().map_err(|error| io_error(path, "open the library", &error))?;
        let folder = Folder { path };
        folder.read()?;
        Ok(folder)
    }

    /// Makes a new library of `path`.
    pub(crate) fn create(path: &Path, state: &LibraryState) -> Result<Folder> {
        let fail = |error: std::io::Error| io_error(path, "create the library", &error);
        std::fs::create_dir_all(path.join("cartridges")).map_err(fail)?;
        let path = path.canonicalize().map_err(fail)?;
        let folder = Folder { path };
        let _lock = folder.lock()?;
        if folder.state_file().exists() {
            let message = format!("{} already holds a virtual library", folder.path.display());
            return Err(DriveError::new(DriveErrorKind::IllegalRequest, Operation::Open, message));
        }
        folder.write(state)?;
        Ok(folder)
    }

    /// Its canonical path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that holds the state.
    pub fn state_file(&self) -> PathBuf {
        self.path.join(STATE_FILE)
    }

    /// Where a cartridge's file with this extension is.
    pub fn cartridge_file(&self, name: &str, extension: &str) -> PathBuf {
        self.path.join("cartridges").join(format!("{name}.{extension}"))
    }

    /// A file of the folder itself.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The state as it is now.
    pub fn read(&self) -> Result<LibraryState> {
        let path = self.state_file();
        let bytes = std::fs::read(&path).map_err(|error| io_error(&path, "read", &error))?;
        let state: Result<LibraryState, String> = serde_json::from_slice(&bytes).map_err(|error| error.to_string());
        state.and_then(|state| state.check().map(|()| state)).map_err(|reason| {
            let message = format!("{} does not describe a virtual library: {reason}", path.display());
            DriveError::new(DriveErrorKind::Io, Operation::Open, message)
        })
    }

    /// Changes the state while nobody else does. If `change` fails, nothing is changed.
    pub fn update<T>(&self, change: impl FnOnce(&mut LibraryState) -> Result<T>) -> Result<T> {
        let _lock = self.lock()?;
        let before = self.read()?;
        let mut state = before.clone();
        let answer = change(&mut state)?;
        if state != before {
            self.write(&state)?;
        }
        Ok(answer)
    }

    fn lock(&self) -> Result<Lock> {
        let path = self.path.join("library.lock");
        Lock::wait(&path).map_err(|error| io_error(&path, "lock", &error))
    }

    fn write(&self, state: &LibraryState) -> Result<()> {
        let path = self.state_file();
        let text = serde_json::to_vec_pretty(state).map_err(|error| io_error(&path, "write", &error.into()))?;
        files::replace(&path, &text, state.settings.durability).map_err(|error| io_error(&path, "write", &error))
    }
}

/// The error for a file of a library that could not be used.
pub(crate) fn io_error(path: &Path, what: &str, error: &std::io::Error) -> DriveError {
    let message = format!("cannot {what} {}: {error}", path.display());
    DriveError::new(DriveErrorKind::Io, Operation::Open, message)
}
