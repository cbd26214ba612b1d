//! What the choice of a tape depends on, read from the database.

use super::choose::{self, Candidate, Choice, Reuse};
use super::lifecycle;
use crate::Result;
use crate::db::tapes::{self, Tape};
use crate::db::{Conn, pools};
use crate::executions::Taken;

/// Which tape of a pool a backup would go to now, and in which drive. `named` is a tape that a person asked for, of
/// whatever pool; `not` are tapes that the run has filled.
pub fn choice(conn: &mut Conn, pool_id: i32, named: Option<i32>, not: &[i32], taken: &Taken) -> Result<Choice> {
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
    let drives = lifecycle::drives(conn, taken)?;
    let reuse = if pool.allow_reuse != 0 { Reuse::Allowed } else { Reuse::Forbidden };
    Ok(choose::choose(&pool.name, &candidates, &drives, pool.allocation_policy, reuse, named, not))
}

fn candidate(conn: &mut Conn, tape: &Tape, taken: &Taken) -> Result<Candidate> {
    Ok(Candidate {
        id: tape.id,
        label: tape.label.clone(),
        status: tape.status,
        labelled: tape.labeled_at.is_some(),
        hold: tape.hold_reason.clone(),
        capacity_bytes: tape.capacity_bytes,
        used_bytes: tape.used_bytes,
        last_written: tape.last_written_at,
        place: lifecycle::place(conn, tape)?,
        taken_by: taken.tapes.get(&tape.id).copied(),
    })
}
