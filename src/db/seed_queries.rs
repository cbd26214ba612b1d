//! The queries printed in the documentation of the tables must work unchanged, also where storage is more compact.
#![cfg(test)]

use super::testing;
use crate::db::Conn;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};

#[derive(QueryableByName, Debug)]
struct FileOnTape {
    #[diesel(sql_type = Text)]
    file_path: String,
    #[diesel(sql_type = BigInt)]
    file_size: i64,
    #[diesel(sql_type = Text)]
    mod_time: String,
    #[diesel(sql_type = Text)]
    start_time: String,
}

#[derive(QueryableByName, Debug)]
struct NeededTape {
    #[diesel(sql_type = Nullable<Text>)]
    barcode: Option<String>,
    #[diesel(sql_type = Text)]
    label: String,
    #[diesel(sql_type = Text)]
    status: String,
}

#[derive(QueryableByName, Debug)]
struct Utilization {
    #[diesel(sql_type = Text)]
    pool: String,
    #[diesel(sql_type = BigInt)]
    tape_count: i64,
    #[diesel(sql_type = BigInt)]
    total_used: i64,
    #[diesel(sql_type = BigInt)]
    total_capacity: i64,
}

fn with_files(conn: &mut Conn) -> i32 {
    let tape = testing::tape(conn, "A00001");
    let job = testing::job(conn, "etc");
    let set = testing::set(conn, &job, &tape, None);
    testing::catalog_file(conn, set.id, "etc/passwd", 1024, 7);
    testing::catalog_file(conn, set.id, "README", 5, 3);
    tape.id
}

#[test]
fn all_files_on_a_tape() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let tape = with_files(conn);
    let rows: Vec<FileOnTape> = diesel::sql_query(
        "SELECT ce.file_path, ce.file_size, ce.mod_time, bs.start_time
FROM catalog_entries ce
JOIN backup_sets bs ON ce.backup_set_id = bs.id
WHERE bs.tape_id = ?
ORDER BY ce.block_offset;",
    )
    .bind::<Integer, _>(tape)
    .load(conn)
    .expect("query");
    let paths: Vec<_> = rows.iter().map(|row| (row.file_path.as_str(), row.file_size)).collect();
    assert_eq!(paths, [("README", 5), ("etc/passwd", 1024)]);
    assert!(rows.iter().all(|row| row.mod_time == "2023-11-14 22:13:20.500" && !row.start_time.is_empty()), "{rows:?}");
}

#[test]
fn tapes_needed_to_restore_a_file() {
    let db = testing::database();
    let conn = &mut *db.conn();
    with_files(conn);
    let rows: Vec<NeededTape> = diesel::sql_query(
        "SELECT DISTINCT t.barcode, t.label, t.status, bs.start_time
FROM catalog_entries ce
JOIN backup_sets bs ON ce.backup_set_id = bs.id
JOIN tapes t ON bs.tape_id = t.id
WHERE ce.file_path LIKE ?
ORDER BY bs.start_time DESC;",
    )
    .bind::<Text, _>("etc/pass%")
    .load(conn)
    .expect("query");
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].label.as_str(), rows[0].status.as_str(), &rows[0].barcode), ("A00001", "blank", &None));
}

#[test]
fn tape_utilization() {
    let db = testing::database();
    let conn = &mut *db.conn();
    testing::tape(conn, "A00001");
    testing::tape(conn, "A00002");
    conn.batch_execute("UPDATE tapes SET used_bytes = 300").expect("update");
    let rows: Vec<Utilization> = diesel::sql_query(
        "SELECT 
    tp.name as pool,
    COUNT(t.id) as tape_count,
    SUM(t.used_bytes) as total_used,
    SUM(t.capacity_bytes) as total_capacity
FROM tapes t
JOIN tape_pools tp ON t.pool_id = tp.id
GROUP BY tp.id;",
    )
    .load(conn)
    .expect("query");
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.pool.as_str(), row.tape_count, row.total_used, row.total_capacity), ("DAILY", 2, 600, 2000));
}
