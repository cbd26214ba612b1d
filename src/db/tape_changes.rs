//! Requests for a tape: what a person has to do so that an execution can go on.
//!
//! An execution has at most one that is open. It belongs to the execution's id, so one that comes back after a restart
//! of the server finds it again. Who answers it only writes the answer down; the execution itself ends the request when
//! it has what it needs.

use super::Conn;
use super::errors::{found, stored};
use super::executions::ACTIVE;
use super::kinds::{TapeChangeReason, TapeChangeStatus, TapeStatus};
use super::paging::Page;
use super::schema::{job_executions, tape_change_requests, tape_drives, tape_pools, tapes};
use super::time::{now, rfc3339, rfc3339_option};
use super::write_transaction;
use crate::db::returned::Returned;
use crate::{Error, Result};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;
use std::collections::HashMap;

/// A request.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = tape_change_requests)]
pub struct TapeChange {
    /// Its id.
    pub id: i32,
    /// The execution that waits for it.
    #[serde(rename = "execution_id")]
    pub job_execution_id: i32,
    /// The set over several tapes that is being written.
    pub spanning_set_id: Option<i32>,
    /// The tape before.
    pub current_tape_id: Option<i32>,
    /// Why.
    pub reason: TapeChangeReason,
    /// Where it is in its life.
    pub status: TapeChangeStatus,
    /// Since when it waits.
    #[serde(serialize_with = "rfc3339")]
    pub requested_at: NaiveDateTime,
    /// When a person said that it is done.
    #[serde(serialize_with = "rfc3339_option")]
    pub acknowledged_at: Option<NaiveDateTime>,
    /// The tape that a person named; of a completed one, the tape that the execution went on with.
    pub new_tape_id: Option<i32>,
    /// The tape that is wanted; none in particular if it is null.
    pub tape_id: Option<i32>,
    /// Any writable tape of this pool will do; if it is null, only `tape_id`.
    pub pool_id: Option<i32>,
    /// The drive that it should go into.
    pub drive_id: Option<i32>,
    /// What to do, for people.
    pub message: String,
    /// What is wrong with what was tried last.
    pub notice: Option<String>,
    /// When it ended.
    #[serde(serialize_with = "rfc3339_option")]
    pub resolved_at: Option<NaiveDateTime>,
    /// Who or what ended it, in words.
    pub resolved_by: Option<String>,
}

/// A request as lists show it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct TapeChangeListed {
    /// The request.
    #[serde(flatten)]
    pub change: TapeChange,
    /// What the execution does: `backup`, `restore` …
    pub execution_kind: String,
    /// The same for people.
    pub execution_title: String,
    /// Label of the tape that is wanted.
    pub tape_label: Option<String>,
    /// Label of the tape before.
    pub current_tape_label: Option<String>,
    /// Label of the tape that was named, or that it went on with.
    pub new_tape_label: Option<String>,
    /// Name of the pool.
    pub pool_name: Option<String>,
    /// Name of the drive.
    pub drive_name: Option<String>,
}

/// A request that is made.
#[derive(Debug, Clone, PartialEq, Insertable)]
#[diesel(table_name = tape_change_requests)]
pub struct NewTapeChange {
    /// The execution that waits.
    pub job_execution_id: i32,
    /// The set over several tapes that is being written.
    pub spanning_set_id: Option<i32>,
    /// The tape before.
    pub current_tape_id: Option<i32>,
    /// Why.
    pub reason: TapeChangeReason,
    /// The tape that is wanted.
    pub tape_id: Option<i32>,
    /// Any writable tape of this pool will do.
    pub pool_id: Option<i32>,
    /// The drive it should go into.
    pub drive_id: Option<i32>,
    /// What to do.
    pub message: String,
}

/// Whether a request was there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// It is new.
    New,
    /// The execution had made it before.
    Known,
}

/// Which requests a list is to show; absent conditions do not matter.
#[derive(Debug, Clone, Default)]
pub struct TapeChangeFilter {
    /// In one of these states.
    pub statuses: Option<Vec<TapeChangeStatus>>,
    /// Of this execution.
    pub execution_id: Option<i32>,
}

