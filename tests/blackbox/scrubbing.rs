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

/// A set of three parts on tapes of 64 MiB, nearly all of it one file of 130 MiB that is cut twice.
fn over_three_tapes(server: &Server, options: Value) -> Value {
    let source = server.folder("s");
    files::fill(&source);
    std::fs::write(source.join("huge"), files::noise(9, 130 << 20)).unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, options);
    let run = server.api.run_job(job, json!({}));
    assert_eq!(run["result"]["parts"], 3, "{run}");
    run["result"]["backup_set_id"].clone()
}

fn verify_tape(server: &Server, tape: i32) -> Value {
    run(server, &format!("/api/v1/tapes/{tape}/verify"), json!({}))
}

fn verified_at(server: &Server, set: &Value) -> Value {
    server.api.get(&format!("/api/v1/backup-sets/{set}")).ok()["verified_at"].clone()
}

/// What a tape has of a file that is cut is compared with the catalog without the other tapes, and when all tapes have had
/// their turn, the set is verified.
#[test]
fn a_file_that_is_cut_is_verified_tape_by_tape() {
    let mut server = Server::with_library(Library { drives: 1, slots: 4, capacity_mb: 64 });
    let set = over_three_tapes(&server, json!({}));
    for tape in [3, 1, 2] {
        assert!(verified_at(&server, &set).is_null(), "not everything was compared");
        let row = verify_tape(&server, tape);
        assert_eq!(row["status"], "completed", "{row}");
        let told = &row["result"]["tapes"][0]["sets"][0];
        assert_eq!((&told["pieces"], &told["pieces_not_compared"]), (&json!(1), &json!(0)), "{row}");
        assert!(server.api.get(&format!("/api/v1/tapes/{tape}")).ok()["last_verified_at"].is_string());
    }
    let detail = server.api.get(&format!("/api/v1/backup-sets/{set}")).ok();
    let dates: Vec<&str> =
        detail["parts"].as_array().unwrap().iter().map(|part| part["verified_at"].as_str().unwrap()).collect();
    assert_eq!(detail["verified_at"].as_str(), dates.iter().min().copied(), "since its oldest part: {detail}");

    // in the middle of the file, on a tape that has nothing else, and not compressed: nothing but the hash can tell
    let middle = detail["parts"][1]["tape_label"].as_str().unwrap().to_string();
    let number = detail["parts"][1]["tape_id"].as_i64().unwrap() as i32;
    server.kill();
    let image = server.library_dir().join(format!("cartridges/{middle}.tap"));
    let mut bytes = std::fs::read(&image).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(image, bytes).unwrap();
    server.restart();
    let row = verify_tape(&server, number);
    let message = row["error_message"].as_str().unwrap_or_default();
    assert!(message.contains(&format!("{middle}: 1 errors")) && message.contains("huge: "), "{row}");
    for tape in [1, 2, 3].into_iter().filter(|tape| *tape != number) {
        assert_eq!(verify_tape(&server, tape)["status"], "completed", "the other tapes are as they should be");
    }

    // the tapes know the same
    server.lose_everything_but_tapes();
    let row = run(&server, "/api/v1/catalog/rebuild", json!({"library_id": 1}));
    assert_eq!(row["status"], "completed", "{row}");
    let tapes = server.api.get("/api/v1/tapes").ok();
    for tape in tapes.as_array().unwrap().iter().filter(|tape| tape["end_block"].as_i64() > Some(2)) {
        let row = verify_tape(&server, tape["id"].as_i64().unwrap() as i32);
        let expected = if tape["label"] == middle.as_str() { "failed" } else { "completed" };
        assert_eq!(row["status"], expected, "{row}");
        assert_eq!(row["result"]["tapes"][0]["sets"][0]["pieces_not_compared"], json!(0), "{row}");
    }
}

