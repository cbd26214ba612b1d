//! Keeping the database small and sound: what is over is deleted in small steps, so that nobody who writes waits long; free
//! pages are given back; the file is checked.

use super::kinds::ExecutionStatus;
use super::schema::{drive_alerts, events, execution_logs, job_executions, restore_operations};
use super::{Conn, audit_chain, write_transaction};
use crate::Result;
use chrono::NaiveDateTime;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde::Serialize;

/// Rows that are deleted in one commit.
const STEP: i64 = 1000;

/// A kind of rows that grows old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Old {
    /// Executions that have ended, with their logs, and restores.
    Executions,
    /// Lines of logs.
    Logs,
    /// Events.
    Events,
    /// Lines of the audit log.
    Audit,
    /// Alerts of drives that are over.
    Alerts,
}

/// One step of deleting what is older than `before`: how many rows went. 0: nothing is left.
pub fn prune_step(conn: &mut Conn, what: Old, before: NaiveDateTime) -> Result<usize> {
    match what {
        Old::Executions => prune_executions(conn, before),
        Old::Logs => prune_logs(conn, before),
        Old::Events => prune_events(conn, before),
        Old::Audit => audit_chain::prune(conn, before, STEP),
        Old::Alerts => prune_alerts(conn, before),
    }
}

// Ids rise with time, so the first row that is young enough ends each of these: no index on the time is needed.
macro_rules! prune_by_id {
    ($name:ident, $table:ident) => {
        fn $name(conn: &mut Conn, before: NaiveDateTime) -> Result<usize> {
            write_transaction(conn, |conn| {
                let oldest: Vec<(i32, NaiveDateTime)> =
                    $table::table.order($table::id).limit(STEP).select(($table::id, $table::created_at)).load(conn)?;
                let old = oldest.iter().take_while(|(_, time)| *time < before).last();
                match old {
                    Some((last, _)) => Ok(diesel::delete($table::table.filter($table::id.le(*last))).execute(conn)?),
                    None => Ok(0),
                }
            })
        }
    };
}

prune_by_id!(prune_logs, execution_logs);
prune_by_id!(prune_events, events);

fn prune_alerts(conn: &mut Conn, before: NaiveDateTime) -> Result<usize> {
    write_transaction(conn, |conn| {
        let over: Vec<i32> = drive_alerts::table
            .filter(drive_alerts::resolved.eq(true).and(drive_alerts::resolved_at.lt(before)))
            .limit(STEP)
            .select(drive_alerts::id)
            .load(conn)?;
        Ok(diesel::delete(drive_alerts::table.filter(drive_alerts::id.eq_any(over))).execute(conn)?)
    })
}

fn prune_executions(conn: &mut Conn, before: NaiveDateTime) -> Result<usize> {
    let ended = [ExecutionStatus::Completed, ExecutionStatus::Failed, ExecutionStatus::Cancelled];
    write_transaction(conn, |conn| {
        // the newest of each kind tells what was done last, and what can go on must be able to
        let newest: Vec<Option<i32>> = job_executions::table
            .group_by(job_executions::kind)
            .select(diesel::dsl::max(job_executions::id))
            .load(conn)?;
        let old: Option<i32> = job_executions::table
            .filter(job_executions::status.eq_any(ended).and(job_executions::end_time.lt(before)))
            .filter(job_executions::can_resume.eq(false))
            .filter(job_executions::id.ne_all(newest.into_iter().flatten().collect::<Vec<_>>()))
            .order(job_executions::id)
            .select(job_executions::id)
            .first(conn)
            .optional()?;
        let Some(id) = old else {
            let restores = restore_operations::table
                .filter(restore_operations::completed_at.lt(before))
                .order(restore_operations::id)
                .limit(STEP)
                .select(restore_operations::id);
            let ids: Vec<i32> = restores.load(conn)?;
            let gone = restore_operations::table.filter(restore_operations::id.eq_any(ids));
            return Ok(diesel::delete(gone).execute(conn)?);
        };
        let lines: Vec<i32> = execution_logs::table
            .filter(execution_logs::execution_id.eq(id))
            .order(execution_logs::id)
            .limit(STEP)
            .select(execution_logs::id)
            .load(conn)?;
        if !lines.is_empty() {
            return Ok(diesel::delete(execution_logs::table.filter(execution_logs::id.eq_any(lines))).execute(conn)?);
        }
        Ok(diesel::delete(job_executions::table.find(id)).execute(conn)?)
    })
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

/// Which SQLite this is.
pub fn sqlite_version(conn: &mut Conn) -> Result<String> {
    let row: Version = diesel::sql_query("SELECT sqlite_version() AS version").get_result(conn)?;
    Ok(row.version)
}

/// How large the database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Size {
    /// Bytes of the file.
    pub size_bytes: i64,
    /// Bytes in it that hold nothing.
    pub free_bytes: i64,
    /// Whether those can be given back in small steps. Only `vacuum` gives them back otherwise.
    pub shrinks_in_steps: bool,
}

