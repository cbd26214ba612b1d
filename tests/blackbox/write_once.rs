//! Write-once tapes: appended to, and never written over, erased, written anew or expired for that.

use crate::files;
use crate::refusals::{cannot_be_lost, put};
use crate::server::Server;
use serde_json::{Value, json};
use std::path::Path;
use tape_drive::virt::library::{self, Settings};
use tape_drive::virt::{CartridgeSpec, LibrarySpec, Place};

const ONCE: [&str; 2] = ["W00001LZ", "W00002LZ"];
const ORDINARY: &str = "A00001L9";

/// A server with a library of write-once tapes and an ordinary one, none of them labelled, and a pool that takes only those.
fn house() -> Server {
    let server = Server::bare();
    let dir = server.library_dir();
    let spec = LibrarySpec { drives: 1, slots: 4, settings: Settings::volatile(), ..LibrarySpec::default() };
    library::create(&dir, &spec).unwrap();
    for barcode in ONCE.into_iter().chain([ORDINARY]) {
        library::add_cartridge(&dir, &CartridgeSpec::new(barcode).with_capacity(128 << 20), Place::AnySlot).unwrap();
    }
    server.add_library();
    put(&server, "pools/1", json!({"write_once": "require"})).ok();
    server
}

fn image(dir: &Path, barcode: &str) -> Vec<u8> {
    std::fs::read(dir.join(format!("cartridges/{barcode}.tap"))).unwrap()
}

/// The tape with this bar code.
fn tape(server: &Server, barcode: &str) -> Value {
    let rows = server.api.get("/api/v1/tapes?limit=100").ok();
    rows.as_array().unwrap().iter().find(|row| row["barcode"] == barcode).cloned().unwrap_or_else(|| panic!("{rows}"))
}

/// Labels what is in the library: the ordinary tape does not get into the pool.
fn label(server: &Server) {
    let body = json!({"library_id": 1, "barcodes": true, "pool_id": 1});
    let labelled = server.api.complete(server.api.post("/api/v1/tapes/batch-label", body).ok());
    let result = &labelled["result"];
    assert_eq!((&result["completed"], &result["failed"]), (&json!(2), &json!(1)), "{labelled}");
    assert!(result["errors"].to_string().contains("takes write-once tapes only"), "{labelled}");
    for barcode in ONCE {
        assert_eq!(tape(server, barcode)["write_once"], true);
    }
}

#[test]
fn a_write_once_tape_is_appended_to_and_never_begun_anew() {
    let server = house();
    label(&server);
    let api = &server.api;
    let source = server.folder("s");
    files::fill(&source);
    let job = api.job("j", api.source("s", &source), 1, json!({"retention_days": 1}));
    let first = api.run_job(job, json!({}));
    let set = api.get(&format!("/api/v1/backup-sets/{}", first["result"]["backup_set_id"])).ok();
    let barcode = set["tape_label"].as_str().unwrap();
    let dir = server.library_dir();
    let before = image(&dir, barcode);
    let second = api.run_job(job, json!({}));
    assert_eq!(second["tape_id"], first["tape_id"], "it is appended to");
    assert!(image(&dir, barcode).starts_with(&before), "nothing that was there is touched");
    let to = server.dir.path().join("restored");
    api.restore(json!({"backup_set_id": set["id"], "dest_path": to}));
    files::assert_equal(&source, &to);

    cannot_be_lost(&server, &tape(&server, barcode), &|| image(&dir, barcode));

    // It still takes what comes, and a pool that refuses such tapes does not.
    let third = api.run_job(job, json!({}));
    assert_eq!(third["tape_id"], first["tape_id"]);
    put(&server, "pools/1", json!({"write_once": "refuse"})).ok();
    assert_eq!(api.get("/api/v1/pools/1").ok()["write_once"], "refuse");
    let refused = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).fails(400, "bad_request");
    assert!(refused.contains("write-once, which the pool does not take"), "{refused}");
    put(&server, "pools/1", json!({"write_once": "sometimes"})).fails(400, "bad_request");
    assert!(server.cli_as_admin(&["pool", "edit", "1", "--write-once", "allow"]).contains("Changed"));
    assert!(server.cli_as_admin(&["pool", "show", "1"]).contains("allow"));
    assert!(server.cli_as_admin(&["tape", "show", barcode]).contains("Write-once"));
}

#[test]
fn a_run_that_is_cut_off_closes_a_write_once_tape_and_goes_on_with_the_next() {
    let mut server = house();
    label(&server);
    let source = server.folder("s");
    files::fill(&source);
    let api = &server.api;
    let id = api.source("s", &source);
    let job = api.job("j", id, 1, json!({}));
    let first = api.run_job(job, json!({}));
    let kept = first["result"]["backup_set_id"].clone();
    let torn = tape(&server, ONCE[usize::from(first["tape_id"] != tape(&server, ONCE[0])["id"])]);
    let before = image(&server.library_dir(), torn["barcode"].as_str().unwrap());
    std::fs::write(source.join("large"), files::noise(9, 60 << 20)).unwrap();
    server.set_speed(40, 0);
    assert!(server.stop().success());
    server.restart();
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let row = format!("/api/v1/executions/{}", started["execution_id"]);
    server.api.wait_for(&row, |row| {
        assert_ne!(row["status"], "completed", "too fast to be interrupted");
        row["phase"] == "streaming" && row["bytes_written"].as_i64().unwrap_or(0) >= 20 << 20
    });
    server.kill_and_restart();
    let api = &server.api;
    let again = api.wait(&started["execution_id"]);
    assert_eq!(again["status"], "completed", "{again}");
    let set = api.get(&format!("/api/v1/backup-sets/{}", again["result"]["backup_set_id"])).ok();
    assert!(set["parts"].as_array().unwrap().iter().all(|part| part["tape_id"] != torn["id"]), "{set}");
    let closed = tape(&server, torn["barcode"].as_str().unwrap());
    assert_eq!((&closed["status"], &closed["hold_reason"]), (&json!("full"), &Value::Null), "{closed}");
    assert!(image(&server.library_dir(), torn["barcode"].as_str().unwrap()).starts_with(&before));
    for (set, name) in [(&kept, "old"), (&set["id"], "new")] {
        let to = server.dir.path().join(name);
        api.restore(json!({"backup_set_id": set, "dest_path": to}));
        if name == "new" {
            files::assert_equal(&source, &to);
        }
    }
    // Nobody is warned of an attempt to overwrite.
    assert_eq!(api.get("/api/v1/drives/1/alerts").ok(), json!([]));
}