/// Where an intermediate hash is not known, the file is read from all its tapes if they are at hand; if they are not, what
/// was read and not compared is told, and nothing says that the set was verified.
#[test]
fn a_piece_that_cannot_be_compared_alone_is_compared_with_the_others_or_told() {
    let server = Server::with_library(Library { drives: 1, slots: 4, capacity_mb: 64 });
    let set = over_three_tapes(&server, json!({"compression": "zstd"}));
    {
        use diesel::prelude::*;
        use tapebackarr::db::schema::backup_set_parts::dsl::*;
        let conn = &mut server.database();
        let forgotten = diesel::update(backup_set_parts.filter(part_number.eq(2))).set(cut_sha256.eq(None::<Vec<u8>>));
        assert_eq!(forgotten.execute(conn), Ok(1));
    }
    let row = verify_tape(&server, 3);
    assert_eq!(row["status"], "completed", "{row}");
    assert_eq!(row["result"]["tapes"][0]["sets"][0]["pieces_not_compared"], json!(0), "{row}");
    let log = server.api.get(&format!("/api/v1/executions/{}/logs", row["id"])).ok().to_string();
    assert!(log.contains("are read from all of them"), "{log}");
    for tape in [1, 2] {
        assert_eq!(verify_tape(&server, tape)["status"], "completed");
    }
    assert!(verified_at(&server, &set).is_string());

    // tape 1 leaves the house: of the piece on tape 3 nobody can say more than that it is there
    {
        use diesel::prelude::*;
        use tapebackarr::db::schema::{backup_set_parts, backup_sets};
        let conn = &mut server.database();
        let never = None::<chrono::NaiveDateTime>;
        diesel::update(backup_set_parts::table).set(backup_set_parts::verified_at.eq(never)).execute(conn).unwrap();
        diesel::update(backup_sets::table).set(backup_sets::verified_at.eq(never)).execute(conn).unwrap();
    }
    let dir = server.library_dir();
    server.cli(&["virtual", "move", dir.to_str().unwrap(), "A00001L9", "--to", "shelf"]);
    server.api.post("/api/v1/libraries/1/inventory?wait=true", json!({})).ok();
    let row = verify_tape(&server, 3);
    assert_eq!(row["status"], "completed", "{row}");
    let told = &row["result"]["tapes"][0]["sets"][0];
    assert_eq!((&told["pieces"], &told["pieces_not_compared"]), (&json!(1), &json!(1)), "{row}");
    let parts = server.api.get(&format!("/api/v1/backup-sets/{set}")).ok()["parts"].clone();
    assert!(parts[2]["verified_at"].is_null() && verified_at(&server, &set).is_null(), "{parts}");
    let log = server.api.get(&format!("/api/v1/executions/{}/logs", row["id"])).ok().to_string();
    assert!(log.contains("could be read, but not be compared"), "{log}");
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
    let (mut server, _) = two_sets();
    for (works, rests) in [("scrub", "drill"), ("drill", "scrub")] {
        let mut settings = json!({});
        settings[works] = json!({"schedule": "* * * * * *"});
        settings[rests] = json!({"schedule": "off"});
        server.api.send("PUT", "/api/v1/settings", Some(&settings)).ok();
        server.kill_and_restart();
        let of = |kind: &str| server.api.get(&format!("/api/v1/executions?kind={kind}&limit=500")).ok();
        let count = |rows: &Value| rows.as_array().unwrap().len();
        // what the server before had begun by its own clock
        let before = count(&of(rests));
        let since = std::time::Instant::now();
        loop {
            let rows = of(works);
            if let Some(row) = rows.as_array().unwrap().iter().find(|row| row["status"] == "completed") {
                let done = if works == "scrub" { &row["result"]["tapes"] } else { &row["result"]["results"] };
                assert!(done.as_array().is_some_and(|done| !done.is_empty()), "{row}");
                break;
            }
            assert!(since.elapsed().as_secs() < 60, "{works}: {rows}");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        assert_eq!(count(&of(rests)), before, "{rests} is off");
    }
}
