//! The Library actor.
//!
//! *Owns*: one changer (the robot), on a thread of its own.
//! *Accepts*: [`TakeInventory`], [`MoveMedium`], [`CanSwap`]. Which drive may be emptied is the caller's business: it holds the lease.
//! *Emits*: rows in `tape_library_slots`, `library` messages to those who watch, events about moves and surprises.
//! *Invariants*: the slot map in the database is what the changer said last; it is read again after every move.
//! *On failure*: the answer is the error, and the slot map is read again, for the robot may have stopped half-way.

mod house;
mod registry;
mod slots;

pub use registry::Libraries;

use super::device_thread::DeviceThread;
use crate::Result;
use crate::db::DbPool;
use crate::events::{Bus, Category, Event};
use actix::prelude::*;
use house::{House, Way};
use serde_json::json;
use tape_drive::{Changer, ElementAddress, ElementKind, Inventory};

/// One library.
pub struct LibraryActor {
    thread: DeviceThread<dyn Changer>,
    house: House,
}

impl LibraryActor {
    /// Starts the actor of the library with row `id`.
    pub fn start(id: i32, name: &str, device_path: &str, db: DbPool, bus: Bus) -> std::io::Result<Addr<LibraryActor>> {
        let path = device_path.to_string();
        let thread = DeviceThread::start(&format!("library-{id}"), move || tape_drive::open_changer(&path))?;
        Ok(LibraryActor { thread, house: House::new(id, name, db, bus) }.start())
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
        let house = self.house.clone();
        Box::pin(self.thread.run(move |slot| {
            if message.0 == Scan::Fresh {
                house.attended(|| slot.device()?.rescan())?;
            }
            house.look(slot)
        }))
    }
}

/// Moves a cartridge.
#[derive(Message)]
#[rtype(result = "Result<Inventory>")]
pub struct MoveMedium {
    /// Full element.
    pub from: ElementAddress,
    /// Where it goes.
    pub to: ElementAddress,
    /// Where the cartridge goes that is there; `None`: there is none.
    pub then: Option<ElementAddress>,
}

impl Handler<MoveMedium> for LibraryActor {
    type Result = ResponseFuture<Result<Inventory>>;

    fn handle(&mut self, message: MoveMedium, _: &mut Self::Context) -> Self::Result {
        let house = self.house.clone();
        Box::pin(self.thread.run(move |slot| {
            let moved = house.send(slot, Way { from: message.from, to: message.to, then: message.then });
            let inventory = house.look(slot);
            if let Err(mut error) = moved {
                if let Some(where_it_is) = inventory.as_ref().ok().and_then(in_the_gripper) {
                    error.message = format!("{}; {where_it_is}", error.message);
                }
                let text = format!("Library {}: {}", house.name, error.message);
                let details = json!({"library_id": house.id, "from": message.from, "to": message.to});
                house.bus.publish(Event::error(Category::Library, "Library Move Failed", text).details(details));
                return Err(error);
            }
            inventory
        }))
    }
}

/// Whether the robot can bring a cartridge from a slot to a drive, and in the same go put the one in the drive into that slot.
#[derive(Message)]
#[rtype(result = "Result<bool>")]
pub struct CanSwap;

impl Handler<CanSwap> for LibraryActor {
    type Result = ResponseFuture<Result<bool>>;

    fn handle(&mut self, _: CanSwap, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.thread.run(|slot| {
            let can = slot.device()?.capabilities();
            Ok(can.can_exchange(ElementKind::Storage, ElementKind::Drive))
        }))
    }
}

/// What to do about a cartridge that the robot did not put down; nothing if there is none.
fn in_the_gripper(inventory: &Inventory) -> Option<String> {
    let gripper = inventory.of(ElementKind::Transport).find(|element| element.full)?;
    let cartridge = gripper.barcode.as_ref().map_or("a cartridge".to_string(), |code| format!("cartridge {code}"));
    Some(format!(
        "{cartridge} is in the gripper of the robot, which can do nothing else now: move it from there (element {}) to an \
         empty slot, or open the library and put it there by hand, and take the inventory",
        gripper.address.0
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tape_drive::Element;

    #[test]
    fn a_cartridge_in_the_gripper_is_told_with_what_to_do() {
        let gripper = Element::empty(ElementAddress(1), ElementKind::Transport);
        let mut inventory = Inventory { elements: vec![gripper] };
        assert_eq!(in_the_gripper(&inventory), None);
        inventory.elements[0].full = true;
        inventory.elements[0].barcode = Some("TB0001L9".into());
        let told = in_the_gripper(&inventory).expect("it is told");
        assert!(told.starts_with("cartridge TB0001L9 is in the gripper") && told.contains("(element 1)"), "{told}");
    }
}
