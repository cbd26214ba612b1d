//! The drives that are open in this process, reached from outside their owner: to make them fail.

use super::state::Folder;
use crate::Result;
use crate::fault::{Condition, FaultHandle, FaultPlan, Fired};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Reaches one drive of a library, whether it is open yet or not.
#[derive(Debug, Clone)]
pub struct DriveControl {
    faults: FaultHandle,
}

/// The control of drive `number` of the library in `dir`. All users of one drive in this process share it.
pub fn control(dir: &Path, number: u16) -> Result<DriveControl> {
    Ok(DriveControl { faults: faults(&Folder::open(dir)?, number) })
}

pub(crate) fn faults(folder: &Folder, number: u16) -> FaultHandle {
    static HANDLES: OnceLock<Mutex<HashMap<(PathBuf, u16), FaultHandle>>> = OnceLock::new();
    let mut handles = HANDLES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    handles.entry((folder.path().to_owned(), number)).or_default().clone()
}

impl DriveControl {
    /// Replaces the drive's fault plan, and begins to count its commands anew.
    pub fn set_faults(&self, plan: FaultPlan) {
        self.faults.set(plan);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.faults.set(FaultPlan::default());
    }

    /// Cuts the power at the next command, which gets no answer: what was not flushed is lost.
    pub fn power_cut(&self) {
        self.faults.next(Condition::PowerCut);
    }

    /// The faults that happened since the plan was set.
    pub fn fired(&self) -> Vec<Fired> {
        self.faults.fired()
    }

    /// Commands that the drive was given since the plan was set.
    pub fn commands(&self) -> u64 {
        self.faults.commands()
    }
}
