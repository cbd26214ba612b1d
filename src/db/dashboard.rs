//! The numbers of the first page.

use super::Conn;
use super::kinds::{ExecutionStatus, SetStatus, TapeStatus};
use super::schema::{backup_jobs, backup_sets, backup_sources, encryption_keys, job_executions, tapes};
use super::time::{now, rfc3339_option};
use crate::Result;
use chrono::{Duration, NaiveDateTime};
use diesel::dsl::{count_star, max, min, sum};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde::Serialize;

/// Counts over the whole database.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct DashboardCounts {
    /// Tapes known.
    pub total_tapes: i64,
    /// Tapes that have data and take more.
    pub active_tapes: i64,
    /// Jobs.
    pub total_jobs: i64,
    /// Backups at work.
    pub running_jobs: i64,
    /// Requests for a tape that wait for a person.
    pub open_tape_changes: i64,
    /// Sets completed in the last 24 hours.
    pub recent_backups: i64,
    /// Content bytes of all completed sets.
    pub total_data_bytes: i64,
    /// File versions in all completed sets.
    pub total_files_cataloged: i64,
    /// Sources.
    pub total_sources: i64,
    /// Encryption keys.
    pub total_encryption_keys: i64,
    /// Completed sets.
    pub total_backup_sets: i64,
    /// When the newest completed set began.
    #[serde(serialize_with = "rfc3339_option")]
    pub last_backup_time: Option<NaiveDateTime>,
    /// When the oldest completed set began.
    #[serde(serialize_with = "rfc3339_option")]
    pub oldest_backup: Option<NaiveDateTime>,
}

diesel::define_sql_function! {
    /// SQLite's cast of an aggregate that may be NULL.
    #[sql_name = "ifnull"]
    fn ifnull_bigint(value: diesel::sql_types::Nullable<diesel::sql_types::Numeric>, default: BigInt) -> BigInt;
}

/// Counts everything. Reads figures of sets, never the rows of the catalog, so it costs the same with any number of
/// files.
pub fn counts(conn: &mut Conn) -> Result<DashboardCounts> {
    let (data, files, sets, newest, oldest) = backup_sets::table
        .filter(backup_sets::status.eq(SetStatus::Completed))
        .select((
            ifnull_bigint(sum(backup_sets::total_bytes), 0),
            ifnull_bigint(sum(backup_sets::file_count), 0),
            count_star(),
            max(backup_sets::start_time),
            min(backup_sets::start_time),
        ))
        .get_result(conn)?;
    let since = now() - Duration::hours(24);
    let at_work = job_executions::kind.eq("backup").and(job_executions::status.eq(ExecutionStatus::Running));
    Ok(DashboardCounts {
        total_tapes: tapes::table.count().get_result(conn)?,
        active_tapes: tapes::table.filter(tapes::status.eq(TapeStatus::Active)).count().get_result(conn)?,
        total_jobs: backup_jobs::table.count().get_result(conn)?,
        running_jobs: job_executions::table.filter(at_work).count().get_result(conn)?,
        open_tape_changes: super::tape_changes::count_open(conn)?,
        recent_backups: backup_sets::table
            .filter(backup_sets::status.eq(SetStatus::Completed).and(backup_sets::end_time.ge(since)))
            .count()
            .get_result(conn)?,
        total_data_bytes: data,
        total_files_cataloged: files,
        total_sources: backup_sources::table.count().get_result(conn)?,
        total_encryption_keys: encryption_keys::table.count().get_result(conn)?,
        total_backup_sets: sets,
        last_backup_time: newest,
        oldest_backup: oldest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{sets, testing};

    #[test]
    fn an_empty_server_has_zeros_and_a_set_counts() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let empty = counts(conn).expect("empty");
        assert_eq!((empty.total_tapes, empty.total_data_bytes, empty.last_backup_time), (0, 0, None));
        let (tape, job) = (testing::tape(conn, "A00001"), testing::job(conn, "etc"));
        let set = testing::set(conn, &job, &tape, None);
        testing::set(conn, &job, &tape, None);
        let figures = sets::SetChanges { file_count: Some(7), total_bytes: Some(5_000_000_000), ..Default::default() };
        sets::complete(conn, set.id, &figures).expect("complete");
        let row = counts(conn).expect("counts");
        assert_eq!((row.total_files_cataloged, row.total_data_bytes, row.total_backup_sets), (7, 5_000_000_000, 1));
        assert_eq!((row.recent_backups, row.last_backup_time), (1, Some(set.start_time)));
        assert_eq!((row.total_jobs, row.total_sources, row.total_tapes), (1, 1, 1));
    }
}
