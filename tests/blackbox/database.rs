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
    let key = api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok()["key"].clone();
    let started = api.post("/api/v1/database-backup/backup", json!({"tape_id": 1})).ok();
    let row = api.complete(started);
    let list = api.get("/api/v1/database-backup").ok();
    assert_eq!(list[0]["status"], "completed", "{list}");
    assert_eq!(list[0]["checksum"], row["result"]["checksum"]);
    // its key is known, and stays as long as the copy does
    assert_eq!((&list[0]["key_name"], &list[0]["key_by_hand"]), (&json!("k1"), &json!(false)), "{list}");
    assert_eq!(list[0]["key_fingerprint"], key["key_fingerprint"], "{list}");
    let delete = |key: &Value| api.send("DELETE", &format!("/api/v1/encryption-keys/{}", key["id"]), None);
    let why = delete(&key).fails(409, "in_use");
    assert!(why.contains("1 copies of the database on tape"), "{why}");
    let newer = api.post("/api/v1/encryption-keys", json!({"name": "k2", "description": ""})).ok()["key"].clone();
    let named = json!({"tape_id": 1, "encryption_key_id": key["id"]});
    api.complete(api.post("/api/v1/database-backup/backup", named).ok());
    let list = api.get("/api/v1/database-backup").ok();
    assert_eq!((&list[0]["key_name"], &list[0]["key_by_hand"]), (&json!("k1"), &json!(true)), "{list}");
    let uses = api.get(&format!("/api/v1/encryption-keys/{}/uses", key["id"])).ok()["uses"].clone();
    assert_eq!((&uses["database_copies"], &uses["database_copies_unknown"]), (&json!(2), &json!(0)), "{uses}");
    delete(&newer).ok();
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

/// The copies of the database, once none is on its way any more.
#[track_caller]
fn copies(server: &Server) -> Vec<Value> {
    let of = |path: &str| server.api.get(path).ok().as_array().unwrap().clone();
    server.api.wait_for("/api/v1/executions?kind=database_backup&limit=50", |rows| {
        rows.as_array().unwrap().iter().all(|row| row["end_time"].is_string())
    });
    of("/api/v1/database-backup")
}

/// With `every_run` a copy follows each run, with `daily` the first good run of a day; one that fails does not make the run less
/// of a success, is told, and is made up behind the next run.
#[test]
fn the_database_follows_runs_as_the_settings_say() {
    let mut server = Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 256 });
    let source = server.folder("s");
    files::fill(&source);
    let set = |server: &mut Server, after: &str| {
        let body = json!({"database_backup": {"after": after}});
        server.api.send("PUT", "/api/v1/settings", Some(&body)).ok();
        assert!(server.stop().success());
        server.restart();
    };
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    server.api.run_job(job, json!({}));
    assert!(copies(&server).is_empty(), "never, unless somebody says so");

    // there is no key: the copy fails, and the run is what it is
    set(&mut server, "every_run");
    let run = server.api.run_job(job, json!({}));
    assert_eq!((&run["status"], &run["error_code"]), (&json!("completed"), &Value::Null), "{run}");
    assert!(copies(&server).iter().all(|copy| copy["status"] == "failed"));
    let failed = server.api.get("/api/v1/executions?kind=database_backup").ok();
    assert_eq!((&failed[0]["status"], &failed[0]["error_code"]), (&json!("failed"), &json!("no_key")), "{failed}");
    let events = server.api.get("/api/v1/events?limit=50").ok().to_string();
    assert!(events.contains("Database Backup Failed") && events.contains("create one first"), "{events}");
    let stays = server.api.get(&format!("/api/v1/executions/{}", run["id"])).ok();
    assert_eq!(stays["status"], "completed", "{stays}");
    let last = server.api.get(&format!("/api/v1/jobs/{job}")).ok();
    assert!(!last.to_string().contains("\"failed\""), "{last}");

    server.api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let good = |server: &Server| copies(server).iter().filter(|copy| copy["status"] == "completed").count();
    for expected in 1..=2 {
        let run = server.api.run_job(job, json!({}));
        let list = copies(&server);
        assert_eq!(good(&server), expected, "{list:?}");
        assert_eq!(list[0]["tape_id"], run["tape_id"], "behind the run");
    }
    // a run that fails is followed by none
    std::fs::rename(&source, server.dir.path().join("away")).unwrap();
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({}));
    if started.status < 300 {
        assert_eq!(server.api.wait(&started.body["execution_id"])["status"], "failed");
    }
    assert_eq!(good(&server), 2);
    std::fs::rename(server.dir.path().join("away"), &source).unwrap();

    set(&mut server, "daily");
    server.api.run_job(job, json!({}));
    assert_eq!(good(&server), 2, "there is one of today");
    {
        use diesel::prelude::*;
        use tapebackarr::db::schema::database_backups::dsl::*;
        let yesterday = tapebackarr::db::now() - chrono::Duration::days(1);
        diesel::update(database_backups).set(backup_time.eq(yesterday)).execute(&mut server.database()).unwrap();
    }
    server.api.run_job(job, json!({}));
    assert_eq!(good(&server), 3, "the first run of a day");
    let run = server.api.run_job(job, json!({}));
    assert_eq!(good(&server), 3, "and not the second");

    // from the bare tape: the copy is older than the last run, which the tape still has
    let sheet = server.dir.path().join("sheet.json");
    std::fs::write(&sheet, server.api.get("/api/v1/encryption-keys/keysheet").ok().to_string()).unwrap();
    assert!(server.stop().success());
    server.lose_everything();
    let device = format!("virtual:{}#drive0", server.library_dir().display());
    let data = server.dir.path().join("data");
    server.cli(&[
        "database",
        "recover",
        "--device",
        &device,
        "--key-file",
        sheet.to_str().unwrap(),
        "--data-dir",
        data.to_str().unwrap(),
    ]);
    server.restart();
    server.log_in();
    let known = server.api.get("/api/v1/backup-sets?limit=100").ok();
    let newest = run["result"]["uuid"].as_str().unwrap();
    assert!(!known.to_string().contains(newest), "it was written behind the copy: {known}");
    let started = server.api.post("/api/v1/catalog/rebuild", json!({"library_id": 1})).ok();
    server.api.complete(started);
    let known = server.api.get("/api/v1/backup-sets?limit=100").ok();
    let last = known.as_array().unwrap().iter().find(|set| set["uuid"] == newest).unwrap_or_else(|| panic!("{known}"));
    let to = server.dir.path().join("r");
    server.api.restore(json!({"backup_set_id": last["id"], "dest_path": to.to_str().unwrap()}));
    files::assert_equal(&source, &to);
}