/// States in which somebody waits for it.
pub const OPEN: [TapeChangeStatus; 2] = [TapeChangeStatus::Pending, TapeChangeStatus::Acknowledged];

impl TapeChange {
    /// Whether its execution still waits for it.
    pub fn is_open(&self) -> bool {
        OPEN.contains(&self.status)
    }

    /// Whether another request wants the same: a tape of the same pool, or the same tape.
    fn wants_the_same(&self, new: &NewTapeChange) -> bool {
        self.pool_id == new.pool_id
            && match new.pool_id {
                Some(_) => true,
                None => self.tape_id == new.tape_id && (new.tape_id.is_some() || self.drive_id == new.drive_id),
            }
    }
}

/// The request with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<TapeChange> {
    let row = tape_change_requests::table.find(id).select(TapeChange::as_select()).first(conn);
    found(row, format_args!("tape change request {id}"))
}

/// The request with this id, with the names around it.
pub fn find_listed(conn: &mut Conn, id: i32) -> Result<TapeChangeListed> {
    let row = find(conn, id)?;
    named(conn, vec![row])?.pop().ok_or_else(|| Error::not_found(format_args!("tape change request {id}")))
}

/// Requests, newest first.
pub fn list(conn: &mut Conn, filter: &TapeChangeFilter, page: Page) -> Result<Vec<TapeChangeListed>> {
    let mut query = tape_change_requests::table
        .select(TapeChange::as_select())
        .order(tape_change_requests::id.desc())
        .limit(page.limit)
        .offset(page.offset)
        .into_boxed();
    if let Some(statuses) = &filter.statuses {
        query = query.filter(tape_change_requests::status.eq_any(statuses));
    }
    if let Some(execution) = filter.execution_id {
        query = query.filter(tape_change_requests::job_execution_id.eq(execution));
    }
    let rows = query.load(conn)?;
    named(conn, rows)
}

/// The open requests of executions, by execution.
pub fn open_of(conn: &mut Conn, executions: &[i32]) -> Result<HashMap<i32, TapeChangeListed>> {
    let rows = tape_change_requests::table
        .filter(tape_change_requests::job_execution_id.eq_any(executions))
        .filter(tape_change_requests::status.eq_any(OPEN))
        .select(TapeChange::as_select())
        .load(conn)?;
    Ok(named(conn, rows)?.into_iter().map(|row| (row.change.job_execution_id, row)).collect())
}

/// How many wait for somebody.
pub fn count_open(conn: &mut Conn) -> Result<i64> {
    let open = tape_change_requests::table.filter(tape_change_requests::status.eq_any(OPEN));
    Ok(open.count().returned(conn)?)
}

fn named(conn: &mut Conn, rows: Vec<TapeChange>) -> Result<Vec<TapeChangeListed>> {
    let ids = |field: fn(&TapeChange) -> Option<i32>| rows.iter().filter_map(field).collect::<Vec<i32>>();
    let mut tape_ids = ids(|row| row.tape_id);
    tape_ids.extend(ids(|row| row.current_tape_id));
    tape_ids.extend(ids(|row| row.new_tape_id));
    let labels: HashMap<i32, String> = tapes::table
        .filter(tapes::id.eq_any(tape_ids))
        .select((tapes::id, tapes::label))
        .load::<(i32, String)>(conn)?
        .into_iter()
        .collect();
    let pools: HashMap<i32, String> = tape_pools::table
        .filter(tape_pools::id.eq_any(ids(|row| row.pool_id)))
        .select((tape_pools::id, tape_pools::name))
        .load::<(i32, String)>(conn)?
        .into_iter()
        .collect();
    let drives: HashMap<i32, (Option<String>, String)> = tape_drives::table
        .filter(tape_drives::id.eq_any(ids(|row| row.drive_id)))
        .select((tape_drives::id, (tape_drives::display_name, tape_drives::device_path)))
        .load::<(i32, (Option<String>, String))>(conn)?
        .into_iter()
        .collect();
    let executions: HashMap<i32, (String, String)> = job_executions::table
        .filter(job_executions::id.eq_any(ids(|row| Some(row.job_execution_id))))
        .select((job_executions::id, (job_executions::kind, job_executions::title)))
        .load::<(i32, (String, String))>(conn)?
        .into_iter()
        .collect();
    let label = |id: Option<i32>| id.and_then(|id| labels.get(&id).cloned());
    let listed = |row: TapeChange| {
        let (execution_kind, execution_title) = executions.get(&row.job_execution_id).cloned().unwrap_or_default();
        let drive = row.drive_id.and_then(|id| drives.get(&id).cloned());
        TapeChangeListed {
            execution_kind,
            execution_title,
            tape_label: label(row.tape_id),
            current_tape_label: label(row.current_tape_id),
            new_tape_label: label(row.new_tape_id),
            pool_name: row.pool_id.and_then(|id| pools.get(&id).cloned()),
            drive_name: drive.map(|(name, path)| name.filter(|name| !name.is_empty()).unwrap_or(path)),
            change: row,
        }
    };
    Ok(rows.into_iter().map(listed).collect())
}

