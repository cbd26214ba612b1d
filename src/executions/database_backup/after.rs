//! Which run is followed by a backup of the database.

use crate::Result;
use crate::config::CopyAfter;
use crate::db::executions::{self, Execution, ExecutionFilter};
use crate::db::{self, DatabaseBackupStatus, ExecutionStatus, Page};
use crate::executions::{DatabaseBackupRequest, Request, Services};
use crate::{Error, db::Conn};

/// What is to be done after an execution that has ended, and its title; nothing, unless it was a run that completed and its
/// job, or the settings, ask for a copy of the database.
///
/// # Errors
/// The settings name a pool or a key that does not exist.
pub fn after(services: &Services, row: &Execution) -> Result<Option<(Request, String)>> {
    let (true, ExecutionStatus::Completed, Some(job)) = (row.kind == "backup", row.status, row.job_id) else {
        return Ok(None);
    };
    let settings = &services.config.database_backup;
    let conn = &mut *services.db.get()?;
    let job = db::jobs::find(conn, job)?;
    let wanted = job.database_backup
        || match settings.after {
            CopyAfter::Never => false,
            CopyAfter::EveryRun => true,
            CopyAfter::Daily => !made_today(conn)?,
        };
    // one that waits copies what this run has stored, too
    if !wanted || waits(conn)? {
        return Ok(None);
    }
    let pool_id = match settings.pool.trim() {
        "" => None,
        name => Some(db::pools::find_by_name(conn, name)?.ok_or_else(|| missing("database_backup.pool", name))?.id),
    };
    let key = match settings.key.trim() {
        "" => None,
        name => {
            let keys = db::encryption_keys::list(conn)?;
            let key = keys.iter().find(|key| key.name == name);
            Some(key.ok_or_else(|| missing("database_backup.key", name))?.id)
        }
    };
    let request = DatabaseBackupRequest {
        tape_id: None,
        pool_id,
        after_tape: row.tape_id,
        encryption_key_id: key,
        database_backup_id: None,
    };
    Ok(Some((Request::DatabaseBackup(request), format!("Database backup after a run of job {}", job.name))))
}

fn missing(setting: &str, name: &str) -> Error {
    Error::bad_request(format!("the setting {setting} names '{name}', which does not exist"))
}

fn made_today(conn: &mut Conn) -> Result<bool> {
    let today = db::now().date();
    let newest = db::database_backups::list(conn, Page::first(50))?;
    Ok(newest
        .iter()
        .any(|row| row.backup.status == DatabaseBackupStatus::Completed && row.backup.backup_time.date() == today))
}

fn waits(conn: &mut Conn) -> Result<bool> {
    let filter = ExecutionFilter {
        kind: Some("database_backup".into()),
        statuses: Some(vec![ExecutionStatus::Pending]),
        ..ExecutionFilter::default()
    };
    Ok(!executions::list(conn, &filter, Page::first(1))?.is_empty())
}
