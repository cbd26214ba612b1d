//! What the choice of a tape depends on, read from the database.

use super::choose::{self, Candidate, Choice, DriveFacts, Reuse, Rules, Spent};
use super::lifecycle;
use super::retention;
use crate::Result;
use crate::db::pools::{self, Pool};
use crate::db::tape_briefs::{self, TapeBrief};
use crate::db::whereabouts::Inventory;
use crate::db::{Conn, TapeStatus, tapes};
use crate::executions::Taken;
use std::collections::HashMap;

/// A pool, its tapes and all drives as they are now.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The pool.
    pub pool: Pool,
    /// Its tapes, and the one that was named.
    pub tapes: Vec<Candidate>,
    /// All enabled drives.
    pub drives: Vec<DriveFacts>,
}

impl Facts {
    /// Reads them. `named` is a tape that a person asked for, of whatever pool.
    pub fn read(conn: &mut Conn, pool_id: i32, named: Option<i32>, taken: &Taken) -> Result<Facts> {
        let pool = pools::find(conn, pool_id)?;
        let mut tapes = tape_briefs::of_pool(conn, pool_id)?;
        if let Some(id) = named
            && !tapes.iter().any(|tape| tape.id == id)
        {
            tapes.push((&tapes::find(conn, id)?).into());
        }
        let candidates = candidates(conn, tapes, taken)?;
        Ok(Facts { pool, tapes: candidates, drives: lifecycle::drives(conn, taken)? })
    }

    /// The same without some of the drives.
    pub fn without_drives(&self, left_out: &dyn Fn(i32) -> bool) -> Facts {
        let mut facts = self.clone();
        facts.drives.retain(|drive| !left_out(drive.id));
        facts
    }

    /// Which tape a backup goes to, and in which drive. `not` are tapes that the run has filled, or found useless.
    pub fn choose(&self, named: Option<i32>, not: &[Spent]) -> Choice {
        choose::choose(&self.pool.name, &self.tapes, &self.drives, self.rules(), named, not)
    }

    fn rules(&self) -> Rules {
        let Pool { allocation_policy: policy, allow_reuse, write_once, .. } = self.pool;
        Rules { policy, reuse: if allow_reuse != 0 { Reuse::Allowed } else { Reuse::Forbidden }, write_once }
    }

    /// Why a backup to this pool cannot go on with a tape; nothing if it can.
    pub fn refusal(&self, tape_id: i32, not: &[Spent]) -> Option<String> {
        let Some(tape) = self.tapes.iter().find(|tape| tape.id == tape_id) else {
            return Some(format!("not a tape of pool {}", self.pool.name));
        };
        if let Some(other) = tape.taken_by {
            return Some(format!("used by execution {other}"));
        }
        choose::suitable(tape, self.rules(), not).err()
    }

    /// The drive that a person should put a tape into.
    pub fn drive_for_hands(&self) -> Option<&DriveFacts> {
        drive_for_hands(&self.drives, &[])
    }
}

/// The drive that a person should put a tape into: a free one; if there is one, one that stands alone; best an empty one,
/// or one whose tape is not needed soon. `needed` are tapes in the order in which they will be.
pub fn drive_for_hands<'d>(drives: &'d [DriveFacts], needed: &[i32]) -> Option<&'d DriveFacts> {
    let soon = |drive: &DriveFacts| needed.iter().rev().position(|tape| drive.tape == Some(*tape));
    drives
        .iter()
        .filter(|drive| drive.taken_by.is_none())
        .min_by_key(|drive| (drive.library.is_some(), drive.loaded, soon(drive), drive.id))
}

/// What is asked once is asked for all: a pool may have as many tapes as a house.
fn candidates(conn: &mut Conn, tapes: Vec<TapeBrief>, taken: &Taken) -> Result<Vec<Candidate>> {
    // what has expired is decided anew before it is written over
    let anew = |tape: &&TapeBrief| tape.status == TapeStatus::Expired && tape.lost_at.is_none();
    let expired: Vec<TapeBrief> = tapes.iter().filter(anew).cloned().collect();
    let stays: HashMap<i32, Option<String>> = match expired.is_empty() {
        true => HashMap::new(),
        false => retention::facts::why_not_anew_each(conn, &expired)?,
    };
    let inventory = Inventory::read(conn)?;
    let one = |tape: TapeBrief| Candidate {
        id: tape.id,
        status: tape.status,
        labelled: tape.labelled,
        write_once: tape.write_once,
        hold: match stays.get(&tape.id) {
            Some(why) => why.clone(),
            None => tape.why_blocked(),
        },
        capacity_bytes: tape.capacity_bytes,
        used_bytes: tape.used_bytes,
        last_written: tape.last_written_at,
        place: lifecycle::place_of(&inventory.of(&tape)),
        taken_by: taken.tapes.get(&tape.id).copied(),
        label: tape.label,
    };
    Ok(tapes.into_iter().map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[test]
    fn a_tape_goes_by_hand_into_the_drive_that_is_missed_least() {
        let drive = |id: i32, library: Option<i32>, tape: Option<i32>| DriveFacts {
            id,
            name: format!("D{id}"),
            library,
            taken_by: None,
            loaded: tape.is_some(),
            tape,
        };
        let chosen = |drives: &[DriveFacts], needed: &[i32]| drive_for_hands(drives, needed).map(|drive| drive.id);
        let robot = drive(1, Some(1), None);
        assert_eq!(chosen(&[robot.clone(), drive(2, None, Some(5))], &[]), Some(2), "people reach it");
        assert_eq!(chosen(std::slice::from_ref(&robot), &[]), Some(1));
        assert_eq!(chosen(&[drive(2, None, Some(5)), drive(3, None, None)], &[]), Some(3), "an empty one");
        let loaded = [drive(2, None, Some(5)), drive(3, None, Some(6)), drive(4, None, Some(7))];
        assert_eq!(chosen(&loaded, &[9, 5, 7]), Some(3), "its tape is not needed");
        assert_eq!(chosen(&loaded, &[6, 5, 7]), Some(4), "its tape is needed last");
        let busy = DriveFacts { taken_by: Some(9), ..robot };
        assert_eq!(chosen(&[busy], &[]), None);
    }

    #[test]
    fn the_tapes_of_a_pool_are_looked_up_together_however_many_there_are() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let pool = testing::tape(conn, "A00001").pool_id.expect("pool");
        let read = |conn: &mut Conn| {
            testing::statements(conn, |conn| Facts::read(conn, pool, None, &Taken::default()).expect("facts"))
        };
        testing::many_tapes(conn, 20);
        let (_, few) = read(conn);
        testing::many_tapes(conn, 20_000);
        let (facts, many) = read(conn);
        assert_eq!(facts.tapes.len(), 20_021);
        assert_eq!(many.len(), few.len(), "{many:#?}");
    }
}
