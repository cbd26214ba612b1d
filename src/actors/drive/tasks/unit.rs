//! What the tasks of one drive share.

use crate::Error;
use crate::actors::drive::health::Sitting;
use crate::actors::drive::{DriveSnapshot, observe};
use crate::db::{DbPool, drives};
use crate::events::Bus;
use crate::keys::KeyStore;
use std::sync::{Arc, Mutex};
use tape_drive::DriveKey;

/// What the tasks of one drive share: its last known state, and where changes are told.
#[derive(Clone)]
pub struct Unit {
    /// The drive's row.
    pub id: i32,
    /// Device path.
    pub device_path: String,
    /// Where its row is.
    pub db: DbPool,
    /// Where changes are told.
    pub bus: Bus,
    pub(super) keys: Arc<KeyStore>,
    /// With which key everything is encrypted on the tape that is in the drive, if a person said so.
    standing_key: Arc<Mutex<Option<Arc<DriveKey>>>>,
    sitting: Arc<Mutex<Sitting>>,
    state: Arc<Mutex<DriveSnapshot>>,
}

impl Unit {
    /// A drive of which nothing is known yet.
    pub fn new(id: i32, device_path: &str, db: DbPool, bus: Bus, keys: Arc<KeyStore>) -> Unit {
        let state = DriveSnapshot { drive_id: id, device_path: device_path.into(), ..DriveSnapshot::default() };
        let state = Arc::new(Mutex::new(state));
        let (standing_key, sitting) = (Arc::default(), Arc::default());
        Unit { id, device_path: device_path.into(), db, bus, keys, standing_key, sitting, state }
    }

    /// What people call it, as its row says now.
    pub fn name(&self) -> String {
        let row = self.db.get().map_err(Error::from).and_then(|mut conn| drives::find(&mut conn, self.id));
        row.map_or_else(|_| self.device_path.clone(), |drive| drive.name().to_owned())
    }

    /// The last known state.
    pub fn snapshot(&self) -> DriveSnapshot {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Changes the last known state, and tells those who watch if something changed that they see.
    pub fn update(&self, change: impl FnOnce(&mut DriveSnapshot)) {
        let (before, after) = {
            let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let before = state.clone();
            change(&mut state);
            (before, state.clone())
        };
        observe::changed(self, &before, &after);
    }

    pub(super) fn standing_key(&self) -> Option<Arc<DriveKey>> {
        self.standing_key.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    pub(super) fn set_standing_key(&self, key: Option<DriveKey>) {
        *self.standing_key.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = key.map(Arc::new);
    }

    /// Looks at, or changes, what is remembered of the tape that is in the drive.
    pub fn sitting<T>(&self, look: impl FnOnce(&mut Sitting) -> T) -> T {
        look(&mut self.sitting.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// Nothing is known any more of what is in the drive.
    pub fn forget_medium(&self) {
        self.set_standing_key(None);
        self.sitting(|sitting| *sitting = Sitting::default());
        self.update(|state| {
            state.standing_key_id = None;
            state.label = None;
            state.unlabelled = None;
            state.medium = None;
            state.examined = false;
            state.block = None;
            state.file = None;
        });
    }
}
