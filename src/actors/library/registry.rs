//! All libraries of the server, by id.

use super::{CanSwap, LibraryActor, MoveMedium, Scan, TakeInventory};
use crate::db::{self, DbPool};
use crate::events::Bus;
use crate::{Error, Result};
use actix::Addr;
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use tape_drive::{ElementAddress, Inventory};

/// The libraries. Cheap to clone.
#[derive(Clone)]
pub struct Libraries {
    inner: Arc<RwLock<BTreeMap<i32, Addr<LibraryActor>>>>,
    db: DbPool,
    bus: Bus,
    system: actix::ArbiterHandle,
}

impl Libraries {
    /// No libraries yet; actors live on the current arbiter.
    pub fn new(db: DbPool, bus: Bus) -> Libraries {
        Libraries { inner: Arc::default(), db, bus, system: actix::Arbiter::current() }
    }

    /// Starts the actors of all enabled libraries of the database and stops the others.
    pub async fn reload(&self) -> Result<()> {
        let rows = {
            let mut conn = self.db.get()?;
            db::libraries::list(&mut conn)?
        };
        let wanted: Vec<_> = rows.into_iter().filter(|library| library.enabled).collect();
        let known: Vec<i32> = self.read().keys().copied().collect();
        for id in known.iter().filter(|id| !wanted.iter().any(|library| library.id == **id)) {
            self.write().remove(id);
        }
        for library in wanted.into_iter().filter(|library| !known.contains(&library.id)) {
            let (id, db, bus) = (library.id, self.db.clone(), self.bus.clone());
            let (answer, answered) = tokio::sync::oneshot::channel();
            self.system.spawn_fn(move || {
                let _ = answer.send(LibraryActor::start(id, &library.name, &library.device_path, db, bus));
            });
            let addr = answered.await.map_err(|_| Error::internal("the library's actor did not start"))??;
            self.write().insert(id, addr);
        }
        Ok(())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<i32, Addr<LibraryActor>>> {
        self.inner.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<i32, Addr<LibraryActor>>> {
        self.inner.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn addr(&self, id: i32) -> Result<Addr<LibraryActor>> {
        self.read().get(&id).cloned().ok_or_else(|| Error::not_found(format!("enabled library {id}")))
    }

    /// Ids of the libraries that run.
    pub fn ids(&self) -> Vec<i32> {
        self.read().keys().copied().collect()
    }

    /// Reads what is where.
    pub async fn inventory(&self, id: i32, scan: Scan) -> Result<Inventory> {
        self.addr(id)?.send(TakeInventory(scan)).await?
    }

    /// Moves a cartridge and waits. For worker threads only: it blocks.
    pub fn move_blocking(&self, id: i32, from: ElementAddress, to: ElementAddress) -> Result<Inventory> {
        let addr = self.addr(id)?;
        futures_executor::block_on(addr.send(MoveMedium { from, to, then: None }))?
    }

    /// Whether the robot can do what [`Libraries::swap_blocking`] asks. For worker threads only: it blocks.
    pub fn can_swap_blocking(&self, id: i32) -> Result<bool> {
        let addr = self.addr(id)?;
        futures_executor::block_on(addr.send(CanSwap))?
    }

    /// Brings the cartridge of a slot to a drive and puts the one that the drive has let go into that slot, in one go of the
    /// robot. For worker threads only: it blocks.
    pub fn swap_blocking(&self, id: i32, slot: ElementAddress, bay: ElementAddress) -> Result<Inventory> {
        let addr = self.addr(id)?;
        futures_executor::block_on(addr.send(MoveMedium { from: slot, to: bay, then: Some(slot) }))?
    }

    /// Reads what is where and waits. For worker threads only: it blocks.
    pub fn inventory_blocking(&self, id: i32, scan: Scan) -> Result<Inventory> {
        let addr = self.addr(id)?;
        futures_executor::block_on(addr.send(TakeInventory(scan)))?
    }
}
