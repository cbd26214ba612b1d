//! A database in a temporary folder, with a few rows to hang tests on.

use super::library_slots::SeenSlot;
use super::*;
use crate::db::{encryption_keys, jobs, pools, sets, sources, tapes};
use diesel::connection::{Connection, Instrumentation, InstrumentationEvent};
use diesel::r2d2::{ConnectionManager, PooledConnection};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A database that vanishes with this value.
pub struct TestDatabase {
    /// Its file.
    pub path: PathBuf,
    /// Its pool.
    pub pool: DbPool,
    _folder: tempfile::TempDir,
}

impl TestDatabase {
    /// A connection of the pool.
    pub fn conn(&self) -> PooledConnection<ConnectionManager<Conn>> {
        self.pool.get().expect("connection")
    }
}

/// A new, migrated database.
pub fn database() -> TestDatabase {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("test.db");
    let pool = open(&path).expect("open");
    TestDatabase { path, pool, _folder: folder }
}

/// A tape of the first pool.
pub fn tape(conn: &mut Conn, label: &str) -> tapes::Tape {
    let pool = pools::list(conn).expect("pools").remove(0).pool.id;
    let new = tapes::NewTape { label: label.into(), pool_id: Some(pool), capacity_bytes: 1000, ..Default::default() };
    tapes::insert(conn, &new).expect("tape")
}

/// An encryption key with this name, which is its fingerprint, too. It opens nothing.
pub fn key(conn: &mut Conn, name: &str) -> encryption_keys::EncryptionKey {
    let new = encryption_keys::NewEncryptionKey {
        name: name.into(),
        algorithm: "aes-256-gcm".into(),
        key_data: "sealed".into(),
        key_fingerprint: name.into(),
        description: None,
    };
    encryption_keys::insert(conn, &new).expect("key")
}

/// An element as a library shows it, with a cartridge of this bar code, or without any.
pub fn seen(slot_number: i32, slot_type: SlotType, barcode: &str) -> SeenSlot {
    SeenSlot {
        slot_number,
        slot_type,
        barcode: barcode.into(),
        is_empty: barcode.is_empty(),
        accessible: true,
        exception: None,
        source_slot: None,
    }
}

/// A job with a source of its own.
pub fn job(conn: &mut Conn, name: &str) -> jobs::Job {
    let source = sources::NewSource { name: name.into(), path: "/data".into(), ..Default::default() };
    let source_id = sources::insert(conn, &source).expect("source").id;
    let pool_id = pools::list(conn).expect("pools").remove(0).pool.id;
    jobs::insert(conn, &jobs::NewJob { name: name.into(), source_id, pool_id, ..Default::default() }).expect("job")
}

/// A running set of `job` on `tape`.
pub fn set(conn: &mut Conn, job: &jobs::Job, tape: &tapes::Tape, parent_set_id: Option<i32>) -> sets::BackupSet {
    let backup_type = if parent_set_id.is_some() { BackupType::Incremental } else { BackupType::Full };
    let new = sets::NewSet {
        uuid: uuid::Uuid::new_v4().to_string(),
        job_id: job.id,
        tape_id: tape.id,
        backup_type,
        parent_set_id,
        ..Default::default()
    };
    sets::insert(conn, &new).expect("set")
}

/// Part `part_number` of a set, with senseless numbers.
pub fn part(backup_set_id: i32, tape_id: i32, part_number: i32) -> set_parts::NewPart {
    set_parts::NewPart {
        backup_set_id,
        part_number,
        tape_id,
        tape_file: 1,
        first_block: 2,
        block_count: 10,
        block_size: 262_144,
        toc_block: 13,
        end_block: 15,
        tar_start: 0,
        tar_end: 2_621_440,
        prelude_bytes: 1024,
        stream_bytes: 2_621_440,
        member_count: 1,
        file_count: 1,
        content_bytes: 2_621_440,
        frame_table: vec![1],
        cut_sha256: None,
    }
}

/// A file of a set in the catalog: what its writer would have stored.
pub fn catalog_file(conn: &mut Conn, set_id: i32, path: &str, size: i64, block: i64) {
    use diesel::connection::SimpleConnection;
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    conn.batch_execute(&format!(
        "INSERT OR IGNORE INTO catalog_dirs (path) VALUES ('{dir}');
         INSERT INTO catalog_versions SELECT {set_id}, id, '{name}', 1, {size}, 420, 1, 1700000000500000000, 0, 0,
             x'00', {block} * 512, 1024, 1, {block}, NULL FROM catalog_dirs WHERE path = '{dir}';"
    ))
    .expect("catalog rows");
}

