//! Tapes that are lost for good, and the sets that cannot be restored in full because of it.
//!
//! Being lost is beside the [status](super::kinds::TapeStatus) of a tape, which stays what it was: when the tape is found,
//! everything is as before. What is lost is not stored with the sets: it follows from the tapes that are lost now.

use super::errors::changed;
use super::kinds::SetStatus;
use super::schema::{backup_set_parts, backup_sets, set_copies, tape_change_requests, tapes};
use super::tapes::{self as rows, Tape};
use super::time::now;
use super::{Conn, tape_changes, write_transaction};
use crate::{Error, Result};
use diesel::prelude::*;
use std::collections::{BTreeSet, HashMap, HashSet};

/// A person gives a tape up. Refused while somebody is asked to bring it, and if it is lost already.
///
/// # Errors
/// `tape_lost`, `tape_wanted`, or those of the database.
pub fn lose(conn: &mut Conn, id: i32, reason: Option<&str>) -> Result<Tape> {
    write_transaction(conn, |conn| {
        let tape = rows::find(conn, id)?;
        if tape.lost_at.is_some() {
            return Err(Error::conflict("tape_lost", format!("tape '{}' is recorded as lost already", tape.label)));
        }
        let waiting: Option<i32> = tape_change_requests::table
            .filter(tape_change_requests::tape_id.eq(id))
            .filter(tape_change_requests::status.eq_any(tape_changes::OPEN))
            .select(tape_change_requests::job_execution_id)
            .first(conn)
            .optional()?;
        if let Some(execution) = waiting {
            let message = format!(
                "execution {execution} waits for tape '{}': cancel that first, then record the tape as lost, and start it \
                 again: it does without the tape then",
                tape.label
            );
            return Err(Error::conflict("tape_wanted", message));
        }
        let time = now();
        let row = diesel::update(tapes::table.find(id)).set((
            tapes::lost_at.eq(time),
            tapes::lost_reason.eq(reason),
            tapes::updated_at.eq(time),
        ));
        changed(row.execute(conn), format_args!("tape {id}"))?;
        rows::find(conn, id)
    })
}

/// The tape is there again: it is what it was.
///
/// # Errors
/// `tape_not_lost`, or those of the database.
pub fn find_again(conn: &mut Conn, id: i32) -> Result<Tape> {
    write_transaction(conn, |conn| {
        let tape = rows::find(conn, id)?;
        if tape.lost_at.is_none() {
            return Err(Error::conflict("tape_not_lost", format!("tape '{}' is not recorded as lost", tape.label)));
        }
        let row = diesel::update(tapes::table.find(id)).set((
            tapes::lost_at.eq(None::<chrono::NaiveDateTime>),
            tapes::lost_reason.eq(None::<String>),
            tapes::updated_at.eq(now()),
        ));
        changed(row.execute(conn), format_args!("tape {id}"))?;
        rows::find(conn, id)
    })
}

/// Labels of the lost tapes that hold parts of sets: by set, in order.
pub fn tapes_of_sets(conn: &mut Conn, sets: &[i32]) -> Result<HashMap<i32, BTreeSet<String>>> {
    let pairs: Vec<(i32, String)> = backup_set_parts::table
        .inner_join(tapes::table)
        .filter(backup_set_parts::backup_set_id.eq_any(sets).and(tapes::lost_at.is_not_null()))
        .select((backup_set_parts::backup_set_id, tapes::label))
        .load(conn)?;
    let mut labels: HashMap<i32, BTreeSet<String>> = HashMap::new();
    for (set, label) in pairs {
        labels.entry(set).or_default().insert(label);
    }
    Ok(labels)
}

/// A set, as far as it depends on others whether it can be restored.
#[derive(Debug, Queryable)]
struct SetRow {
    id: i32,
    uuid: String,
    copy_of: Option<String>,
    parent: Option<i32>,
}

