//! The chain of hashes through the audit log: shows whether a line was changed, deleted, inserted or moved later.
//!
//! The hash of a line is the SHA-256 of the JSON array `[hash of the line before, id, time, user name, action, kind of
//! object, id of object, outcome, details, address]`, in hexadecimal digits; before the first line stands an empty text.
//! `audit_chain` remembers the newest line, so that lines missing at the end are noticed, and the last one that retention
//! deleted, where the chain begins now; retention writes that into a line of its own.
//!
//! The chain has no secret: who can write to the database can compute all of it anew. Against that helps a hash that was
//! noted elsewhere, which [`verify`] compares.

use super::audit::AuditEntry;
use super::kinds::AuditOutcome;
use super::schema::{audit_chain, audit_logs};
use super::time::to_rfc3339;
use super::{Conn, audit, write_transaction};
use crate::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

/// Rows that are read at a time.
const BATCH: i64 = 1000;
/// So many problems are told; the others are counted.
const MOST_PROBLEMS: usize = 100;
/// Who deletes by retention.
const MAINTENANCE: &str = "maintenance";

/// Both ends of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit_chain)]
struct Ends {
    pruned_id: i32,
    pruned_hash: String,
    last_id: i32,
    last_hash: String,
}

/// What is wrong with a place of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditProblemKind {
    /// A line is not what was written.
    Changed,
    /// Lines are missing.
    Missing,
    /// A line was not written by this program.
    Inserted,
    /// The whole log was written anew.
    Rewritten,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AuditProblem {
    /// The line it was noticed at.
    pub id: i32,
    /// What is wrong.
    pub kind: AuditProblemKind,
    /// In words.
    pub message: String,
}

/// What a verification of the audit log found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AuditCheck {
    /// Whether every line is as it was written, and none is missing.
    pub ok: bool,
    /// How many lines there are.
    pub lines: i64,
    /// The last line that retention deleted; 0: none.
    pub pruned_id: i32,
    /// The newest line; 0: none yet.
    pub last_id: i32,
    /// Its hash. Noted elsewhere, it shows later that the log was not written anew as a whole.
    pub last_hash: String,
    /// How many problems were found.
    pub problem_count: usize,
    /// The first hundred of them.
    pub problems: Vec<AuditProblem>,
}

/// A line whose hash was noted elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// The line.
    pub id: i32,
    /// Its hash then.
    pub hash: String,
}

fn hash(previous: &str, line: &AuditEntry) -> String {
    let content = json!([
        previous,
        line.id,
        to_rfc3339(&line.created_at),
        line.username,
        line.action,
        line.resource_type,
        line.resource_id,
        line.outcome.as_str(),
        line.details,
        line.ip_address,
    ]);
    hex::encode(openssl::sha::sha256(content.to_string().as_bytes()))
}

fn ends(conn: &mut Conn) -> Result<Ends> {
    Ok(audit_chain::table.select(Ends::as_select()).first(conn)?)
}

/// Gives `line` its id and its hash and moves the end of the chain behind it. In the transaction that stores it.
pub(super) fn append(conn: &mut Conn, mut line: AuditEntry) -> Result<AuditEntry> {
    begin(conn)?;
    let ends = ends(conn)?;
    let newest: Option<i32> = audit_logs::table.select(diesel::dsl::max(audit_logs::id)).first(conn)?;
    line.id = ends.last_id.max(newest.unwrap_or(0)).saturating_add(1);
    line.hash = hash(&ends.last_hash, &line);
    diesel::update(audit_chain::table)
        .set((audit_chain::last_id.eq(line.id), audit_chain::last_hash.eq(&line.hash)))
        .execute(conn)?;
    Ok(line)
}

/// Gives the lines that an older version wrote their hashes, once.
pub fn begin(conn: &mut Conn) -> Result<()> {
    if !ends(conn)?.last_hash.is_empty() {
        return Ok(());
    }
    write_transaction(conn, |conn| {
        let Ends { mut last_id, mut last_hash, .. } = ends(conn)?;
        if !last_hash.is_empty() {
            return Ok(());
        }
        loop {
            let lines = after(conn, last_id)?;
            if lines.is_empty() {
                break;
            }
            for line in lines {
                (last_id, last_hash) = (line.id, hash(&last_hash, &line));
                let row = diesel::update(audit_logs::table.find(line.id));
                row.set(audit_logs::hash.eq(&last_hash)).execute(conn)?;
            }
        }
        let values = (audit_chain::last_id.eq(last_id), audit_chain::last_hash.eq(last_hash));
        diesel::update(audit_chain::table).set(values).execute(conn)?;
        Ok(())
    })
}

