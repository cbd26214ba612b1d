import { execFileSync } from 'node:child_process';
import type { TestServer } from './server';

/** How much of everything. */
export interface Many {
	tapes: number;
	jobs: number;
	/** Runs of jobs, each with a set on a tape of its own choice. */
	runs: number;
	/** Rows of the catalog for each set. */
	files: number;
}

const SQLITE = 'import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.executescript(sys.stdin.read()); db.close()';

/** Numbers from 1 to so many, as a table `n(i)`. */
const numbers = (most: number) => `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${most})`;
/** So many minutes before now. */
const ago = (minutes: string) => `datetime('now', '-' || (${minutes}) || ' minutes')`;

const YEARS = 25;
/** Of a set `s`: the year its folder is named after, and the number of that folder. */
const YEAR = `(2000 + s.id % ${YEARS})`;
const LEAF = `(${YEARS} + 1 + s.id)`;

/**
 * A house after decades, written into the database of a server that is stopped: nobody waits for 100 000 tapes to be
 * labelled. Everything refers to something that is there; on the tapes there is nothing.
 */
export function fill(server: TestServer, { tapes, jobs, runs, files }: Many): void {
	const sql = `
PRAGMA synchronous = off;
BEGIN;
INSERT INTO tapes (id, uuid, barcode, label, pool_id, status, lto_type, capacity_bytes, used_bytes, write_count, last_written_at, labeled_at, last_verified_at)
${numbers(tapes)} SELECT i, printf('00000000-0000-4000-8000-%012d', i), printf('T%05dL9', i), printf('T%05dL9', i), 1 + i % 4,
	CASE WHEN i > ${runs} THEN 'blank' WHEN i % 11 = 0 THEN 'exported' WHEN i % 7 = 0 THEN 'active' ELSE 'full' END,
	'LTO-9', 18000000000000, CASE WHEN i > ${runs} THEN 0 ELSE (i * 7919 % 18000) * 1000000000 END, i % 40, ${ago('i * 5')}, ${ago('i * 9')},
	CASE WHEN i % 3 THEN ${ago('i * 3')} END FROM n;
INSERT INTO backup_sources (id, name, source_type, path)
${numbers(jobs)} SELECT i, 'Source ' || i, 'local', '/srv/share-' || i FROM n;
INSERT INTO backup_jobs (id, name, source_id, pool_id, backup_type, schedule_cron, last_run_at)
${numbers(jobs)} SELECT i, 'Job ' || i, i, 1 + i % 4, 'full', CASE WHEN i % 3 THEN '0 2 * * *' ELSE '' END, ${ago('i')} FROM n;
INSERT INTO backup_sets (id, uuid, job_id, tape_id, backup_type, start_time, end_time, status, file_count, total_bytes, stored_bytes, verified_at)
${numbers(runs)} SELECT i, printf('10000000-0000-4000-8000-%012d', i), 1 + i % ${jobs}, 1 + i % ${tapes}, 'full', ${ago(`(${runs} - i) * 30`)},
	${ago(`(${runs} - i) * 30 - 20`)}, 'completed', ${files}, ${files} * 1000000, ${files} * 900000, CASE WHEN i % 2 THEN ${ago(`(${runs} - i) * 20`)} END FROM n;
INSERT INTO backup_set_parts (backup_set_id, part_number, tape_id, tape_file, first_block, block_count, block_size, toc_block, end_block, tar_start, tar_end, prelude_bytes, stream_bytes, file_count, member_count, content_bytes, frame_table)
SELECT id, 1, tape_id, 1, 2, 900, 1048576, 903, 905, 0, ${files} * 1000512, 512, ${files} * 900000, ${files}, ${files}, ${files} * 1000000, x'' FROM backup_sets;
INSERT INTO job_executions (kind, title, job_id, backup_set_id, status, phase, tape_id, start_time, end_time, files_total, bytes_total, files_processed, bytes_processed, error_message, created_at)
SELECT 'backup', 'Backup of job Job ' || job_id, job_id, id, CASE WHEN id % 50 THEN 'completed' ELSE 'failed' END, 'done', tape_id, start_time, end_time,
	file_count, total_bytes, file_count, total_bytes, CASE WHEN id % 50 = 0 THEN 'the drive reported a media error' END, start_time FROM backup_sets;
INSERT INTO audit_logs (username, action, resource_type, resource_id, created_at)
${numbers(runs * 2)} SELECT 'admin', 'update', 'job', i % ${jobs}, ${ago('i')} FROM n;
INSERT INTO events (event_type, category, title, message, created_at)
${numbers(runs)} SELECT 'success', 'backup', 'Backup of job Job ' || (i % ${jobs}) || ' completed', 'Nothing is wrong.', ${ago(`${runs} - i`)} FROM n;
INSERT INTO catalog_owners (id, uid, gid, user_name, group_name) VALUES (1, 0, 0, 'root', 'root');
INSERT INTO catalog_dirs (id, path) VALUES (1, '');
INSERT INTO catalog_dirs (id, path) ${numbers(YEARS)} SELECT 1 + i, 'year-' || (1999 + i) FROM n;
INSERT INTO catalog_dirs (id, path) SELECT ${LEAF}, printf('year-%d/folder-%d', ${YEAR}, s.id) FROM backup_sets s;
INSERT INTO catalog_dir_sets (dir_id, set_id)
SELECT 1, s.id FROM backup_sets s UNION ALL SELECT ${YEAR} - 1998, s.id FROM backup_sets s UNION ALL SELECT ${LEAF}, s.id FROM backup_sets s;
INSERT INTO catalog_versions (set_id, dir_id, name, kind, size, mode, owner_id, mtime_ns, ctime_ns, inode, tar_offset, tar_length, part, block)
SELECT s.id, 1, '.', 2, 0, 493, 1, 0, 0, 1, 0, 512, 1, 2 FROM backup_sets s
UNION ALL SELECT s.id, 1, 'year-' || ${YEAR}, 2, 0, 493, 1, 0, 0, 2, 512, 512, 1, 2 FROM backup_sets s
UNION ALL SELECT s.id, ${YEAR} - 1998, 'folder-' || s.id, 2, 0, 493, 1, 0, 0, 3, 1024, 512, 1, 2 FROM backup_sets s;
INSERT INTO catalog_versions (set_id, dir_id, name, kind, size, mode, owner_id, mtime_ns, ctime_ns, inode, sha256, tar_offset, tar_length, part, block)
${numbers(files)} SELECT s.id, ${LEAF}, printf('document-%07d.pdf', s.id * ${files} + n.i), 1, 1000000, 420, 1, 1700000000000000000, 1700000000000000000,
	n.i, randomblob(32), n.i * 1000512, 1000512, 1, 2 + n.i FROM backup_sets s, n;
COMMIT;
ANALYZE;`;
	execFileSync('python3', ['-c', SQLITE, server.database], { input: sql });
}
