//! Reading a selection, page by page.

use crate::Result;
use crate::catalog::{kind, path};
use crate::db::Conn;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
use tape_format::MemberKind;

/// Why a member is in the selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It was asked for.
    Wanted,
    /// Only for the content of a hard link that was asked for; its own path is not wanted.
    LinkTarget,
}

impl Reason {
    pub(super) fn to_code(self) -> i32 {
        match self {
            Reason::Wanted => 0,
            Reason::LinkTarget => 1,
        }
    }
}

/// A member of the selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedMember {
    /// The set that has it.
    pub set_id: i32,
    /// The part it begins in.
    pub part: i32,
    /// Its path, as text of `tape_format::path_text`.
    pub path: String,
    /// Why it is here.
    pub reason: Reason,
    /// What it is.
    pub kind: MemberKind,
    /// Size in bytes of a file.
    pub size: u64,
    /// SHA-256 of a file's content.
    pub sha256: Option<[u8; 32]>,
    /// Modification time, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Target of a link, as text.
    pub link: Option<String>,
    /// Where its first header record begins in the set's tar stream.
    pub tar_offset: u64,
    /// Length of all its records there.
    pub tar_length: u64,
    /// The block in which its frame begins.
    pub block: u64,
}

/// Where the last page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    set_id: i32,
    part: i32,
    tar_offset: i64,
    dir_id: i64,
    name: String,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    set_id: i32,
    #[diesel(sql_type = Integer)]
    part: i32,
    #[diesel(sql_type = BigInt)]
    dir_id: i64,
    #[diesel(sql_type = Text)]
    dir: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Integer)]
    reason: i32,
    #[diesel(sql_type = Integer)]
    kind: i32,
    #[diesel(sql_type = BigInt)]
    size: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    sha256: Option<Vec<u8>>,
    #[diesel(sql_type = BigInt)]
    mtime_ns: i64,
    #[diesel(sql_type = Nullable<Text>)]
    link: Option<String>,
    #[diesel(sql_type = BigInt)]
    tar_offset: i64,
    #[diesel(sql_type = BigInt)]
    tar_length: i64,
    #[diesel(sql_type = BigInt)]
    block: i64,
}

const MEMBERS: &str = "SELECT m.set_id, m.part, m.dir_id, d.path AS dir, m.name, m.reason, v.kind, v.size, v.sha256, \
         v.mtime_ns, v.link, v.tar_offset, v.tar_length, v.block \
     FROM temp.selected_members m \
     CROSS JOIN catalog_versions v ON v.set_id = m.set_id AND v.dir_id = m.dir_id AND v.name = m.name \
     CROSS JOIN catalog_dirs d ON d.id = m.dir_id \
     WHERE (m.set_id, m.part, m.tar_offset, m.dir_id, m.name) > (?, ?, ?, ?, ?) \
     ORDER BY m.set_id, m.part, m.tar_offset, m.dir_id, m.name LIMIT ?";

/// The next members of the selection behind `after` (`None` = from the beginning), at most `limit`: by set, oldest
/// first, then by part and position in the tar stream. With it, where to go on; `None` = that was all.
pub fn members(conn: &mut Conn, after: Option<&After>, limit: i64) -> Result<(Vec<SelectedMember>, Option<After>)> {
    let start = After { set_id: i32::MIN, part: 0, tar_offset: 0, dir_id: 0, name: String::new() };
    let after = after.unwrap_or(&start);
    let rows: Vec<Row> = diesel::sql_query(MEMBERS)
        .bind::<Integer, _>(after.set_id)
        .bind::<Integer, _>(after.part)
        .bind::<BigInt, _>(after.tar_offset)
        .bind::<BigInt, _>(after.dir_id)
        .bind::<Text, _>(&after.name)
        .bind::<BigInt, _>(limit)
        .load(conn)?;
    let next = rows.last().map(|row| After {
        set_id: row.set_id,
        part: row.part,
        tar_offset: row.tar_offset,
        dir_id: row.dir_id,
        name: row.name.clone(),
    });
    Ok((rows.into_iter().filter_map(member).collect(), next))
}

fn member(row: Row) -> Option<SelectedMember> {
    let number = |value: i64| u64::try_from(value).unwrap_or(0);
    Some(SelectedMember {
        set_id: row.set_id,
        part: row.part,
        path: path::join(&row.dir, &row.name),
        reason: if row.reason == Reason::Wanted.to_code() { Reason::Wanted } else { Reason::LinkTarget },
        kind: kind::from_code(row.kind)?,
        size: number(row.size),
        sha256: row.sha256.and_then(|hash| hash.try_into().ok()),
        mtime_ns: row.mtime_ns,
        link: row.link,
        tar_offset: number(row.tar_offset),
        tar_length: number(row.tar_length),
        block: number(row.block),
    })
}
