//! An old database, made with the SQL of the Go program, taken over.

use super::{Old, Report, take_over};
use crate::db::testing::{TestDatabase, database};
use crate::db::{self, Compression, Role, TapeStatus};
use crate::keys::{KeyStore, MasterKey};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::Value;
use std::path::PathBuf;

/// The tables of version 1 after its last migration, as far as they matter.
const SCHEMA: &str = include_str!("tests/v1_schema.sql");
/// The tables before its first migration.
const FIRST_SCHEMA: &str = include_str!("tests/v1_first_schema.sql");

struct Case {
    here: TestDatabase,
    folder: tempfile::TempDir,
    keys: KeyStore,
}

impl Case {
    fn new() -> Case {
        let here = database();
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyStore::new(MasterKey::open(&mut here.conn(), folder.path()).unwrap());
        Case { here, folder, keys }
    }

    fn old(&self, schema: &str, rows: &str) -> PathBuf {
        let path = self.folder.path().join("old #1?.db");
        let _ = std::fs::remove_file(&path);
        let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        conn.batch_execute(schema).unwrap();
        conn.batch_execute(rows).unwrap();
        path
    }

    fn import(&self, path: &std::path::Path) -> (Vec<super::sets::OldSet>, Value) {
        let mut report = Report::default();
        let mut old = Old::open(path).unwrap();
        let sets = take_over(&mut self.here.conn(), &mut old, &self.keys, &mut report).unwrap();
        (sets, report.to_json())
    }
}

/// What the report says of one thing.
#[track_caller]
fn said(report: &Value, field: &str, name: &str) -> String {
    let lines = report[field].as_array().unwrap();
    let line =
        lines.iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("{name} in {field}: {report:#}"));
    line["reason"].as_str().unwrap().to_owned()
}

const ROWS: &str = "
INSERT INTO users (username, password_hash, role) VALUES
    ('admin', '$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga', 'admin'),
    ('otto', '$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga', 'operator'),
    ('plain', 'secret', 'readonly');
INSERT INTO api_keys (name, key_hash, key_prefix, role, expires_at) VALUES
    ('grafana', '$2a$10$hash', 'tbk_eb48946f', 'readonly', '2030-01-01 00:00:00 +0000 UTC');
INSERT INTO encryption_keys (id, name, key_data, key_fingerprint) VALUES
    (3, 'K1', 'BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=', '4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0'),
    (4, 'K2', 'CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=', 'wrong'),
    (5, 'broken', 'top-secret', 'x');
INSERT INTO tape_pools (id, name, retention_days, allow_reuse, allocation_policy) VALUES
    (1, 'DAILY', 7, 1, 'continue'), (2, 'WEEKLY', 14, 1, 'continue'), (9, 'VAULT', 0, 0, 'always-new');
INSERT INTO tapes (id, uuid, barcode, label, pool_id, status, used_bytes, write_count, labeled_at, format_type) VALUES
    (1, '6fa459eaee8a3ca4894edb77e160355e', 'A00001L6', 'T1', 1, 'active', 10, 1, '2026-01-01 08:00:00', 'raw'),
    (2, NULL, NULL, 'T1', 9, 'full', 10, 1, NULL, 'raw'),
    (3, '1bee794c-035f-49ed-8e25-8f45987cf881', NULL, 'NEW', 1, 'blank', 0, 0, '2026-01-01 08:00:00', 'raw'),
    (4, '2bee794c-035f-49ed-8e25-8f45987cf881', NULL, 'AWAY', 1, 'exported', 10, 1, '2026-01-01 08:00:00', 'raw'),
    (5, '3bee794c-035f-49ed-8e25-8f45987cf881', NULL, 'L', 1, 'active', 10, 1, '2026-01-01 08:00:00', 'ltfs'),
    (6, 'nonsense', NULL, 'BAD', 1, 'active', 10, 1, NULL, 'raw'),
    (7, '4bee794c-035f-49ed-8e25-8f45987cf881', NULL, 'T7', 1, 'active', 10, 1, '2026-01-01 08:00:00', 'raw'),
    (8, '5bee794c-035f-49ed-8e25-8f45987cf881', NULL, 'T8', 1, 'active', 10, 1, '2026-01-01 08:00:00', 'raw');