/// An execution asks. If it has asked for the same before and was not answered, that request goes on, with its age; an
/// open one for something else is over.
pub fn open(conn: &mut Conn, new: &NewTapeChange) -> Result<(TapeChange, Opened)> {
    write_transaction(conn, |conn| {
        let before: Vec<TapeChange> = open_rows(conn, new.job_execution_id)?;
        let known = before.iter().find(|row| row.wants_the_same(new)).cloned();
        for row in before.iter().filter(|row| Some(row.id) != known.as_ref().map(|known| known.id)) {
            end(conn, row.id, TapeChangeStatus::Cancelled, None, "the execution needs something else now")?;
        }
        if let Some(known) = known {
            let row = diesel::update(tape_change_requests::table.find(known.id))
                .set((
                    tape_change_requests::message.eq(&new.message),
                    tape_change_requests::drive_id.eq(new.drive_id),
                    tape_change_requests::tape_id.eq(new.tape_id),
                ))
                .returning(TapeChange::as_returning())
                .returned(conn)?;
            return Ok((row, Opened::Known));
        }
        let values = (
            new,
            tape_change_requests::status.eq(TapeChangeStatus::Pending),
            tape_change_requests::requested_at.eq(now()),
        );
        let row = diesel::insert_into(tape_change_requests::table).values(values).returning(TapeChange::as_returning());
        let row = stored(row.returned(conn), format_args!("tape change request '{}'", new.message))?;
        Ok((row, Opened::New))
    })
}

fn open_rows(conn: &mut Conn, execution: i32) -> Result<Vec<TapeChange>> {
    Ok(tape_change_requests::table
        .filter(tape_change_requests::job_execution_id.eq(execution))
        .filter(tape_change_requests::status.eq_any(OPEN))
        .order(tape_change_requests::id)
        .select(TapeChange::as_select())
        .load(conn)?)
}

/// The open request of an execution that this tape answers: it is the one that is wanted, or a writable one of the pool.
pub fn open_for(conn: &mut Conn, execution: i32, tape: i32) -> Result<Option<TapeChange>> {
    let tape = super::tapes::find(conn, tape)?;
    let writable = matches!(tape.status, TapeStatus::Blank | TapeStatus::Active) && tape.blocked().is_none();
    Ok(open_rows(conn, execution)?.into_iter().find(|row| match row.pool_id {
        Some(_) => row.pool_id == tape.pool_id && writable,
        None => row.tape_id == Some(tape.id),
    }))
}

/// Says what is wrong with what was tried, or that nothing is. An open request waits again.
pub fn notice(conn: &mut Conn, id: i32, notice: Option<&str>) -> Result<TapeChange> {
    let open = tape_change_requests::table
        .filter(tape_change_requests::id.eq(id).and(tape_change_requests::status.eq_any(OPEN)));
    diesel::update(open)
        .set((
            tape_change_requests::notice.eq(notice),
            tape_change_requests::status.eq(TapeChangeStatus::Pending),
            tape_change_requests::new_tape_id.eq(None::<i32>),
            tape_change_requests::resolved_by.eq(None::<String>),
        ))
        .execute(conn)?;
    find(conn, id)
}

