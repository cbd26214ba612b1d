//! What a library's robot does wrong, and what it says that is not so.

use crate::Operation;
use crate::changer::{Element, ElementAddress, ElementKind, Inventory};
use serde::{Deserialize, Serialize};

/// What only a changer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Robot {
    /// A move stops half-way (HARDWARE ERROR 15h): the cartridge stays in the gripper until it is moved from there.
    Gripped,
    /// A move fails (HARDWARE ERROR 15h), but the cartridge is where it was to go.
    Arrived,
    /// The door or the mail slot is open (NOT READY 04h/18h).
    DoorOpen,
    /// No bar code in a slot can be read.
    Unread,
    /// The bar codes of the first two cartridges in slots are told the wrong way round.
    Exchanged,
    /// The first slot with a cartridge is said to be empty.
    Overlooked,
}

impl Robot {
    /// One of every kind.
    pub const ALL: &'static [Robot] =
        &[Robot::Gripped, Robot::Arrived, Robot::DoorOpen, Robot::Unread, Robot::Exchanged, Robot::Overlooked];

    /// Whether it can happen to this command.
    pub fn applies_to(self, operation: Operation) -> bool {
        match self {
            Robot::Gripped | Robot::Arrived => operation == Operation::Move,
            Robot::Unread | Robot::Exchanged | Robot::Overlooked => operation == Operation::Inventory,
            Robot::DoorOpen => matches!(operation, Operation::Move | Operation::Inventory),
        }
    }

    /// Makes an inventory say what is not so.
    pub(super) fn tells(self, inventory: &mut Inventory) {
        let mut full = inventory.elements.iter_mut().filter(|it| it.kind == ElementKind::Storage && it.full);
        match self {
            Robot::Gripped | Robot::Arrived | Robot::DoorOpen => {}
            Robot::Unread => full.for_each(|element| element.barcode = None),
            Robot::Exchanged => {
                if let (Some(one), Some(other)) = (full.next(), full.next()) {
                    std::mem::swap(&mut one.barcode, &mut other.barcode);
                }
            }
            Robot::Overlooked => {
                if let Some(element) = full.next() {
                    *element = Element::empty(element.address, element.kind);
                }
            }
        }
    }
}

/// The gripper of a robot that stopped half-way. The cartridge in it is still in its old place as far as the changer behind
/// it knows.
#[derive(Debug, Default)]
pub(super) struct Gripper {
    taken_from: Option<ElementAddress>,
}

impl Gripper {
    /// Takes the cartridge of an element, if there is one.
    pub(super) fn take(&mut self, from: ElementAddress, inventory: &Inventory) {
        let reached = inventory.element(from).is_some_and(|element| element.full && element.accessible);
        self.taken_from = self.taken_from.or(Some(from).filter(|_| reached));
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.taken_from.is_none()
    }

    /// The gripper's own address, and where the cartridge in it was; nothing if there is none, or somebody took it out.
    pub(super) fn held(&mut self, inventory: &Inventory) -> Option<(ElementAddress, ElementAddress)> {
        let there = |from: &ElementAddress| inventory.element(*from).is_some_and(|element| element.full);
        self.taken_from = self.taken_from.filter(there);
        let gripper = inventory.of(ElementKind::Transport).next()?.address;
        self.taken_from.map(|from| (gripper, from))
    }

    /// It let go.
    pub(super) fn release(&mut self) {
        self.taken_from = None;
    }

    /// Shows the cartridge in the gripper instead of in its old place.
    pub(super) fn show(&mut self, inventory: &mut Inventory) {
        let Some((gripper, from)) = self.held(inventory) else { return };
        let Some(old) = inventory.elements.iter_mut().find(|element| element.address == from) else { return };
        let empty = Element { drive_serial: old.drive_serial.clone(), ..Element::empty(from, old.kind) };
        let moved = std::mem::replace(old, empty);
        if let Some(element) = inventory.elements.iter_mut().find(|element| element.address == gripper) {
            (element.full, element.barcode, element.cleaning) = (true, moved.barcode, moved.cleaning);
            element.source = Some(from);
        }
    }
}
