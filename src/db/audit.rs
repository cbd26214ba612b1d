//! The audit log: who changed what, from where, and how it ended. Rows are only ever added; retention deletes the oldest.

use super::kinds::AuditOutcome;
use super::schema::{audit_logs, users};
use super::time::{now, rfc3339};
use super::{Conn, Page, audit_chain, write_transaction};
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Insertable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = audit_logs)]
pub struct AuditEntry {
    /// Its id; rises with time.
    pub id: i32,
    /// Who, while that user exists.
    pub user_id: Option<i32>,
    /// Who, by name at that time; `api-key NAME` for keys.
    pub username: String,
    /// What: `create`, `delete`, `login` …
    pub action: String,
    /// To what kind of thing.
    pub resource_type: String,
    /// To which.
    pub resource_id: Option<i32>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// JSON.
    pub details: Option<String>,
    /// From where.
    pub ip_address: Option<String>,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// SHA-256 over the line and the hash of the line before it; see [`audit_chain`](super::audit_chain).
    pub hash: String,
}

/// A line to be added.
#[derive(Debug, Clone)]
pub struct NewAuditEntry {
    /// Who.
    pub user_id: Option<i32>,
    /// Who, by name.
    pub username: String,
    /// What.
    pub action: String,
    /// To what kind of thing.
    pub resource_type: String,
    /// To which.
    pub resource_id: Option<i32>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// JSON.
    pub details: Option<String>,
    /// From where.
    pub ip_address: Option<String>,
}

/// Which lines a list is to show; absent conditions do not matter.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// By this name.
    pub username: Option<String>,
    /// This action.
    pub action: Option<String>,
    /// On this kind of thing.
    pub resource_type: Option<String>,
    /// That ended so.
    pub outcome: Option<AuditOutcome>,
    /// At or after this time.
    pub from: Option<NaiveDateTime>,
    /// Before this time.
    pub until: Option<NaiveDateTime>,
}

/// Adds a line at the end of the chain.
pub fn insert(conn: &mut Conn, new: &NewAuditEntry) -> Result<AuditEntry> {
    write_transaction(conn, |conn| {
        // whoever did it may be gone by now: they have just deleted themselves
        let user_id = match new.user_id {
            Some(id) => users::table.find(id).select(users::id).first(conn).optional()?,
            None => None,
        };
        let line = AuditEntry {
            id: 0,
            user_id,
            username: new.username.clone(),
            action: new.action.clone(),
            resource_type: new.resource_type.clone(),
            resource_id: new.resource_id,
            outcome: new.outcome,
            details: new.details.clone(),
            ip_address: new.ip_address.clone(),
            created_at: now(),
            hash: String::new(),
        };
        let line = audit_chain::append(conn, line)?;
        diesel::insert_into(audit_logs::table).values(&line).execute(conn)?;
        Ok(line)
    })
}

type Filtered<'a> = audit_logs::BoxedQuery<'a, diesel::sqlite::Sqlite>;

fn filtered(filter: &AuditFilter) -> Filtered<'_> {
    let mut query = audit_logs::table.into_boxed();
    if let Some(username) = &filter.username {
        query = query.filter(audit_logs::username.eq(username));
    }
    if let Some(action) = &filter.action {
        query = query.filter(audit_logs::action.eq(action));
    }
    if let Some(kind) = &filter.resource_type {
        query = query.filter(audit_logs::resource_type.eq(kind));
    }
    if let Some(outcome) = filter.outcome {
        query = query.filter(audit_logs::outcome.eq(outcome));
    }
    if let Some(from) = filter.from {
        query = query.filter(audit_logs::created_at.ge(from));
    }
    if let Some(until) = filter.until {
        query = query.filter(audit_logs::created_at.lt(until));
    }
    query
}

/// Lines, newest first.
pub fn list(conn: &mut Conn, filter: &AuditFilter, page: Page) -> Result<Vec<AuditEntry>> {
    let query = filtered(filter).order(audit_logs::id.desc()).limit(page.limit).offset(page.offset);
    Ok(query.select(AuditEntry::as_select()).load(conn)?)
}

/// How many lines match.
pub fn count(conn: &mut Conn, filter: &AuditFilter) -> Result<i64> {
    Ok(filtered(filter).count().returned(conn)?)
}

/// Hands every line that matches to `line`, oldest first, without holding them all.
pub fn export(conn: &mut Conn, filter: &AuditFilter, mut line: impl FnMut(AuditEntry) -> Result<()>) -> Result<()> {
    let mut last = 0;
    loop {
        let query = filtered(filter).filter(audit_logs::id.gt(last)).order(audit_logs::id).limit(1000);
        let rows: Vec<AuditEntry> = query.select(AuditEntry::as_select()).load(conn)?;
        let Some(end) = rows.last() else { return Ok(()) };
        last = end.id;
        for row in rows {
            line(row)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[test]
    fn lines_are_filtered_paged_and_exported() {
        let db = testing::database();
        let conn = &mut *db.conn();
        for number in 0..5 {
            let new = NewAuditEntry {
                user_id: None,
                username: if number % 2 == 0 { "anna".into() } else { "ben".into() },
                action: "delete".into(),
                resource_type: "tape".into(),
                resource_id: Some(number),
                outcome: AuditOutcome::Ok,
                details: None,
                ip_address: Some("::1".into()),
            };
            insert(conn, &new).expect("insert");
        }
        let filter = AuditFilter { username: Some("anna".into()), ..Default::default() };
        assert_eq!(count(conn, &filter).expect("count"), 3);
        let page = list(conn, &filter, Page { limit: 1, offset: 1 }).expect("list");
        assert_eq!(page[0].resource_id, Some(2));
        let mut exported = Vec::new();
        export(conn, &AuditFilter::default(), |row| {
            exported.push(row.resource_id.unwrap_or(-1));
            Ok(())
        })
        .expect("export");
        assert_eq!(exported, [0, 1, 2, 3, 4]);
        let later = AuditFilter { from: Some(now() + chrono::Duration::hours(1)), ..Default::default() };
        assert_eq!(count(conn, &later).expect("count"), 0);
    }
}