INSERT INTO tape_drives (id, device_path, model, status) VALUES (1, '/dev/nst0', 'ULT3580', 'ready');
INSERT INTO tape_libraries (id, name, device_path) VALUES (1, 'shelf', '/dev/sg3');
INSERT INTO backup_sources (id, name, source_type, path, include_patterns, exclude_patterns) VALUES
    (1, 'etc', 'local', '/etc', '[]', '[\"*.log\"]'), (2, 'etc', 'nfs', '/mnt/x', NULL, ''), (3, 'bad', 'local', '/b', '[', NULL);
INSERT INTO backup_jobs (id, name, source_id, pool_id, backup_type, schedule_cron, retention_days, enabled,
    encryption_enabled, encryption_key_id, compression, hw_encryption_enabled, hw_encryption_key_id) VALUES
    (1, 'nightly', 1, 1, 'incremental', '0 0 2 * * *', 30, 1, 1, 3, 'zstd', 0, NULL),
    (2, 'drive encrypts', 2, 9, 'full', '0 2 * * *', 0, 1, 0, NULL, 'lto', 1, 3),
    (3, 'odd', 3, 1, 'full', 'whenever', 30, 0, 0, NULL, 'rar', 0, NULL),
    (4, 'orphan', 77, 1, 'full', '', 30, 1, 0, NULL, 'none', 0, NULL);
INSERT INTO backup_sets (id, job_id, tape_id, backup_type, start_time, end_time, status, encrypted, encryption_key_id,
    compressed, compression_type, format_type, start_block) VALUES
    (1, 1, 1, 'full', '2026-02-01 02:00:00 +0000 UTC m=+1', '2026-02-01 03:00:00 +0000 UTC', 'completed', 1, 3, 1, 'zstd', 'raw', 0),
    (2, 1, 2, 'full', '2026-02-02 02:00:00 +0000 UTC', NULL, 'completed', 0, NULL, 0, '', 'raw', 0),
    (3, 1, 1, 'incremental', '2026-02-03 02:00:00.5 +0100 CET', NULL, 'completed', 1, 5, 0, 'none', 'raw', 0),
    (4, 1, 2, 'full', '2026-02-04 02:00:00', NULL, 'failed', 0, NULL, 0, '', 'raw', 0),
    (5, 2, 7, 'full', '2026-02-05 02:00:00', NULL, 'completed', 0, NULL, 0, '', 'raw', 0),
    (6, 2, 8, 'full', '2026-02-05 03:00:00', '2026-02-05 04:00:00', 'completed', 0, NULL, 0, '', 'raw', 0),
    (7, 4, 5, 'full', '2026-02-05 03:00:00', NULL, 'completed', 0, NULL, 0, '', 'ltfs', 0),
    (8, 1, 3, 'full', '2025-12-01 03:00:00', NULL, 'completed', 0, NULL, 0, '', 'raw', 0);
INSERT INTO tape_spanning_sets (id, job_id, status) VALUES (1, 2, 'completed');
INSERT INTO tape_spanning_members (spanning_set_id, tape_id, backup_set_id, sequence_number) VALUES (1, 8, 6, 2), (1, 7, 5, 1);
INSERT INTO database_backups (tape_id, backup_time, file_size, status) VALUES
    (4, '2026-02-06 01:02:03', 4096, 'completed'), (4, '2026-02-07 01:02:03', 0, 'failed');
INSERT INTO snapshots (source_id) VALUES (1);
";

