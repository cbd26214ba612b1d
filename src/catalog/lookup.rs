//! All versions of a path: in which sets, on which tapes.

use super::browse::time_of;
use super::{kind, path};
use crate::Result;
use crate::db::schema::catalog_dirs;
use crate::db::time::{rfc3339, rfc3339_option};
use crate::db::whereabouts::{Places, Whereabouts};
use crate::db::{Conn, SetStatus};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text, Timestamp};
use serde::Serialize;

/// A version of a path.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Version {
    /// The set that has it.
    pub backup_set_id: i32,
    /// When that set began.
    #[serde(serialize_with = "rfc3339")]
    pub start_time: NaiveDateTime,
    /// The job of the set.
    pub job_id: i32,
    /// Its name.
    pub job_name: String,
    /// The source of the job: the same path in another source is another file.
    pub source_id: i32,
    /// Its name.
    pub source_name: String,
    /// `file`, `directory` …, or `deleted`: the set recorded that it is gone.
    pub kind: &'static str,
    /// Size in bytes of a file.
    pub size: i64,
    /// Permission bits.
    pub mode: i32,
    /// When its content last changed.
    #[serde(serialize_with = "rfc3339")]
    pub mod_time: NaiveDateTime,
    /// Hex SHA-256 of a file's content.
    pub checksum: Option<String>,
    /// The part of the set it begins in.
    pub part: i32,
    /// The block in which its frame begins.
    pub block_offset: i64,
    /// The tape it begins on.
    pub tape_id: i32,
    /// Its label.
    pub tape_label: String,
    /// Where that tape is.
    pub place: Whereabouts,
    /// When its set was last read from tape and compared.
    #[serde(serialize_with = "rfc3339_option")]
    pub verified_at: Option<NaiveDateTime>,
    /// If the set is a copy: the name on tape (uuid) of its original.
    pub copy_of: Option<String>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    set_id: i32,
    #[diesel(sql_type = Timestamp)]
    start_time: NaiveDateTime,
    #[diesel(sql_type = Integer)]
    job_id: i32,
    #[diesel(sql_type = Text)]
    job_name: String,
    #[diesel(sql_type = Integer)]
    source_id: i32,
    #[diesel(sql_type = Text)]
    source_name: String,
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
    #[diesel(sql_type = Integer)]
    part: i32,
    #[diesel(sql_type = BigInt)]
    block: i64,
    #[diesel(sql_type = Integer)]
    tape_id: i32,
    #[diesel(sql_type = Text)]
    tape_label: String,
    #[diesel(sql_type = Nullable<Timestamp>)]
    verified_at: Option<NaiveDateTime>,
    #[diesel(sql_type = Nullable<Text>)]
    copy_of: Option<String>,
}

// CROSS JOIN: the order of the tables is the order of the lookups. First the few sets that know the directory.
// Of each source the newest.
const VERSIONS: &str = "SELECT * FROM (SELECT v.set_id, s.start_time, s.job_id, j.name AS job_name, j.source_id, \
         q.name AS source_name, \
         row_number() OVER (PARTITION BY j.source_id ORDER BY s.start_time DESC, v.set_id DESC) AS newer, v.kind, v.size, v.mode, v.mtime_ns, \
         v.sha256, v.part, v.block, t.id AS tape_id, t.label AS tape_label, s.verified_at, c.copy_of \
     FROM catalog_dir_sets k \
     CROSS JOIN catalog_versions v ON v.set_id = k.set_id AND v.dir_id = k.dir_id AND v.name = ? \
     CROSS JOIN backup_sets s ON s.id = v.set_id AND s.status IN (?, ?) \
     CROSS JOIN backup_jobs j ON j.id = s.job_id \
     CROSS JOIN backup_sources q ON q.id = j.source_id \
     LEFT JOIN set_copies c ON c.set_id = v.set_id \
     LEFT JOIN backup_set_parts p ON p.backup_set_id = v.set_id AND p.part_number = v.part \
     CROSS JOIN tapes t ON t.id = ifnull(p.tape_id, s.tape_id) \
     WHERE k.dir_id = ?) WHERE newer <= ? ORDER BY start_time DESC, set_id DESC";

