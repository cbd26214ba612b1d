//! The temporary table that holds a selection, in the order of tapes.

use super::members::Reason;
use crate::Result;
use crate::db::Conn;
use crate::db::schema::catalog_versions;
use diesel::prelude::*;

/// Makes the table, or empties it.
pub(super) const CREATE: &str = "CREATE TEMP TABLE IF NOT EXISTS selected_members (
    set_id INTEGER NOT NULL, part INTEGER NOT NULL, tar_offset INTEGER NOT NULL, dir_id INTEGER NOT NULL,
    name TEXT NOT NULL, kind INTEGER NOT NULL, size INTEGER NOT NULL, tar_length INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    PRIMARY KEY (set_id, part, tar_offset, dir_id, name)) WITHOUT ROWID;
    DELETE FROM temp.selected_members;";

diesel::table! {
    /// The selection of a connection.
    selected_members (set_id, part, tar_offset, dir_id, name) {
        /// The set.
        set_id -> Integer,
        /// The part it begins in.
        part -> Integer,
        /// Where it begins in the set's tar stream.
        tar_offset -> BigInt,
        /// Its directory.
        dir_id -> BigInt,
        /// Its name.
        name -> Text,
        /// What it is.
        kind -> Integer,
        /// Size in bytes of a file.
        size -> BigInt,
        /// Its length in the tar stream.
        tar_length -> BigInt,
        /// See [`Reason::to_code`].
        reason -> Integer,
    }
}

/// A row.
#[derive(Insertable)]
#[diesel(table_name = selected_members)]
pub(super) struct Row {
    pub(super) set_id: i32,
    pub(super) part: i32,
    pub(super) tar_offset: i64,
    pub(super) dir_id: i64,
    pub(super) name: String,
    pub(super) kind: i32,
    pub(super) size: i64,
    pub(super) tar_length: i64,
    pub(super) reason: i32,
}

/// Rows on their way into the table, many at a time.
#[derive(Default)]
pub(super) struct Filling {
    rows: Vec<Row>,
    count: u64,
}

const ROWS_AT_ONCE: usize = 500;

impl Filling {
    /// Adds rows. One that is there already is replaced: by then it is wanted for itself.
    pub(super) fn add(&mut self, conn: &mut Conn, rows: impl IntoIterator<Item = Row>) -> Result<()> {
        let before = self.rows.len();
        self.rows.extend(rows);
        self.count += (self.rows.len() - before) as u64;
        if self.rows.len() >= ROWS_AT_ONCE { self.flush(conn) } else { Ok(()) }
    }

    /// How many rows were added so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Writes what is not written yet.
    pub(super) fn flush(&mut self, conn: &mut Conn) -> Result<()> {
        for rows in self.rows.chunks(ROWS_AT_ONCE) {
            diesel::replace_into(selected_members::table).values(rows).execute(conn)?;
        }
        self.rows.clear();
        Ok(())
    }
}

/// The row of one version, if there is such a version.
pub(super) fn member(conn: &mut Conn, set_id: i32, dir_id: i64, name: &str, reason: Reason) -> Result<Option<Row>> {
    let version: Option<(i32, i64, i32, i64, i64)> = catalog_versions::table
        .find((set_id, dir_id, name))
        .select((
            catalog_versions::part,
            catalog_versions::tar_offset,
            catalog_versions::kind,
            catalog_versions::size,
            catalog_versions::tar_length,
        ))
        .first(conn)
        .optional()?;
    Ok(version.map(|(part, tar_offset, kind, size, tar_length)| Row {
        set_id,
        part,
        tar_offset,
        dir_id,
        name: name.to_owned(),
        kind,
        size,
        tar_length,
        reason: reason.to_code(),
    }))
}