#[test]
fn everything_comes_over_once_and_the_report_names_the_rest() {
    let case = Case::new();
    db::users::insert(&mut case.here.conn(), "admin", "$2b$mine", Role::Admin).unwrap();
    let fresh = bcrypt::hash("changeme", 4).unwrap();
    let more = format!("INSERT INTO users (username, password_hash, role) VALUES ('fresh', '{fresh}', 'admin');");
    let path = case.old(SCHEMA, &(ROWS.to_owned() + &more));
    let (sets, report) = case.import(&path);
    let conn = &mut *case.here.conn();

    assert_eq!(db::users::find_by_name(conn, "otto").unwrap().unwrap().role, Role::Operator);
    assert_eq!(db::users::find_by_name(conn, "admin").unwrap().unwrap().password_hash, "$2b$mine");
    assert!(said(&report, "skipped", "admin").contains("keeps role and password"));
    assert!(said(&report, "skipped", "plain").contains("bcrypt"));
    assert!(said(&report, "skipped", "fresh").contains("installed with"));
    assert_eq!(db::api_keys::list(conn).unwrap()[0].key_prefix, "tbk_eb48946f");
    assert_eq!(db::encryption_keys::list(conn).unwrap().len(), 2);
    assert!(said(&report, "needs_attention", "K2").contains("'wrong'"));
    assert!(said(&report, "skipped", "broken").contains("base64"));
    let text = report.to_string();
    assert!(!text.contains("top-secret") && !text.contains("BwcH"), "no key in the report");

    assert!(said(&report, "needs_attention", "WEEKLY").contains("keeps its 30 days"));
    assert_eq!(db::pools::find_by_name(conn, "VAULT").unwrap().unwrap().allow_reuse, 0);
    let tape = |label: &str| db::tapes::find_by_label(&mut case.here.conn(), label).unwrap().unwrap();
    let first = tape("T1");
    assert_eq!(first.uuid.as_deref(), Some("6fa459ea-ee8a-3ca4-894e-db77e160355e"));
    assert_eq!((first.status, first.barcode.as_deref()), (TapeStatus::Full, Some("A00001L6")));
    assert!(first.hold_reason.unwrap().contains("never appended"));
    let second = tape("T1 (2)");
    assert_eq!(second.uuid, Some(tape_format::Label::uuid_of_name("T1").to_string()));
    assert!(said(&report, "needs_attention", "T1").contains("'T1 (2)'"));
    assert_eq!((tape("NEW").status, tape("NEW").hold_reason), (TapeStatus::Blank, None));
    assert_eq!(
        (tape("AWAY").status, tape("AWAY").status_before_export),
        (TapeStatus::Exported, Some(TapeStatus::Full))
    );
    assert!(said(&report, "skipped", "BAD").contains("uuid"));
    assert!(said(&report, "skipped", "/dev/nst0").contains("drive add /dev/nst0 (ULT3580)"));

    let sources = db::sources::list(conn).unwrap();
    let names: Vec<_> = sources.iter().map(|source| (source.name.as_str(), source.enabled)).collect();
    assert_eq!(names, [("bad", false), ("etc", true), ("etc (2)", true)]);
    let jobs = db::jobs::list(conn).unwrap();
    let job = |name: &str| jobs.iter().find(|job| job.job.name == name).unwrap().job.clone();
    assert!(jobs.iter().all(|job| !job.job.enabled));
    assert_eq!((job("nightly").schedule_cron.as_str(), job("nightly").compression), ("0 0 2 * * *", Compression::Zstd));
    assert!(job("nightly").encryption_enabled && job("nightly").encryption_key_id.is_some());
    assert!(job("drive encrypts").hw_encryption_enabled && job("drive encrypts").hw_encryption_key_id.is_some());
    let odd = said(&report, "needs_attention", "odd");
    assert!(odd.contains("whenever") && odd.contains("'rar'") && job("odd").schedule_cron.is_empty(), "{odd}");
    assert!(said(&report, "skipped", "orphan").contains("source"));

    // 1 was written over by 3, 4 failed, 5 and 6 are one set, 7 has no job, the tape of 8 was labelled anew
    let chosen: Vec<_> = sets.iter().map(|set| (set.name.as_str(), set.parts.len(), set.encrypted)).collect();
    assert_eq!(
        chosen,
        [
            ("nightly, 2026-02-02 02:00 UTC", 1, false),
            ("nightly, 2026-02-03 01:00 UTC", 1, true),
            ("drive encrypts, 2026-02-05 02:00 UTC", 2, false)
        ]
    );
    assert_eq!(sets[1].parents, [sets[0].uuid.clone()]);
    assert_eq!((sets[2].parts[0].old_set, sets[2].parts[1].old_set), (5, 6));
    assert!(said(&report, "skipped", "nightly, 2026-02-01 02:00 UTC").contains("written over by nightly, 2026-02-03"));
    assert!(said(&report, "skipped", "nightly, 2025-12-01 03:00 UTC").contains("blank"));
    assert!(said(&report, "needs_attention", "nightly, 2026-02-02 02:00 UTC").contains("did not complete"));
    assert!(said(&report, "needs_attention", "nightly, 2026-02-03 01:00 UTC").contains("key was not taken over"));
    assert!(said(&report, "skipped", "snapshots").contains("1 rows"));
    assert_eq!(db::database_backups::list(conn, db::Page::first(9)).unwrap().len(), 1);

    let (again, report) = case.import(&path);
    assert_eq!(again.len(), 3, "they were chosen, not stored");
    for what in ["users", "encryption_keys", "pools", "tapes", "sources", "jobs", "database_backups", "api_keys"] {
        assert_eq!(report["imported"][what], Value::Null, "{what}: {report:#}");
    }
    assert_eq!(db::tape_list::count(conn, &Default::default()).unwrap(), 7);
    assert_eq!(db::jobs::list(conn).unwrap().len(), 3);
}

