//! The rules of retention, with a great many sets: what the preview shows, and what the maintenance stores.

use crate::figures::once;
use diesel::connection::SimpleConnection;
use std::path::Path;
use tapebackarr::db::retention::{self as rows, Mark};
use tapebackarr::db::{self, tape_briefs};
use tapebackarr::media::retention::Evaluation;

const SETS: u64 = 100_000;

/// A hundred jobs with a thousand sets each, on two hundred tapes; every seventh set is a full one.
fn fill(conn: &mut db::Conn) -> anyhow::Result<()> {
    let sql = format!(
        "UPDATE tape_pools SET retention_days = 30, keep_last = 3, keep_daily = 14, keep_weekly = 8, keep_monthly = 12;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
         INSERT INTO tapes (label, pool_id, status) SELECT printf('R%05d', i), 1, 'full' FROM n;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
         INSERT INTO backup_sources (name, source_type, path) SELECT printf('s%d', i), 'local', '/' FROM n;
         INSERT INTO backup_jobs (name, source_id, pool_id, backup_type) SELECT name, id, 1, 'incremental' FROM backup_sources;
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {SETS} - 1)
         INSERT INTO backup_sets (id, uuid, job_id, tape_id, backup_type, parent_set_id, status, start_time, end_time)
         SELECT i + 1, printf('00000000-0000-4000-8000-%012d', i), 1 + i / 1000, 1 + i / 500,
             CASE i % 7 WHEN 0 THEN 'full' ELSE 'incremental' END, CASE i % 7 WHEN 0 THEN NULL ELSE i END, 'completed',
             datetime('now', printf('-%d hours', (999 - i % 1000) * 24)),
             datetime('now', printf('-%d hours', (999 - i % 1000) * 24 - 1)) FROM n;
         INSERT INTO backup_set_parts (backup_set_id, part_number, tape_id, tape_file, first_block, block_count,
             block_size, toc_block, end_block, tar_start, tar_end, prelude_bytes, stream_bytes, member_count, file_count,
             content_bytes, frame_table)
         SELECT id, 1, tape_id, id, id, 1, 262144, id, id, 0, 1, 0, 1, 1, 1, 1, x'' FROM backup_sets;"
    );
    Ok(conn.batch_execute(&sql)?)
}

/// Judges them all, and stores what was found.
pub fn measure(folder: &Path) -> anyhow::Result<()> {
    let pool = db::open(folder.join("retention.db"))?;
    let conn = &mut *pool.get()?;
    fill(conn)?;
    let (evaluation, tapes) = once("retention   preview of 100000 sets", SETS, || {
        let evaluation = Evaluation::read(conn, db::now())?;
        let all = tape_briefs::not_blank(conn)?;
        let tapes = evaluation.tapes(conn, &all)?;
        Ok((evaluation, tapes))
    })?;
    let expired: Vec<Mark> = evaluation
        .sets
        .iter()
        .filter(|set| !set.verdict.kept)
        .map(|set| Mark { set_id: set.row.id, expires_at: None, expired_at: Some(evaluation.at) })
        .collect();
    let held = tapes.iter().filter(|tape| tape.keeps_something()).count();
    println!(
        "            {} sets have expired, {held} of {} tapes hold something that is kept",
        expired.len(),
        tapes.len()
    );
    once("            expiry stored", expired.len() as u64, || Ok(rows::mark(conn, &expired)?))
}
