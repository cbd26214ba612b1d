//! kill -9 in the middle: nothing committed is lost, the drive and the tape are usable, the next run is right.

use crate::files;
use crate::server::Server;
use serde_json::json;
use std::time::{Duration, Instant};

/// A job that takes some seconds, and its source.
fn slow_job(server: &Server, options: serde_json::Value) -> (i64, std::path::PathBuf) {
    let source = server.folder("s");
    std::fs::write(source.join("first"), b"small").unwrap();
    std::fs::write(source.join("large"), files::noise(77, 70 << 20)).unwrap();
    for number in 0..6 {
        std::fs::write(source.join(format!("z{number}")), files::noise(number, 16 << 20)).unwrap();
    }
    let job = server.api.job("j", server.api.source("s", &source), 1, options);
    (job, source)
}

/// Starts a job and waits until so many MiB are on tape.
fn start_and_wait(server: &Server, job: i64, megabytes: i64) -> serde_json::Value {
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let id = started["execution_id"].clone();
    let since = Instant::now();
    loop {
        let row = server.api.get(&format!("/api/v1/executions/{id}")).ok();
        if row["phase"] == "streaming" && row["bytes_written"].as_i64().unwrap_or(0) >= megabytes << 20 {
            return id;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{row}");
        assert_ne!(row["status"], "completed", "too fast to be interrupted: {row}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Pauses a run in the middle of its set and kills the server; it is back, and the run is paused.
fn paused_and_killed(server: &mut Server) -> (i64, std::path::PathBuf, serde_json::Value) {
    let (job, source) = slow_job(server, json!({"compression": "gzip"}));
    let id = start_and_wait(server, job, 40);
    let row = format!("/api/v1/executions/{id}");
    server.api.post(&format!("/api/v1/jobs/{job}/pause"), json!({})).ok();
    server.api.wait_for(&row, |row| row["status"] == "paused");
    server.kill_and_restart();
    let row = server.api.get(&row).ok();
    assert_eq!(row["status"], "paused", "{row}");
    (job, source, id)
}

/// The execution went on by itself with the set it was writing, and nothing before the checkpoint was sent again.
fn went_on(server: &Server, id: &serde_json::Value, source: &std::path::Path) {
    let api = &server.api;
    let row = api.wait(id);
    assert_eq!(row["status"], "completed", "{row}");
    assert_eq!(row["result"]["resumed"], true, "{row}");
    let set = api.get(&format!("/api/v1/backup-sets/{}", row["result"]["backup_set_id"])).ok();
    let parts = set["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 2, "{set}");
    assert!(parts[0]["tar_end"].as_i64().unwrap() > 16 << 20, "{set}");
    assert_eq!(parts[0]["tar_end"], parts[1]["tar_start"], "{set}");
    let to = server.dir.path().join(format!("restored-{id}"));
    api.restore(json!({"backup_set_id": set["id"], "dest_path": to.to_str().unwrap()}));
    files::assert_equal(source, &to);
    let verified = api.post(&format!("/api/v1/backup-sets/{}/verify", set["id"]), json!({})).ok();
    api.complete(verified);
}

#[test]
fn killed_in_the_middle_of_a_set_and_started_again() {
    for options in [json!({"compression": "gzip"}), encrypted()] {
        let mut server = Server::ready();
        let key = server.api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
        let mut options = options;
        if options["encryption_key_id"].is_number() {
            options["encryption_key_id"] = key["key"]["id"].clone();
        }
        let (job, source) = slow_job(&server, options);
        let before = server.api.run_job(job, json!({}));
        let id = start_and_wait(&server, job, 40);
        server.kill_and_restart();
        went_on(&server, &id, &source);
        // what was committed before is as it was
        let to = server.dir.path().join("old");
        let set = before["result"]["backup_set_id"].clone();
        server.api.restore(json!({"backup_set_id": set, "dest_path": to.to_str().unwrap()}));
        files::assert_equal(&source, &to);
        let verified = server.api.post(&format!("/api/v1/backup-sets/{set}/verify"), json!({})).ok();
        server.api.complete(verified);
        // and so is what comes after
        server.api.run_job(job, json!({}));
    }
}

fn encrypted() -> serde_json::Value {
    json!({"compression": "gzip", "encryption_key_id": 0})
}

#[test]
fn a_power_cut_loses_what_was_not_flushed_and_nothing_else() {
    let mut server = Server::ready();
    let (job, source) = slow_job(&server, json!({"compression": "gzip"}));
    let id = start_and_wait(&server, job, 40);
    server.kill();
    tape_drive::virt::library::power_cut(&server.library_dir(), 0).unwrap();
    server.restart();
    went_on(&server, &id, &source);
}

#[test]
fn a_shutdown_ends_at_a_safe_place_and_the_next_start_goes_on() {
    let mut server = Server::ready();
    let (job, source) = slow_job(&server, json!({"compression": "gzip"}));
    let id = start_and_wait(&server, job, 40);
    assert!(server.stop().success());
    server.restart();
    went_on(&server, &id, &source);
}

/// A set that was complete when its verification was cut off is verified by the run that goes on.
#[test]
fn a_verification_that_was_cut_off_is_made_after_the_restart() {
    for end in [Server::kill, |server: &mut Server| assert!(server.stop().success())] {
        let mut server = Server::ready();
        let source = server.folder("s");
        std::fs::write(source.join("large"), files::noise(77, 60 << 20)).unwrap();
        let job = server.api.job("j", server.api.source("s", &source), 1, json!({"verify_after": true}));
        assert!(server.stop().success());
        server.slow_drives(40);
        server.restart();
        let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
        let id = started["execution_id"].clone();
        let set = server.api.wait_for(&format!("/api/v1/executions/{id}"), |row| {
            assert!(row["end_time"].is_null(), "too fast to be interrupted: {row}");
            row["phase"] == "reading"
        })["backup_set_id"]
            .clone();
        let row = server.api.get(&format!("/api/v1/backup-sets/{set}")).ok();
        assert_eq!((&row["status"], &row["verified_at"]), (&json!("completed"), &json!(null)), "{row}");
        end(&mut server);
        server.restart();
        let row = server.api.wait(&id);
        assert_eq!((&row["status"], &row["result"]["verified"]), (&json!("completed"), &json!(true)), "{row}");
        let row = server.api.get(&format!("/api/v1/backup-sets/{set}")).ok();
        assert!(row["verified_at"].is_string(), "{row}");
    }
}

/// A person who cancels a run that was only to be verified any more does not lose the set.
#[test]
fn a_complete_set_outlives_the_cancellation_of_its_verification() {
    let mut server = Server::ready();
    let source = server.folder("s");
    std::fs::write(source.join("large"), files::noise(77, 60 << 20)).unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({"verify_after": true}));
    assert!(server.stop().success());
    server.slow_drives(40);
    server.restart();
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let row = format!("/api/v1/executions/{}", started["execution_id"]);
    let set = server.api.wait_for(&row, |row| row["phase"] == "reading")["backup_set_id"].clone();
    server.api.post(&format!("/api/v1/jobs/{job}/pause"), json!({})).ok();
    server.kill_and_restart();
    assert_eq!(server.api.get(&row).ok()["status"], "paused");
    server.api.post(&format!("/api/v1/jobs/{job}/cancel"), json!({})).ok();
    assert_eq!(server.api.get(&row).ok()["status"], "cancelled");
    let to = server.dir.path().join("r");
    server.api.restore(json!({"backup_set_id": set, "dest_path": to}));
    files::assert_equal(&source, &to);
    assert_eq!(server.api.get(&format!("/api/v1/backup-sets/{set}")).ok()["status"], "completed");
}

#[test]
fn a_paused_run_survives_a_restart_and_waits_to_be_resumed() {
    let mut server = Server::ready();
    let (job, source, id) = paused_and_killed(&mut server);
    server.api.post(&format!("/api/v1/jobs/{job}/resume"), json!({})).ok();
    went_on(&server, &id, &source);
}

/// A drive keeps its cartridge locked when the server that locked it dies. The next one unlocks it, for what is paused may be
/// cancelled, and somebody may want the tape.
#[test]
fn a_cartridge_is_not_locked_any_more_after_a_crash() {
    let mut server = Server::ready();
    let (job, source) = slow_job(&server, json!({"compression": "gzip"}));
    let id = start_and_wait(&server, job, 40);
    server.api.post(&format!("/api/v1/jobs/{job}/pause"), json!({})).ok();
    server.api.wait_for(&format!("/api/v1/executions/{id}"), |row| row["status"] == "paused");
    let locked = |server: &Server| {
        let state = tape_drive::virt::library::read(&server.library_dir()).unwrap();
        state.drives.iter().filter(|bay| bay.removal_prevented).count()
    };
    server.kill();
    assert_eq!(locked(&server), 1, "the part was being written");
    server.restart();
    assert_eq!(server.api.get(&format!("/api/v1/executions/{id}")).ok()["status"], "paused");
    assert_eq!(locked(&server), 0);
    server.api.post(&format!("/api/v1/jobs/{job}/resume"), json!({})).ok();
    went_on(&server, &id, &source);
    assert_eq!(locked(&server), 0);
}

/// A tape that was named for a run is the one it goes on with, also if nothing was safe on it yet and another would do.
#[test]
fn a_run_on_a_named_tape_goes_on_with_that_tape() {
    let mut server = Server::ready();
    let (job, source) = slow_job(&server, json!({"compression": "gzip"}));
    let other = server.folder("other");
    std::fs::write(other.join("x"), b"x").unwrap();
    let other = server.api.job("other", server.api.source("other", &other), 1, json!({}));
    // it stays in its drive
    server.api.run_job(other, json!({"tape_id": 1}));
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({"tape_id": 3})).ok();
    let row = format!("/api/v1/executions/{}", started["execution_id"]);
    server.api.wait_for(&row, |row| row["phase"] == "streaming");
    server.api.post(&format!("/api/v1/jobs/{job}/pause"), json!({})).ok();
    server.api.wait_for(&row, |row| row["status"] == "paused");
    server.kill();
    {
        use diesel::prelude::*;
        use tapebackarr::db::schema::backup_checkpoints::dsl::*;
        // as if that had been before the first checkpoint
        let nothing = (checkpoint.eq(None::<String>), frame_table.eq(None::<Vec<u8>>), tape_id.eq(None::<i32>));
        assert_eq!(diesel::update(backup_checkpoints).set(nothing).execute(&mut server.database()), Ok(1));
    }
    server.restart();
    server.api.post(&format!("/api/v1/jobs/{job}/resume"), json!({})).ok();
    let row = server.api.wait(&started["execution_id"]);
    assert_eq!((&row["status"], &row["result"]["resumed"]), (&json!("completed"), &json!(true)), "{row}");
    let set = server.api.get(&format!("/api/v1/backup-sets/{}", row["result"]["backup_set_id"])).ok();
    let tapes: Vec<_> = set["parts"].as_array().unwrap().iter().map(|part| part["tape_id"].clone()).collect();
    assert_eq!(tapes, [3], "{set}");
    let to = server.dir.path().join("r");
    server.api.restore(json!({"backup_set_id": set["id"], "dest_path": to}));
    files::assert_equal(&source, &to);
}

#[test]
fn a_run_that_was_interrupted_can_be_cancelled_and_the_tape_is_appended_to() {
    let mut server = Server::ready();
    let (job, source, id) = paused_and_killed(&mut server);
    server.api.post(&format!("/api/v1/jobs/{job}/cancel"), json!({})).ok();
    let row = server.api.get(&format!("/api/v1/executions/{id}")).ok();
    assert_eq!(row["status"], "cancelled", "{row}");
    let again = server.api.run_job(job, json!({}));
    assert_eq!((&again["result"]["resumed"], &again["result"]["parts"]), (&json!(false), &json!(1)), "{again}");
    let to = server.dir.path().join("r");
    server.api.restore(json!({"backup_set_id": again["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()}));
    files::assert_equal(&source, &to);
    let sets = server.api.get("/api/v1/backup-sets").ok();
    let status: Vec<&str> = sets.as_array().unwrap().iter().filter_map(|set| set["status"].as_str()).collect();
    assert_eq!(status, ["completed", "cancelled"]);
}

/// A drive that fails in the middle: the run goes on with another tape; what was flushed stays, the rest is sent again.
#[test]
fn a_medium_that_fails_is_left_at_the_checkpoint_and_the_set_goes_on_elsewhere() {
    use tape_drive::Operation;
    use tape_drive::fault::{Condition, FaultPlan};
    for condition in [Condition::MediumError, Condition::DeferredError, Condition::VolumeOverflow] {
        let mut server = Server::ready();
        let (job, source) = slow_job(&server, json!({}));
        assert!(server.stop().success());
        for drive in 0..2 {
            let plan = FaultPlan::nth_of(300, Operation::Write, condition);
            let file = server.library_dir().join(format!("drive{drive}.faults"));
            std::fs::write(file, serde_json::to_vec(&plan).unwrap()).unwrap();
        }
        server.restart();
        let row = server.api.run_job(job, json!({}));
        let set = server.api.get(&format!("/api/v1/backup-sets/{}", row["result"]["backup_set_id"])).ok();
        let parts = set["parts"].as_array().unwrap();
        assert!(parts.len() >= 2, "{condition:?}: {set}");
        let to = server.dir.path().join("r");
        server.api.restore(json!({"backup_set_id": set["id"], "dest_path": to.to_str().unwrap()}));
        files::assert_equal(&source, &to);
    }
}

/// Makes the database forget what the last set left in it, as if the crash had come right after the tape's commit.
fn forget_last_set(server: &Server, set: i64) {
    use diesel::connection::SimpleConnection;
    let mut conn = tapebackarr::db::open_one(server.dir.path().join("data/tapebackarr.db")).unwrap();
    conn.batch_execute(&format!(
        "PRAGMA foreign_keys = OFF;
         UPDATE tapes SET writing_set = (SELECT uuid FROM backup_sets WHERE id = {set}),
             end_file = end_file - 2, end_block = (SELECT first_block FROM backup_set_parts WHERE backup_set_id = {set})
             WHERE id = (SELECT tape_id FROM backup_sets WHERE id = {set});
         DELETE FROM backup_set_parts WHERE backup_set_id = {set};
         DELETE FROM catalog_versions WHERE set_id = {set};
         UPDATE backup_sets SET status = 'running', file_count = 0 WHERE id = {set};"
    ))
    .unwrap();
}

#[test]
fn a_set_that_the_tape_has_and_the_database_missed_is_adopted() {
    let mut server = Server::ready();
    let source = server.folder("s");
    files::fill(&source);
    let key = server.api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let options = json!({"backup_type": "incremental", "compression": "zstd", "encryption_key_id": key["key"]["id"]});
    let job = server.api.job("j", server.api.source("s", &source), 1, options);
    server.api.run_job(job, json!({}));
    std::fs::write(source.join("late"), b"written to tape just before the crash").unwrap();
    std::fs::remove_file(source.join("docs/file100.txt")).unwrap();
    let lost = server.api.run_job(job, json!({}))["result"]["backup_set_id"].as_i64().unwrap();
    server.kill();
    forget_last_set(&server, lost);
    server.restart();
    assert_eq!(server.api.get(&format!("/api/v1/backup-sets/{lost}")).ok()["status"], "failed");

    std::fs::write(source.join("later"), b"after the crash").unwrap();
    let next = server.api.run_job(job, json!({}));
    let adopted = server.api.get(&format!("/api/v1/backup-sets/{lost}")).ok();
    assert_eq!(adopted["status"], "completed", "{adopted}\n{next}");
    for set in [json!(lost), next["result"]["backup_set_id"].clone()] {
        let verified = server.api.post(&format!("/api/v1/backup-sets/{set}/verify"), json!({})).ok();
        server.api.complete(verified);
    }
    let to = server.dir.path().join("r");
    server.api.restore(json!({"backup_set_id": lost, "dest_path": to.to_str().unwrap()}));
    assert!(to.join("late").exists() && !to.join("docs/file100.txt").exists() && !to.join("later").exists());
    let to = server.dir.path().join("newest");
    server.api.restore(json!({"backup_set_id": next["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()}));
    files::assert_equal(&source, &to);
}

#[test]
fn a_tape_that_is_longer_than_an_older_database_knows_is_not_written() {
    let mut server = Server::ready();
    let source = server.folder("s");
    files::fill(&source);
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    let first = server.api.run_job(job, json!({}));
    assert!(server.stop().success());
    let database = server.dir.path().join("data/tapebackarr.db");
    std::fs::copy(&database, server.dir.path().join("old.db")).unwrap();
    server.restart();
    server.api.run_job(job, json!({"tape_id": first["tape_id"]}));
    assert!(server.stop().success());
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", database.display()));
    }
    std::fs::copy(server.dir.path().join("old.db"), &database).unwrap();
    server.restart();
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({"tape_id": first["tape_id"]})).ok();
    let row = server.api.wait(&started["execution_id"]);
    assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("tape_end_mismatch")), "{row}");
    // the tape is on hold; the job goes on with another one
    let next = server.api.run_job(job, json!({}));
    assert_ne!(next["tape_id"], first["tape_id"], "{next}");
}
