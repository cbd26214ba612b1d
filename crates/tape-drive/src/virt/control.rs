//! The devices that are open in this process, reached from outside their owner: to make them fail.
//!
//! A process that is not this one is reached by a file: a plan in `drive0.faults` (or `changer.faults`) of the library's
//! folder is taken when the device is opened.

use super::state::{Folder, io_error};
use crate::Result;
use crate::fault::{Condition, FaultHandle, FaultPlan, Fired};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Reaches one drive, or the changer, of a library, whether it is open yet or not.
#[derive(Debug, Clone)]
pub struct DeviceControl {
    faults: FaultHandle,
}

/// The control of drive `number` of the library in `dir`. All users of one drive in this process share it.
pub fn control(dir: &Path, number: u16) -> Result<DeviceControl> {
    Ok(DeviceControl { faults: faults(&Folder::open(dir)?, &format!("drive{number}")) })
}

/// The control of the changer of the library in `dir`.
pub fn changer_control(dir: &Path) -> Result<DeviceControl> {
    Ok(DeviceControl { faults: faults(&Folder::open(dir)?, "changer") })
}

/// The plan of a unit (`drive0`, `changer`) of a library.
fn faults(folder: &Folder, unit: &str) -> FaultHandle {
    static HANDLES: OnceLock<Mutex<HashMap<(PathBuf, String), FaultHandle>>> = OnceLock::new();
    let mut handles = HANDLES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    handles.entry((folder.path().to_owned(), unit.to_owned())).or_default().clone()
}

/// The plan of a unit that is being opened, taken from its file if there is one.
pub(crate) fn opened(dir: &Path, unit: &str) -> Result<FaultHandle> {
    let folder = Folder::open(dir)?;
    let handle = faults(&folder, unit);
    let path = folder.file(&format!("{unit}.faults"));
    match std::fs::read(&path) {
        Ok(text) => {
            let plan = serde_json::from_slice(&text).map_err(|error| io_error(&path, "read", &error.into()))?;
            handle.set(plan);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_error(&path, "read", &error)),
    }
    Ok(handle)
}

impl DeviceControl {
    /// Replaces the fault plan, and begins to count commands anew.
    pub fn set_faults(&self, plan: FaultPlan) {
        self.faults.set(plan);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.faults.set(FaultPlan::default());
    }

    /// Lets `condition` happen to the next command to which it can.
    pub fn fail_next(&self, condition: Condition) {
        self.faults.next(condition);
    }

    /// Cuts the power at the next command, which gets no answer: what was not flushed is lost.
    pub fn power_cut(&self) {
        self.fail_next(Condition::PowerCut);
    }

    /// The faults that happened since the plan was set.
    pub fn fired(&self) -> Vec<Fired> {
        self.faults.fired()
    }

    /// Commands that the device was given since the plan was set.
    pub fn commands(&self) -> u64 {
        self.faults.commands()
    }
}