/// Completed sets whose state cannot be restored in full: a part of them, or of a set that they build on, is on a lost tape,
/// and no set with the same content is whole. Costs one query while no tape is lost.
pub fn sets(conn: &mut Conn) -> Result<HashSet<i32>> {
    let touched: HashSet<i32> = backup_set_parts::table
        .inner_join(tapes::table)
        .filter(tapes::lost_at.is_not_null())
        .select(backup_set_parts::backup_set_id)
        .distinct()
        .load(conn)?
        .into_iter()
        .collect();
    if touched.is_empty() {
        return Ok(HashSet::new());
    }
    let all: Vec<SetRow> = backup_sets::table
        .left_join(set_copies::table)
        .filter(backup_sets::status.eq(SetStatus::Completed))
        .select((backup_sets::id, backup_sets::uuid, set_copies::copy_of.nullable(), backup_sets::parent_set_id))
        .load(conn)?;
    Ok(lost(&all, &touched))
}

fn lost(all: &[SetRow], touched: &HashSet<i32>) -> HashSet<i32> {
    // sets with the same content have the name of the original in common
    let content = |set: &SetRow| set.copy_of.clone().unwrap_or_else(|| set.uuid.clone());
    let whole: HashSet<String> = all.iter().filter(|set| !touched.contains(&set.id)).map(content).collect();
    let mut lost: HashSet<i32> = all
        .iter()
        .filter(|set| touched.contains(&set.id) && !whole.contains(&content(set)))
        .map(|set| set.id)
        .collect();
    loop {
        let before = lost.len();
        let builds_on_lost = |set: &&SetRow| set.parent.is_some_and(|parent| lost.contains(&parent));
        let more: Vec<i32> = all.iter().filter(builds_on_lost).map(|set| set.id).collect();
        lost.extend(more);
        if lost.len() == before {
            return lost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i32, copy_of: Option<i32>, parent: Option<i32>) -> SetRow {
        SetRow { id, uuid: format!("u{id}"), copy_of: copy_of.map(|id| format!("u{id}")), parent }
    }

    #[test]
    fn what_builds_on_a_lost_set_is_lost_unless_a_copy_is_whole() {
        let all = [row(1, None, None), row(2, None, Some(1)), row(3, None, Some(2)), row(4, None, None)];
        let of = |touched: &[i32], all: &[SetRow]| {
            let mut lost: Vec<i32> = lost(all, &touched.iter().copied().collect()).into_iter().collect();
            lost.sort_unstable();
            lost
        };
        assert_eq!(of(&[1], &all), [1, 2, 3]);
        assert_eq!(of(&[2], &all), [2, 3]);
        assert_eq!(of(&[4], &all), [4]);
        let mut with_copy = Vec::from(all);
        with_copy.push(row(5, Some(1), None));
        assert_eq!(of(&[1], &with_copy), [0; 0]);
        assert_eq!(of(&[1, 5], &with_copy), [1, 2, 3, 5]);
        // the original is whole, its copy is not
        assert_eq!(of(&[5], &with_copy), [0; 0]);
    }

    #[test]
    fn a_tape_is_lost_once_and_found_once_as_it_was() {
        let db = crate::db::testing::database();
        let conn = &mut *db.conn();
        let tape = crate::db::testing::tape(conn, "A00001");
        assert_eq!(find_again(conn, tape.id).expect_err("not lost").code, "tape_not_lost");
        let lost = lose(conn, tape.id, Some("fire")).expect("lost");
        assert!(lost.lost_at.is_some() && lost.blocked().is_some_and(|why| why.contains("fire")), "{lost:?}");
        assert_eq!(lose(conn, tape.id, None).expect_err("already").code, "tape_lost");
        let writing = crate::db::tape_lifecycle::begin_writing(conn, tape.id, "u");
        assert_eq!(writing.expect_err("lost").code, "tape_lost");
        let found = find_again(conn, tape.id).expect("found");
        assert_eq!((found.status, found.lost_at, found.blocked()), (tape.status, None, None));
    }
}
