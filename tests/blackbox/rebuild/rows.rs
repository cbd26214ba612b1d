//! What the database says of tapes, sets and files, without ids and times of the rows themselves, to be compared.

use crate::server::Server;
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::collections::BTreeMap;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    text: String,
}

/// Every table that a rebuild fills, each row as one line of text.
pub const QUERIES: &[(&str, &str)] = &[
    (
        "tapes",
        "SELECT t.uuid, t.barcode, t.label, p.name, t.status, t.lto_type, t.capacity_bytes, t.used_bytes, t.write_count, \
         t.end_file, t.end_block, t.encryption_key_fingerprint, t.encryption_key_name, t.hold_reason, t.writing_set, \
         strftime('%s', t.labeled_at) FROM tapes t LEFT JOIN tape_pools p ON p.id = t.pool_id \
         WHERE t.end_block > 2 ORDER BY t.uuid",
    ),
    (
        "sets",
        "SELECT s.uuid, j.name, t.label, s.backup_type, strftime('%s', s.start_time), s.status, s.file_count, \
         s.total_bytes, s.stored_bytes, s.deleted_count, s.start_block, s.end_block, s.checksum, s.encrypted, \
         k.key_fingerprint, s.hw_encrypted, s.compressed, s.compression_type, s.format_type, o.uuid, s.parent_uuid \
         FROM backup_sets s JOIN backup_jobs j ON j.id = s.job_id JOIN tapes t ON t.id = s.tape_id \
         LEFT JOIN encryption_keys k ON k.id = s.encryption_key_id LEFT JOIN backup_sets o ON o.id = s.parent_set_id \
         ORDER BY s.uuid",
    ),
    (
        "parts",
        "SELECT s.uuid, p.part_number, t.label, p.tape_file, p.first_block, p.block_count, p.block_size, p.toc_block, \
         p.end_block, p.tar_start, p.tar_end, p.prelude_bytes, p.stream_bytes, hex(p.frame_table), p.layout, hex(p.cut_sha256) \
         FROM backup_set_parts p JOIN backup_sets s ON s.id = p.backup_set_id JOIN tapes t ON t.id = p.tape_id \
         ORDER BY s.uuid, p.part_number",
    ),
    (
        "catalog",
        "SELECT s.uuid, d.path, v.name, v.kind, v.size, v.mode, o.uid, o.gid, o.user_name, o.group_name, v.mtime_ns, \
         v.ctime_ns, v.inode, hex(v.sha256), v.tar_offset, v.tar_length, v.part, v.block, v.link \
         FROM catalog_versions v JOIN backup_sets s ON s.id = v.set_id JOIN catalog_dirs d ON d.id = v.dir_id \
         LEFT JOIN catalog_owners o ON o.id = v.owner_id ORDER BY s.uuid, d.path, v.name",
    ),
    (
        "directories",
        "SELECT s.uuid, d.path FROM catalog_dir_sets k JOIN catalog_dirs d ON d.id = k.dir_id \
         JOIN backup_sets s ON s.id = k.set_id ORDER BY s.uuid, d.path",
    ),
    (
        "index",
        "SELECT d.path, n.name FROM catalog_names n JOIN catalog_dirs d ON d.id = n.dir_id ORDER BY d.path, n.name",
    ),
    (
        "snapshots",
        "SELECT s.uuid, n.file_count, n.total_bytes FROM snapshots n JOIN backup_sets s ON s.id = n.backup_set_id \
         ORDER BY s.uuid",
    ),
    (
        "database copies",
        "SELECT t.label, c.file_size, c.checksum, c.block_offset, c.tape_file, c.set_uuid, c.status, c.key_fingerprint \
         FROM database_backups c JOIN tapes t ON t.id = c.tape_id ORDER BY c.set_uuid",
    ),
];

/// All rows of a table.
pub fn of(server: &Server, query: &str) -> Vec<String> {
    // every column as text, one line a row
    let (select, rest) = query.strip_prefix("SELECT ").unwrap().split_once(" FROM ").unwrap();
    let mut depth = 0;
    let mut columns = vec![String::new()];
    for letter in select.chars() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        match letter == ',' && depth == 0 {
            true => columns.push(String::new()),
            false => columns.last_mut().unwrap().push(letter),
        }
    }
    let columns: Vec<String> = columns.iter().map(|column| format!("quote({})", column.trim())).collect();
    let query = format!("SELECT {} AS text FROM {rest}", columns.join(" || ' | ' || "));
    let rows: Vec<Row> = diesel::sql_query(query).load(&mut server.database()).unwrap();
    rows.into_iter().map(|row| row.text).collect()
}

/// All rows of all tables, once the search index is built.
pub fn all(server: &Server) -> BTreeMap<&'static str, Vec<String>> {
    let waiting = "SELECT s.id FROM backup_sets s LEFT JOIN catalog_index_progress p ON p.set_id = s.id AND p.done \
                   WHERE s.status IN ('completed', 'incomplete') AND p.set_id IS NULL";
    let since = std::time::Instant::now();
    while !of(server, waiting).is_empty() {
        assert!(since.elapsed().as_secs() < 60, "the search index is not built");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    QUERIES.iter().map(|(name, query)| (*name, of(server, query))).collect()
}

/// Fails with the first rows that differ.
#[track_caller]
pub fn assert_same(before: &BTreeMap<&'static str, Vec<String>>, after: &BTreeMap<&'static str, Vec<String>>) {
    for (table, rows) in before {
        let found = &after[table];
        for row in rows {
            assert!(
                found.contains(row),
                "{table}: missing {row}\nfound:\n{}",
                found.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
            );
        }
        assert_eq!(rows.len(), found.len(), "{table}: {found:#?}");
    }
}
