//! Who uses which drive and which tape: a drive and a tape belong to one execution at a time.
//!
//! Pairs are taken together under one lock, so two executions never wait for each other's half. Whoever finds nothing
//! free waits until something is given back and chooses again: what is best may have changed meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// What is taken by whom, for choosing.
#[derive(Debug, Default, Clone)]
pub struct Taken {
    /// Drive id → execution id.
    pub drives: HashMap<i32, i32>,
    /// Tape id → execution id.
    pub tapes: HashMap<i32, i32>,
}

/// What a chooser wants from what is free now.
#[derive(Debug)]
pub enum Wanted<T> {
    /// Take these; `T` goes with the lease.
    Take {
        /// The drive.
        drive: i32,
        /// The tape, if one is bound to the work.
        tape: Option<i32>,
        /// What the chooser found out.
        choice: T,
    },
    /// Nothing suitable is free; this is why, for the person who waits.
    Wait(String),
}

/// The table of what is in use.
#[derive(Debug, Clone, Default)]
pub struct Reservations {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    taken: Mutex<Taken>,
    changed: Condvar,
}

impl Reservations {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.inner.taken.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What is in use now.
    pub fn taken(&self) -> Taken {
        self.lock().clone()
    }

    /// The execution that uses a drive.
    pub fn holder_of_drive(&self, drive: i32) -> Option<i32> {
        self.lock().drives.get(&drive).copied()
    }

    /// Lets `choose` look at what is in use and takes what it wants. `Err(reason)` when it wants to wait.
    pub fn try_take<T, E>(
        &self,
        execution: i32,
        choose: &mut dyn FnMut(&Taken) -> Result<Wanted<T>, E>,
    ) -> Result<Result<(Lease, T), String>, E> {
        let mut taken = self.lock();
        match choose(&taken)? {
            Wanted::Wait(reason) => Ok(Err(reason)),
            Wanted::Take { drive, tape, choice } => {
                let drive_free = taken.drives.get(&drive).is_none_or(|holder| *holder == execution);
                let tape_free =
                    tape.is_none_or(|tape| taken.tapes.get(&tape).is_none_or(|holder| *holder == execution));
                if !drive_free || !tape_free {
                    return Ok(Err("the drive or the tape was taken by other work".into()));
                }
                taken.drives.insert(drive, execution);
                if let Some(tape) = tape {
                    taken.tapes.insert(tape, execution);
                }
                Ok(Ok((Lease { table: self.clone(), drive, tape }, choice)))
            }
        }
    }

    /// Waits until something was given back, at most `time`.
    pub fn wait_for_change(&self, time: Duration) {
        let taken = self.lock();
        let _ = self.inner.changed.wait_timeout(taken, time);
    }

    fn give_back(&self, drive: i32, tape: Option<i32>) {
        let mut taken = self.lock();
        taken.drives.remove(&drive);
        if let Some(tape) = tape {
            taken.tapes.remove(&tape);
        }
        drop(taken);
        self.inner.changed.notify_all();
    }
}

/// A drive, and possibly a tape, held by an execution until it is dropped.
#[derive(Debug)]
pub struct Lease {
    table: Reservations,
    drive: i32,
    tape: Option<i32>,
}

impl Lease {
    /// The drive's id.
    pub fn drive(&self) -> i32 {
        self.drive
    }

    /// The tape's id.
    pub fn tape(&self) -> Option<i32> {
        self.tape
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.table.give_back(self.drive, self.tape);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(table: &Reservations, execution: i32, drive: i32, tape: i32) -> Result<(Lease, ()), String> {
        table
            .try_take::<(), ()>(execution, &mut |taken| {
                Ok(if taken.drives.contains_key(&drive) {
                    Wanted::Wait("drive in use".into())
                } else {
                    Wanted::Take { drive, tape: Some(tape), choice: () }
                })
            })
            .unwrap()
    }

    #[test]
    fn a_drive_belongs_to_one_execution_until_the_lease_ends() {
        let table = Reservations::default();
        let lease = take(&table, 1, 7, 70).unwrap();
        assert_eq!(take(&table, 2, 7, 71).unwrap_err(), "drive in use");
        assert_eq!(table.holder_of_drive(7), Some(1));
        drop(lease);
        assert!(take(&table, 2, 7, 71).is_ok());
    }

    #[test]
    fn a_tape_belongs_to_one_execution_even_through_another_drive() {
        let table = Reservations::default();
        let _lease = take(&table, 1, 7, 70).unwrap();
        assert!(take(&table, 2, 8, 70).is_err());
        assert_eq!(table.holder_of_drive(8), None, "a refused pair leaves nothing behind");
    }
}
