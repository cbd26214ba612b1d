//! A plan in use: counts commands, and says which of them is to fail.

use super::plan::{Condition, Fault, FaultPlan, Repeat, When};
use crate::{Operation, Position};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A fault that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    /// The number of the command, from 1.
    pub command: u64,
    /// Its kind.
    pub operation: Operation,
    /// Where the tape was.
    pub position: Option<Position>,
    /// What happened.
    pub condition: Condition,
}

#[derive(Debug, Default)]
struct Progress {
    plan: FaultPlan,
    /// Faults of the plan that will not happen again.
    spent: Vec<usize>,
    commands: u64,
    commands_of: HashMap<Operation, u64>,
    fired: Vec<Fired>,
}

/// A plan in use: shared by the drive and by whoever wants it to fail.
#[derive(Debug, Clone, Default)]
pub struct FaultHandle {
    progress: Arc<Mutex<Progress>>,
}

impl FaultHandle {
    /// Replaces the plan; counting begins anew.
    pub fn set(&self, plan: FaultPlan) {
        *self.lock() = Progress { plan, ..Progress::default() };
    }

    /// Adds a fault that happens at the next command to which it can.
    pub fn next(&self, condition: Condition) {
        let mut progress = self.lock();
        let when = When::Command { number: progress.commands + 1 };
        progress.plan.faults.push(Fault { when, condition, repeat: Repeat::Once });
    }

    /// Commands since the plan was set.
    pub fn commands(&self) -> u64 {
        self.lock().commands
    }

    /// Faults that happened since the plan was set.
    pub fn fired(&self) -> Vec<Fired> {
        self.lock().fired.clone()
    }

    /// Counts a command, and says what is to happen to it.
    pub(super) fn command(&self, operation: Operation, position: Option<Position>) -> Option<Condition> {
        let mut guard = self.lock();
        let progress = &mut *guard;
        progress.commands += 1;
        if progress.plan.faults.is_empty() {
            return None;
        }
        let of_kind = progress.commands_of.entry(operation).or_default();
        *of_kind += 1;
        let block = position.map(|position| position.block);
        let due = |when: When| match when {
            When::Command { number } => progress.commands >= number,
            When::CommandOf { number, operation: kind } => kind == operation && *of_kind >= number,
            When::From { block: from } => block.is_some_and(|block| block >= from),
            // a locate only leaves the place: it does not touch what is wrong there
            When::At { block: at } => block == Some(at) && operation != Operation::Locate,
        };
        let (index, fault) = progress.plan.faults.iter().enumerate().find(|(index, fault)| {
            !progress.spent.contains(index) && due(fault.when) && fault.condition.applies_to(operation)
        })?;
        let condition = fault.condition;
        if fault.repeat == Repeat::Once {
            progress.spent.push(index);
        }
        progress.fired.push(Fired { command: progress.commands, operation, position, condition });
        Some(condition)
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_commands_of_all_kinds_and_of_one() {
        let handle = FaultHandle::default();
        handle.set(FaultPlan::nth_of(2, Operation::Write, Condition::HardwareError));
        assert_eq!(handle.command(Operation::Write, None), None);
        assert_eq!(handle.command(Operation::Rewind, None), None);
        assert_eq!(handle.command(Operation::Write, None), Some(Condition::HardwareError));
        assert_eq!(handle.command(Operation::Write, None), None);
        assert_eq!((handle.commands(), handle.fired().len()), (4, 1));
    }

    #[test]
    fn a_condition_waits_for_a_command_it_can_happen_to() {
        let handle = FaultHandle::default();
        handle.set(FaultPlan::nth(1, Condition::EarlyWarning));
        assert_eq!(handle.command(Operation::Status, None), None);
        assert_eq!(handle.command(Operation::Write, None), Some(Condition::EarlyWarning));
        assert_eq!(handle.fired()[0].command, 2);
    }

    #[test]
    fn a_bad_block_stays_bad() {
        let handle = FaultHandle::default();
        handle.set(FaultPlan::unreadable_block(7));
        for _ in 0..3 {
            assert_eq!(handle.command(Operation::Read, Some(Position::block(6))), None);
            assert_eq!(handle.command(Operation::Read, Some(Position::block(7))), Some(Condition::MediumError));
            assert_eq!(handle.command(Operation::Locate, Some(Position::block(7))), None, "the way out is open");
        }
    }
}
