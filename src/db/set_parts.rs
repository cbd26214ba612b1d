//! The parts of backup sets: which run of a set's tar stream is in which file of which tape.

use super::Conn;
use super::errors::stored;
use super::kinds::{PartFormat, SetStatus};
use super::schema::{backup_set_parts, backup_sets, tapes};
use super::time::{now, rfc3339, rfc3339_option};
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A part.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = backup_set_parts)]
pub struct SetPart {
    /// Its id.
    pub id: i32,
    /// The set.
    pub backup_set_id: i32,
    /// Its number in the set, from 1.
    pub part_number: i32,
    /// The tape.
    pub tape_id: i32,
    /// Number of the data file on tape; its table of contents is the next.
    pub tape_file: i64,
    /// Logical object number of the first data block.
    pub first_block: i64,
    /// Data blocks.
    pub block_count: i64,
    /// Bytes of a block.
    pub block_size: i32,
    /// Logical object number of the first block of the table of contents.
    pub toc_block: i64,
    /// Logical object number behind the filemark of the table of contents.
    pub end_block: i64,
    /// Offset of the part's first frame in the set's tar stream.
    pub tar_start: i64,
    /// Offset behind its last frame.
    pub tar_end: i64,
    /// Bytes of the part's opening records, before the first frame.
    pub prelude_bytes: i64,
    /// Bytes of the data file on tape.
    pub stream_bytes: i64,
    /// Members whose end is in it.
    pub member_count: i64,
    /// Regular files among them.
    pub file_count: i64,
    /// Content bytes of those files.
    pub content_bytes: i64,
    /// Where frames begin, as `tape_format::part::FrameTable` encodes it.
    #[serde(skip)]
    pub frame_table: Vec<u8>,
    /// How its data file is built.
    pub layout: PartFormat,
    /// When it was recorded.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When all that it holds was last read back and compared.
    #[serde(serialize_with = "rfc3339_option")]
    pub verified_at: Option<NaiveDateTime>,
    /// If a file goes on in the next part: SHA-256's intermediate value behind its content up to here, where it is known.
    #[serde(skip)]
    pub cut_sha256: Option<Vec<u8>>,
}

/// A part as lists show it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SetPartListed {
    /// The part.
    #[serde(flatten)]
    pub part: SetPart,
    /// Label of its tape.
    pub tape_label: String,
}

/// A part that is safe on tape.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = backup_set_parts)]
pub struct NewPart {
    /// The set.
    pub backup_set_id: i32,
    /// Its number in the set, from 1.
    pub part_number: i32,
    /// The tape.
    pub tape_id: i32,
    /// Number of the data file on tape.
    pub tape_file: i64,
    /// Logical object number of the first data block.
    pub first_block: i64,
    /// Data blocks.
    pub block_count: i64,
    /// Bytes of a block.
    pub block_size: i32,
    /// Logical object number of the first block of the table of contents.
    pub toc_block: i64,
    /// Logical object number behind the filemark of the table of contents.
    pub end_block: i64,
    /// Offset of the part's first frame in the set's tar stream.
    pub tar_start: i64,
    /// Offset behind its last frame.
    pub tar_end: i64,
    /// Bytes of the part's opening records.
    pub prelude_bytes: i64,
    /// Bytes of the data file on tape.
    pub stream_bytes: i64,
    /// Members whose end is in it.
    pub member_count: i64,
    /// Regular files among them.
    pub file_count: i64,
    /// Content bytes of those files.
    pub content_bytes: i64,
    /// Where frames begin.
    pub frame_table: Vec<u8>,
    /// SHA-256's intermediate value where a file goes on in the next part.
    pub cut_sha256: Option<Vec<u8>>,
}

impl NewPart {
    /// A part of a set on a tape, and what its members add up to.
    pub fn of(
        set_id: i32,
        tape_id: i32,
        layout: &tape_format::part::PartLayout,
        totals: tape_format::toc::Totals,
    ) -> Result<NewPart> {
        Ok(NewPart {
            backup_set_id: set_id,
            part_number: layout.part_number as i32,
            tape_id,
            tape_file: layout.tape_file as i64,
            first_block: layout.first_block as i64,
            block_count: layout.block_count as i64,
            block_size: layout.block_size as i32,
            toc_block: layout.toc_block as i64,
            end_block: layout.end_block as i64,
            tar_start: layout.tar_start as i64,
            tar_end: layout.tar_end as i64,
            prelude_bytes: layout.prelude_bytes as i64,
            stream_bytes: layout.stream_bytes as i64,
            member_count: totals.members as i64,
            file_count: totals.files as i64,
            content_bytes: totals.bytes as i64,
            frame_table: layout.frames.encode()?,
            cut_sha256: None,
        })
    }

    /// The same, where a file goes on in the next part whose hash has this intermediate value.
    pub fn cut(self, chaining: Option<[u8; 32]>) -> NewPart {
        NewPart { cut_sha256: chaining.map(Vec::from), ..self }
    }
}

/// Forgets the parts of a set that will never be complete.
pub fn delete_of_set(conn: &mut Conn, set_id: i32) -> Result<()> {
    diesel::delete(backup_set_parts::table.filter(backup_set_parts::backup_set_id.eq(set_id))).execute(conn)?;
    Ok(())
}