#[test]
fn the_first_schema_has_fewer_columns() {
    let case = Case::new();
    let rows = "
        INSERT INTO users (username, password_hash, role) VALUES ('otto', '$2a$10$x', 'admin');
        INSERT INTO tape_pools (id, name) VALUES (1, 'OLD');
        INSERT INTO tapes (id, barcode, label, pool_id, status, write_count) VALUES (1, '', 'T1', 1, 'offsite', 1);
        INSERT INTO backup_sources (id, name, source_type, path) VALUES (1, 'etc', 'local', '/etc');
        INSERT INTO backup_jobs (id, name, source_id, pool_id, backup_type) VALUES (1, 'j', 1, 1, 'full');
        INSERT INTO backup_sets (id, job_id, tape_id, backup_type, start_time, status)
            VALUES (1, 1, 1, 'full', '2025-02-05T03:00:00Z', 'completed');";
    let (sets, report) = case.import(&case.old(FIRST_SCHEMA, rows));
    assert_eq!(sets.len(), 1, "{report:#}");
    let tape = db::tapes::find_by_label(&mut case.here.conn(), "T1").unwrap().unwrap();
    assert_eq!((tape.status, tape.barcode, tape.labeled_at.is_some()), (TapeStatus::Exported, None, true));
}

#[test]
fn what_is_no_old_database_is_refused() {
    let case = Case::new();
    let path = case.folder.path().join("x");
    let refused = |path: &std::path::Path| {
        let error = Old::open(path).err().expect("refused");
        assert_eq!(error.code, "not_v1_database", "{error}");
        error.message
    };
    std::fs::write(&path, b"not a database, but long enough to be looked at as one by whoever opens it").unwrap();
    refused(&path);
    assert!(refused(&case.old("CREATE TABLE users (id INTEGER)", "")).contains("no table"));
    case.here.conn().batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    assert!(refused(&case.here.path).contains("this program"));
}

#[test]
fn a_damaged_database_is_an_error_and_no_panic() {
    let case = Case::new();
    let path = case.old(SCHEMA, ROWS);
    let good = std::fs::read(&path).unwrap();
    for page in 1..good.len() / 4096 {
        let mut bytes = good.clone();
        bytes[page * 4096..page * 4096 + 64].fill(0xff);
        std::fs::write(&path, &bytes).unwrap();
        let Ok(mut old) = Old::open(&path) else { continue };
        let here = Case::new();
        let _ = take_over(&mut here.here.conn(), &mut old, &here.keys, &mut Report::default());
    }
}
