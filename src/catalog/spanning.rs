//! Tells of a set in several parts which files are in which part: what [`crate::db::spanning`] shows.

use super::kind;
use crate::Result;
use crate::db::Conn;
use crate::db::schema::catalog_versions;
use crate::db::set_parts::{self, SetPart};
use crate::db::spanning::{self, NewMember};
use diesel::dsl::count_star;
use diesel::prelude::*;
use tape_format::MemberKind;

/// Whether more parts of a set come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// At least one.
    MoreParts,
    /// None, as far as is known.
    Nothing,
}

/// The parts that a set has now. Nothing is told of one that is a single part and remains so.
pub fn tell(conn: &mut Conn, set_id: i32, rest: Rest) -> Result<()> {
    let parts = set_parts::of_set(conn, set_id)?;
    let counted = [kind::to_code(&MemberKind::File), kind::HARDLINK];
    if parts.is_empty() || (parts.len() == 1 && rest == Rest::Nothing) {
        return Ok(());
    }
    let counts: Vec<(i32, i64)> = catalog_versions::table
        .filter(catalog_versions::set_id.eq(set_id).and(catalog_versions::kind.eq_any(counted)))
        .group_by(catalog_versions::part)
        .select((catalog_versions::part, count_star()))
        .load(conn)?;
    let files_in = |part: i32| counts.iter().find(|(number, _)| *number == part).map_or(0, |(_, count)| *count);
    let mut before = 0;
    let member = |part: &SetPart| {
        let files_start_index = before;
        before += files_in(part.part_number);
        NewMember {
            tape_id: part.tape_id,
            sequence_number: part.part_number,
            bytes_written: part.stream_bytes,
            files_start_index,
            files_end_index: before,
        }
    };
    let members: Vec<NewMember> = parts.iter().map(member).collect();
    spanning::record(conn, set_id, &members)
}
