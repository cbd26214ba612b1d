//! The members of one set as a flat list, page by page.

use super::browse::time_of;
use super::{kind, path};
use crate::Result;
use crate::db::time::rfc3339;
use crate::db::{Conn, Page, sets};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
use serde::Serialize;

/// A member of a set.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FileRow {
    /// A number of its own.
    pub id: i64,
    /// The set.
    pub backup_set_id: i32,
    /// Its path in the source.
    pub file_path: String,
    /// `file`, `directory`, `symlink` …
    pub kind: &'static str,
    /// Content bytes.
    pub file_size: i64,
    /// Permission bits.
    pub file_mode: i32,
    /// When its content last changed.
    #[serde(serialize_with = "rfc3339")]
    pub mod_time: NaiveDateTime,
    /// Hex SHA-256 of a file's content; empty for what has none.
    pub checksum: String,
    /// The block in which its frame begins.
    pub block_offset: i64,
    /// When its set began.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// The tape it begins on.
    pub tape_id: i32,
    /// Its label.
    pub tape_label: String,
}

/// Which members a list is to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Members {
    /// All but directories.
    Files,
    /// All.
    All,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    dir: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Integer)]
    kind: i32,
    #[diesel(sql_type = BigInt)]
    size: i64,
    #[diesel(sql_type = Integer)]
    mode: i32,
    #[diesel(sql_type = BigInt)]
    mtime_ns: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    sha256: Option<Vec<u8>>,
    #[diesel(sql_type = BigInt)]
    tar_offset: i64,
    #[diesel(sql_type = BigInt)]
    block: i64,
    #[diesel(sql_type = Integer)]
    tape_id: i32,
    #[diesel(sql_type = Text)]
    tape_label: String,
}

// In the order of the table, so that a page costs the rows before it and no sort. The prefix is compared letter by
// letter: it is no pattern.
const FILES: &str = "SELECT d.path AS dir, v.name, v.kind, v.size, v.mode, v.mtime_ns, v.sha256, v.tar_offset, v.block, \
         t.id AS tape_id, t.label AS tape_label \
     FROM catalog_versions v \
     CROSS JOIN catalog_dirs d ON d.id = v.dir_id \
     LEFT JOIN backup_set_parts p ON p.backup_set_id = v.set_id AND p.part_number = v.part \
     CROSS JOIN backup_sets s ON s.id = v.set_id \
     CROSS JOIN tapes t ON t.id = ifnull(p.tape_id, s.tape_id) \
     WHERE v.set_id = ?2 AND v.kind NOT IN (0, ?3) AND NOT (v.name = '.' AND d.path = '') \
       AND substr(CASE WHEN d.path = '' THEN v.name ELSE d.path || '/' || v.name END, 1, length(?1)) = ?1 \
     ORDER BY v.dir_id, v.name LIMIT ?4 OFFSET ?5";

/// A page of the members of a set whose paths begin with `prefix`.
pub fn of_set(conn: &mut Conn, set_id: i32, prefix: &str, members: Members, page: Page) -> Result<Vec<FileRow>> {
    let set = sets::find(conn, set_id)?;
    let left_out = match members {
        Members::Files => kind::DIRECTORY,
        Members::All => kind::DELETED,
    };
    let rows: Vec<Row> = diesel::sql_query(FILES)
        .bind::<Text, _>(prefix.trim_start_matches('/'))
        .bind::<Integer, _>(set_id)
        .bind::<Integer, _>(left_out)
        .bind::<BigInt, _>(page.limit)
        .bind::<BigInt, _>(page.offset)
        .load(conn)?;
    let listed = |row: Row| FileRow {
        id: (i64::from(set_id) << 40) | (row.tar_offset >> 9),
        backup_set_id: set_id,
        file_path: path::join(&row.dir, &row.name),
        kind: kind::from_code(row.kind).map_or("deleted", |kind| kind.as_str()),
        file_size: row.size,
        file_mode: row.mode,
        mod_time: time_of(row.mtime_ns),
        checksum: row.sha256.map(hex::encode).unwrap_or_default(),
        block_offset: row.block,
        created_at: set.start_time,
        tape_id: row.tape_id,
        tape_label: row.tape_label,
    };
    Ok(rows.into_iter().map(listed).collect())
}