fn after(conn: &mut Conn, id: i32) -> Result<Vec<AuditEntry>> {
    let query = audit_logs::table.filter(audit_logs::id.gt(id)).order(audit_logs::id).limit(BATCH);
    Ok(query.select(AuditEntry::as_select()).load(conn)?)
}

/// One step of deleting lines that are older than `before`, at most `step`: how many went. What went is a line of the log
/// itself. The newest line stays, whatever its age.
pub fn prune(conn: &mut Conn, before: NaiveDateTime, step: i64) -> Result<usize> {
    write_transaction(conn, |conn| {
        begin(conn)?;
        let ends = ends(conn)?;
        let oldest = audit_logs::table.filter(audit_logs::id.lt(ends.last_id)).order(audit_logs::id).limit(step);
        let oldest: Vec<AuditEntry> = oldest.select(AuditEntry::as_select()).load(conn)?;
        let old: Vec<_> = oldest.into_iter().take_while(|line| line.created_at < before).collect();
        // what only says what was deleted is no reason to delete
        let Some(last) = old.last().map(|line| line.id).filter(|_| !old.iter().all(is_of_pruning)) else {
            return Ok(0);
        };
        let hash = old.iter().rev().map(|line| &line.hash).find(|hash| !hash.is_empty()).unwrap_or(&ends.pruned_hash);
        let values = (audit_chain::pruned_id.eq(last), audit_chain::pruned_hash.eq(hash));
        diesel::update(audit_chain::table).set(values).execute(conn)?;
        let gone = diesel::delete(audit_logs::table.filter(audit_logs::id.le(last))).execute(conn)?;
        let details = json!({"through_id": last, "lines": gone, "hash": hash, "before": to_rfc3339(&before)});
        let line = audit::NewAuditEntry {
            user_id: None,
            username: MAINTENANCE.into(),
            action: "prune".into(),
            resource_type: "audit".into(),
            resource_id: None,
            outcome: AuditOutcome::Ok,
            details: Some(details.to_string()),
            ip_address: None,
        };
        audit::insert(conn, &line)?;
        Ok(gone)
    })
}

/// Looks at the whole log, as it is at one moment.
pub fn verify(conn: &mut Conn, noted: Option<&Noted>) -> Result<AuditCheck> {
    conn.transaction(|conn| {
        let ends = ends(conn)?;
        let mut walk = Walk { previous: ends.pruned_hash.clone(), last: ends.pruned_id, ..Walk::default() };
        // an id that is not above 0 was not given by us
        let mut at = i32::MIN;
        loop {
            let lines = after(conn, at)?;
            let Some(end) = lines.last() else { break };
            at = end.id;
            for line in &lines {
                walk.line(line, &ends, noted);
            }
        }
        walk.ends(&ends, noted);
        Ok(AuditCheck {
            ok: walk.count == 0,
            lines: walk.lines,
            pruned_id: ends.pruned_id,
            last_id: ends.last_id,
            last_hash: ends.last_hash,
            problem_count: walk.count,
            problems: walk.problems,
        })
    })
}

/// A verification under way.
#[derive(Default)]
struct Walk {
    /// The hash that the next line must follow, and its line.
    previous: String,
    last: i32,
    lines: i64,
    /// Whether a line says that retention deleted what is missing at the beginning.
    pruning_is_told: bool,
    noted_is_there: bool,
    count: usize,
    problems: Vec<AuditProblem>,
}

