//! Stores when parts, sets and tapes were verified.

use super::Where;
use crate::Result;
use crate::db::{self, Conn, SetStatus, sets::SetChanges, tapes::TapeChanges};
use std::collections::BTreeSet;

/// Notes that what a set has `place` was verified, but for these parts. A set is verified since the oldest date of its
/// parts, a tape since the oldest of what counts on it; neither is if something was never verified.
pub fn note(conn: &mut Conn, set_id: i32, place: Where, but: &BTreeSet<i32>) -> Result<()> {
    let looked_at = |tape: i32| match place {
        Where::Everywhere => true,
        Where::OnTape(only) => only == tape,
    };
    let mut parts = db::set_parts::of_set(conn, set_id)?;
    parts.retain(|part| looked_at(part.tape_id) && !but.contains(&part.part_number));
    let numbers: Vec<i32> = parts.iter().map(|part| part.part_number).collect();
    db::set_parts::verified(conn, set_id, &numbers)?;
    let all = db::set_parts::of_set(conn, set_id)?;
    if let Some(oldest) = all.iter().map(|part| part.verified_at).min().flatten() {
        db::sets::update(conn, set_id, &SetChanges { verified_at: Some(Some(oldest)), ..SetChanges::default() })?;
    }
    let tapes: BTreeSet<i32> = parts.iter().map(|part| part.tape_id).collect();
    for tape_id in tapes {
        let mut oldest = Vec::new();
        for part in db::set_parts::of_tape(conn, tape_id)? {
            if db::sets::find(conn, part.backup_set_id)?.status == SetStatus::Completed {
                oldest.push(part.verified_at);
            }
        }
        if let Some(oldest) = oldest.into_iter().min().flatten() {
            let changes = TapeChanges { last_verified_at: Some(Some(oldest)), ..TapeChanges::default() };
            db::tapes::update(conn, tape_id, &changes)?;
        }
    }
    Ok(())
}
