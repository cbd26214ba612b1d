//! Copies of sets: which set is a copy of which. A copy is a set of its own; it names its original by the original's
//! name on tape, for that outlives the original's row.

use super::Conn;
use super::kinds::SetStatus;
use super::schema::{backup_set_parts, backup_sets, set_copies, tapes};
use super::sets::{self, BackupSet};
use crate::Result;
use diesel::prelude::*;

/// A set is a copy of the one with this name on tape.
pub fn insert(conn: &mut Conn, set_id: i32, original: &str) -> Result<()> {
    diesel::replace_into(set_copies::table)
        .values((set_copies::set_id.eq(set_id), set_copies::copy_of.eq(original)))
        .execute(conn)?;
    Ok(())
}

/// Name on tape of the set that a set is a copy of; none if it is no copy.
pub fn original_of(conn: &mut Conn, set_id: i32) -> Result<Option<String>> {
    Ok(set_copies::table.find(set_id).select(set_copies::copy_of).first(conn).optional()?)
}

/// Completed sets with the same content as a set: itself, its original, and all copies, the original first.
pub fn family(conn: &mut Conn, set: &BackupSet) -> Result<Vec<i32>> {
    let original = original_of(conn, set.id)?.unwrap_or_else(|| set.uuid.clone());
    let mut ids = of(conn, &original)?;
    let first = sets::find_by_uuid(conn, &original)?.filter(|set| set.status == SetStatus::Completed);
    if let Some(first) = first {
        ids.insert(0, first.id);
    }
    Ok(ids)
}

/// Completed copies of the set with this name on tape.
pub fn of(conn: &mut Conn, original: &str) -> Result<Vec<i32>> {
    Ok(set_copies::table
        .inner_join(backup_sets::table)
        .filter(set_copies::copy_of.eq(original).and(backup_sets::status.eq(SetStatus::Completed)))
        .order(backup_sets::id)
        .select(backup_sets::id)
        .load(conn)?)
}

/// A copy, in whatever state, of the set with this name on tape.
pub fn any_of(conn: &mut Conn, original: &str) -> Result<Option<i32>> {
    Ok(set_copies::table
        .inner_join(backup_sets::table)
        .filter(set_copies::copy_of.eq(original))
        .filter(backup_sets::status.eq_any([SetStatus::Completed, SetStatus::Incomplete]))
        .order(backup_sets::id)
        .select(backup_sets::id)
        .first(conn)
        .optional()?)
}

/// Pools that the tapes of a set are in.
pub fn pools_of(conn: &mut Conn, set_id: i32) -> Result<Vec<i32>> {
    let pools: Vec<Option<i32>> = backup_set_parts::table
        .inner_join(tapes::table)
        .filter(backup_set_parts::backup_set_id.eq(set_id))
        .select(tapes::pool_id)
        .distinct()
        .load(conn)?;
    Ok(pools.into_iter().flatten().collect())
}

/// A set is about to be forgotten: what builds on it builds on another set with the same content from now on, if there is
/// one outside of `going`. Returns that one.
pub fn hand_over(conn: &mut Conn, set_id: i32, going: &[i32]) -> Result<Option<i32>> {
    let set = sets::find(conn, set_id)?;
    let heir = family(conn, &set)?.into_iter().find(|other| *other != set_id && !going.contains(other));
    if let Some(heir) = heir {
        diesel::update(backup_sets::table.filter(backup_sets::parent_set_id.eq(set_id)))
            .set(backup_sets::parent_set_id.eq(heir))
            .execute(conn)?;
    }
    Ok(heir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[test]
    fn what_builds_on_a_forgotten_set_builds_on_its_copy() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (tape, job) = (testing::tape(conn, "A00001"), testing::job(conn, "etc"));
        let complete = |conn: &mut Conn, id| sets::complete(conn, id, &Default::default()).expect("complete");
        let full = testing::set(conn, &job, &tape, None);
        complete(conn, full.id);
        let copy = testing::set(conn, &job, &tape, None);
        insert(conn, copy.id, &full.uuid).expect("copy");
        assert_eq!(family(conn, &full).expect("family"), [full.id], "a copy counts when it is complete");
        complete(conn, copy.id);
        assert_eq!(family(conn, &copy).expect("family"), [full.id, copy.id]);
        assert_eq!(sets::latest_completed(conn, job.id).expect("latest").map(|set| set.id), Some(full.id));
        let child = testing::set(conn, &job, &tape, Some(full.id));
        assert_eq!(hand_over(conn, full.id, &[copy.id]).expect("nobody"), None);
        assert_eq!(hand_over(conn, full.id, &[]).expect("heir"), Some(copy.id));
        assert_eq!(sets::find(conn, child.id).expect("child").parent_set_id, Some(copy.id));
        sets::delete(conn, full.id).expect("delete");
        let copy = sets::find(conn, copy.id).expect("copy");
        assert_eq!(family(conn, &copy).expect("family"), [copy.id]);
        assert_eq!(sets::latest_completed(conn, job.id).expect("none"), None, "nothing builds on a copy");
    }
}
