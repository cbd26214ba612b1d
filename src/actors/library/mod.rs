//! The Library actor.
//!
//! *Owns*: one changer (the robot), on a thread of its own.
//! *Accepts*: [`TakeInventory`], [`MoveMedium`]. Which drive may be emptied is the caller's business: it holds the lease.
//! *Emits*: rows in `tape_library_slots`, `library` messages to those who watch, events about moves and surprises.
//! *Invariants*: the slot map in the database is what the changer said last; it is read again after every move.
//! *On failure*: the answer is the error, and the slot map is read again, for the robot may have stopped half-way.

mod registry;
mod slots;

pub use registry::Libraries;

use super::device_thread::{DeviceThread, Slot};
use crate::Result;
use crate::db::DbPool;
use crate::events::{Bus, Category, Event};
use actix::prelude::*;
use tape_drive::{Changer, ElementAddress, Inventory};

/// One library.
pub struct LibraryActor {
    id: i32,
    name: String,
    thread: DeviceThread<dyn Changer>,
    db: DbPool,
    bus: Bus,
}

impl LibraryActor {
    /// Starts the actor of the library with row `id`.
    pub fn start(id: i32, name: &str, device_path: &str, db: DbPool, bus: Bus) -> std::io::Result<Addr<LibraryActor>> {
        let path = device_path.to_string();
        let thread = DeviceThread::start(&format!("library-{id}"), move || tape_drive::open_changer(&path))?;
        Ok(LibraryActor { id, name: name.into(), thread, db, bus }.start())
    }
}

impl Actor for LibraryActor {
    type Context = Context<Self>;
}

impl Supervised for LibraryActor {}

/// Whether the robot has to look again, or its memory is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// READ ELEMENT STATUS.
    Remembered,
    /// INITIALIZE ELEMENT STATUS first: every bar code is read again.
    Fresh,
}

/// Reads what is where, and stores it.
#[derive(Message)]
#[rtype(result = "Result<Inventory>")]
pub struct TakeInventory(pub Scan);

impl Handler<TakeInventory> for LibraryActor {
    type Result = ResponseFuture<Result<Inventory>>;

    fn handle(&mut self, message: TakeInventory, _: &mut Self::Context) -> Self::Result {
        let (id, db, bus) = (self.id, self.db.clone(), self.bus.clone());
        Box::pin(self.thread.run(move |slot| {
            if message.0 == Scan::Fresh {
                slot.device()?.rescan()?;
            }
            read_and_store(slot, id, &db, &bus)
        }))
    }
}

/// Moves a cartridge.
#[derive(Message)]
#[rtype(result = "Result<Inventory>")]
pub struct MoveMedium {
    /// Full element.
    pub from: ElementAddress,
    /// Empty element.
    pub to: ElementAddress,
}

impl Handler<MoveMedium> for LibraryActor {
    type Result = ResponseFuture<Result<Inventory>>;

    fn handle(&mut self, message: MoveMedium, _: &mut Self::Context) -> Self::Result {
        let (id, name, db, bus) = (self.id, self.name.clone(), self.db.clone(), self.bus.clone());
        Box::pin(self.thread.run(move |slot| {
            let moved = slot.device()?.move_medium(message.from, message.to);
            let inventory = read_and_store(slot, id, &db, &bus);
            let details = serde_json::json!({"library_id": id, "from": message.from, "to": message.to});
            if let Err(error) = moved {
                bus.publish(
                    Event::error(Category::Tape, "Library Move Failed", format!("Library {name}: {error}"))
                        .details(details),
                );
                return Err(error.into());
            }
            inventory
        }))
    }
}

fn read_and_store(slot: &mut Slot<dyn Changer>, id: i32, db: &DbPool, bus: &Bus) -> Result<Inventory> {
    let changer = slot.device()?;
    let mut last = None;
    // an inventory right after a door was closed answers with a unit attention first
    for _ in 0..4 {
        match changer.inventory() {
            Ok(inventory) => {
                slots::store(db, id, &inventory)?;
                bus.transient("library", serde_json::json!({"library_id": id}));
                return Ok(inventory);
            }
            Err(error)
                if matches!(
                    error.kind,
                    tape_drive::DriveErrorKind::MediumChanged | tape_drive::DriveErrorKind::Reset
                ) =>
            {
                last = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.map_or_else(|| crate::Error::internal("the library gave no inventory"), crate::Error::from))
}
