//! Comparing what a tape says of a part with what the database has.

use super::number;
use crate::Result;
use crate::catalog::from_toc::Tally;
use crate::db::set_parts::NewPart;
use crate::db::{Conn, set_parts, sets};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use tape_format::part::PartLayout;

/// What rows add up to, as [`Tally`] counts what is on tape.
#[derive(QueryableByName, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    #[diesel(sql_type = BigInt)]
    members: i64,
    /// Regular files and hard links.
    #[diesel(sql_type = BigInt)]
    pub files: i64,
    /// Content bytes.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
    /// Paths recorded as gone.
    #[diesel(sql_type = BigInt)]
    pub deleted: i64,
    #[diesel(sql_type = BigInt)]
    places: i64,
}

const SUMS: &str = "SELECT ifnull(sum(kind <> 0), 0) AS members, ifnull(sum(kind IN (1, 4)), 0) AS files, \
         ifnull(sum(CASE WHEN kind = 1 THEN size ELSE 0 END), 0) AS bytes, ifnull(sum(kind = 0), 0) AS deleted, \
         ifnull(sum(((tar_offset >> 9) & 4294967295) + ((tar_length >> 9) & 4294967295)), 0) AS places \
     FROM catalog_versions WHERE set_id = ?1 AND (?2 = 0 OR part = ?2)";

impl Sums {
    /// Of the members of a table of contents.
    pub fn of(tally: &Tally) -> Sums {
        Sums {
            members: number(tally.totals.members),
            files: number(tally.files),
            bytes: number(tally.totals.bytes),
            deleted: number(tally.deleted),
            places: number(tally.places),
        }
    }

    /// Of all rows of a set.
    pub fn of_set(conn: &mut Conn, set_id: i32) -> Result<Sums> {
        Self::of_rows(conn, set_id, 0)
    }

    /// Of the rows of one part; part 0: all.
    fn of_rows(conn: &mut Conn, set_id: i32, part: i32) -> Result<Sums> {
        Ok(diesel::sql_query(SUMS).bind::<Integer, _>(set_id).bind::<Integer, _>(part).get_result(conn)?)
    }
}

/// How a part on tape and the rows of the database differ, in words; `None` if they do not.
pub fn difference(
    conn: &mut Conn,
    set_id: i32,
    tape_id: i32,
    layout: &PartLayout,
    tally: &Tally,
) -> Result<Option<String>> {
    let parts = set_parts::of_set(conn, set_id)?;
    let wanted = layout.part_number as i32;
    let Some(part) = parts.iter().find(|part| part.part_number == wanted) else {
        return Ok(Some(format!("the database has {} parts of it, and not this one", parts.len())));
    };
    if part.tape_id != tape_id {
        let tape = crate::db::tapes::find(conn, part.tape_id)?;
        return Ok(Some(format!("the database has it on tape {}", tape.label)));
    }
    let found = NewPart::of(set_id, tape_id, layout, tally.totals)?;
    let places = [
        ("tape file", part.tape_file, found.tape_file),
        ("first block", part.first_block, found.first_block),
        ("blocks", part.block_count, found.block_count),
        ("block size", i64::from(part.block_size), i64::from(found.block_size)),
        ("block of the contents", part.toc_block, found.toc_block),
        ("end", part.end_block, found.end_block),
        ("start in the tar stream", part.tar_start, found.tar_start),
        ("end in the tar stream", part.tar_end, found.tar_end),
        ("bytes", part.stream_bytes, found.stream_bytes),
    ];
    for (what, stored, on_tape) in places {
        if stored != on_tape {
            return Ok(Some(format!("{what}: {stored} in the database, {on_tape} on tape")));
        }
    }
    if part.frame_table != found.frame_table {
        return Ok(Some("the table of its frames is another".into()));
    }
    // the paths that are gone are no members of a part
    let rows = Sums { deleted: 0, ..Sums::of_rows(conn, set_id, wanted)? };
    let on_tape = Sums { deleted: 0, ..Sums::of(tally) };
    if rows != on_tape {
        return Ok(Some(format!(
            "the catalog lists {} members and {} files of it, the tape {} and {}, or they are in other places",
            rows.members, rows.files, on_tape.members, on_tape.files
        )));
    }
    let set = sets::find(conn, set_id)?;
    if let ([_], Some(stored)) = (parts.as_slice(), &set.checksum)
        && *stored != tally.hash.clone().finish()
    {
        return Ok(Some("the checksum of its list of files is another".into()));
    }
    Ok(None)
}

/// The set, by its name on tape, that the database has in a tape file, if it is another one than `uuid`.
pub fn other_in(conn: &mut Conn, tape_id: i32, tape_file: u64, uuid: &str) -> Result<Option<String>> {
    for part in set_parts::of_tape(conn, tape_id)? {
        if u64::try_from(part.tape_file).is_ok_and(|file| file == tape_file) {
            let set = sets::find(conn, part.backup_set_id)?;
            if set.uuid != uuid {
                return Ok(Some(set.uuid));
            }
        }
    }
    Ok(None)
}
