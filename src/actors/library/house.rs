//! What a library's thread does with its robot: look, and move, and tell of what happened meanwhile.

use super::slots;
use crate::actors::device_thread::Slot;
use crate::db::DbPool;
use crate::db::element_names::ElementNames;
use crate::events::{Bus, Category, Event};
use crate::{Error, Result};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use tape_drive::{Changer, DriveError, DriveErrorKind, Element, ElementAddress, Inventory};

/// A library may have several things to tell before it answers: it was reset, a door was opened, the mail slot was used.
const ATTENTIONS: usize = 8;

/// One library's place in the house: its row, and what it said last.
#[derive(Clone)]
pub(super) struct House {
    pub id: i32,
    pub name: String,
    pub bus: Bus,
    db: DbPool,
    last: Arc<Mutex<Option<Inventory>>>,
}

impl House {
    pub fn new(id: i32, name: &str, db: DbPool, bus: Bus) -> House {
        House { id, name: name.into(), bus, db, last: Arc::default() }
    }

    /// Runs a command that changes nothing until it is answered; what the library has to tell first becomes events.
    pub fn attended<T>(&self, mut command: impl FnMut() -> tape_drive::Result<T>) -> Result<T> {
        for _ in 0..ATTENTIONS {
            match command() {
                Err(error) if is_news(&error) => self.tell(&error),
                answer => return Ok(answer?),
            }
        }
        Ok(command()?)
    }

    /// Reads what is where, and stores it.
    pub fn look(&self, slot: &mut Slot<dyn Changer>) -> Result<Inventory> {
        let inventory = self.attended(|| slot.device()?.inventory())?;
        slots::store(&self.db, self.id, &inventory)?;
        self.bus.transient("library", json!({"library_id": self.id}));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(inventory.clone());
        Ok(inventory)
    }

    /// Sends the robot. If the library has something to tell first, it did not move anything yet (SPC-5, unit attention
    /// condition): then it is sent again, but only if all elements are as they were when that was decided.
    pub fn send(&self, slot: &mut Slot<dyn Changer>, way: Way) -> Result<()> {
        let decided = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tracing::debug!(library = self.id, from = way.from.0, to = way.to.0, "the robot is sent");
        match way.go(slot.device()?) {
            Err(error) if is_news(&error) => self.tell(&error),
            answer => return answer.map_err(|error| self.failed(way, error)),
        }
        let now = self.look(slot)?;
        let unchanged = |address| match (decided.as_ref().and_then(|then| then.element(address)), now.element(address))
        {
            (Some(then), Some(now)) => holds(then) == holds(now),
            _ => false,
        };
        if way.elements().into_iter().all(unchanged) {
            return way.go(slot.device()?).map_err(|error| self.failed(way, error));
        }
        let names = self.names();
        let message = format!(
            "the content of library {} was changed by hand just before what was in {} was to be moved to {}; nothing was \
             moved, try again",
            self.name,
            names.name(way.from),
            names.name(way.to)
        );
        Err(Error::conflict("library_changed", message))
    }

    fn names(&self) -> ElementNames {
        let names = self.db.get().map_err(Error::from).and_then(|mut conn| ElementNames::read(&mut conn, self.id));
        names.unwrap_or_default()
    }

    /// What went wrong with a move, and between which elements.
    fn failed(&self, way: Way, error: DriveError) -> Error {
        let names = self.names();
        let (tape, from, to) = (names.tape(way.from), names.name(way.from), names.name(way.to));
        Error::from(error).context(format_args!("moving {tape} from {from} to {to}"))
    }

    fn tell(&self, news: &DriveError) {
        let what = match news.kind {
            DriveErrorKind::MediumChanged => "its content was changed by hand, or its mail slot or a door was used",
            DriveErrorKind::ParametersChanged => "its settings were changed",
            _ => "it was reset or switched on",
        };
        let text = format!("Library {}: {what}. What is where is read again.", self.name);
        let details = json!({"library_id": self.id, "sense": news.sense.map(|sense| sense.to_string())});
        self.bus.publish(Event::info(Category::Library, "Library Changed", text).details(details));
    }
}

/// What the robot is sent to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// A full element.
    pub from: ElementAddress,
    /// Where its cartridge goes.
    pub to: ElementAddress,
    /// Where the cartridge goes that is there; `None`: there is none.
    pub then: Option<ElementAddress>,
}

