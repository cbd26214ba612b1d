//! All drives of the server, by id.

use super::{DriveActor, DriveSnapshot, DriveTask, Peek, Perform, Refresh, Snapshot, Unit};
use crate::db::{self, DbPool};
use crate::events::Bus;
use crate::executions::{Lease, Reservations};
use crate::keys::KeyStore;
use crate::{Error, Result};
use actix::Addr;
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

/// The drives, and who uses them. Cheap to clone.
#[derive(Clone)]
pub struct Drives {
    inner: Arc<RwLock<BTreeMap<i32, Addr<DriveActor>>>>,
    db: DbPool,
    bus: Bus,
    keys: Arc<KeyStore>,
    /// Who uses which drive and tape.
    pub reservations: Reservations,
    system: actix::ArbiterHandle,
}

impl Drives {
    /// No drives yet; actors live on the current arbiter.
    pub fn new(db: DbPool, bus: Bus, keys: Arc<KeyStore>) -> Drives {
        Drives {
            inner: Arc::default(),
            db,
            bus,
            keys,
            reservations: Reservations::default(),
            system: actix::Arbiter::current(),
        }
    }

    /// Starts the actors of all enabled drives of the database and stops those of drives that are gone or disabled.
    pub async fn reload(&self) -> Result<()> {
        let rows = {
            let mut conn = self.db.get()?;
            db::drives::all(&mut conn)?
        };
        let wanted: BTreeMap<i32, String> =
            rows.into_iter().filter(|drive| drive.enabled).map(|drive| (drive.id, drive.device_path)).collect();
        let known: Vec<i32> = self.read().keys().copied().collect();
        for id in known.iter().filter(|id| !wanted.contains_key(id)) {
            self.write().remove(id);
        }
        for (id, path) in wanted.into_iter().filter(|(id, _)| !known.contains(id)) {
            let addr = self.spawn(id, path).await?;
            self.write().insert(id, addr);
        }
        Ok(())
    }

    async fn spawn(&self, id: i32, path: String) -> Result<Addr<DriveActor>> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let unit = Unit::new(id, &path, self.db.clone(), self.bus.clone(), self.keys.clone());
        let reservations = self.reservations.clone();
        self.system.spawn_fn(move || {
            let _ = answer.send(DriveActor::start(unit, reservations));
        });
        answered.await.map_err(|_| Error::internal("the drive's actor did not start"))?.map_err(Error::from)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<i32, Addr<DriveActor>>> {
        self.inner.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<i32, Addr<DriveActor>>> {
        self.inner.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn addr(&self, id: i32) -> Result<Addr<DriveActor>> {
        self.read().get(&id).cloned().ok_or_else(|| Error::not_found(format!("enabled drive {id}")))
    }

    /// Ids of the drives that run.
    pub fn ids(&self) -> Vec<i32> {
        self.read().keys().copied().collect()
    }

    /// What is known of a drive, without touching it.
    pub async fn snapshot(&self, id: i32) -> Result<DriveSnapshot> {
        Ok(self.addr(id)?.send(Snapshot).await?)
    }

    /// Looks at the drive if nobody uses it.
    pub async fn refresh(&self, id: i32) -> Result<DriveSnapshot> {
        self.addr(id)?.send(Refresh).await?
    }

    /// Looks which tape is in the drive if nobody uses it, and waits. For worker threads only: it blocks.
    pub fn peek_blocking(&self, id: i32) -> Result<DriveSnapshot> {
        futures_executor::block_on(self.addr(id)?.send(Peek))?
    }

    /// What is known of a drive, without touching it. For worker threads only: it blocks.
    pub fn snapshot_blocking(&self, id: i32) -> Result<DriveSnapshot> {
        futures_executor::block_on(self.snapshot(id))
    }

    /// What is known of all drives.
    pub async fn snapshots(&self) -> Vec<DriveSnapshot> {
        let mut all = Vec::new();
        for id in self.ids() {
            if let Ok(snapshot) = self.snapshot(id).await {
                all.push(snapshot);
            }
        }
        all
    }

    /// Runs a task on the leased drive and waits. For worker threads only: it blocks.
    pub fn perform<T: DriveTask>(&self, lease: &Lease, task: T) -> Result<T::Output> {
        let addr = self.addr(lease.drive())?;
        futures_executor::block_on(addr.send(Perform(task, tracing::Span::current())))?
    }
}