impl Walk {
    fn problem(&mut self, id: i32, kind: AuditProblemKind, message: String) {
        self.count += 1;
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(AuditProblem { id, kind, message });
        }
    }

    fn line(&mut self, line: &AuditEntry, ends: &Ends, noted: Option<&Noted>) {
        self.lines += 1;
        let id = line.id;
        if line.hash.is_empty() || id <= ends.pruned_id || id > ends.last_id {
            let message = format!("line {id} was not written by this program, or its hash was removed");
            return self.problem(id, AuditProblemKind::Inserted, message);
        }
        if line.hash != hash(&self.previous, line) {
            let gap = id - self.last > 1;
            let (kind, message) = match gap {
                true => (
                    AuditProblemKind::Missing,
                    format!("before line {id} lines are missing (behind line {}), or it was changed", self.last),
                ),
                false => (
                    AuditProblemKind::Changed,
                    format!("line {id} is not what was written, or the line before it was exchanged"),
                ),
            };
            self.problem(id, kind, message);
        }
        self.pruning_is_told |= tells_of_pruning(line, ends);
        if let Some(noted) = noted.filter(|noted| noted.id == id) {
            self.noted(noted, &line.hash);
        }
        (self.previous, self.last) = (line.hash.clone(), id);
    }

    fn noted(&mut self, noted: &Noted, found: &str) {
        self.noted_is_there = true;
        if !noted.hash.eq_ignore_ascii_case(found) {
            let message = format!("line {} had another hash when that was noted: the log was written anew", noted.id);
            self.problem(noted.id, AuditProblemKind::Rewritten, message);
        }
    }

    fn ends(&mut self, ends: &Ends, noted: Option<&Noted>) {
        if self.last != ends.last_id {
            let message = format!("the lines behind line {} are missing; the last was {}", self.last, ends.last_id);
            self.problem(ends.last_id, AuditProblemKind::Missing, message);
        } else if self.previous != ends.last_hash {
            let message = format!("line {} was the newest and had another hash", ends.last_id);
            self.problem(ends.last_id, AuditProblemKind::Changed, message);
        }
        if ends.pruned_id > 0 && !self.pruning_is_told {
            let message =
                format!("the lines up to {} are missing, and no line says that retention deleted them", ends.pruned_id);
            self.problem(ends.pruned_id, AuditProblemKind::Missing, message);
        }
        if let Some(noted) = noted.filter(|noted| noted.id == ends.pruned_id) {
            self.noted(noted, &ends.pruned_hash);
        }
        if let Some(noted) = noted.filter(|noted| !self.noted_is_there && noted.id > ends.pruned_id) {
            let message = format!("line {}, whose hash was noted, is not there", noted.id);
            self.problem(noted.id, AuditProblemKind::Missing, message);
        }
    }
}

fn tells_of_pruning(line: &AuditEntry, ends: &Ends) -> bool {
    let details = line.details.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
    is_of_pruning(line) && details["through_id"] == ends.pruned_id && details["hash"] == ends.pruned_hash.as_str()
}

fn is_of_pruning(line: &AuditEntry) -> bool {
    (line.username.as_str(), line.action.as_str(), line.resource_type.as_str()) == (MAINTENANCE, "prune", "audit")
}

#[cfg(test)]
mod tests {
    use super::AuditProblemKind::{Changed, Inserted, Missing, Rewritten};
    use super::*;
    use crate::db::now;
    use crate::db::testing::{self, TestDatabase};
    use diesel::connection::SimpleConnection;

    fn log(lines: i32) -> TestDatabase {
        let db = testing::database();
        (0..lines).for_each(|number| add(&mut db.conn(), number));
        db
    }

    fn add(conn: &mut Conn, number: i32) {
        let new = audit::NewAuditEntry {
            user_id: None,
            username: "anna".into(),
            action: "delete".into(),
            resource_type: "tape".into(),
            resource_id: Some(number),
            outcome: AuditOutcome::Ok,
            details: Some(format!("{{\"label\":\"A{number}\"}}")),
            ip_address: Some("192.0.2.7".into()),
        };
        audit::insert(conn, &new).expect("insert");
    }

    fn found(db: &TestDatabase) -> Vec<(i32, AuditProblemKind)> {
        let check = verify(&mut db.conn(), None).expect("verify");
        assert_eq!((check.ok, check.problem_count), (check.problems.is_empty(), check.problems.len()));
        check.problems.into_iter().map(|problem| (problem.id, problem.kind)).collect()
    }

    fn after_sql(sql: &str) -> Vec<(i32, AuditProblemKind)> {
        let db = log(6);
        assert_eq!(found(&db), []);
        db.conn().batch_execute(sql).expect(sql);
        found(&db)
    }

    #[test]
    fn every_kind_of_tampering_shows() {
        for column in ["username", "action", "resource_type", "details", "ip_address"] {
            let sql = format!("UPDATE audit_logs SET {column} = 'x' WHERE id = 3");
            assert_eq!(after_sql(&sql), [(3, Changed)], "{column}");
        }
        assert_eq!(after_sql("UPDATE audit_logs SET resource_id = 77 WHERE id = 1"), [(1, Changed)]);
        assert_eq!(after_sql("UPDATE audit_logs SET outcome = 'denied' WHERE id = 6"), [(6, Changed)]);
        assert_eq!(after_sql("UPDATE audit_logs SET created_at = '2020-01-01 00:00:00' WHERE id = 2"), [(2, Changed)]);
        assert_eq!(after_sql("DELETE FROM audit_logs WHERE id = 3"), [(4, Missing)]);
        assert_eq!(after_sql("DELETE FROM audit_logs WHERE id = 1"), [(2, Missing)]);
        assert_eq!(after_sql("DELETE FROM audit_logs WHERE id > 4"), [(6, Missing)]);
        assert_eq!(after_sql("DELETE FROM audit_logs"), [(6, Missing)]);
        let reordered = "UPDATE audit_logs SET id = 99 WHERE id = 2; UPDATE audit_logs SET id = 2 WHERE id = 3; \
             UPDATE audit_logs SET id = 3 WHERE id = 99";
        assert_eq!(after_sql(reordered), [(2, Changed), (3, Changed), (4, Changed)]);
        let inserted = "INSERT INTO audit_logs (username, action, resource_type) VALUES ('eve', 'login', 'auth')";
        assert_eq!(after_sql(inserted), [(7, Inserted)]);
        // to the hash of the changed line the next one does not fit
        let hash = "UPDATE audit_logs SET username = 'x', hash = 'abc' WHERE id = 3";
        assert_eq!(after_sql(hash), [(3, Changed), (4, Changed)]);
        assert_eq!(after_sql("UPDATE audit_logs SET hash = '' WHERE id = 6"), [(6, Inserted), (6, Missing)]);
    }