#[derive(QueryableByName)]
struct Pages {
    #[diesel(sql_type = BigInt)]
    pages: i64,
    #[diesel(sql_type = BigInt)]
    free: i64,
    #[diesel(sql_type = BigInt)]
    page_size: i64,
    #[diesel(sql_type = BigInt)]
    auto_vacuum: i64,
}

/// Looks.
pub fn size(conn: &mut Conn) -> Result<Size> {
    let pages: Pages = diesel::sql_query(
        "SELECT page_count AS pages, freelist_count AS free, page_size, auto_vacuum \
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size, pragma_auto_vacuum",
    )
    .get_result(conn)?;
    Ok(Size {
        size_bytes: pages.pages.saturating_mul(pages.page_size),
        free_bytes: pages.free.saturating_mul(pages.page_size),
        shrinks_in_steps: pages.auto_vacuum == 2,
    })
}

/// Gives some free pages back to the file system; whether there may be more.
pub fn shrink_step(conn: &mut Conn) -> Result<bool> {
    let before = size(conn)?;
    if before.free_bytes == 0 || !before.shrinks_in_steps {
        return Ok(false);
    }
    conn.batch_execute("PRAGMA incremental_vacuum(500)")?;
    Ok(size(conn)?.free_bytes < before.free_bytes)
}

/// Writes the whole file anew, without free pages and in order. Nobody writes meanwhile.
pub fn vacuum(conn: &mut Conn) -> Result<()> {
    Ok(conn.batch_execute("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")?)
}

/// Lets SQLite bring its statistics up to date, and moves what the write-ahead log holds into the file as far as readers
/// allow.
pub fn optimize(conn: &mut Conn) -> Result<()> {
    Ok(conn.batch_execute("PRAGMA optimize; PRAGMA wal_checkpoint(PASSIVE)")?)
}

/// How thoroughly the file is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Structure of the file, not whether indexes agree with their tables.
    Quick,
    /// Everything, and that every reference leads somewhere.
    Full,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

