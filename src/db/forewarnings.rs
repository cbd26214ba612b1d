//! What people were warned of ahead, so that each is told once for as long as it lasts.

use super::schema::forewarnings::{self, dsl};
use super::time::now;
use super::{Conn, write_transaction};
use crate::Result;
use diesel::prelude::*;
use std::collections::HashSet;

/// What was told and has not been forgotten.
pub fn told(conn: &mut Conn) -> Result<HashSet<String>> {
    let rows: Vec<String> = forewarnings::table.select(dsl::subject).load(conn)?;
    Ok(rows.into_iter().collect())
}

/// From now on exactly these are told: what is not among them is forgotten, and would be told again.
pub fn replace(conn: &mut Conn, subjects: &HashSet<String>) -> Result<()> {
    write_transaction(conn, |conn| {
        let known = told(conn)?;
        for gone in known.difference(subjects) {
            diesel::delete(forewarnings::table.find(gone)).execute(conn)?;
        }
        for new in subjects.difference(&known) {
            let row = (dsl::subject.eq(new), dsl::told_at.eq(now()));
            diesel::insert_into(forewarnings::table).values(row).execute(conn)?;
        }
        Ok(())
    })
}
