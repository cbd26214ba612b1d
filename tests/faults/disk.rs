//! A disk that is full under the database, under everything that the server keeps, and under what is restored.
//!
//! The full disks are tmpfs mounts in a namespace of the server (`unshare`, of util-linux): nothing else sees them.

use crate::house::{House, Kind, Variant};
use crate::judge;
use serde_json::json;

#[test]
fn a_full_disk_under_the_database_fails_the_run_and_nothing_else() {
    let mut house = House::new(Variant::two_drives(Kind::Plain));
    // so many rows that the database grows
    for number in 0..20_000 {
        let dir = house.source.join(format!("many/{:03}", number / 100));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(format!("{number}")), b"").unwrap();
    }
    house.limit_database(Some(200));
    assert!(house.start());
    house.run();
    let row = house.ended().expect("the server lives");
    assert_eq!(row["status"], "failed", "{row}");
    assert!(row["error_message"].as_str().unwrap().len() > 10, "{row}");
    house.stop();
    house.limit_database(None);
    assert!(house.start());
    judge::holds(&mut house, "a full disk under the database");
}

#[test]
fn a_full_disk_under_a_restore_is_told_file_by_file() {
    let mut house = House::new(Variant::two_drives(Kind::Plain));
    assert!(house.start());
    let done = house.api.run_job(1, json!({}));
    house.stop();
    house.limit_files(Some(30 << 20));
    assert!(house.start());
    let to = house.folder.path().join("r");
    let body = json!({"backup_set_id": done["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()});
    let started = house.api.post("/api/v1/restore/run", body).ok();
    let row = house.api.wait(&started["execution_id"]);
    assert_ne!(row["status"], "completed", "{row}");
    let log = house.api.get(&format!("/api/v1/executions/{}/logs?limit=1000", row["id"])).ok();
    assert!(log.to_string().contains("large"), "{log}");
    assert!(!to.join("large").exists(), "nothing half-done stays");
    assert_eq!(std::fs::read(to.join("dir/07")).unwrap(), std::fs::read(house.source.join("dir/07")).unwrap());
}

/// What is left of the disk.
const LEFT: [u64; 5] = [0, 16 << 10, 60 << 10, 256 << 10, 1 << 20];

/// A house on a small disk of its own, and a job that needs room: rows, contents and checkpoints.
fn on_a_small_disk() -> House {
    let mut house = House::new(Variant::two_drives(Kind::Encrypted));
    for large in ["large", "zlast"] {
        std::fs::remove_file(house.source.join(large)).unwrap();
    }
    for number in 0..4000 {
        let dir = house.source.join(format!("many/{:03}", number / 50));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(
            dir.join(format!("a name that takes room in the catalog and in the table of contents, {number}")),
            b"x",
        )
        .unwrap();
    }
    house.limit_disk(Some(96 << 20));
    house
}

/// Reading goes on, and people can log in and look.
fn answers(house: &mut House, what: &str) {
    assert!(house.lives(), "{what}");
    house.api.get("/api/v1/backup-sets?limit=10").ok();
    house.api.get("/api/v1/dashboard").ok();
}

/// With little room nothing is begun that could not be written down, and that is said.
#[test]
fn no_run_begins_without_room_to_write_it_down() {
    let mut house = on_a_small_disk();
    assert!(house.start(), "is `unshare -rm` allowed here?");
    for left in LEFT {
        let what = format!("{left} bytes left");
        house.fill_disk(left);
        let message = house.api.post("/api/v1/jobs/1/run", json!({})).fails(503, "disk_full");
        assert!(message.contains("make room"), "{what}: {message}");
        answers(&mut house, &what);
        house.free_disk();
        let none = house.api.get("/api/v1/executions?kind=backup&limit=9").ok();
        assert!(none.as_array().unwrap().iter().all(|row| row["job_id"] != 1), "{what}: {none}");
    }
    let done = house.api.run_job(1, json!({}));
    judge::restored(&mut house, &done["result"]["backup_set_id"], "source", "there is room again");
}

/// A run that was due and found no room is told, and does not just vanish.
#[test]
fn a_scheduled_run_that_finds_no_room_is_told() {
    use diesel::connection::SimpleConnection;
    let mut house = House::new(Variant::two_drives(Kind::Plain));
    let mut conn = tapebackarr::db::open_one(house.folder.path().join("data/tapebackarr.db")).unwrap();
    let due = "UPDATE backup_jobs SET schedule_cron = '0 3 1 1 *', missed_runs = 'run', \
               next_run_at = '2026-01-01 03:00:00', created_at = '2025-06-01 00:00:00' WHERE id = 1";
    conn.batch_execute(due).unwrap();
    drop(conn);
    // more than any disk has
    house.room.reserve = Some(1 << 20);
    assert!(house.start());
    let told = |events: &serde_json::Value| events.to_string().contains("Run Skipped");
    let events = house.api.wait_for("/api/v1/events?limit=50", told).to_string();
    assert!(events.contains("make room"), "{events}");
    assert_eq!(house.api.get("/api/v1/executions?kind=backup&limit=9").ok()[0]["job_id"], 2, "nothing was begun");
}

/// The disk under database, spool and logs fills up while a run is at work: it completes, or ends with the reason, which is
/// written down although the disk is full; the tapes know whatever the database calls complete, and once there is room
/// again all goes on.
#[test]
fn a_disk_that_is_full_in_the_middle_is_said_and_passes() {
    let mut house = on_a_small_disk();
    house.begin_without_room();
    assert!(house.start(), "is `unshare -rm` allowed here?");
    let (mut refused, mut failed) = (0, 0);
    for left in LEFT {
        let what = format!("{left} bytes left");
        house.fill_disk(left);
        let started = house.api.post("/api/v1/jobs/1/run", json!({}));
        let row = match started.status {
            200..300 => Some(house.api.wait(&started.body["execution_id"])),
            _ => {
                refused += 1;
                started.fails(503, "disk_full");
                None
            }
        };
        println!("{what}: {:?}", row.as_ref().map(|row| (&row["status"], &row["error_code"], &row["error_message"])));
        let whole = row.as_ref().is_some_and(|row| row["status"] == "completed");
        if let Some(row) = row.as_ref().filter(|_| !whole) {
            failed += 1;
            let message = row["error_message"].as_str().unwrap_or_default();
            assert!(message.contains("full") || message.contains("No space left"), "{what}: {row}");
            assert_ne!(row["error_code"], "internal", "{what}: {row}");
        }
        answers(&mut house, &what);
        house.free_disk();
        let done = match row.filter(|_| whole) {
            Some(row) => row,
            None => {
                let retried = house.api.post("/api/v1/jobs/1/retry", json!({}));
                let started = match retried.status {
                    200..300 => retried.ok(),
                    _ => house.api.post("/api/v1/jobs/1/run", json!({})).ok(),
                };
                house.api.complete(started)
            }
        };
        judge::restored(&mut house, &done["result"]["backup_set_id"], "source", &what);
    }
    assert!(refused > 0 && failed > 0, "the disk was never full enough: {refused} refused, {failed} failed");
    judge::restored(&mut house, &json!(1), "committed", "after all");
    // the copy that the server made while it ran is what the tapes are compared with
    let (inside, outside) = (house.inside(), house.folder.path().join("data"));
    for name in ["tapebackarr.db", "tapebackarr.db-wal"] {
        let _ = std::fs::remove_file(outside.join(name));
        let _ = std::fs::copy(inside.join(name), outside.join(name));
    }
    assert!(house.stop(), "an orderly end");
    judge::on_tape(&house, "after all");
}