/// Checks the database; what is wrong, in SQLite's words (at most 100 lines). Empty: nothing. A file so damaged that the
/// check itself breaks off is damaged too.
pub fn check(conn: &mut Conn, how: Check) -> Result<Vec<String>> {
    let sql = match how {
        Check::Quick => "SELECT quick_check AS text FROM pragma_quick_check",
        Check::Full => {
            "SELECT integrity_check AS text FROM pragma_integrity_check UNION ALL \
             SELECT 'row ' || ifnull(rowid, '?') || ' of ' || \"table\" || ' refers to a row of ' || parent || ' that is not there' \
             FROM pragma_foreign_key_check"
        }
    };
    let lines: Vec<Line> = match diesel::sql_query(sql).load(conn) {
        Err(diesel::result::Error::DatabaseError(_, info)) if info.message().contains("malformed") => {
            return Ok(vec![info.message().to_owned()]);
        }
        lines => lines?,
    };
    Ok(lines.into_iter().map(|line| line.text).filter(|text| text != "ok").take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::execution_logs::NewLogLine;
    use crate::db::executions::{self, ExecutionChanges, NewExecution};
    use crate::db::{LogLevel, now, testing};

    fn all(conn: &mut Conn, what: Old, before: NaiveDateTime) -> usize {
        std::iter::from_fn(|| Some(prune_step(conn, what, before).expect("step")).filter(|gone| *gone > 0)).sum()
    }

    #[test]
    fn what_is_over_goes_in_steps_and_the_rest_stays() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.push(executions::insert(conn, &NewExecution::default()).expect("execution").id);
        }
        for id in &ids[..3] {
            executions::claim(conn, *id).expect("claim");
            let lines: Vec<_> = (0..1500).map(|_| NewLogLine::new(*id, LogLevel::Info, "x")).collect();
            crate::db::execution_logs::append(conn, &lines).expect("lines");
            executions::finish(conn, *id, ExecutionStatus::Completed, &ExecutionChanges::default()).expect("finish");
        }
        let resumable = ExecutionChanges { can_resume: Some(true), ..Default::default() };
        executions::update(conn, ids[1], &resumable).expect("can go on");
        let long_ago = now() - chrono::Duration::days(1);
        assert_eq!(all(conn, Old::Executions, long_ago), 0);
        let later = now() + chrono::Duration::seconds(1);
        assert_eq!(all(conn, Old::Executions, later), 2 * 1500 + 2, "with their lines");
        let left: Vec<i32> =
            job_executions::table.order(job_executions::id).select(job_executions::id).load(conn).expect("left");
        assert_eq!(left, [ids[1], ids[3]], "what can go on, and what waits");
        assert_eq!(all(conn, Old::Logs, long_ago), 0);
        assert_eq!(all(conn, Old::Logs, later), 1500);
        for what in [Old::Events, Old::Audit] {
            assert_eq!(all(conn, what, later), 0);
        }
    }

    #[test]
    fn alerts_that_are_over_go_and_open_ones_stay() {
        use crate::db::{Severity, drive_health, drives};
        let db = testing::database();
        let conn = &mut *db.conn();
        let drive = drives::NewDrive { device_path: "/dev/sg1".into(), ..Default::default() };
        let drive_id = drives::insert(conn, &drive).expect("drive").id;
        for message in ["open", "over"] {
            let (category, message) = ("tape_alert".to_owned(), message.to_owned());
            let new = drive_health::NewAlert { drive_id, severity: Severity::Warning, category, message };
            drive_health::raise_alert(conn, &new).expect("raised");
        }
        drive_health::resolve_others(conn, drive_id, "tape_alert", &["open".into()]).expect("resolved");
        assert_eq!(all(conn, Old::Alerts, now() - chrono::Duration::days(1)), 0);
        assert_eq!(all(conn, Old::Alerts, now() + chrono::Duration::seconds(1)), 1);
        let left = drive_health::alerts(conn, drive_id).expect("alerts");
        assert_eq!(left.iter().map(|alert| alert.message.as_str()).collect::<Vec<_>>(), ["open"]);
    }

    #[test]
    fn free_pages_are_given_back_in_steps() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let id = executions::insert(conn, &NewExecution::default()).expect("execution").id;
        let text = "x".repeat(2000);
        let lines: Vec<_> = (0..5000).map(|_| NewLogLine::new(id, LogLevel::Info, text.clone())).collect();
        crate::db::execution_logs::append(conn, &lines).expect("lines");
        let full = size(conn).expect("size");
        assert!(full.shrinks_in_steps && full.size_bytes > 10_000_000, "{full:?}");
        assert_eq!(all(conn, Old::Logs, now() + chrono::Duration::seconds(1)), 5000);
        let empty = size(conn).expect("size");
        assert!(empty.free_bytes > 9_000_000, "{empty:?}");
        let mut steps = 0;
        while shrink_step(conn).expect("step") {
            steps += 1;
        }
        let small = size(conn).expect("size");
        assert!(steps > 3 && small.free_bytes == 0 && small.size_bytes < 2_000_000, "{steps} steps: {small:?}");
        optimize(conn).expect("optimize");
        vacuum(conn).expect("vacuum");
        assert!(size(conn).expect("size").shrinks_in_steps);
    }

    #[test]
    fn a_sound_database_passes_and_a_damaged_one_does_not() {
        let db = testing::database();
        {
            let conn = &mut *db.conn();
            for number in 0..200 {
                testing::tape(conn, &format!("A{number:05}"));
            }
            assert_eq!(check(conn, Check::Quick).expect("quick"), Vec::<String>::new());
            assert_eq!(check(conn, Check::Full).expect("full"), Vec::<String>::new());
            conn.batch_execute("PRAGMA foreign_keys = OFF; UPDATE tapes SET pool_id = 77 WHERE label = 'A00001'")
                .expect("update");
            assert!(check(conn, Check::Full).expect("full")[0].contains("refers to a row of tape_pools"));
            conn.batch_execute("UPDATE tapes SET pool_id = 1; PRAGMA wal_checkpoint(TRUNCATE)").expect("checkpoint");
        }
        let path = db.path.clone();
        let mut bytes = std::fs::read(&path).expect("read");
        // the page on which the index of labels begins
        let page = {
            #[derive(QueryableByName)]
            struct Root {
                #[diesel(sql_type = BigInt)]
                rootpage: i64,
            }
            let root: Root = diesel::sql_query("SELECT rootpage FROM sqlite_schema WHERE name = 'tapes'")
                .get_result(&mut *db.conn())
                .expect("root");
            usize::try_from(root.rootpage).expect("page") - 1
        };
        bytes[page * 4096 + 8..page * 4096 + 64].fill(0xff);
        let damaged = path.with_extension("damaged");
        std::fs::write(&damaged, bytes).expect("write");
        let mut conn = crate::db::open_one(&damaged).expect("open");
        assert!(!check(&mut conn, Check::Quick).expect("quick").is_empty());
    }
}
