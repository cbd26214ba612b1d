//! How far sets are that are not complete: one row per set that can go on where it stopped.

use super::errors::changed;
use super::schema::{backup_checkpoints, backup_sets};
use super::time::now;
use super::{Conn, SetStatus};
use crate::Result;
use diesel::prelude::*;

/// How far a set is.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = backup_checkpoints)]
pub struct SetProgress {
    /// The set.
    pub backup_set_id: i32,
    /// The folder that is read.
    pub source_path: String,
    /// JSON: where the set goes on behind its last closed part.
    pub place: String,
    /// The tape on which the next part is being written.
    pub tape_id: Option<i32>,
    /// JSON: where the set goes on behind that part, once only its table of contents is missing.
    pub data_ended: Option<String>,
    /// JSON: the last place in that part at which it can be ended.
    pub checkpoint: Option<String>,
    /// The frames before that place.
    pub frame_table: Option<Vec<u8>>,
}

/// A set begins.
pub fn begin(conn: &mut Conn, set_id: i32, source_path: &str, place: &str) -> Result<()> {
    diesel::insert_into(backup_checkpoints::table)
        .values((
            backup_checkpoints::backup_set_id.eq(set_id),
            backup_checkpoints::source_path.eq(source_path),
            backup_checkpoints::place.eq(place),
            backup_checkpoints::updated_at.eq(now()),
        ))
        .execute(conn)?;
    Ok(())
}

/// How far a set is; `None` if it cannot go on.
pub fn find(conn: &mut Conn, set_id: i32) -> Result<Option<SetProgress>> {
    Ok(backup_checkpoints::table.find(set_id).select(SetProgress::as_select()).first(conn).optional()?)
}

/// The next part is about to be written on a tape; nothing of it is safe yet.
pub fn part_begins(conn: &mut Conn, set_id: i32, tape_id: i32) -> Result<()> {
    let row = diesel::update(backup_checkpoints::table.find(set_id)).set((
        backup_checkpoints::tape_id.eq(tape_id),
        backup_checkpoints::data_ended.eq(None::<String>),
        backup_checkpoints::checkpoint.eq(None::<String>),
        backup_checkpoints::frame_table.eq(None::<Vec<u8>>),
        backup_checkpoints::updated_at.eq(now()),
    ));
    changed(row.execute(conn), format_args!("the progress of backup set {set_id}"))
}

/// The part that is being written is safe up to a place.
pub fn checkpoint(conn: &mut Conn, set_id: i32, checkpoint: &str, frames: &[u8]) -> Result<()> {
    let row = diesel::update(backup_checkpoints::table.find(set_id)).set((
        backup_checkpoints::checkpoint.eq(checkpoint),
        backup_checkpoints::frame_table.eq(frames),
        backup_checkpoints::updated_at.eq(now()),
    ));
    changed(row.execute(conn), format_args!("the progress of backup set {set_id}"))
}

/// The last checkpoint of the part that is being written, as it was stored.
pub fn last_checkpoint(conn: &mut Conn, set_id: i32) -> Result<Option<String>> {
    let text = backup_checkpoints::table.find(set_id).select(backup_checkpoints::checkpoint);
    Ok(text.first::<Option<String>>(conn).optional()?.flatten())
}

/// The data of the part that is being written is on tape; its table of contents is not.
pub fn data_ended(conn: &mut Conn, set_id: i32, place: &str) -> Result<()> {
    let row = diesel::update(backup_checkpoints::table.find(set_id))
        .set((backup_checkpoints::data_ended.eq(place), backup_checkpoints::updated_at.eq(now())));
    changed(row.execute(conn), format_args!("the progress of backup set {set_id}"))
}

/// The part that was being written is closed, and the set goes on at `place`; or, without a place, nothing of that part
/// counts.
pub fn part_ends(conn: &mut Conn, set_id: i32, place: Option<&str>) -> Result<()> {
    let row = diesel::update(backup_checkpoints::table.find(set_id)).set((
        place.map(|place| backup_checkpoints::place.eq(place.to_string())),
        backup_checkpoints::tape_id.eq(None::<i32>),
        backup_checkpoints::data_ended.eq(None::<String>),
        backup_checkpoints::checkpoint.eq(None::<String>),
        backup_checkpoints::frame_table.eq(None::<Vec<u8>>),
        backup_checkpoints::updated_at.eq(now()),
    ));
    changed(row.execute(conn), format_args!("the progress of backup set {set_id}"))
}

/// The set is complete, or will never be.
pub fn end(conn: &mut Conn, set_id: i32) -> Result<()> {
    diesel::delete(backup_checkpoints::table.find(set_id)).execute(conn)?;
    Ok(())
}

/// Sets of a job that failed and could still go on.
pub fn waiting(conn: &mut Conn, job_id: i32) -> Result<Vec<i32>> {
    Ok(backup_checkpoints::table
        .inner_join(backup_sets::table)
        .filter(backup_sets::job_id.eq(job_id).and(backup_sets::status.eq(SetStatus::Failed)))
        .order(backup_checkpoints::backup_set_id)
        .select(backup_checkpoints::backup_set_id)
        .load(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{sets, testing};

    #[test]
    fn a_set_goes_from_part_to_part() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (tape, job) = (testing::tape(conn, "A00001"), testing::job(conn, "etc"));
        let set = testing::set(conn, &job, &tape, None).id;
        assert_eq!(find(conn, set).expect("none"), None);
        begin(conn, set, "/data", "start").expect("begin");
        part_begins(conn, set, tape.id).expect("part");
        checkpoint(conn, set, "here", &[1, 2]).expect("checkpoint");
        data_ended(conn, set, "there").expect("data");
        let row = find(conn, set).expect("find").expect("row");
        assert_eq!((row.tape_id, row.checkpoint.as_deref()), (Some(tape.id), Some("here")));
        assert_eq!((row.place.as_str(), row.data_ended.as_deref()), ("start", Some("there")));
        part_ends(conn, set, None).expect("dropped");
        assert_eq!(find(conn, set).expect("find").expect("row").place, "start");
        part_begins(conn, set, tape.id).expect("again");
        part_ends(conn, set, Some("there")).expect("closed");
        let row = find(conn, set).expect("find").expect("row");
        assert_eq!((row.place.as_str(), row.tape_id, row.checkpoint), ("there", None, None));
        assert!(waiting(conn, job.id).expect("running").is_empty());
        sets::fail(conn, set, SetStatus::Failed).expect("fail");
        assert_eq!(waiting(conn, job.id).expect("failed"), [set]);
        end(conn, set).expect("end");
        assert!(part_begins(conn, set, tape.id).is_err());
    }
}
