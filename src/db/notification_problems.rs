//! What is wrong or waits, as far as a rule has told of it.

use super::Conn;
use super::schema::notification_open;
use super::time::now;
use crate::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A problem that a rule has told of and that is not over.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = notification_open)]
pub struct Problem {
    /// The rule.
    pub rule_id: i32,
    /// What is wrong: `tape_change:7`.
    pub problem: String,
    /// The event that told of it first.
    pub event_id: Option<i32>,
    /// JSON of the notice that told of it last.
    pub notice: String,
    /// Since when.
    pub opened_at: NaiveDateTime,
    /// When it was told of or reminded of last.
    pub told_at: NaiveDateTime,
}

/// Rule `rule` told of `problem` just now.
pub fn open(conn: &mut Conn, rule: i32, problem: &str, event_id: Option<i32>, notice: &str) -> Result<()> {
    use notification_open::dsl;
    let time = now();
    let row = Problem {
        rule_id: rule,
        problem: problem.into(),
        event_id,
        notice: notice.into(),
        opened_at: time,
        told_at: time,
    };
    diesel::insert_into(notification_open::table)
        .values(row)
        .on_conflict((dsl::rule_id, dsl::problem))
        .do_update()
        .set((dsl::told_at.eq(time), dsl::notice.eq(notice)))
        .execute(conn)?;
    Ok(())
}

/// Everything that is open.
pub fn list(conn: &mut Conn) -> Result<Vec<Problem>> {
    Ok(notification_open::table.order(notification_open::opened_at).select(Problem::as_select()).load(conn)?)
}

/// `problem` is over: who told of it.
pub fn close(conn: &mut Conn, problem: &str) -> Result<Vec<Problem>> {
    let rows = notification_open::table.filter(notification_open::problem.eq(problem));
    let open = rows.select(Problem::as_select()).load(conn)?;
    diesel::delete(rows).execute(conn)?;
    Ok(open)
}

/// The event that told of `problem` first, while it is open.
pub fn first_event(conn: &mut Conn, problem: &str) -> Result<Option<i32>> {
    use notification_open::dsl;
    let query = notification_open::table.filter(dsl::problem.eq(problem)).order(dsl::opened_at);
    Ok(query.select(dsl::event_id).first::<Option<i32>>(conn).optional()?.flatten())
}

/// A reminder of it goes out.
pub fn reminded(conn: &mut Conn, rule: i32, problem: &str) -> Result<()> {
    let row = notification_open::table.find((rule, problem));
    diesel::update(row).set(notification_open::told_at.eq(now())).execute(conn)?;
    Ok(())
}
