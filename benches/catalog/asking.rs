//! What the pages ask of a house with 100 000 tapes, 1 000 jobs and 20 000 runs.

use crate::figures::timed;
use diesel::connection::SimpleConnection;
use std::path::Path;
use tapebackarr::attention;
use tapebackarr::db::{self, coverage, dashboard, job_runs, library_slots, pools, tape_briefs};
use tapebackarr::executions::Taken;
use tapebackarr::media::facts::Facts;
use tapebackarr::media::retention::Evaluation;
use tapebackarr::media::wear::Limits;

const LIMITS: Limits = Limits { loads: 16_000, full_writes: 200 };

/// A fifth of the tapes has data; 200 lie in a library.
const FILL: &str = "
    CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n;
    INSERT INTO tapes (id, label, barcode, pool_id, status, lto_type, capacity_bytes, used_bytes, write_count, labeled_at, last_written_at)
        SELECT i, printf('T%05d', i), printf('T%05dL9', i), 1 + i % 4,
            CASE WHEN i > 20000 THEN 'blank' WHEN i % 11 = 0 THEN 'exported' WHEN i % 7 = 0 THEN 'active' ELSE 'full' END,
            'LTO-9', 18000000000000, CASE WHEN i > 20000 THEN 0 ELSE i * 1000000 END, i % 40, datetime('now'),
            CASE WHEN i <= 20000 THEN datetime('now', '-' || i || ' minutes') END FROM n;
    INSERT INTO backup_sources (id, name, source_type, path) SELECT i, 'source ' || i, 'local', '/srv/' || i FROM n WHERE i <= 1000;
    INSERT INTO backup_jobs (id, name, source_id, pool_id, backup_type, schedule_cron)
        SELECT i, 'job ' || i, i, 1 + i % 4, 'full', CASE WHEN i % 3 THEN '0 2 * * *' ELSE '' END FROM n WHERE i <= 1000;
    INSERT INTO backup_sets (id, uuid, job_id, tape_id, backup_type, start_time, end_time, status, total_bytes)
        SELECT i, 'set ' || i, 1 + i % 1000, i, 'full', datetime('now', '-' || (20000 - i) || ' minutes'),
            datetime('now', '-' || (20000 - i) || ' minutes'), 'completed', 1000000 FROM n WHERE i <= 20000;
    INSERT INTO backup_set_parts (backup_set_id, part_number, tape_id, tape_file, first_block, block_count, block_size, toc_block,
            end_block, tar_start, tar_end, prelude_bytes, stream_bytes, frame_table)
        SELECT id, 1, tape_id, 1, 2, 1, 1, 3, 4, 0, 1, 0, 1, zeroblob(2000) FROM backup_sets;
    INSERT INTO job_executions (kind, title, job_id, backup_set_id, status, start_time, end_time, created_at)
        SELECT 'backup', 'Backup', job_id, id, CASE WHEN id % 50 THEN 'completed' ELSE 'failed' END, start_time, end_time, start_time
        FROM backup_sets;
    INSERT INTO tape_libraries (id, name, device_path) VALUES (1, 'Library', '/dev/sg9');
    INSERT INTO tape_library_slots (library_id, slot_number, slot_type, tape_id, barcode, is_empty)
        SELECT 1, 1023 + i, 'storage', i, printf('T%05dL9', i), 0 FROM n WHERE i <= 200;
    DROP TABLE n; ANALYZE";

/// Asks what they ask.
pub fn measure(folder: &Path) -> anyhow::Result<()> {
    let pool = db::open(folder.join("asking.db"))?;
    let conn = &mut *pool.get()?;
    conn.batch_execute(FILL)?;
    let now = db::now();
    timed("ask         what needs a person", 20, |_| Ok(attention::list(conn, LIMITS, now)?.len()))?;
    timed("            what becomes of tapes", 20, |_| {
        let evaluation = Evaluation::read(conn, now)?;
        let tapes = tape_briefs::not_blank(conn)?;
        Ok(evaluation.tapes(conn, &tapes)?.len())
    })?;
    timed("            which tape is next", 20, |_| {
        let facts = Facts::read(conn, 1, None, &Taken::default())?;
        drop(facts.choose(None, &[]));
        Ok(facts.tapes.len())
    })?;
    timed("            slots of a library", 20, |_| Ok(library_slots::list(conn, 1)?.len()))?;
    timed("            last 20 runs of 1000 jobs", 20, |_| Ok(job_runs::last(conn, None, 20)?.len()))?;
    timed("            counts of the first page", 20, |_| {
        Ok((dashboard::counts(conn)?.total_tapes as usize).min(pools::list(conn)?.len()))
    })?;
    timed("            tapes with data, in figures", 20, |_| Ok(coverage::filled(conn)?.tapes as usize))
}
