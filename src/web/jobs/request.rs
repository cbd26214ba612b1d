//! What a client may say about a job.

use super::schedule::parse;
use crate::db::jobs::{Job, JobChanges, NewJob};
use crate::db::pools::Pool;
use crate::db::{BackupType, Compression, Conn, MissedRuns, encryption_keys, now, pools, sources};
use crate::keys::rotation;
use crate::web::fields::{self, existing, invalid};
use crate::web::retention::KeepFields;
use crate::{Error, Result};
use chrono::{NaiveDateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

/// A job to be made, or what to change of one.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(default)]
pub struct JobRequest {
    /// Its name, unique. Required to make one.
    pub name: Option<String>,
    /// What is backed up. Required to make one.
    pub source_id: Option<i32>,
    /// Where it goes. Required to make one.
    pub pool_id: Option<i32>,
    /// `full` (the default) or `incremental`.
    #[schema(value_type = Option<BackupType>)]
    pub backup_type: Option<String>,
    /// Cron with five fields, or six with the seconds first, or `@daily` …; empty: only by hand.
    pub schedule_cron: Option<String>,
    /// IANA name of the zone the schedule is read in; `UTC` unless said otherwise.
    pub time_zone: Option<String>,
    /// What becomes of a run that was missed: `run` (once, later; the default) or `skip`.
    #[schema(value_type = Option<MissedRuns>)]
    pub missed_runs: Option<String>,
    /// Days a set is kept; 0: as the pool says.
    pub retention_days: Option<i32>,
    /// Beside those.
    #[serde(flatten)]
    pub keep: KeepFields,
    /// Copy the database to tape after each run.
    pub database_backup: Option<bool>,
    /// Whether the schedule counts.
    pub enabled: Option<bool>,
    /// Encrypt with this key. Only when the job is made.
    pub encryption_key_id: Option<i32>,
    /// Let the drive encrypt with this key. Only when the job is made.
    pub hw_encryption_key_id: Option<i32>,
    /// `none` (the default), `lto` (in the drive), `gzip` or `zstd`.
    #[schema(value_type = Option<Compression>)]
    pub compression: Option<String>,
    /// How hard: gzip 1 to 9, zstd 1 to 19; null: the default of the method.
    #[serde(deserialize_with = "fields::given")]
    #[schema(value_type = Option<i32>)]
    pub compression_level: Option<Option<i32>>,
    /// Read back every set after it was written.
    pub verify_after: Option<bool>,
}

fn compression(word: &str) -> Result<Compression> {
    word.parse().map_err(|_| {
        let message = format!("invalid compression type: {word}. Valid options: none, lto, gzip, zstd");
        invalid("compression", message)
    })
}

fn level(method: Compression, level: Option<i32>) -> Result<Option<i32>> {
    let most = match method {
        Compression::Gzip => 9,
        Compression::Zstd => 19,
        Compression::None | Compression::Lto => 0,
    };
    match level {
        None => Ok(None),
        Some(level) if (1..=most).contains(&level) => Ok(Some(level)),
        Some(_) if most == 0 => Err(invalid("compression_level", format!("compression {method} has no levels"))),
        Some(level) => {
            Err(invalid("compression_level", format!("compression_level must be between 1 and {most}, not {level}")))
        }
    }
}

/// When a schedule is due next; none without one.
fn next_run(cron: &str, zone: &str, enabled: bool) -> Result<Option<NaiveDateTime>> {
    if cron.is_empty() {
        return Ok(None);
    }
    let next = parse(cron, zone)?.next_after(Utc::now());
    Ok(next.filter(|_| enabled).map(|time| time.naive_utc()))
}

/// A key that a field names; 0 is none.
fn known_key(conn: &mut Conn, field: &'static str, id: Option<i32>) -> Result<Option<i32>> {
    match id.filter(|id| *id != 0) {
        Some(id) => {
            let key = encryption_keys::find(conn, id).map_err(|_| invalid(field, "encryption key not found"))?;
            rotation::fit(conn, &key, now()).map_err(fields::about(field))?;
            Ok(Some(id))
        }
        None => Ok(None),
    }
}

impl JobRequest {
    /// The row that a request to make a job asks for.
    pub fn check_new(self, conn: &mut Conn) -> Result<NewJob> {
        let name = fields::name("name", self.name.as_deref())?;
        let source_id = self.source_id.ok_or_else(|| invalid("source_id", "source_id is required"))?;
        let pool_id = self.pool_id.ok_or_else(|| invalid("pool_id", "pool_id is required"))?;
        existing("source_id", sources::find(conn, source_id))?;
        let pool = existing("pool_id", pools::find(conn, pool_id))?;
        let retention_days = fields::days("retention_days", self.retention_days.unwrap_or(0))?;
        let keep = self.keep.check(forever(retention_days, &pool).as_deref())?;
        let key = known_key(conn, "encryption_key_id", self.encryption_key_id)?;
        let drive_key = known_key(conn, "hw_encryption_key_id", self.hw_encryption_key_id)?;
        let method = match self.compression.as_deref().filter(|word| !word.is_empty()) {
            Some(word) => compression(word)?,
            None => Compression::None,
        };
        let schedule_cron = self.schedule_cron.as_deref().map(str::trim).unwrap_or_default().to_string();
        let time_zone = zone(self.time_zone.as_deref())?;
        let enabled = self.enabled.unwrap_or(true);
        Ok(NewJob {
            name,
            source_id,
            pool_id,
            backup_type: fields::optional_word("backup_type", self.backup_type.as_deref())?.unwrap_or(BackupType::Full),
            next_run_at: next_run(&schedule_cron, &time_zone, enabled)?,
            schedule_cron,
            time_zone,
            missed_runs: fields::optional_word("missed_runs", self.missed_runs.as_deref())?.unwrap_or(MissedRuns::Run),
            retention_days,
            keep_last: keep.keep_last.flatten(),
            keep_daily: keep.keep_daily.flatten(),
            keep_weekly: keep.keep_weekly.flatten(),
            keep_monthly: keep.keep_monthly.flatten(),
            keep_yearly: keep.keep_yearly.flatten(),
            database_backup: self.database_backup.unwrap_or(false),
            enabled,
            encryption_enabled: key.is_some(),
            encryption_key_id: key,
            hw_encryption_enabled: drive_key.is_some(),
            hw_encryption_key_id: drive_key,
            compression: method,
            compression_level: level(method, self.compression_level.flatten())?,
            verify_after: self.verify_after.unwrap_or(false),
        })
    }

    /// The changes that a request to change `known` asks for.
    pub fn check_changes(self, conn: &mut Conn, known: &Job) -> Result<JobChanges> {
        for (field, given) in
            [("encryption_key_id", self.encryption_key_id), ("hw_encryption_key_id", self.hw_encryption_key_id)]
        {
            if given.is_some() {
                return Err(invalid(field, "encryption settings cannot be changed after job creation"));
            }
        }
        if let Some(source) = self.source_id {
            existing("source_id", sources::find(conn, source))?;
        }
        let pool = existing("pool_id", pools::find(conn, self.pool_id.unwrap_or(known.pool_id)))?;
        let retention_days = self.retention_days.map(|days| fields::days("retention_days", days)).transpose()?;
        let keep = self.keep.check(forever(retention_days.unwrap_or(known.retention_days), &pool).as_deref())?;
        let method = self.compression.as_deref().filter(|word| !word.is_empty()).map(compression).transpose()?;
        let compression_level = match (method, self.compression_level) {
            // the level of another method means nothing to this one
            (Some(method), None) if method != known.compression => Some(None),
            (_, None) => None,
            (method, Some(wanted)) => Some(level(method.unwrap_or(known.compression), wanted)?),
        };
        let schedule_cron = self.schedule_cron.as_deref().map(|cron| cron.trim().to_string());
        let time_zone = self.time_zone.as_deref().map(|name| zone(Some(name))).transpose()?;
        let rescheduled = schedule_cron.is_some() || time_zone.is_some() || self.enabled.is_some();
        let next_run_at = match rescheduled {
            false => None,
            true => Some(next_run(
                schedule_cron.as_deref().unwrap_or(&known.schedule_cron),
                time_zone.as_deref().unwrap_or(&known.time_zone),
                self.enabled.unwrap_or(known.enabled),
            )?),
        };
        let changes = JobChanges {
            name: self.name.as_deref().map(|name| fields::name("name", Some(name))).transpose()?,
            source_id: self.source_id,
            pool_id: self.pool_id,
            backup_type: fields::optional_word("backup_type", self.backup_type.as_deref())?,
            schedule_cron,
            time_zone,
            missed_runs: fields::optional_word("missed_runs", self.missed_runs.as_deref())?,
            retention_days,
            keep_last: keep.keep_last,
            keep_daily: keep.keep_daily,
            keep_weekly: keep.keep_weekly,
            keep_monthly: keep.keep_monthly,
            keep_yearly: keep.keep_yearly,
            database_backup: self.database_backup,
            enabled: self.enabled,
            compression: method,
            compression_level,
            verify_after: self.verify_after,
            last_run_at: None,
            next_run_at,
        };
        match is_empty(&changes) {
            true => Err(Error::bad_request("no fields to update")),
            false => Ok(changes),
        }
    }
}

fn is_empty(changes: &JobChanges) -> bool {
    changes.name.is_none()
        && changes.source_id.is_none()
        && changes.pool_id.is_none()
        && changes.backup_type.is_none()
        && changes.schedule_cron.is_none()
        && changes.time_zone.is_none()
        && changes.missed_runs.is_none()
        && changes.retention_days.is_none()
        && changes.keep_last.is_none()
        && changes.keep_daily.is_none()
        && changes.keep_weekly.is_none()
        && changes.keep_monthly.is_none()
        && changes.keep_yearly.is_none()
        && changes.database_backup.is_none()
        && changes.enabled.is_none()
        && changes.compression.is_none()
        && changes.compression_level.is_none()
        && changes.verify_after.is_none()
}

/// Whose days keep every set for ever, in words; none if there is an end.
fn forever(retention_days: i32, pool: &Pool) -> Option<String> {
    (retention_days == 0 && pool.retention_days == 0)
        .then(|| format!("retention_days 0 means as the pool says, and pool {} keeps every set for ever", pool.name))
}

/// The IANA name of a time zone; `UTC` without one.
fn zone(name: Option<&str>) -> Result<String> {
    let name = name.map(str::trim).filter(|name| !name.is_empty()).unwrap_or("UTC");
    let zone = crate::schedule::parse_time_zone(name).map_err(|error| invalid("time_zone", error.to_string()))?;
    Ok(zone.name().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    fn good(conn: &mut Conn) -> JobRequest {
        let job = testing::job(conn, "known");
        JobRequest {
            name: Some("nightly".into()),
            source_id: Some(job.source_id),
            pool_id: Some(job.pool_id),
            ..JobRequest::default()
        }
    }

    fn refused(conn: &mut Conn, request: JobRequest) -> (String, String) {
        let error = request.check_new(conn).expect_err("must be refused");
        let field =
            error.details.as_ref().and_then(|details| details["field"].as_str()).unwrap_or_default().to_string();
        (field, error.message)
    }

    #[test]
    fn what_is_wrong_is_named() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let good = good(conn);
        assert!(good.clone().check_new(conn).is_ok());
        let cases = [
            ("name", JobRequest { name: None, ..good.clone() }),
            ("source_id", JobRequest { source_id: Some(77), ..good.clone() }),
            ("pool_id", JobRequest { pool_id: None, ..good.clone() }),
            ("backup_type", JobRequest { backup_type: Some("differential".into()), ..good.clone() }),
            ("schedule_cron", JobRequest { schedule_cron: Some("61 * * * *".into()), ..good.clone() }),
            ("time_zone", JobRequest { time_zone: Some("Mars/Olympus".into()), ..good.clone() }),
            ("encryption_key_id", JobRequest { encryption_key_id: Some(5), ..good.clone() }),
            ("hw_encryption_key_id", JobRequest { hw_encryption_key_id: Some(5), ..good.clone() }),
            ("compression_level", JobRequest { compression_level: Some(Some(3)), ..good.clone() }),
            ("retention_days", JobRequest { retention_days: Some(-1), ..good.clone() }),
            (
                "keep_daily",
                JobRequest { keep: KeepFields { keep_daily: Some(Some(-1)), ..KeepFields::default() }, ..good.clone() },
            ),
        ];
        for (field, request) in cases {
            assert_eq!(refused(conn, request).0, field);
        }
        let (field, message) = refused(conn, JobRequest { compression: Some("rar".into()), ..good });
        assert_eq!(field, "compression");
        assert_eq!(message, "invalid compression type: rar. Valid options: none, lto, gzip, zstd");
    }

    #[test]
    fn counting_sets_that_are_kept_for_ever_is_refused() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let archive = pools::find_by_name(conn, "ARCHIVE").expect("pools").expect("archive").id;
        let keep = KeepFields { keep_weekly: Some(Some(4)), ..KeepFields::default() };
        let for_ever = JobRequest { pool_id: Some(archive), keep: keep.clone(), ..good(conn) };
        let (field, message) = refused(conn, for_ever.clone());
        assert_eq!(field, "keep_weekly");
        assert!(message.contains("pool ARCHIVE keeps every set for ever"), "{message}");
        let job = JobRequest { retention_days: Some(30), ..for_ever }.check_new(conn).expect("days of its own");
        assert_eq!((job.keep_weekly, job.keep_daily), (Some(4), None));
    }

    #[test]
    fn a_schedule_is_due_next_and_a_disabled_one_never() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let scheduled = JobRequest { schedule_cron: Some("@daily".into()), ..good(conn) };
        assert!(scheduled.clone().check_new(conn).expect("job").next_run_at.is_some());
        let off = JobRequest { enabled: Some(false), ..scheduled };
        assert_eq!(off.check_new(conn).expect("job").next_run_at, None);
    }

    #[test]
    fn changes_keep_what_they_do_not_name() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let job = testing::job(conn, "j");
        let change = JobRequest { compression: Some("zstd".into()), ..JobRequest::default() };
        let changes = change.check_changes(conn, &job).expect("changes");
        assert_eq!((changes.compression, changes.compression_level), (Some(Compression::Zstd), Some(None)));
        assert_eq!((changes.name, changes.next_run_at), (None, None));
        let error = JobRequest::default().check_changes(conn, &job).expect_err("nothing");
        assert_eq!(error.message, "no fields to update");
        let key = JobRequest { encryption_key_id: Some(1), ..JobRequest::default() };
        assert!(key.check_changes(conn, &job).expect_err("key").message.contains("cannot be changed"));
    }
}
