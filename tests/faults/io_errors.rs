//! Disks that break: reading and writing fails with `EIO` under the database, the log, what the server keeps while it works, the
//! source, and the target of a restore. [`crate::disk`] has the disks that are only full.

use crate::house::{House, Kind, Variant};
use crate::judge;
use crate::seed::Seed;
use crate::syscalls::{Fault, Kernel, NAMES, READS, Reply, WRITES};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A server over a kernel that can be told to fail.
fn a_house(variant: Variant, calls: &[&[libc::c_long]]) -> House {
    let mut house = House::new(variant);
    house.kernel = Some(Kernel::watching(calls));
    assert!(house.start(), "is seccomp with user notification allowed here?");
    house
}

fn break_down(house: &House, calls: &'static [libc::c_long], name: &str, after: u64) {
    let folder = std::fs::canonicalize(house.folder.path()).unwrap();
    let fault = Fault { calls, path: folder.join(name), after, reply: Reply::Fails };
    house.kernel.as_ref().unwrap().fault(fault);
}

fn mended(house: &House) -> u64 {
    house.kernel.as_ref().unwrap().end_fault()
}

/// A change that was accepted is there; one that was refused says why.
fn change(house: &House, number: u64, accepted: &mut Vec<String>) {
    let name = format!("pool {number}");
    let answer = house.api.post("/api/v1/pools", json!({"name": name, "description": ""}));
    match answer.status {
        200..300 => accepted.push(name),
        _ => {
            assert_eq!(answer.status, 503, "{}", answer.body);
            assert!(answer.body["error"].as_str().is_some_and(|text| text.len() > 10), "{}", answer.body);
        }
    }
}

fn are_there(house: &House, accepted: &[String], what: &str) {
    let pools = house.api.get("/api/v1/pools").ok();
    for name in accepted {
        let there = pools.as_array().unwrap().iter().any(|pool| pool["name"] == *name);
        assert!(there, "{what}: {name} was accepted and is gone: {pools}");
    }
}

