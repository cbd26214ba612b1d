//! A changer that fails as its plan says.

use super::handle::FaultHandle;
use super::plan::{Condition, NoReply};
use crate::changer::{Changer, ChangerIdentity, DeviceCapabilities, ElementAddress, Inventory};
use crate::{DriveError, DriveErrorKind, Operation, Result};
use tape_scsi::{Sense, SenseKey};

/// A changer with a fault plan. Conditions that only a tape drive can report never happen to it.
#[derive(Debug)]
pub struct FaultChanger<C> {
    inner: C,
    faults: FaultHandle,
}

impl<C: Changer> FaultChanger<C> {
    /// Puts a plan before a changer.
    pub fn new(inner: C, faults: FaultHandle) -> FaultChanger<C> {
        FaultChanger { inner, faults }
    }

    /// Its plan.
    pub fn faults(&self) -> &FaultHandle {
        &self.faults
    }

    fn command<T>(&mut self, operation: Operation, run: impl FnOnce(&mut C) -> Result<T>) -> Result<T> {
        crate::breakpoint::pass("before a command of a changer");
        let sense = |key, asc, ascq| Err(DriveError::from_sense(operation, Sense::new(key, asc, ascq)));
        match self.faults.command(operation, None) {
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
            _ => run(&mut self.inner),
        }
    }
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
        self.command(Operation::Inventory, |changer| changer.inventory())
    }

    fn rescan(&mut self) -> Result<()> {
        self.command(Operation::Inventory, |changer| changer.rescan())
    }

    fn move_medium(&mut self, from: ElementAddress, to: ElementAddress) -> Result<()> {
        self.command(Operation::Move, |changer| changer.move_medium(from, to))
    }

    fn exchange(&mut self, from: ElementAddress, to: ElementAddress, then: ElementAddress) -> Result<()> {
        self.command(Operation::Move, |changer| changer.exchange(from, to, then))
    }
}
