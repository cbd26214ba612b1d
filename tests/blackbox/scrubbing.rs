//! Tapes that are read back, and restoring that is rehearsed: both pass on what is whole, and name what is damaged.

use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::path::Path;

/// A full and an incremental set on tape 1 of a library with one drive.
fn two_sets() -> (Server, i64) {
    let server = Server::with_library(Library { drives: 1, slots: 3, capacity_mb: 256 });
    let source = server.folder("s");
    files::fill(&source);
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({"backup_type": "incremental"}));
    server.api.run_job(job, json!({"tape_id": 1}));
    std::fs::write(source.join("new"), files::noise(77, 300_000)).unwrap();
    server.api.run_job(job, json!({"tape_id": 1}));
    (server, job)
}

/// Flips one byte of a file's content on a cartridge.
fn flip(image: &Path, content: &[u8]) {
    let mut bytes = std::fs::read(image).unwrap();
    let at = bytes.windows(64).position(|window| window == &content[4096..4160]).expect("the content is on the tape");
    bytes[at] ^= 1;
    std::fs::write(image, bytes).unwrap();
}

fn run(server: &Server, path: &str, body: Value) -> Value {
    let started = server.api.post(path, body).ok();
    server.api.wait(&started["execution_id"])
}

fn damage(server: &mut Server) {
    server.kill();
    flip(&server.library_dir().join("cartridges/A00001L9.tap"), &files::noise(77, 300_000));
    server.restart();
}

#[test]
fn a_scrub_verifies_tapes_and_names_what_is_damaged() {
    let (mut server, _) = two_sets();
    let row = run(&server, "/api/v1/scrub", json!({}));
    assert_eq!(row["status"], "completed", "{row}");
    let tape = &row["result"]["tapes"][0];
    assert_eq!((&tape["label"], &tape["verified"]), (&json!("A00001L9"), &json!(true)), "{row}");
    assert_eq!(tape["sets"].as_array().unwrap().len(), 2, "{row}");
    assert!(server.api.get("/api/v1/tapes/1").ok()["last_verified_at"].is_string());
    assert!(server.api.get("/api/v1/backup-sets/2").ok()["verified_at"].is_string());

    damage(&mut server);
    let row = run(&server, "/api/v1/scrub", json!({"tapes": 0}));
    assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("verify_failed")), "{row}");
    let message = row["error_message"].as_str().unwrap();
    assert!(message.contains("A00001L9: 1 errors") && message.contains("new: "), "{message}");
    let hold = server.api.get("/api/v1/tapes/1").ok()["hold_reason"].to_string();
    assert!(hold.contains("verification on") && hold.contains("1 errors"), "{hold}");
    let events = server.api.get("/api/v1/events").ok().to_string();
    assert!(events.contains("Tape Damaged") && events.contains("new: "), "{events}");
    // it waits for a person now; a person can ask for it by name
    let row = run(&server, "/api/v1/scrub", json!({}));
    assert_eq!((&row["status"], &row["result"]["tapes"]), (&json!("completed"), &json!([])), "{row}");
    let row = run(&server, "/api/v1/tapes/1/verify", json!({}));
    assert_eq!(row["error_code"], "verify_failed", "{row}");
}

#[test]
fn of_a_set_over_several_tapes_the_parts_on_the_tape_are_verified() {
    let server = Server::with_library(Library { drives: 1, slots: 4, capacity_mb: 64 });
    let source = server.folder("s");
    files::fill(&source);
    std::fs::write(source.join("huge"), files::noise(9, 100 << 20)).unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    assert!(server.api.run_job(job, json!({}))["result"]["parts"].as_u64().unwrap() >= 2);
    let row = run(&server, "/api/v1/scrub", json!({"tapes": 0}));
    assert_eq!(row["status"], "completed", "{row}");
    let tapes = row["result"]["tapes"].as_array().unwrap();
    assert!(tapes.len() >= 2, "{row}");
    let files: u64 = tapes.iter().map(|tape| tape["sets"][0]["files"].as_u64().unwrap()).sum();
    let all = server.api.get("/api/v1/backup-sets/1").ok();
    assert!(files > 150 && files < all["file_count"].as_u64().unwrap(), "the file that was cut is not claimed: {row}");
    assert!(all["verified_at"].is_null(), "not every hash was compared");
}

#[test]
fn a_drill_passes_repeats_itself_and_catches_damage() {
    let (mut server, job) = two_sets();
    let drill = |server: &Server, body: Value| run(server, "/api/v1/drills", body);
    let row = drill(&server, json!({"files": 10, "job_id": job}));
    assert_eq!(row["status"], "completed", "{row}");
    let result = &row["result"];
    assert_eq!((&result["failed"], result["results"].as_array().unwrap().len()), (&json!(0), 10), "{row}");
    assert_eq!(result["same_as_source"], 10, "nothing has changed: {row}");
    let again = drill(&server, json!({"files": 10, "job_id": job, "seed": result["seed"]}));
    assert_eq!(again["result"]["results"], result["results"]);
    let left = std::fs::read_dir(server.dir.path().join("data/spool")).unwrap().count();
    assert_eq!(left, 0, "what was restored is deleted");
    server.api.post("/api/v1/drills", json!({"files": 0})).fails(400, "bad_request");

    damage(&mut server);
    // as many as there are: the damaged one is among them
    let row = drill(&server, json!({"files": 2000}));
    assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("drill_failed")), "{row}");
    assert!(row["error_message"].as_str().unwrap().contains("new (set 2)"), "{row}");
    assert_eq!(row["result"]["failed"], 1, "{row}");
}

#[test]
fn scrubs_and_drills_run_by_the_clock() {
    let mut server = Server::bare();
    let settings = json!({"scrub": {"schedule": "* * * * * *"}, "drill": {"schedule": "off"}});
    server.api.send("PUT", "/api/v1/settings", Some(&settings)).ok();
    server.kill_and_restart();
    let since = std::time::Instant::now();
    loop {
        let rows = server.api.get("/api/v1/executions?kind=scrub").ok();
        if rows.as_array().unwrap().iter().any(|row| row["status"] == "completed") {
            break;
        }
        assert!(since.elapsed().as_secs() < 30, "{rows}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(server.api.get("/api/v1/executions?kind=drill").ok(), json!([]));
}