    #[test]
    fn lines_go_on_behind_what_somebody_inserted() {
        let db = log(2);
        let sql = "INSERT INTO audit_logs (username, action, resource_type) VALUES ('eve', 'login', 'auth')";
        db.conn().batch_execute(sql).expect("insert");
        add(&mut db.conn(), 3);
        assert_eq!(found(&db), [(3, Inserted)]);
    }

    #[test]
    fn retention_keeps_the_chain_and_says_what_it_deleted() {
        let db = log(5);
        let later = now() + chrono::Duration::seconds(1);
        assert_eq!(prune(&mut db.conn(), later, 3).expect("prune"), 3);
        assert_eq!(found(&db), []);
        while prune(&mut db.conn(), later, 3).expect("prune") > 0 {}
        add(&mut db.conn(), 6);
        assert_eq!(found(&db), []);
        let check = verify(&mut db.conn(), None).expect("verify");
        assert!(check.pruned_id == 5 && check.lines == 3, "{check:?}");
        assert_eq!(prune(&mut db.conn(), later - chrono::Duration::days(1), 3).expect("prune"), 0);

        // somebody else who deletes the beginning and moves the ends has no such line
        db.conn()
            .batch_execute(
                "DELETE FROM audit_logs WHERE id < (SELECT max(id) FROM audit_logs); UPDATE audit_chain SET \
                 pruned_id = last_id - 1, pruned_hash = (SELECT hash FROM audit_logs)",
            )
            .expect("delete");
        assert!(found(&db).iter().any(|(_, kind)| *kind == Missing), "{:?}", found(&db));
    }

    #[test]
    fn a_noted_hash_shows_a_log_that_was_written_anew() {
        let db = log(4);
        let check = verify(&mut db.conn(), None).expect("verify");
        let noted = Noted { id: check.last_id, hash: check.last_hash.to_uppercase() };
        add(&mut db.conn(), 5);
        assert!(verify(&mut db.conn(), Some(&noted)).expect("verify").ok);
        db.conn()
            .batch_execute(
                "UPDATE audit_logs SET username = 'eve', hash = ''; UPDATE audit_chain SET last_id = 0, last_hash = ''",
            )
            .expect("rewrite");
        begin(&mut db.conn()).expect("begin");
        assert_eq!(found(&db), [], "it fits in itself");
        let check = verify(&mut db.conn(), Some(&noted)).expect("verify");
        assert_eq!(check.problems[0].kind, Rewritten);
        let beyond = Noted { id: 99, hash: noted.hash };
        assert_eq!(verify(&mut db.conn(), Some(&beyond)).expect("verify").problems[0].kind, Missing);
    }

    #[test]
    fn lines_of_an_older_version_are_taken_into_the_chain_once() {
        let db = testing::database();
        let rows = "INSERT INTO audit_logs (id, username, action, resource_type) VALUES (3, 'a', 'b', 'c'), (8, 'd', 'e', 'f')";
        db.conn().batch_execute(rows).expect("rows");
        begin(&mut db.conn()).expect("begin");
        add(&mut db.conn(), 9);
        assert_eq!(found(&db), []);
        db.conn().batch_execute("UPDATE audit_logs SET username = 'x' WHERE id = 8").expect("change");
        assert_eq!(found(&db), [(8, Missing)]);
    }

    #[test]
    fn whoever_deletes_themselves_is_written_down() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let new = audit::NewAuditEntry {
            user_id: Some(4711),
            username: "gone".into(),
            action: "delete".into(),
            resource_type: "user".into(),
            resource_id: Some(4711),
            outcome: AuditOutcome::Ok,
            details: None,
            ip_address: None,
        };
        assert_eq!(audit::insert(conn, &new).expect("insert").user_id, None);
    }
}