impl Way {
    fn go(self, changer: &mut dyn Changer) -> tape_drive::Result<()> {
        match self.then {
            None => changer.move_medium(self.from, self.to),
            Some(then) => changer.exchange(self.from, self.to, then),
        }
    }

    fn elements(self) -> [ElementAddress; 3] {
        [self.from, self.to, self.then.unwrap_or(self.from)]
    }
}

/// A unit attention: something happened, and the command was not carried out.
fn is_news(error: &DriveError) -> bool {
    use DriveErrorKind::{MediumChanged, ParametersChanged, Reset};
    error.sense.is_some() && matches!(error.kind, MediumChanged | Reset | ParametersChanged)
}

fn holds(element: &Element) -> (bool, Option<&str>) {
    (element.full, element.barcode.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::device_thread::DeviceThread;
    use crate::db::{libraries, testing};
    use tape_drive::virt::library::{self, Door};
    use tape_drive::virt::{CartridgeSpec, LibrarySpec, Place};
    use tape_drive::{ElementKind, open_changer};

    struct Fixture {
        folder: tempfile::TempDir,
        thread: DeviceThread<dyn Changer>,
        house: House,
        _db: testing::TestDatabase,
    }

    impl Fixture {
        fn new() -> Fixture {
            let folder = tempfile::tempdir().expect("folder");
            let spec = LibrarySpec { slots: 4, ..LibrarySpec::default() };
            library::create(folder.path(), &spec).expect("library");
            for barcode in ["TB0001L9", "TB0002L9"] {
                library::add_cartridge(folder.path(), &CartridgeSpec::new(barcode), Place::AnySlot).expect("cartridge");
            }
            let db = testing::database();
            let path = format!("virtual:{}#changer", folder.path().display());
            let new = libraries::NewLibrary { name: "Rack".into(), device_path: path.clone(), ..Default::default() };
            let row = libraries::insert(&mut db.conn(), &new).expect("row");
            let house = House::new(row.id, "Rack", db.pool.clone(), Bus::new().0);
            let thread = DeviceThread::start("test", move || open_changer(&path)).expect("thread");
            Fixture { folder, thread, house, _db: db }
        }

        fn run<T: Send + 'static>(
            &self,
            work: impl FnOnce(&House, &mut Slot<dyn Changer>) -> Result<T> + Send + 'static,
        ) -> Result<T> {
            let house = self.house.clone();
            futures_executor::block_on(self.thread.run(move |slot| work(&house, slot)))
        }

        /// The door is opened and closed: the next command is answered with a unit attention.
        fn use_door(&self) {
            library::set_door(self.folder.path(), Door::Open).expect("door");
            library::set_door(self.folder.path(), Door::Closed).expect("door");
        }
    }

    #[test]
    fn a_move_is_asked_for_again_when_nothing_changed_by_hand() {
        let fixture = Fixture::new();
        let inventory = fixture.run(|house, slot| house.look(slot)).expect("inventory");
        let slots: Vec<_> = inventory.of(ElementKind::Storage).map(|element| element.address).collect();
        let (from, to) = (slots[0], slots[3]);
        fixture.use_door();
        fixture.run(move |house, slot| house.send(slot, Way { from, to, then: None })).expect("moved");
        let inventory = fixture.run(|house, slot| house.look(slot)).expect("inventory");
        assert!(inventory.element(to).is_some_and(|element| element.full));
    }

    #[test]
    fn a_move_is_refused_when_another_cartridge_lies_there_now() {
        let fixture = Fixture::new();
        let inventory = fixture.run(|house, slot| house.look(slot)).expect("inventory");
        let slots: Vec<_> = inventory.of(ElementKind::Storage).map(|element| element.address).collect();
        let (from, to) = (slots[0], slots[3]);
        library::put(fixture.folder.path(), "TB0001L9", Place::Slot(2)).expect("by hand");
        library::put(fixture.folder.path(), "TB0002L9", Place::Slot(0)).expect("by hand");
        fixture.use_door();
        let way = Way { from, to, then: None };
        let error = fixture.run(move |house, slot| house.send(slot, way)).expect_err("changed");
        assert_eq!(error.code, "library_changed");
        let inventory = fixture.run(|house, slot| house.look(slot)).expect("inventory");
        assert!(!inventory.element(to).is_some_and(|element| element.full), "nothing was moved");
    }
}
