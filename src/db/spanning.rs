//! Sets in several parts: which run of their files is on which tape.
//!
//! A set that is one part has no row here. The rows are written as the parts are closed, so they tell of a set that is
//! being written, or was never completed, how far it came; [`set_parts`](super::set_parts) tells only of completed ones.

use super::Conn;
use super::errors::stored;
use super::kinds::SpanningStatus;
use super::schema::{backup_sets, tape_spanning_members, tape_spanning_sets, tapes};
use super::time::{now, rfc3339};
use super::write_transaction;
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;
use std::collections::BTreeSet;

/// A set in several parts.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = tape_spanning_sets)]
pub struct SpanningSet {
    /// Its id.
    pub id: i32,
    /// The job of the set.
    pub job_id: i32,
    /// Tapes that hold parts of it.
    pub total_tapes: i32,
    /// Bytes of its parts on tape.
    pub total_bytes: i64,
    /// Files that end in its parts.
    pub total_files: i64,
    /// Where it is in its life.
    pub status: SpanningStatus,
    /// When it was found not to fit into one part.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When its row last changed.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
}

/// A part of it.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = tape_spanning_members)]
pub struct SpanningMember {
    /// Its id.
    pub id: i32,
    /// The set in several parts.
    pub spanning_set_id: i32,
    /// The tape.
    pub tape_id: i32,
    /// The backup set.
    pub backup_set_id: i32,
    /// Number of the part, from 1.
    pub sequence_number: i32,
    /// Bytes on tape.
    pub bytes_written: i64,
    /// Files of the set that end in earlier parts.
    pub files_start_index: i64,
    /// The same with this part.
    pub files_end_index: i64,
    /// When the part was closed.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
}

/// A part as lists show it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SpanningMemberListed {
    /// The part.
    #[serde(flatten)]
    pub member: SpanningMember,
    /// Label of its tape.
    pub tape_label: String,
}

/// A set in several parts, with them.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Spanning {
    /// The set.
    #[serde(flatten)]
    pub set: SpanningSet,
    /// Its parts in order.
    pub members: Vec<SpanningMemberListed>,
}

/// A part that is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Insertable)]
#[diesel(table_name = tape_spanning_members)]
pub struct NewMember {
    /// The tape.
    pub tape_id: i32,
    /// Number of the part, from 1.
    pub sequence_number: i32,
    /// Bytes on tape.
    pub bytes_written: i64,
    /// Files of the set that end in earlier parts.
    pub files_start_index: i64,
    /// The same with this part.
    pub files_end_index: i64,
}

/// The parts of a backup set; none if it is in one part.
pub fn of_set(conn: &mut Conn, set_id: i32) -> Result<Option<Spanning>> {
    let Some(id) = id_of(conn, set_id)? else { return Ok(None) };
    let set = tape_spanning_sets::table.find(id).select(SpanningSet::as_select()).first(conn)?;
    let members: Vec<(SpanningMember, String)> = tape_spanning_members::table
        .inner_join(tapes::table)
        .filter(tape_spanning_members::spanning_set_id.eq(id))
        .order(tape_spanning_members::sequence_number)
        .select((SpanningMember::as_select(), tapes::label))
        .load(conn)?;
    let listed = |(member, tape_label)| SpanningMemberListed { member, tape_label };
    Ok(Some(Spanning { set, members: members.into_iter().map(listed).collect() }))
}

/// The row of a backup set in several parts.
pub fn id_of(conn: &mut Conn, set_id: i32) -> Result<Option<i32>> {
    Ok(tape_spanning_members::table
        .filter(tape_spanning_members::backup_set_id.eq(set_id))
        .select(tape_spanning_members::spanning_set_id)
        .first(conn)
        .optional()?)
}

/// Parts of a backup set are closed. Parts that are known already are told anew; the set's row is made with the first.
pub fn record(conn: &mut Conn, set_id: i32, members: &[NewMember]) -> Result<()> {
    write_transaction(conn, |conn| {
        let time = now();
        let known = id_of(conn, set_id)?;
        let id = match known {
            Some(id) => id,
            None => {
                let job: i32 = backup_sets::table.find(set_id).select(backup_sets::job_id).first(conn)?;
                diesel::insert_into(tape_spanning_sets::table)
                    .values((
                        tape_spanning_sets::job_id.eq(job),
                        tape_spanning_sets::status.eq(SpanningStatus::InProgress),
                        tape_spanning_sets::created_at.eq(time),
                        tape_spanning_sets::updated_at.eq(time),
                    ))
                    .returning(tape_spanning_sets::id)
                    .returned(conn)?
            }
        };
        for member in members {
            let place = (
                tape_spanning_members::spanning_set_id.eq(id),
                tape_spanning_members::backup_set_id.eq(set_id),
                tape_spanning_members::created_at.eq(time),
            );
            let row = diesel::insert_into(tape_spanning_members::table)
                .values((member, place))
                .on_conflict((tape_spanning_members::backup_set_id, tape_spanning_members::sequence_number))
                .do_update()
                .set((
                    tape_spanning_members::tape_id.eq(member.tape_id),
                    tape_spanning_members::bytes_written.eq(member.bytes_written),
                    tape_spanning_members::files_start_index.eq(member.files_start_index),
                    tape_spanning_members::files_end_index.eq(member.files_end_index),
                ))
                .execute(conn);
            stored(row, format_args!("part {} of backup set {set_id}", member.sequence_number))?;
        }
        total(conn, id)
    })
}

