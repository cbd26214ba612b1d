//! A changer that fails as its plan says.

use super::handle::FaultHandle;
use super::plan::{Condition, NoReply};
use super::robot::{Gripper, Robot};
use crate::changer::{Changer, ChangerIdentity, DeviceCapabilities, ElementAddress, Inventory};
use crate::{DriveError, DriveErrorKind, Operation, Result};
use tape_scsi::{Sense, SenseKey};

/// A changer with a fault plan. Conditions that only a tape drive can report never happen to it.
#[derive(Debug)]
pub struct FaultChanger<C> {
    inner: C,
    faults: FaultHandle,
    gripper: Gripper,
}

impl<C: Changer> FaultChanger<C> {
    /// Puts a plan before a changer.
    pub fn new(inner: C, faults: FaultHandle) -> FaultChanger<C> {
        FaultChanger { inner, faults, gripper: Gripper::default() }
    }

    /// Its plan.
    pub fn faults(&self) -> &FaultHandle {
        &self.faults
    }

    fn command<T>(&mut self, operation: Operation, run: impl FnOnce(&mut C) -> Result<T>) -> Result<T> {
        let condition = self.next(operation);
        self.answer(operation, condition, run)
    }

    /// What is to happen to the next command.
    fn next(&mut self, operation: Operation) -> Option<Condition> {
        crate::breakpoint::pass_at("before a command of a changer", format_args!("{operation}"));
        let condition = self.faults.command(operation, None)?;
        crate::breakpoint::tell(format_args!("fault: {condition:?}: {operation}"));
        Some(condition)
    }

    fn answer<T>(
        &mut self,
        operation: Operation,
        condition: Option<Condition>,
        run: impl FnOnce(&mut C) -> Result<T>,
    ) -> Result<T> {
        let sense = |key, asc, ascq| Err(DriveError::from_sense(operation, Sense::new(key, asc, ascq)));
        match condition {
            Some(Condition::MediumChanged) => sense(SenseKey::UnitAttention, 0x28, 0x00),
            Some(Condition::Reset | Condition::PowerCut) => sense(SenseKey::UnitAttention, 0x29, 0x00),
            Some(Condition::ParametersChanged) => sense(SenseKey::UnitAttention, 0x2a, 0x01),
            // What a robot says that cannot get a cartridge out of a drive, or lost its grip.
            Some(Condition::HardwareError) => sense(SenseKey::HardwareError, 0x15, 0x01),
            Some(Condition::Aborted) => sense(SenseKey::AbortedCommand, 0x4b, 0x00),
            Some(Condition::NoReply(NoReply::Lost)) => Err(no_reply(operation)),
            Some(Condition::NoReply(NoReply::CarriedOut)) => {
                run(&mut self.inner)?;
                Err(no_reply(operation))
            }
            Some(Condition::Robot(Robot::Arrived)) => {
                run(&mut self.inner)?;
                sense(SenseKey::HardwareError, 0x15, 0x01)
            }
            Some(Condition::Robot(Robot::DoorOpen)) => sense(SenseKey::NotReady, 0x04, 0x18),
            _ => run(&mut self.inner),
        }
    }

    /// Takes a cartridge and stops.
    fn grip(&mut self, from: ElementAddress) -> Result<()> {
        self.gripper.take(from, &self.inner.inventory()?);
        Err(DriveError::from_sense(Operation::Move, Sense::new(SenseKey::HardwareError, 0x15, 0x01)))
    }

    /// Moves that begin at the gripper, or cannot begin because it is full. `None`: it has nothing to do with it.
    fn put_down(&mut self, from: ElementAddress, to: ElementAddress) -> Result<Option<()>> {
        if self.gripper.is_empty() {
            return Ok(None);
        }
        let Some((element, taken_from)) = self.gripper.held(&self.inner.inventory()?) else { return Ok(None) };
        if from != element {
            return Err(in_the_way());
        }
        self.inner.move_medium(taken_from, to)?;
        self.gripper.release();
        Ok(Some(()))
    }
}

/// MEDIUM DESTINATION ELEMENT FULL: there is a cartridge in the gripper.
fn in_the_way() -> DriveError {
    DriveError::from_sense(Operation::Move, Sense::new(SenseKey::IllegalRequest, 0x3b, 0x0d))
}

fn no_reply(operation: Operation) -> DriveError {
    let message = "the library did not answer in time; look at its inventory to see whether anything was moved";
    DriveError::new(DriveErrorKind::Aborted, operation, message)
}

impl<C: Changer> Changer for FaultChanger<C> {
    fn identity(&self) -> &ChangerIdentity {
        self.inner.identity()
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.inner.capabilities()
    }

