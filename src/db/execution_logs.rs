//! What executions say while they work, line by line.

use super::Conn;
use super::kinds::LogLevel;
use super::schema::execution_logs;
use super::time::{now, rfc3339};
use crate::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A line.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = execution_logs)]
pub struct LogLine {
    /// Its id; rises with time.
    pub id: i32,
    /// The execution.
    pub execution_id: i32,
    /// How important it is.
    pub level: LogLevel,
    /// The file it is about.
    pub path: Option<String>,
    /// What it says.
    pub message: String,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
}

/// A line to be written.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = execution_logs)]
pub struct NewLogLine {
    /// The execution.
    pub execution_id: i32,
    /// How important it is.
    pub level: LogLevel,
    /// The file it is about, as text of `tape_format::path_text`.
    pub path: Option<String>,
    /// What it says.
    pub message: String,
    /// When it was said, [`now`].
    pub created_at: NaiveDateTime,
}

impl NewLogLine {
    /// A line that is said now and is about no file.
    pub fn new(execution_id: i32, level: LogLevel, message: impl Into<String>) -> Self {
        NewLogLine { execution_id, level, path: None, message: message.into(), created_at: now() }
    }
}

/// Appends lines, in one commit.
pub fn append(conn: &mut Conn, lines: &[NewLogLine]) -> Result<()> {
    super::write_transaction(conn, |conn| {
        for chunk in lines.chunks(500) {
            diesel::insert_into(execution_logs::table).values(chunk).execute(conn)?;
        }
        Ok(())
    })
}

/// At most `limit` lines of an execution behind the line with id `after` (0 = from the beginning), of these levels; no
/// levels: of all.
pub fn after(conn: &mut Conn, execution_id: i32, after: i32, levels: &[LogLevel], limit: i64) -> Result<Vec<LogLine>> {
    let levels = if levels.is_empty() { LogLevel::ALL } else { levels };
    Ok(execution_logs::table
        .filter(execution_logs::execution_id.eq(execution_id).and(execution_logs::id.gt(after)))
        .filter(execution_logs::level.eq_any(levels))
        .order(execution_logs::id)
        .limit(limit)
        .select(LogLine::as_select())
        .load(conn)?)
}

/// The last `limit` lines of an execution, oldest of them first.
pub fn tail(conn: &mut Conn, execution_id: i32, limit: i64) -> Result<Vec<LogLine>> {
    let mut lines: Vec<LogLine> = execution_logs::table
        .filter(execution_logs::execution_id.eq(execution_id))
        .order(execution_logs::id.desc())
        .limit(limit)
        .select(LogLine::as_select())
        .load(conn)?;
    lines.reverse();
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{executions, testing};

    #[test]
    fn lines_come_in_order_and_from_where_one_stopped() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let id = executions::insert(conn, &executions::NewExecution::default()).expect("execution").id;
        let line = |text: &str| NewLogLine::new(id, LogLevel::Info, text);
        append(conn, &[line("one"), line("two"), line("three")]).expect("append");
        append(conn, &[]).expect("nothing");
        let first = after(conn, id, 0, &[], 2).expect("first");
        assert_eq!(first.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(after(conn, id, first[1].id, &[], 10).expect("rest")[0].message, "three");
        let last = tail(conn, id, 2).expect("tail");
        assert_eq!(last.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["two", "three"]);
    }
}
