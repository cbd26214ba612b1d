//! The members of one set as a flat list, page by page.

use super::browse::time_of;
use super::{kind, path};
use crate::Result;
use crate::db::schema::catalog_dirs;
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

/// Which rows, in which order: of a whole set in the order of the table.
const ALL: &str = "SELECT * FROM catalog_versions WHERE set_id = ?1 AND kind NOT IN (0, ?2) AND name <> '.' \
     AND (dir_id, name) > (?3, ?4) ORDER BY dir_id, name LIMIT ?5 OFFSET ?6";

/// Of a directory those between two names.
const IN_DIR: &str = "SELECT * FROM catalog_versions WHERE set_id = ?1 AND kind NOT IN (0, ?2) AND name <> '.' \
     AND dir_id = ?3 AND name > ?4 AND name >= ?7 AND (?8 IS NULL OR name < ?8) ORDER BY name LIMIT ?5 OFFSET ?6";

/// Of the directories between two paths: their rows are looked up, and no others.
const BELOW: &str = "SELECT v.* FROM catalog_dirs e CROSS JOIN catalog_versions v ON v.set_id = ?1 AND v.dir_id = e.id \
     WHERE v.kind NOT IN (0, ?2) AND v.name <> '.' AND e.path >= ?7 AND e.path < ?8 AND NOT (e.path = ?3 AND v.name <= ?4) \
     ORDER BY e.path, v.name LIMIT ?5 OFFSET ?6";

/// The page itself: what is joined to its rows is looked up for them only, not for those that are passed.
fn page_sql(rows: &str, order: &str) -> String {
    format!(
        "SELECT d.path AS dir, v.name, v.kind, v.size, v.mode, v.mtime_ns, v.sha256, v.tar_offset, v.block, \
             t.id AS tape_id, t.label AS tape_label \
         FROM ({rows}) v \
         CROSS JOIN catalog_dirs d ON d.id = v.dir_id \
         LEFT JOIN backup_set_parts p ON p.backup_set_id = v.set_id AND p.part_number = v.part \
         CROSS JOIN backup_sets s ON s.id = v.set_id \
         CROSS JOIN tapes t ON t.id = ifnull(p.tape_id, s.tape_id) ORDER BY {order}, v.name"
    )
}

/// Which of a set's members are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'w> {
    /// Their paths begin with this, letter by letter: it is no pattern.
    pub prefix: &'w str,
    /// They come behind this path, the last of the page before.
    pub after: Option<&'w str>,
    /// Which kinds.
    pub members: Members,
}

/// A page of the members of a set. Without a prefix in the order in which they were backed up first, else by directory and
/// name. It costs its own rows and, with an offset, those before it; with [`Wish::after`] they cost nothing.
pub fn of_set(conn: &mut Conn, set_id: i32, wish: &Wish<'_>, page: Page) -> Result<Vec<FileRow>> {
    let set = sets::find(conn, set_id)?;
    let prefix = wish.prefix.trim_start_matches('/');
    let after = wish.after.map(|after| path::split(path::normal(after)));
    let mut asking = Asking {
        set_id,
        left_out: match wish.members {
            Members::Files => kind::DIRECTORY,
            Members::All => kind::DELETED,
        },
        page,
    };
    let rows = match prefix.is_empty() {
        true => {
            let after = match after {
                Some((dir, name)) => (dir_id(conn, dir)?.unwrap_or(-1), name),
                None => (-1, ""),
            };
            asking.load(conn, &page_sql(ALL, "v.dir_id"), Start::Dir(after.0), after.1, ("", None))?
        }
        false => asking.beginning_with(conn, prefix, after)?,
    };
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

fn dir_id(conn: &mut Conn, dir: &str) -> Result<Option<i64>> {
    let found = catalog_dirs::table.filter(catalog_dirs::path.eq(dir)).select(catalog_dirs::id).first(conn);
    Ok(found.optional()?)
}

struct Asking {
    set_id: i32,
    left_out: i32,
    page: Page,
}

/// The directory that a query begins with.
enum Start<'s> {
    Dir(i64),
    Path(&'s str),
}

impl Asking {
    /// What is in the prefix's directory and begins with its rest, and then what is in directories that begin with all of it.
    fn beginning_with(&mut self, conn: &mut Conn, prefix: &str, after: Option<(&str, &str)>) -> Result<Vec<Row>> {
        let (dir, rest) = prefix.rsplit_once('/').unwrap_or(("", prefix));
        let mut rows = Vec::new();
        let behind = after.filter(|(after, _)| *after == dir).map_or("", |(_, name)| name);
        let passed = after.is_some_and(|(after, _)| after != dir);
        if let Some(id) = dir_id(conn, dir)?.filter(|_| !passed) {
            let end = successor(rest);
            rows = self.load(conn, &page_sql(IN_DIR, "v.dir_id"), Start::Dir(id), behind, (rest, end.as_deref()))?;
            if self.page.offset > 0 && rows.is_empty() {
                // how many of them the offset has passed
                let all = Page { limit: i64::MAX, offset: 0 };
                let before = Asking { page: all, ..*self };
                let count =
                    before.load(conn, &page_sql(IN_DIR, "v.dir_id"), Start::Dir(id), behind, (rest, end.as_deref()))?;
                self.page.offset -= count.len() as i64;
            } else {
                self.page.offset = 0;
            }
        }
        self.page.limit -= rows.len() as i64;
        if self.page.limit > 0 {
            let (start, name) = after.filter(|_| passed).unwrap_or(("", ""));
            let from = if start > prefix { start } else { prefix };
            let Some(end) = successor(prefix) else { return Ok(rows) };
            rows.extend(self.load(conn, &page_sql(BELOW, "d.path"), Start::Path(start), name, (from, Some(&end)))?);
        }
        Ok(rows)
    }

    fn load(
        &self,
        conn: &mut Conn,
        sql: &str,
        start: Start<'_>,
        name: &str,
        (from, end): (&str, Option<&str>),
    ) -> Result<Vec<Row>> {
        let query = diesel::sql_query(sql).into_boxed();
        let query = query.bind::<Integer, _>(self.set_id).bind::<Integer, _>(self.left_out);
        let query = match start {
            Start::Dir(id) => query.bind::<BigInt, _>(id),
            Start::Path(path) => query.bind::<Text, _>(path),
        };
        let query = query.bind::<Text, _>(name).bind::<BigInt, _>(self.page.limit);
        let query = query.bind::<BigInt, _>(self.page.offset);
        let query = match sql.contains("?8") {
            true => query.bind::<Text, _>(from).bind::<Nullable<Text>, _>(end),
            false => query,
        };
        Ok(query.load(conn)?)
    }
}

/// The first text, in the order of the database, that comes behind all that begin with this one; `None`: there is none.
fn successor(text: &str) -> Option<String> {
    let mut chars: Vec<char> = text.chars().collect();
    while let Some(last) = chars.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests;