/// Records a part.
pub fn insert(conn: &mut Conn, new: &NewPart) -> Result<SetPart> {
    let values = (new, backup_set_parts::created_at.eq(now()));
    let row = diesel::insert_into(backup_set_parts::table).values(values).returning(SetPart::as_returning());
    stored(row.returned(conn), format_args!("part {} of backup set {}", new.part_number, new.backup_set_id))
}

/// A part that version 1 of the program wrote. Tar offsets are an order of its members and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewV1Part {
    /// The set.
    pub backup_set_id: i32,
    /// Its number in the set, from 1.
    pub part_number: i32,
    /// The tape.
    pub tape_id: i32,
    /// Number of the tape file at or behind which its data is looked for.
    pub tape_file: i64,
    /// Offset of its first member.
    pub tar_start: i64,
    /// Offset behind its last one.
    pub tar_end: i64,
    /// Bytes on tape, as far as they are known.
    pub stream_bytes: i64,
}

/// Records a part that version 1 of the program wrote.
pub fn insert_v1(conn: &mut Conn, new: &NewV1Part) -> Result<SetPart> {
    let row = diesel::insert_into(backup_set_parts::table)
        .values((
            backup_set_parts::backup_set_id.eq(new.backup_set_id),
            backup_set_parts::part_number.eq(new.part_number),
            backup_set_parts::tape_id.eq(new.tape_id),
            (backup_set_parts::tape_file.eq(new.tape_file), backup_set_parts::first_block.eq(0)),
            (backup_set_parts::block_count.eq(0), backup_set_parts::block_size.eq(0)),
            (backup_set_parts::toc_block.eq(0), backup_set_parts::end_block.eq(0)),
            (backup_set_parts::tar_start.eq(new.tar_start), backup_set_parts::tar_end.eq(new.tar_end)),
            (backup_set_parts::prelude_bytes.eq(0), backup_set_parts::stream_bytes.eq(new.stream_bytes)),
            backup_set_parts::frame_table.eq(Vec::new()),
            backup_set_parts::layout.eq(PartFormat::V1),
            backup_set_parts::created_at.eq(now()),
        ))
        .returning(SetPart::as_returning())
        .returned(conn);
    stored(row, format_args!("part {} of backup set {}", new.part_number, new.backup_set_id))
}

/// All that these parts hold was read back and compared.
pub fn verified(conn: &mut Conn, set_id: i32, part_numbers: &[i32]) -> Result<()> {
    let parts = backup_set_parts::table
        .filter(backup_set_parts::backup_set_id.eq(set_id).and(backup_set_parts::part_number.eq_any(part_numbers)));
    diesel::update(parts).set(backup_set_parts::verified_at.eq(now())).execute(conn)?;
    Ok(())
}

/// The parts of a set in order.
pub fn of_set(conn: &mut Conn, set_id: i32) -> Result<Vec<SetPart>> {
    Ok(backup_set_parts::table
        .filter(backup_set_parts::backup_set_id.eq(set_id))
        .order(backup_set_parts::part_number)
        .select(SetPart::as_select())
        .load(conn)?)
}

/// The parts of a set in order, with the labels of their tapes.
pub fn of_set_listed(conn: &mut Conn, set_id: i32) -> Result<Vec<SetPartListed>> {
    let rows: Vec<(SetPart, String)> = backup_set_parts::table
        .inner_join(tapes::table)
        .filter(backup_set_parts::backup_set_id.eq(set_id))
        .order(backup_set_parts::part_number)
        .select((SetPart::as_select(), tapes::label))
        .load(conn)?;
    Ok(rows.into_iter().map(|(part, tape_label)| SetPartListed { part, tape_label }).collect())
}

/// What is on a tape, in the order it is there.
pub fn of_tape(conn: &mut Conn, tape_id: i32) -> Result<Vec<SetPart>> {
    Ok(backup_set_parts::table
        .filter(backup_set_parts::tape_id.eq(tape_id))
        .order(backup_set_parts::first_block)
        .select(SetPart::as_select())
        .load(conn)?)
}

/// Tapes that hold a part of a complete set, in no order.
pub fn tapes_with_complete_sets(conn: &mut Conn) -> Result<Vec<i32>> {
    Ok(backup_set_parts::table
        .inner_join(backup_sets::table)
        .filter(backup_sets::status.eq(SetStatus::Completed))
        .select(backup_set_parts::tape_id)
        .distinct()
        .load(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{sets, testing};

    #[test]
    fn parts_are_kept_in_order_and_go_with_their_set() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (tape, job) = (testing::tape(conn, "A00001"), testing::job(conn, "etc"));
        let set = testing::set(conn, &job, &tape, None);
        for part_number in [2, 1] {
            insert(conn, &testing::part(set.id, tape.id, part_number)).expect("insert");
        }
        assert_eq!(insert(conn, &testing::part(set.id, tape.id, 1)).expect_err("twice").code, "already_exists");
        let parts = of_set_listed(conn, set.id).expect("list");
        let numbers: Vec<_> = parts.iter().map(|row| (row.part.part_number, row.tape_label.as_str())).collect();
        assert_eq!(numbers, [(1, "A00001"), (2, "A00001")]);
        assert_eq!(of_tape(conn, tape.id).expect("tape").len(), 2);
        sets::fail(conn, set.id, crate::db::SetStatus::Failed).expect("fail");
        sets::delete(conn, set.id).expect("delete");
        assert!(of_set(conn, set.id).expect("none").is_empty());
    }
}
