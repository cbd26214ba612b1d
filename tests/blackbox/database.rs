//! The database's own backup.

use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};

#[test]
fn the_database_goes_to_tape_encrypted_or_not_at_all() {
    let server = Server::ready();
    let api = &server.api;
    let source = server.folder("s");
    files::fill(&source);
    api.post("/api/v1/database-backup/backup", json!({"tape_id": 1})).fails(409, "no_key");
    api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let started = api.post("/api/v1/database-backup/backup", json!({"tape_id": 1})).ok();
    let row = api.complete(started);
    let list = api.get("/api/v1/database-backup").ok();
    assert_eq!(list[0]["status"], "completed", "{list}");
    assert_eq!(list[0]["checksum"], row["result"]["checksum"]);
    // the tape goes on taking sets behind it
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    let run = api.run_job(job, json!({"tape_id": 1}));
    let to = server.dir.path().join("r");
    api.restore(json!({"backup_set_id": run["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()}));
    files::assert_equal(&source, &to);
}

/// Waits for the copy with this number, the first being 1, and returns it.
#[track_caller]
fn copy(server: &Server, number: usize) -> Value {
    let since = std::time::Instant::now();
    loop {
        let list = server.api.get("/api/v1/database-backup").ok();
        let rows = list.as_array().unwrap();
        if rows.len() == number && rows[0]["status"] != "pending" {
            assert_eq!(rows[0]["status"], "completed", "{list}");
            return rows[0].clone();
        }
        assert!(since.elapsed() < std::time::Duration::from_secs(60), "{list}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn a_lost_server_comes_back_from_a_tape_and_the_key_sheet() {
    let mut server = Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 256 });
    let source = server.folder("s");
    files::fill(&source);
    let key = server.api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let options = json!({"database_backup": true, "encryption_key_id": key["key"]["id"], "backup_type": "incremental"});
    let source_id = server.api.source("s", &source);
    let job = server.api.job("j", source_id, 1, options);
    let run = server.api.run_job(job, json!({}));
    let first = copy(&server, 1);
    assert_eq!(first["tape_id"], run["tape_id"], "it goes behind the run: {first}");
    let sheet = server.api.get("/api/v1/encryption-keys/keysheet").ok();
    let sheet_file = server.dir.path().join("sheet.json");
    std::fs::write(&sheet_file, sheet.to_string()).unwrap();

    // a new server on a new machine: nothing but the library, the tape in the drive, and the key sheet
    assert!(server.stop().success());
    server.lose_everything();
    server.start_anew();
    server.add_library();
    let scan = |server: &Server| server.api.get("/api/v1/drives/1/scan-for-db-backup").ok();
    let blind = scan(&server);
    assert_eq!(
        (&blind["db_backups_found"], &blind["keys_missing"]),
        (&json!(false), &json!([key["key"]["key_fingerprint"]]))
    );
    let restore = json!({"drive_id": 1, "use_at_next_start": true});
    let failed = server.api.post("/api/v1/database-backup/restore", restore.clone()).ok();
    assert_eq!(server.api.wait(&failed["execution_id"])["error_code"], "key_unknown");
    let import = json!({"name": "from the sheet", "key_base64": sheet["keys"][0]["key_base64"], "description": ""});
    server.api.post("/api/v1/encryption-keys/import", import).ok();
    let seen = scan(&server);
    assert_eq!(
        (&seen["db_backups_found"], &seen["db_backups"][0]["tape_file"]),
        (&json!(true), &first["tape_file"]),
        "{seen}"
    );
    let started = server.api.post("/api/v1/database-backup/restore", restore).ok();
    assert_eq!(server.api.complete(started)["result"]["restart_required"], true);
    assert!(server.stop().success());
    server.restart();
    server.log_in();
    let restored = |server: &Server, set: &Value, name: &str| {
        let to = server.dir.path().join(name);
        server.api.restore(json!({"backup_set_id": set, "dest_path": to.to_str().unwrap()}));
        files::assert_equal(&source, &to);
    };
    restored(&server, &run["result"]["backup_set_id"], "after");
    assert_eq!(copy(&server, 1)["checksum"], first["checksum"], "the copy knows that it is on tape");

    // the tape goes on behind the copy, which the database in it could not know
    std::fs::write(source.join("docs/later"), "later").unwrap();
    let next = server.api.run_job(job, json!({}));
    assert_eq!((&next["tape_id"], &next["result"]["backup_type"]), (&run["tape_id"], &json!("incremental")), "{next}");
    let second = copy(&server, 2);
    assert!(second["tape_file"].as_i64() > first["tape_file"].as_i64());

    // the same without a server
    assert!(server.stop().success());
    server.lose_everything();
    let device = format!("virtual:{}#drive0", server.library_dir().display());
    let data = server.dir.path().join("data");
    let recover = |rest: &[&str]| {
        let base = ["--json", "database", "recover", "--device", &device, "--key-file", sheet_file.to_str().unwrap()];
        serde_json::from_slice::<Value>(&server.cli(&[&base, rest].concat())).unwrap()
    };
    assert_eq!(recover(&[]).as_array().unwrap().len(), 2);
    let file = server.dir.path().join("old.db");
    let number = first["tape_file"].to_string();
    recover(&["--tape-file", &number, "--to", file.to_str().unwrap()]);
    assert_eq!(json!(std::fs::metadata(&file).unwrap().len()), first["file_size"]);
    let done = recover(&["--data-dir", data.to_str().unwrap()]);
    assert_eq!(done["copy"]["tape_file"], second["tape_file"], "the newest: {done}");
    server.restart();
    server.log_in();
    restored(&server, &next["result"]["backup_set_id"], "again");
}

#[test]
fn a_copy_keeps_its_tape_and_a_pool_is_enough_to_ask_for_one() {
    let server = Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 64 });
    let api = &server.api;
    api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    api.post("/api/v1/database-backup/backup", json!({})).fails(400, "bad_request");
    let started = api.post("/api/v1/database-backup/backup", json!({"pool_id": 1})).ok();
    let row = api.complete(started);
    assert_eq!(copy(&server, 1)["tape_id"], row["tape_id"]);
    let tape = row["tape_id"].as_i64().unwrap();
    let preview = api.get(&format!("/api/v1/retention/preview?tape_id={tape}")).ok();
    assert_eq!(preview["tapes"][0]["why"], "database backup 1 on it is kept", "{preview}");
    let label = api.get(&format!("/api/v1/tapes/{tape}")).ok()["label"].clone();
    let started = api.post(&format!("/api/v1/tapes/{tape}/label"), json!({"label": label, "force": true})).ok();
    assert_eq!(api.wait(&started["execution_id"])["error_code"], "tape_in_use");
}
