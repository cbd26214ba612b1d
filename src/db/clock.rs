//! The latest time that is believed to have been right.

use super::Conn;
use super::schema::clock::{self, dsl};
use crate::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// The only row.
const ROW: i32 = 1;

/// The time that was stored last.
pub fn believed(conn: &mut Conn) -> Result<Option<NaiveDateTime>> {
    Ok(clock::table.find(ROW).select(dsl::believed_at).first(conn).optional()?)
}

/// Stores a time.
pub fn believe(conn: &mut Conn, time: NaiveDateTime) -> Result<()> {
    diesel::replace_into(clock::table).values((dsl::id.eq(ROW), dsl::believed_at.eq(time))).execute(conn)?;
    Ok(())
}