/// A person says that it is done, and possibly with which tape. Refused when nobody waits for it any more.
pub fn acknowledge(conn: &mut Conn, id: i32, tape: Option<i32>, by: &str) -> Result<TapeChange> {
    write_transaction(conn, |conn| {
        must_be_open(conn, id)?;
        let row = diesel::update(tape_change_requests::table.find(id))
            .set((
                tape_change_requests::status.eq(TapeChangeStatus::Acknowledged),
                tape_change_requests::acknowledged_at.eq(now()),
                tape_change_requests::new_tape_id.eq(tape),
                tape_change_requests::resolved_by.eq(by),
            ))
            .returning(TapeChange::as_returning());
        stored(row.returned(conn), format_args!("tape change request {id}"))
    })
}

/// A person says that it will not be done. Refused when nobody waits for it any more.
pub fn cancel(conn: &mut Conn, id: i32, by: &str) -> Result<TapeChange> {
    write_transaction(conn, |conn| {
        must_be_open(conn, id)?;
        end(conn, id, TapeChangeStatus::Cancelled, None, by)?;
        find(conn, id)
    })
}

fn must_be_open(conn: &mut Conn, id: i32) -> Result<()> {
    let row = find(conn, id)?;
    if row.is_open() {
        return Ok(());
    }
    let by = row.resolved_by.map(|by| format!(" ({by})")).unwrap_or_default();
    let message = format!("tape change request {id} is {}{by}; nobody waits for it any more", row.status);
    Err(Error::conflict("tape_change_state", message))
}

/// The execution has a tape and goes on.
pub fn complete(conn: &mut Conn, id: i32, tape: Option<i32>, by: &str) -> Result<()> {
    end(conn, id, TapeChangeStatus::Completed, tape, by)
}

/// Nobody has to do anything any more, for this reason.
pub fn give_up(conn: &mut Conn, id: i32, why: &str) -> Result<()> {
    end(conn, id, TapeChangeStatus::Cancelled, None, why)
}

/// Ends an open request; one that has ended stays as it is.
fn end(conn: &mut Conn, id: i32, status: TapeChangeStatus, tape: Option<i32>, by: &str) -> Result<()> {
    let open = tape_change_requests::table
        .filter(tape_change_requests::id.eq(id).and(tape_change_requests::status.eq_any(OPEN)));
    let set = (
        tape_change_requests::status.eq(status),
        tape_change_requests::new_tape_id.eq(tape),
        tape_change_requests::resolved_at.eq(now()),
        tape_change_requests::resolved_by.eq(by),
    );
    diesel::update(open).set(set).execute(conn)?;
    Ok(())
}

/// An execution has ended: what it waited for is not needed any more.
pub fn end_of_execution(conn: &mut Conn, execution: i32) -> Result<()> {
    for row in open_rows(conn, execution)? {
        give_up(conn, row.id, "the execution has ended")?;
    }
    Ok(())
}

/// After a start: requests whose execution will not go on are over. Returns how many.
pub fn cancel_orphans(conn: &mut Conn) -> Result<usize> {
    let alive = job_executions::table.filter(job_executions::status.eq_any(ACTIVE)).select(job_executions::id);
    let orphans = tape_change_requests::table
        .filter(tape_change_requests::status.eq_any(OPEN))
        .filter(tape_change_requests::job_execution_id.ne_all(alive));
    Ok(diesel::update(orphans)
        .set((
            tape_change_requests::status.eq(TapeChangeStatus::Cancelled),
            tape_change_requests::resolved_at.eq(now()),
            tape_change_requests::resolved_by.eq("the execution has ended"),
        ))
        .execute(conn)?)
}

#[cfg(test)]
mod tests;