    fn inventory(&mut self) -> Result<Inventory> {
        let condition = self.next(Operation::Inventory);
        let mut inventory = self.answer(Operation::Inventory, condition, |changer| changer.inventory())?;
        self.gripper.show(&mut inventory);
        if let Some(Condition::Robot(robot)) = condition {
            robot.tells(&mut inventory);
        }
        Ok(inventory)
    }

    fn rescan(&mut self) -> Result<()> {
        self.command(Operation::Inventory, |changer| changer.rescan())
    }

    fn move_medium(&mut self, from: ElementAddress, to: ElementAddress) -> Result<()> {
        let condition = self.next(Operation::Move);
        if condition == Some(Condition::Robot(Robot::Gripped)) {
            return self.grip(from);
        }
        match self.put_down(from, to)? {
            Some(()) => Ok(()),
            None => self.answer(Operation::Move, condition, |changer| changer.move_medium(from, to)),
        }
    }

    fn exchange(&mut self, from: ElementAddress, to: ElementAddress, then: ElementAddress) -> Result<()> {
        let condition = self.next(Operation::Move);
        if condition == Some(Condition::Robot(Robot::Gripped)) {
            return self.grip(from);
        }
        if !self.gripper.is_empty() {
            return Err(in_the_way());
        }
        self.answer(Operation::Move, condition, |changer| changer.exchange(from, to, then))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ElementKind;
    use crate::fault::FaultPlan;
    use crate::virt::library::{self, LibrarySpec, Place};
    use crate::virt::{CartridgeSpec, VirtualChanger};

    const TAPES: [&str; 2] = ["TB0001L9", "TB0002L9"];

    fn changer(folder: &tempfile::TempDir) -> (FaultChanger<VirtualChanger>, Vec<ElementAddress>) {
        library::create(folder.path(), &LibrarySpec { slots: 4, ..LibrarySpec::default() }).unwrap();
        for name in TAPES {
            library::add_cartridge(folder.path(), &CartridgeSpec::new(name), Place::AnySlot).unwrap();
        }
        let inner = VirtualChanger::open(folder.path()).unwrap();
        let mut changer = FaultChanger::new(inner, FaultHandle::default());
        let slots = changer.inventory().unwrap().of(ElementKind::Storage).map(|slot| slot.address).collect();
        (changer, slots)
    }

    /// What the changer says about two elements: the bar code, or `full`, or `-`.
    fn said(changer: &mut FaultChanger<VirtualChanger>, elements: &[ElementAddress]) -> Vec<String> {
        let inventory = changer.inventory().unwrap();
        let one = |address: &ElementAddress| {
            let element = inventory.element(*address).unwrap();
            element.barcode.clone().unwrap_or_else(|| if element.full { "full".into() } else { "-".into() })
        };
        elements.iter().map(one).collect()
    }

    #[test]
    fn a_gripped_cartridge_blocks_the_robot_until_it_is_put_down() {
        let folder = tempfile::tempdir().unwrap();
        let (mut changer, slots) = changer(&folder);
        let gripper = changer.inventory().unwrap().of(ElementKind::Transport).next().unwrap().address;
        changer.faults().next(Condition::Robot(Robot::Gripped));
        changer.move_medium(slots[0], slots[3]).unwrap_err();
        assert_eq!(said(&mut changer, &[slots[0], slots[3], gripper]), ["-", "-", TAPES[0]]);
        changer.move_medium(slots[1], slots[2]).unwrap_err();
        changer.move_medium(gripper, slots[2]).unwrap();
        assert_eq!(said(&mut changer, &[slots[0], slots[2], gripper]), ["-", TAPES[0], "-"]);
        changer.move_medium(slots[1], slots[3]).unwrap();
    }

    #[test]
    fn lies_are_told_once_and_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (mut changer, slots) = changer(&folder);
        for (robot, lie) in [
            (Robot::Unread, ["full", "full"]),
            (Robot::Exchanged, [TAPES[1], TAPES[0]]),
            (Robot::Overlooked, ["-", TAPES[1]]),
        ] {
            changer.faults().next(Condition::Robot(robot));
            assert_eq!(said(&mut changer, &slots[..2]), lie, "{robot:?}");
            assert_eq!(said(&mut changer, &slots[..2]), TAPES, "{robot:?}");
        }
    }

    #[test]
    fn a_move_that_failed_may_have_been_made() {
        let folder = tempfile::tempdir().unwrap();
        let (mut changer, slots) = changer(&folder);
        changer.faults().set(FaultPlan::nth_of(1, Operation::Move, Condition::Robot(Robot::Arrived)));
        changer.move_medium(slots[0], slots[3]).unwrap_err();
        assert_eq!(said(&mut changer, &[slots[0], slots[3]]), ["-", TAPES[0]]);
        changer.faults().next(Condition::Robot(Robot::DoorOpen));
        assert_eq!(changer.inventory().unwrap_err().kind, DriveErrorKind::NotReady);
    }
}