/// The disk of the database breaks in the middle of a run, after some more calls, and comes back: nothing that was accepted is
/// lost, the server lives, the run ends with the reason, and goes on when it is asked to. How many calls failed.
pub fn of_the_database(variant: Variant, calls: &'static [libc::c_long], after: u64) -> u64 {
    let which = if calls == WRITES { "writing" } else { "reading" };
    let what = format!("{variant}, {which} the database fails after {after} calls");
    let mut house = a_house(variant, &[READS, WRITES]);
    let mut accepted = Vec::new();
    change(&house, 0, &mut accepted);
    assert_eq!(accepted.len(), 1, "{what}");
    house.run();
    break_down(&house, calls, "data/tapebackarr.db", after);
    for number in 1..30 {
        change(&house, number, &mut accepted);
        let _ = house.api.get("/api/v1/backup-sets?limit=10");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let broke = mended(&house);
    assert!(house.lives(), "{what}: the server died");
    are_there(&house, &accepted, &what);
    let row = house.ended().unwrap_or_else(|| panic!("{what}: the server died"));
    println!("{what}: {} of 30 changes accepted; the run: {} {}", accepted.len(), row["status"], row["error_code"]);
    let before = accepted.len();
    change(&house, 99, &mut accepted);
    assert_eq!(accepted.len(), before + 1, "{what}: changes are accepted again");
    judge::holds(&mut house, &what);
    assert!(house.start());
    are_there(&house, &accepted, &what);
    broke
}

/// One by chance, for the soak; whether any call failed.
pub fn any(variant: Variant, seed: &mut Seed) -> bool {
    match seed.below(7) {
        0 => of_the_log(),
        1 => of_the_spool(variant, seed.below(40)),
        2 => of_the_source(&PLACES[seed.below(PLACES.len() as u64) as usize]),
        3 => of_a_restore(),
        4 => return of_the_database(variant, READS, seed.below(400)) > 0,
        _ => return of_the_database(variant, WRITES, seed.below(400)) > 0,
    }
    true
}

#[test]
fn the_disk_of_the_database_fails_for_a_while() {
    let mut seed = Seed::new("database");
    assert!(of_the_database(Variant::two_drives(Kind::Encrypted), WRITES, seed.below(60)) > 0, "nothing failed");
}

/// It still fails when the run ends: the set ends with it as soon as that can be stored.
#[test]
fn the_disk_of_the_database_fails_for_long() {
    assert!(of_the_database(Variant::two_drives(Kind::Plain), WRITES, 242) > 0, "nothing failed");
}

/// SQLite calls that a malformed database.
#[test]
fn the_disk_of_the_database_cannot_be_read_for_a_while() {
    assert!(of_the_database(Variant::two_drives(Kind::Plain), READS, 20) > 0, "nothing failed");
}

#[test]
fn the_disk_of_the_log_fails() {
    of_the_log();
}

#[test]
fn the_disk_of_the_spool_fails_for_a_while() {
    of_the_spool(Variant::two_drives(Kind::Plain), 1);
}

#[test]
fn the_disk_of_the_source_fails_in_a_place() {
    let mut seed = Seed::new("source");
    of_the_source(&PLACES[seed.below(PLACES.len() as u64) as usize]);
}

#[test]
fn the_disk_of_a_restore_fails_in_places() {
    of_a_restore();
}

/// What cannot be written to the log is lost; the work is not.
fn of_the_log() {
    let mut house = a_house(Variant::two_drives(Kind::Plain), &[WRITES]);
    break_down(&house, WRITES, "log", 0);
    // this is logged
    house
        .api
        .post("/api/v1/auth/login", json!({"username": "admin", "password": "wrong"}))
        .fails(401, "invalid_credentials");
    house.run();
    let row = house.ended().expect("the server lives");
    assert_eq!(row["status"], "completed", "{row}");
    assert!(house.stop(), "an orderly end");
    assert!(mended(&house) > 0, "nothing was logged");
    assert!(house.start());
    judge::holds(&mut house, "the disk of the log fails");
}

/// What the server keeps beside the database while it writes: the growing table of contents.
fn of_the_spool(variant: Variant, after: u64) {
    let what = format!("{variant}, the spool cannot be written after {after} calls");
    let mut house = a_house(variant, &[WRITES]);
    break_down(&house, WRITES, "data/spool", after);
    house.run();
    let row = house.ended().unwrap_or_else(|| panic!("{what}: the server died"));
    println!("{what}: {} {} {}", row["status"], row["error_code"], row["error_message"]);
    mended(&house);
    judge::holds(&mut house, &what);
}

/// What of a source cannot be read: by which calls, where, after how many, and what is lost by that.
type Unreadable = (&'static [libc::c_long], &'static str, u64, &'static str);

const PLACES: [Unreadable; 3] =
    [(READS, "source/dir/07", 0, "dir/07"), (READS, "source/large", 30, "large"), (NAMES, "source/dir/", 0, "dir")];

/// Files and folders of the source that cannot be read are named, everything else is in the set, and nothing counts as deleted.
fn of_the_source(&(calls, name, after, lost): &Unreadable) {
    let what = format!("{name} cannot be read");
    let mut house = a_house(Variant::two_drives(Kind::Plain), &[READS, NAMES]);
    // a sound set first
    house.api.run_job(1, json!({}));
    for path in ["source/dir/07", "source/large"] {
        let path = house.folder.path().join(path);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
    }
    break_down(&house, calls, name, after);
    let row = house.api.run_job(1, json!({"backup_type": "incremental"}));
    assert!(mended(&house) > 0, "{what}: it was never read");
    assert!(row["result"]["warnings"].as_u64().unwrap() > 0, "{what}: {row}");
    assert_eq!(row["result"]["deleted"], 0, "{what}: {row}");
    let log = house.api.get(&format!("/api/v1/executions/{}/logs?limit=1000", row["id"])).ok();
    assert!(log.to_string().contains(lost), "{what}: {log}");
    // the next run has all of it
    let next = house.api.run_job(1, json!({"backup_type": "incremental"}));
    judge::restored(&mut house, &next["result"]["backup_set_id"], "source", &what);
}

/// All files below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(below(&path)) } else { found.push(path) }
    }
    found
}

/// What cannot be written is named, is not there half, and everything else is.
fn of_a_restore() {
    let mut house = a_house(Variant::two_drives(Kind::Plain), &[WRITES]);
    let done = house.api.run_job(1, json!({}));
    let body = |to: &Path| json!({"backup_set_id": done["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()});
    let restore = |house: &House, to: &Path| -> Value {
        let started = house.api.post("/api/v1/restore/run", body(to)).ok();
        house.api.wait(&started["execution_id"])
    };
    for (part, after) in [("restored/dir", 3), ("restored", 60)] {
        let to = house.folder.path().join("restored");
        break_down(&house, WRITES, part, after);
        let row = restore(&house, &to);
        assert!(mended(&house) > 0, "{part}: nothing was written there");
        assert_ne!(row["status"], "completed", "{part}: {row}");
        let failed = row["result"]["errors"].as_array().unwrap_or_else(|| panic!("{row}")).len();
        assert!(failed > 0, "{part}: {row}");
        let mut right = 0;
        for path in below(&to) {
            let source = house.source.join(path.strip_prefix(&to).unwrap());
            assert!(
                std::fs::read(&path).unwrap() == std::fs::read(&source).unwrap_or_default(),
                "{part}: {path:?} is half-done"
            );
            right += 1;
        }
        println!("{part}: {failed} errors, {right} files restored: {}", row["error_message"]);
        std::fs::remove_dir_all(&to).unwrap();
    }
    judge::restored(&mut house, &done["result"]["backup_set_id"], "source", "the disk is mended");
}