/// The versions of a path in sets that can be read, newest first, at most `limit` of each source.
pub fn versions(conn: &mut Conn, full: &str, limit: i64) -> Result<Vec<Version>> {
    let full = path::normal(full);
    let (dir, name) = if full.is_empty() { ("", ".") } else { path::split(full) };
    let dir_id = catalog_dirs::table.filter(catalog_dirs::path.eq(dir)).select(catalog_dirs::id).first(conn);
    match dir_id.optional()? {
        Some(dir_id) => of_name(conn, dir_id, name, limit, &mut Places::default()),
        None => Ok(Vec::new()),
    }
}

/// The versions of a name in a directory: of each source that has it at most `limit`.
pub(super) fn of_name(
    conn: &mut Conn,
    dir_id: i64,
    name: &str,
    limit: i64,
    places: &mut Places,
) -> Result<Vec<Version>> {
    let rows: Vec<Row> = diesel::sql_query(VERSIONS)
        .bind::<Text, _>(name)
        .bind::<Text, _>(SetStatus::Completed)
        .bind::<Text, _>(SetStatus::Incomplete)
        .bind::<BigInt, _>(dir_id)
        .bind::<BigInt, _>(limit)
        .load(conn)?;
    rows.into_iter().map(|row| places.of(conn, row.tape_id).map(|place| version(row, place))).collect()
}

fn version(row: Row, place: Whereabouts) -> Version {
    Version {
        place,
        verified_at: row.verified_at,
        copy_of: row.copy_of,
        backup_set_id: row.set_id,
        start_time: row.start_time,
        job_id: row.job_id,
        job_name: row.job_name,
        source_id: row.source_id,
        source_name: row.source_name,
        kind: kind::from_code(row.kind).map_or("deleted", |kind| kind.as_str()),
        size: row.size,
        mode: row.mode,
        mod_time: time_of(row.mtime_ns),
        checksum: row.sha256.map(hex::encode),
        part: row.part,
        block_offset: row.block,
        tape_id: row.tape_id,
        tape_label: row.tape_label,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::Catalog;

    #[test]
    fn versions_come_newest_first_with_their_tape() {
        let mut catalog = Catalog::empty();
        let full = catalog.filled(None, &["d/", "d/a"], &[]);
        let second = catalog.filled(Some(full), &["d/a"], &[]);
        let third = catalog.filled(Some(second), &["d/x"], &["d/a"]);
        let running = catalog.set(Some(third));
        catalog.writer.insert(running, 1, &[(crate::catalog::testing::file("d/a", 1), 1)]).expect("running");
        let conn = &mut *catalog.db.conn();
        let found = versions(conn, "/d/a", 10).expect("versions");
        let seen: Vec<_> = found.iter().map(|version| (version.backup_set_id, version.kind)).collect();
        assert_eq!(seen, [(third, "deleted"), (second, "file"), (full, "file")]);
        assert_eq!((found[1].tape_label.as_str(), found[1].job_name.as_str()), ("A00001", "etc"));
        assert_eq!(versions(conn, "d/a", 1).expect("limited").len(), 1);
        assert!(versions(conn, "nope/a", 1).expect("none").is_empty());
    }

    #[test]
    fn the_tape_is_that_of_the_part() {
        let mut catalog = Catalog::empty();
        let set = catalog.filled(None, &["a"], &[]);
        let conn = &mut *catalog.db.conn();
        let other = crate::db::testing::tape(conn, "B00001");
        crate::db::set_parts::insert(conn, &crate::db::testing::part(set, other.id, 1)).expect("part");
        assert_eq!(versions(conn, "a", 1).expect("versions")[0].tape_label, "B00001");
    }
}