struct Listening(Arc<Mutex<Vec<String>>>);

impl Instrumentation for Listening {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            // behind it the values
            let text = query.to_string();
            self.0.lock().expect("queries").push(text.split(" -- binds").next().unwrap_or_default().to_owned());
        }
    }
}

/// What `ask` answers, and the statements with which it asked.
pub fn statements<T>(conn: &mut Conn, ask: impl FnOnce(&mut Conn) -> T) -> (T, Vec<String>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    conn.set_instrumentation(Listening(asked.clone()));
    let answer = ask(conn);
    conn.set_instrumentation(None::<Box<dyn Instrumentation>>);
    let asked = std::mem::take(&mut *asked.lock().expect("queries"));
    (answer, asked)
}

/// So many jobs with a source of their own each, and so many runs of each, of which every fiftieth failed; each run has a
/// set on one of the tapes that are there.
pub fn many_jobs(conn: &mut Conn, jobs: usize, runs: usize) {
    use diesel::connection::SimpleConnection;
    let pool = pools::list(conn).expect("pools").remove(0).pool.id;
    conn.batch_execute(&format!(
        "CREATE TEMP TABLE j AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {jobs}) SELECT i FROM n;
         CREATE TEMP TABLE r AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {jobs} * {runs})
             SELECT i, 1 + i % {jobs} AS job, datetime('now', '-' || ({jobs} * {runs} - i) || ' minutes') AS begun FROM n;
         CREATE TEMP TABLE t AS SELECT row_number() OVER (ORDER BY id) - 1 AS i, id FROM tapes;
         INSERT INTO backup_sources (id, name, source_type, path) SELECT i, 'source ' || i, 'local', '/srv/' || i FROM j;
         INSERT INTO backup_jobs (id, name, source_id, pool_id, backup_type, schedule_cron)
             SELECT i, printf('job %05d', i), i, {pool}, 'full', CASE WHEN i % 3 THEN '0 2 * * *' ELSE '' END FROM j;
         INSERT INTO backup_sets (id, uuid, job_id, tape_id, backup_type, start_time, end_time, status)
             SELECT r.i, 'set ' || r.i, job, t.id, 'full', begun, begun, 'completed'
             FROM r JOIN t ON t.i = r.i % (SELECT count(*) FROM t);
         INSERT INTO backup_set_parts (backup_set_id, part_number, tape_id, tape_file, first_block, block_count, block_size,
                 toc_block, end_block, tar_start, tar_end, prelude_bytes, stream_bytes, frame_table)
             SELECT id, 1, tape_id, 1, 2, 1, 1, 3, 4, 0, 1, 0, 1, x'00' FROM backup_sets;
         INSERT INTO job_executions (kind, title, job_id, backup_set_id, status, start_time, end_time, created_at, error_message)
             SELECT 'backup', 'Backup', job, i, CASE WHEN i % 50 THEN 'completed' ELSE 'failed' END, begun, begun, begun,
                 CASE WHEN i % 50 = 0 THEN 'media error' END FROM r;
         DROP TABLE j; DROP TABLE r; DROP TABLE t; ANALYZE"
    ))
    .expect("jobs");
}

/// So many more tapes in the first pool, in all states, with what a drive counted of each; all lie on the shelf.
pub fn many_tapes(conn: &mut Conn, number: usize) {
    use diesel::connection::SimpleConnection;
    let pool = pools::list(conn).expect("pools").remove(0).pool.id;
    conn.batch_execute(&format!(
        "CREATE TEMP TABLE more AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number})
             SELECT (SELECT ifnull(max(id), 0) FROM tapes) + i AS i FROM n;
         INSERT INTO tapes (id, label, barcode, pool_id, status, lto_type, capacity_bytes, used_bytes, write_count, labeled_at)
             SELECT i, printf('M%06d', i), printf('M%06d', i), {pool},
                 CASE i % 10 WHEN 0 THEN 'expired' WHEN 1 THEN 'active' WHEN 2 THEN 'exported' WHEN 3 THEN 'blank' ELSE 'full' END,
                 'LTO-9', 18000000000000, CASE i % 10 WHEN 3 THEN 0 ELSE i * 1000000 END, i % 50, '2026-01-01 00:00:00' FROM more;
         INSERT INTO tape_health (tape_id, mounts, created_at, updated_at)
             SELECT i, i % 15000, '2026-01-01 00:00:00', '2026-01-01 00:00:00' FROM more;
         DROP TABLE more"
    ))
    .expect("tapes");
}
