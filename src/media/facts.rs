//! What the choice of a tape depends on, read from the database.

use super::choose::{self, Candidate, Choice, DriveFacts, Reuse};
use super::lifecycle;
use super::retention;
use crate::Result;
use crate::db::pools::{self, Pool};
use crate::db::tapes::{self, Tape};
use crate::db::{Conn, TapeStatus};
use crate::executions::Taken;

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
        let mut candidates = Vec::new();
        for tape in tapes::all_of_pool(conn, pool_id)? {
            candidates.push(candidate(conn, &tape, taken)?);
        }
        if let Some(id) = named
            && !candidates.iter().any(|tape| tape.id == id)
        {
            let tape = tapes::find(conn, id)?;
            candidates.push(candidate(conn, &tape, taken)?);
        }
        Ok(Facts { pool, tapes: candidates, drives: lifecycle::drives(conn, taken)? })
    }

    /// Which tape a backup goes to, and in which drive. `not` are tapes that the run has filled.
    pub fn choose(&self, named: Option<i32>, not: &[i32]) -> Choice {
        let reuse = if self.pool.allow_reuse != 0 { Reuse::Allowed } else { Reuse::Forbidden };
        let policy = self.pool.allocation_policy;
        choose::choose(&self.pool.name, &self.tapes, &self.drives, policy, reuse, named, not)
    }
}

fn candidate(conn: &mut Conn, tape: &Tape, taken: &Taken) -> Result<Candidate> {
    Ok(Candidate {
        id: tape.id,
        label: tape.label.clone(),
        status: tape.status,
        labelled: tape.labeled_at.is_some(),
        hold: match tape.status {
            // what has expired is decided anew before it is written over
            TapeStatus::Expired => retention::facts::why_not_anew(conn, tape)?,
            _ => tape.hold_reason.clone(),
        },
        capacity_bytes: tape.capacity_bytes,
        used_bytes: tape.used_bytes,
        last_written: tape.last_written_at,
        place: lifecycle::place(conn, tape)?,
        taken_by: taken.tapes.get(&tape.id).copied(),
    })
}
