//! The database file of version 1, read only, whatever version of its schema it has.

use super::clock;
use crate::db::Conn;
use crate::{Error, ErrorKind, Result};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Tables that every version has.
const NEEDED: &[&str] = &["users", "tapes", "tape_pools", "backup_jobs", "backup_sets", "catalog_entries"];

/// Catalog rows read at a time.
const PAGE: i64 = 5000;

/// The old database.
pub struct Old {
    conn: Conn,
    columns: HashMap<String, HashSet<String>>,
}

/// One row: the columns that were asked for, as text; those that the old schema lacks have no value.
#[derive(Debug, Clone, Default)]
pub struct Row(HashMap<&'static str, String>);

/// A file in the old catalog.
#[derive(Debug, Clone, QueryableByName)]
pub struct OldFile {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// Path from the source's folder.
    #[diesel(sql_type = Nullable<Binary>)]
    pub path: Option<Vec<u8>>,
    /// Bytes.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub size: Option<i64>,
    /// Go's mode.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub mode: Option<i64>,
    /// When it was changed, as text.
    #[diesel(sql_type = Nullable<Binary>)]
    pub mtime: Option<Vec<u8>>,
    /// Hex SHA-256.
    #[diesel(sql_type = Nullable<Binary>)]
    pub checksum: Option<Vec<u8>>,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Joined {
    #[diesel(sql_type = Text)]
    joined: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Old {
    /// Opens the file, which nobody may be writing to: a copy.
    ///
    /// # Errors
    /// 422 `not_v1_database` if it is none, or if it cannot be read.
    pub fn open(path: &Path) -> Result<Old> {
        let refused = |why: String| Error::new(ErrorKind::Unprocessable, "not_v1_database", why);
        let text = path.to_str().ok_or_else(|| refused("the path of the file is not text".into()))?;
        let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        // no lock, no log file beside it: nothing is written, not even by SQLite itself
        let mut conn = Conn::establish(&format!("file:{escaped}?mode=ro&immutable=1"))
            .map_err(|error| refused(format!("the file cannot be opened as a database: {error}")))?;
        let names = "SELECT name FROM sqlite_master WHERE type = 'table'";
        let tables: Vec<Name> = diesel::sql_query(names)
            .load(&mut conn)
            .map_err(|error| refused(format!("the file is no SQLite database, or it is damaged: {error}")))?;
        let mut columns = HashMap::new();
        for Name { name } in tables {
            let known: Vec<Name> = diesel::sql_query("SELECT name FROM pragma_table_info(?)")
                .bind::<Text, _>(&name)
                .load(&mut conn)
                .map_err(|error| refused(format!("its table {name} cannot be read: {error}")))?;
            columns.insert(name, known.into_iter().map(|column| column.name).collect());
        }
        if columns.contains_key("catalog_versions") {
            return Err(refused(
                "this is a database of this program, not of version 1: bring it back as a database backup instead"
                    .into(),
            ));
        }
        if let Some(missing) = NEEDED.iter().find(|table| !columns.contains_key(**table)) {
            return Err(refused(format!(
                "this is not a database of version 1 of TapeBackarr: it has no table {missing}"
            )));
        }
        Ok(Old { conn, columns })
    }

    fn has(&self, table: &str, column: &str) -> bool {
        self.columns.get(table).is_some_and(|columns| columns.contains(column))
    }

    /// All rows of a table by id; none if there is no such table.
    pub fn rows(&mut self, table: &str, columns: &[&'static str]) -> Result<Vec<Row>> {
        if !self.columns.contains_key(table) {
            return Ok(Vec::new());
        }
        let column = |name: &&'static str| match self.has(table, name) {
            // hex keeps whatever bytes a text has, and no separator can be in it
            true => format!("coalesce('=' || hex(CAST(\"{name}\" AS BLOB)), '')"),
            false => "''".to_owned(),
        };
        let list: Vec<String> = columns.iter().map(column).collect();
        let order = if self.has(table, "id") { "id" } else { "rowid" };
        let sql = format!("SELECT {} AS joined FROM \"{table}\" ORDER BY {order}", list.join(" || ',' || "));
        let rows: Vec<Joined> = diesel::sql_query(sql).load(&mut self.conn).map_err(|error| damaged(table, &error))?;
        Ok(rows.iter().map(|row| Row::split(&row.joined, columns)).collect())
    }

    /// How many rows a table has; none if there is no such table.
    pub fn count(&mut self, table: &str) -> Result<u64> {
        if !self.columns.contains_key(table) {
            return Ok(0);
        }
        let counted: Count = diesel::sql_query(format!("SELECT count(*) AS count FROM \"{table}\""))
            .get_result(&mut self.conn)
            .map_err(|error| damaged(table, &error))?;
        Ok(u64::try_from(counted.count).unwrap_or_default())
    }

    /// Files that the old catalog lists of a set.
    pub fn count_files(&mut self, set: i64) -> Result<u64> {
        let counted: Count = diesel::sql_query("SELECT count(*) AS count FROM catalog_entries WHERE backup_set_id = ?")
            .bind::<BigInt, _>(set)
            .get_result(&mut self.conn)
            .map_err(|error| damaged("catalog_entries", &error))?;
        Ok(u64::try_from(counted.count).unwrap_or_default())
    }

    /// The next files of a set behind the one with id `after`, in the order they were listed.
    pub fn files(&mut self, set: i64, after: i64) -> Result<Vec<OldFile>> {
        let number = |name: &str| match self.has("catalog_entries", name) {
            true => format!("CAST({name} AS INTEGER)"),
            false => "NULL".to_owned(),
        };
        let bytes = |name: &str| match self.has("catalog_entries", name) {
            true => format!("CAST({name} AS BLOB)"),
            false => "NULL".to_owned(),
        };
        let sql = format!(
            "SELECT id, {} AS path, {} AS size, {} AS mode, {} AS mtime, {} AS checksum FROM catalog_entries \
             WHERE backup_set_id = ? AND id > ? ORDER BY id LIMIT {PAGE}",
            bytes("file_path"),
            number("file_size"),
            number("file_mode"),
            bytes("mod_time"),
            bytes("checksum"),
        );
        diesel::sql_query(sql)
            .bind::<BigInt, _>(set)
            .bind::<BigInt, _>(after)
            .load(&mut self.conn)
            .map_err(|error| damaged("catalog_entries", &error))
    }
}

fn damaged(table: &str, error: &diesel::result::Error) -> Error {
    let message = format!("the table {table} of the old database cannot be read: {error}");
    Error::new(ErrorKind::Unprocessable, "not_v1_database", message)
}

impl Row {
    fn split(joined: &str, columns: &[&'static str]) -> Row {
        let values = joined.split(',').zip(columns).filter_map(|(value, name)| {
            let bytes = hex::decode(value.strip_prefix('=')?).ok()?;
            Some((*name, String::from_utf8_lossy(&bytes).into_owned()))
        });
        Row(values.collect())
    }

    /// A text that is not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// A text, empty if there is none.
    pub fn text_or_empty(&self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_owned()
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<i64> {
        let text = self.text(name)?;
        text.parse().ok().or_else(|| text.parse::<f64>().ok().map(|number| number as i64))
    }

    /// A number that is not negative, 0 if there is none.
    pub fn count(&self, name: &str) -> i64 {
        self.number(name).unwrap_or_default().max(0)
    }

    /// Whether a flag is set.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.text(name), Some("true" | "TRUE")) || self.number(name).is_some_and(|number| number != 0)
    }

    /// A moment.
    pub fn time(&self, name: &str) -> Option<NaiveDateTime> {
        clock::parse(self.text(name)?)
    }

    /// Its id.
    pub fn id(&self) -> i64 {
        self.number("id").unwrap_or_default()
    }
}