/// The figures of the set are those of its parts.
fn total(conn: &mut Conn, id: i32) -> Result<()> {
    let members: Vec<SpanningMember> = tape_spanning_members::table
        .filter(tape_spanning_members::spanning_set_id.eq(id))
        .select(SpanningMember::as_select())
        .load(conn)?;
    let tapes: BTreeSet<i32> = members.iter().map(|member| member.tape_id).collect();
    let files = members.iter().map(|member| member.files_end_index).max().unwrap_or_default();
    diesel::update(tape_spanning_sets::table.find(id))
        .set((
            tape_spanning_sets::total_tapes.eq(i32::try_from(tapes.len()).unwrap_or(i32::MAX)),
            tape_spanning_sets::total_bytes.eq(members.iter().map(|member| member.bytes_written).sum::<i64>()),
            tape_spanning_sets::total_files.eq(files),
            tape_spanning_sets::updated_at.eq(now()),
        ))
        .execute(conn)?;
    Ok(())
}

/// What has become of a backup set; nothing happens if it is in one part.
pub fn set_status(conn: &mut Conn, set_id: i32, status: SpanningStatus) -> Result<()> {
    let Some(id) = id_of(conn, set_id)? else { return Ok(()) };
    diesel::update(tape_spanning_sets::table.find(id))
        .set((tape_spanning_sets::status.eq(status), tape_spanning_sets::updated_at.eq(now())))
        .execute(conn)?;
    Ok(())
}

/// The backup set is being deleted.
pub fn forget(conn: &mut Conn, set_id: i32) -> Result<()> {
    let Some(id) = id_of(conn, set_id)? else { return Ok(()) };
    diesel::delete(tape_spanning_sets::table.find(id)).execute(conn)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{SetStatus, sets, testing};

    fn member(tape_id: i32, sequence_number: i32, files: (i64, i64)) -> NewMember {
        NewMember { tape_id, sequence_number, bytes_written: 100, files_start_index: files.0, files_end_index: files.1 }
    }

    #[test]
    fn a_set_over_tapes_tells_how_far_it_came_and_what_became_of_it() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let tapes = [testing::tape(conn, "A00001").id, testing::tape(conn, "A00002").id];
        let job = testing::job(conn, "etc");
        let first = crate::db::tapes::find(conn, tapes[0]).expect("tape");
        let set = testing::set(conn, &job, &first, None).id;
        assert!(of_set(conn, set).expect("one part").is_none());
        set_status(conn, set, SpanningStatus::Failed).expect("nothing to do");
        record(conn, set, &[member(tapes[0], 1, (0, 7))]).expect("first");
        record(conn, set, &[member(tapes[0], 1, (0, 8)), member(tapes[1], 2, (8, 9))]).expect("second");
        let span = of_set(conn, set).expect("spanning").expect("some");
        assert_eq!((span.set.total_tapes, span.set.total_bytes, span.set.total_files), (2, 200, 9));
        assert_eq!(span.set.status, SpanningStatus::InProgress);
        let parts: Vec<_> = span
            .members
            .iter()
            .map(|row| (row.member.sequence_number, row.tape_label.as_str(), row.member.files_start_index))
            .collect();
        assert_eq!(parts, [(1, "A00001", 0), (2, "A00002", 8)]);
        sets::fail(conn, set, SetStatus::Cancelled).expect("fail");
        let status = |conn: &mut Conn| of_set(conn, set).expect("spanning").expect("some").set.status;
        assert_eq!(status(conn), SpanningStatus::Failed);
        sets::reopen(conn, set).expect("found whole on tape");
        assert_eq!(status(conn), SpanningStatus::InProgress);
        sets::complete(conn, set, &sets::SetChanges::default()).expect("complete");
        assert_eq!(status(conn), SpanningStatus::Completed);
        sets::delete(conn, set).expect("delete");
        assert!(of_set(conn, set).expect("gone").is_none());
        let left: i64 = tape_spanning_sets::table.count().get_result(conn).expect("count");
        assert_eq!(left, 0, "its row goes with it");
    }
}
