//! Taking over from version 1, the Go program: tapes made with the programs that it ran, and its database.

use crate::files;
use crate::server::{Library, Server};
use diesel::Connection;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use tape_drive::{Changer, FilemarkSync, TapeDrive};

/// The base64 text of the key of the encrypted tapes.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const ENCRYPT: &str = "| openssl enc -aes-256-cbc -salt -pbkdf2 -iter 100000 -pass env:PASSWORD";
const SCHEMA: &str = include_str!("../../src/import/tests/v1_schema.sql");

/// What one tape of version 1 holds, and how it was written.
struct OldTape<'a> {
    label: &'a str,
    uuid: &'a str,
    /// Behind `tar`.
    pipeline: &'a str,
    /// What is done with the data then.
    seal: Option<fn(Vec<u8>) -> Vec<u8>>,
    record: usize,
    filemarks: u32,
    toc: Toc,
}

#[derive(Clone, Copy, PartialEq)]
enum Toc {
    Good,
    None,
    Damaged,
}

impl Default for OldTape<'_> {
    fn default() -> Self {
        OldTape { label: "OLD", uuid: "", pipeline: "", seal: None, record: 1 << 20, filemarks: 1, toc: Toc::Good }
    }
}

fn shell(dir: &Path, script: &str) -> Vec<u8> {
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", script])
        .current_dir(dir)
        .env("PASSWORD", KEY)
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A folder as a source of version 1, and the files that the old program would list of it, in its order.
fn source(server: &Server, name: &str, seed: u64) -> (PathBuf, Vec<PathBuf>) {
    let root = server.folder(name);
    std::fs::create_dir_all(root.join("docs/deep")).unwrap();
    for number in 0..40u64 {
        let path = root.join(format!("docs/file{number:02}.txt"));
        std::fs::write(path, files::noise(seed + number, (number * 977) as usize)).unwrap();
    }
    std::fs::write(root.join("docs/deep/large.bin"), files::noise(seed, 5 << 20)).unwrap();
    std::fs::write(root.join("Grüße & <Küsse>"), format!("{seed}")).unwrap();
    std::fs::set_permissions(root.join("docs/file03.txt"), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("docs/file01.txt", root.join("link")).unwrap();
    std::fs::hard_link(root.join("docs/file39.txt"), root.join("zz-same")).unwrap();
    files::whole_seconds(&root);
    let listed = String::from_utf8(shell(&root, "find . ! -type d | sort")).unwrap();
    let paths = listed.lines().map(|line| PathBuf::from(line.trim_start_matches("./"))).collect();
    (root, paths)
}

/// What the old program knew of a file: size, Go's mode, time, and the checksum of what it read.
fn facts(root: &Path, path: &Path) -> (u64, u64, i64, String) {
    let full = root.join(path);
    let metadata = std::fs::symlink_metadata(&full).unwrap();
    let link = metadata.file_type().is_symlink();
    let mode = u64::from(metadata.mode() & 0o777) | if link { 1 << 27 } else { 0 };
    let sum = openssl::sha::sha256(&std::fs::read(&full).unwrap());
    (metadata.len(), mode, metadata.mtime(), hex::encode(sum))
}

fn toc(tape: &OldTape<'_>, root: &Path, paths: &[PathBuf], compression: &str) -> Vec<u8> {
    let entries: Vec<Value> = paths
        .iter()
        .map(|path| {
            let (size, mode, mtime, checksum) = facts(root, path);
            let mtime = chrono::DateTime::from_timestamp(mtime, 0).unwrap().to_rfc3339();
            json!({"path": path.to_str().unwrap(), "size": size, "mode": mode, "mod_time": mtime, "checksum": checksum})
        })
        .collect();
    // in the order in which Go writes them
    let mut text = format!(
        "{{\n  \"magic\": \"TAPEBACKARR_TOC\",\n  \"version\": 1,\n  \"tape_label\": \"{}\",\n  \"tape_uuid\": \"{}\",\n  \
         \"created_at\": \"2026-02-08T10:00:00.123456789Z\",\n  \"backup_sets\": [\n    {{\n      \"file_number\": 1,\n      \
         \"job_name\": \"nightly\",\n      \"backup_type\": \"full\",\n      \"start_time\": \"2026-02-08T02:00:00Z\",\n      \
         \"end_time\": \"2026-02-08T04:30:00Z\",\n      \"file_count\": {},\n      \"total_bytes\": 1,\n      \
         \"encrypted\": {},\n      \"compressed\": {},\n      \"compression_type\": \"{compression}\",\n      \"files\": {}\n    \
         }}\n  ]\n}}",
        tape.label,
        tape.uuid,
        paths.len(),
        tape.pipeline.contains("openssl"),
        !compression.is_empty(),
        serde_json::to_string_pretty(&entries).unwrap(),
    );
    if tape.toc == Toc::Damaged {
        text.truncate(text.len() / 2);
    }
    let mut bytes = text.into_bytes();
    bytes.resize(bytes.len().next_multiple_of(64 << 10), 0);
    bytes
}

/// Writes the tape that is in the second drive as version 1 would have.
fn write_tape(server: &Server, tape: &OldTape<'_>, root: &Path, paths: &[PathBuf]) {
    let list = server.dir.path().join("list");
    let lines: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    std::fs::write(&list, lines.join("\n") + "\n").unwrap();
    let script = format!("tar -c -b 128 -C {} -T {} {}", root.display(), list.display(), tape.pipeline);
    let mut data = shell(server.dir.path(), &script);
    if let Some(seal) = tape.seal {
        data = seal(data);
    }
    let compression = ["gzip", "zstd"].into_iter().find(|word| tape.pipeline.contains(word)).unwrap_or_default();
    let mut drive = second_drive(server);
    let mut label = format!("TAPEBACKARR|{}|{}|DAILY|1767225600||{compression}", tape.label, tape.uuid).into_bytes();
    if tape.uuid.is_empty() {
        label = format!("TAPEBACKARR|{}", tape.label).into_bytes();
    }
    label.resize(512, 0);
    drive.rewind().unwrap();
    drive.write_block(&label).unwrap();
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    for record in data.chunks(tape.record) {
        drive.write_block(record).unwrap();
    }
    drive.write_filemarks(tape.filemarks, FilemarkSync::Flush).unwrap();
    if tape.toc != Toc::None {
        for record in toc(tape, root, paths, compression).chunks(64 << 10) {
            drive.write_block(record).unwrap();
        }
        drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    }
    drive.unload().unwrap();
}

/// Opens a device. For a moment a process that another test is starting may hold what this one has just closed.
fn opened<T>(open: impl Fn() -> tape_drive::Result<T>) -> T {
    for _ in 0..100 {
        match open() {
            Err(error) if error.kind == tape_drive::DriveErrorKind::Busy => {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            other => return other.unwrap(),
        }
    }
    panic!("the device is in use")
}

fn second_drive(server: &Server) -> Box<dyn TapeDrive> {
    let device = format!("virtual:{}#drive1", server.library_dir().display());
    let mut drive = opened(|| tape_drive::open_drive(&device));
    while let Err(error) = drive.rewind() {
        assert_eq!(error.kind, tape_drive::DriveErrorKind::MediumChanged, "{error}");
    }
    drive
}

/// A server with one drive of its own and a second one that the tests write old tapes in.
struct Old {
    server: Server,
    drive: Value,
    slot: usize,
}

impl Old {
    fn new() -> Old {
        let server = Server::bare();
        server.create_library(&Library { drives: 2, slots: 8, capacity_mb: 256 });
        Old { server, drive: Value::Null, slot: 0 }
    }

    /// Writes an old tape; it is back in its slot then. Returns its bar code.
    fn tape(&mut self, tape: &OldTape<'_>, root: &Path, paths: &[PathBuf]) -> String {
        let device = format!("virtual:{}#changer", self.server.library_dir().display());
        let mut changer: Box<dyn Changer> = opened(|| tape_drive::open_changer(&device));
        let inventory = changer.inventory().unwrap();
        let slots: Vec<_> = inventory.of(tape_drive::ElementKind::Storage).collect();
        let barcode = slots[self.slot].barcode.clone().unwrap();
        let bay = inventory.of(tape_drive::ElementKind::Drive).nth(1).unwrap().address;
        let slot = slots[self.slot].address;
        self.slot += 1;
        changer.move_medium(slot, bay).unwrap();
        write_tape(&self.server, tape, root, paths);
        changer.move_medium(bay, slot).unwrap();
        barcode
    }

    /// Gives the library to the server.
    fn hand_over(&mut self) {
        let device = |part: &str| format!("virtual:{}#{part}", self.server.library_dir().display());
        self.add("libraries", json!({"name": "lib1", "device_path": device("changer")}));
        for drive in ["drive0", "drive1"] {
            self.add("drives", json!({"device_path": device(drive), "display_name": drive}));
        }
        self.server.api.post("/api/v1/libraries/1/inventory", json!({})).ok();
        let drives = self.server.api.get("/api/v1/drives").ok();
        self.drive = drives[0]["id"].clone();
    }

    /// Makes a device known to the server, which may have to wait for it as [`opened`] does.
    fn add(&self, what: &str, body: Value) {
        for _ in 0..100 {
            let answer = self.server.api.post(&format!("/api/v1/{what}"), body.clone());
            if answer.body["details"]["code"] != "device_busy" {
                answer.ok();
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{body} is in use")
    }

    /// Puts a tape into the server's first drive.
    fn load(&self, number: usize) {
        let api = &self.server.api;
        let slots = api.get("/api/v1/libraries/1/slots").ok();
        let of = |kind: &str| -> Vec<&Value> {
            slots.as_array().unwrap().iter().filter(|slot| slot["slot_type"] == kind).collect()
        };
        let bay = of("drive")[0];
        if bay["is_empty"] == json!(false) {
            let body = json!({"drive_number": bay["slot_number"]});
            api.post("/api/v1/libraries/1/unload?wait=true", body).ok();
        }
        let body = json!({"slot_number": of("storage")[number]["slot_number"], "drive_number": bay["slot_number"]});
        api.post("/api/v1/libraries/1/load?wait=true", body).ok();
    }

    fn import_tape(&self) -> Value {
        let started = self.server.api.post("/api/v1/import/v1-tape", json!({"drive_id": self.drive})).ok();
        self.server.api.complete(started)["result"].clone()
    }

    fn restore(&self, body: Value) -> Value {
        let started = self.server.api.post("/api/v1/restore/run", body).ok();
        self.server.api.wait(&started["execution_id"])
    }
}

/// Imports a database through the command line and returns the report.
fn import_database(server: &Server, file: &Path, more: &[&str]) -> Value {
    let args: Vec<&str> =
        ["import", "v1-database", file.to_str().unwrap(), "--json"].iter().chain(more).copied().collect();
    let execution: Value = serde_json::from_str(&server.cli_as_admin(&args)).unwrap();
    execution["result"].clone()
}

/// An old database with a set on each of these tapes, which may have bar codes; and what else is to be in it.
fn database(server: &Server, sets: &[(&OldTape<'_>, &Path, &[PathBuf])], barcodes: &[String], more: &str) -> PathBuf {
    let mut sql = String::from(SCHEMA);
    sql.push_str(&format!(
        "INSERT INTO users (username, password_hash, role) VALUES
             ('otto', '$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga', 'operator');
         INSERT INTO encryption_keys (id, name, key_data, key_fingerprint) VALUES (1, 'K1', '{KEY}', '{}');
         INSERT INTO tape_pools (id, name) VALUES (1, 'DAILY');
         INSERT INTO backup_sources (id, name, source_type, path) VALUES (1, 'home', 'local', '/home');
         INSERT INTO backup_jobs (id, name, source_id, pool_id, backup_type) VALUES (1, 'nightly', 1, 1, 'full');",
        hex::encode(openssl::sha::sha256(&[7; 32])),
    ));
    for (index, (tape, root, paths)) in sets.iter().enumerate() {
        let id = index + 1;
        let encrypted = u8::from(tape.pipeline.contains("openssl"));
        let barcode = barcodes.get(index).map_or("NULL".into(), |code| format!("'{code}'"));
        let uuid = if tape.uuid.is_empty() { "NULL".into() } else { format!("'{}'", tape.uuid) };
        sql.push_str(&format!(
            "INSERT INTO tapes (id, uuid, barcode, label, pool_id, status, write_count, labeled_at)
                 VALUES ({id}, {uuid}, {barcode}, '{}', 1, 'active', 1, '2026-01-01 00:00:00');
             INSERT INTO backup_sets (id, job_id, tape_id, backup_type, start_time, end_time, status, encrypted,
                 encryption_key_id) VALUES ({id}, 1, {id}, 'full', '2026-02-0{id} 02:00:00.5 +0000 UTC m=+7', NULL,
                 'completed', {encrypted}, {});",
            tape.label,
            if encrypted == 1 { "1" } else { "NULL" },
        ));
        for path in paths.iter() {
            let (size, mode, mtime, checksum) = facts(root, path);
            let mtime = chrono::DateTime::from_timestamp(mtime, 0).unwrap().format("%Y-%m-%d %H:%M:%S +0000 UTC");
            let path = path.to_str().unwrap().replace('\'', "''");
            sql.push_str(&format!(
                "INSERT INTO catalog_entries (backup_set_id, file_path, file_size, file_mode, mod_time, checksum)
                     VALUES ({id}, '{path}', {size}, {mode}, '{mtime}', '{checksum}');"
            ));
        }
    }
    sql.push_str(more);
    let file = server.dir.path().join("v1.db");
    let _ = std::fs::remove_file(&file);
    diesel::SqliteConnection::establish(file.to_str().unwrap()).unwrap().batch_execute(&sql).unwrap();
    file
}

const UUIDS: [&str; 4] = [
    "6fa459eaee8a3ca4894edb77e160355e",
    "1bee794c-035f-49ed-8e25-8f45987cf881",
    "2bee794c-035f-49ed-8e25-8f45987cf881",
    "3bee794c-035f-49ed-8e25-8f45987cf881",
];

#[test]
fn an_old_database_and_its_tapes_are_taken_over_and_everything_comes_back() {
    let mut old = Old::new();
    let pipelines = ["", "| gzip -1", "| zstd -q", &format!("| zstd -q {ENCRYPT}")];
    let labels = ["PLAIN", "GZIP", "ZSTD", "SECRET"];
    let tapes: Vec<OldTape<'_>> = (0..4)
        .map(|number| OldTape {
            label: labels[number],
            uuid: if number == 1 { "" } else { UUIDS[number] },
            pipeline: pipelines[number],
            seal: None,
            record: [1 << 20, 64 << 10, 256 << 10, 4 << 20][number],
            filemarks: 1 + number as u32 % 2,
            toc: Toc::Good,
        })
        .collect();
    let sources: Vec<_> = (0..4).map(|number| source(&old.server, labels[number], 100 * number as u64)).collect();
    for (tape, (root, paths)) in tapes.iter().zip(&sources) {
        old.tape(tape, root, paths);
    }
    old.hand_over();
    let sets: Vec<_> =
        tapes.iter().zip(&sources).map(|(tape, (root, paths))| (tape, root.as_path(), paths.as_slice())).collect();
    let file = database(&old.server, &sets, &[], "");
    let api = &old.server.api;

    let trial = import_database(&old.server, &file, &["--dry-run"]);
    assert_eq!((&trial["imported"]["tapes"], &trial["imported"]["backup_sets"]), (&json!(4), &json!(4)), "{trial}");
    assert_eq!(api.get("/api/v1/tapes").ok(), json!([]), "a trial run stores nothing");
    let report = import_database(&old.server, &file, &[]);
    let files: usize = sources.iter().map(|(_, paths)| paths.len()).sum();
    assert_eq!(
        (&report["imported"]["backup_sets"], &report["imported"]["files"], &report["imported"]["users"]),
        (&json!(4), &json!(files), &json!(1)),
        "{report}"
    );
    let again = import_database(&old.server, &file, &[]);
    assert_eq!((&again["imported"], &again["already_there"]["backup_sets"]), (&json!({}), &json!(4)), "{again}");
    let uploads = std::fs::read_dir(old.server.dir.path().join("data")).unwrap();
    let uploads =
        uploads.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("v1-import"));
    assert_eq!(uploads.count(), 0, "no upload outlives its import");

    let login = api.post("/api/v1/auth/login", json!({"username": "otto", "password": "allmine"})).ok();
    assert_eq!(login["user"]["role"], "operator", "the old password is valid");
    let rows = api.get("/api/v1/backup-sets").ok();
    assert_eq!(rows.as_array().unwrap().len(), 4, "{rows}");
    api.post("/api/v1/libraries/1/inventory", json!({})).ok();
    for (number, label) in labels.iter().enumerate() {
        let set = rows.as_array().unwrap().iter().find(|row| row["tape_label"] == *label).unwrap();
        let id = set["id"].clone();
        let listed = api.get(&format!("/api/v1/catalog/tree?set_id={id}&path=docs")).ok();
        let names: Vec<_> = listed["entries"].as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
        assert_eq!(names.len(), 41, "{listed}");
        assert_eq!((names[0], &listed["entries"][4]["mode"]), (&json!("deep"), &json!(0o600)), "{listed}");
        old.load(number);
        let to = old.server.folder(&format!("to-{label}"));
        let done = old.restore(json!({"backup_set_id": id, "dest_path": to, "verify": true}));
        assert_eq!(done["status"], "completed", "{label}: {done}");
        let (root, paths) = &sources[number];
        for path in paths {
            assert_eq!(facts(root, path), facts(&to, path), "{path:?}");
        }
        assert_eq!(std::fs::read_link(to.join("link")).unwrap(), Path::new("docs/file01.txt"));
        // a hard link whose other name is not wanted has its content all the same
        let one = old.server.folder(&format!("one-{label}"));
        let body = json!({"backup_set_id": id, "dest_path": one, "file_paths": ["zz-same", "docs/file07.txt"]});
        let done = old.restore(body);
        assert_eq!((&done["status"], &done["result"]["files_restored"]), (&json!("completed"), &json!(2)), "{done}");
        assert_eq!(std::fs::read(one.join("zz-same")).unwrap(), std::fs::read(root.join("zz-same")).unwrap());
        let verified = api.post(&format!("/api/v1/backup-sets/{id}/verify"), json!({})).ok();
        let verified = api.complete(verified);
        assert_eq!(verified["result"]["verified"], true, "{verified}");
        assert_eq!(verified["result"]["sets"][0]["files"], paths.len() - 1, "{verified}");
    }
    let found = api.get("/api/v1/catalog/find?q=file33").ok();
    assert!(found.to_string().contains("docs/file33.txt"), "{found}");

    // what is there is never written to
    let tapes = api.get("/api/v1/tapes").ok();
    for tape in tapes.as_array().unwrap() {
        assert_eq!(tape["status"], "full", "{tape}");
        assert!(tape["hold_reason"].as_str().unwrap().contains("version 1"), "{tape}");
    }
    let new_source = api.source("new", &sources[0].0);
    let job = api.job("new", new_source, 1, json!({}));
    let refused = api.post(&format!("/api/v1/jobs/{job}/run"), json!({"tape_id": tapes[0]["id"]}));
    let message = match refused.status {
        200..=299 => api.wait(&refused.body["execution_id"])["error_message"].to_string(),
        _ => refused.body["error"].to_string(),
    };
    assert!(message.contains("version 1"), "{message}");
}

#[test]
fn a_tape_without_its_database_is_listed_from_the_tape() {
    let mut old = Old::new();
    let (root, paths) = source(&old.server, "source", 7);
    let tape = |label, toc, pipeline| OldTape { label, toc, pipeline, ..OldTape::default() };
    old.tape(&tape("WITH", Toc::Good, "| gzip"), &root, &paths);
    old.tape(&tape("WITHOUT", Toc::None, ""), &root, &paths);
    old.tape(&tape("BROKEN", Toc::Damaged, ENCRYPT), &root, &paths);
    old.tape(&tape("LOST", Toc::None, "| { head -c 700000; cat >/dev/null; }"), &root, &paths);
    old.hand_over();
    let api = &old.server.api;

    old.load(0);
    let inspected = api.get(&format!("/api/v1/drives/{}/inspect-tape", old.drive)).ok();
    assert_eq!(
        (&inspected["label"], &inspected["sets"][0]["job"], &inspected["sets"][0]["version"]),
        (&json!("WITH"), &json!("nightly"), &json!(1)),
        "{inspected}"
    );
    assert_eq!(inspected["contents"].as_array().unwrap().len(), paths.len(), "{inspected}");
    let report = old.import_tape();
    assert_eq!(
        (&report["imported"]["files"], &report["needs_attention"]),
        (&json!(paths.len()), &json!([])),
        "{report}"
    );
    let again = old.import_tape();
    assert_eq!((&again["imported"], &again["already_there"]["backup_sets"]), (&json!({}), &json!(1)), "{again}");

    old.load(1);
    let report = old.import_tape();
    assert_eq!(report["imported"]["files"], paths.len(), "{report}");
    assert!(report["needs_attention"].to_string().contains("no table of contents"), "{report}");

    old.load(2);
    let locked = old.import_tape();
    assert!(locked["needs_attention"].to_string().contains("none of the 0 keys"), "{locked}");
    api.post("/api/v1/encryption-keys/import", json!({"name": "old", "key_base64": KEY})).ok();
    let report = old.import_tape();
    assert!(report["needs_attention"].to_string().contains("cannot be used"), "{report}");
    assert_eq!(report["imported"]["backup_sets"], 1, "{report}");

    old.load(3);
    let report = old.import_tape();
    let lost = report["needs_attention"].to_string();
    assert!(lost.contains("damaged") && lost.contains("is lost"), "{report}");

    let rows = api.get("/api/v1/backup-sets").ok();
    for (number, label) in ["WITH", "WITHOUT", "BROKEN", "LOST"].into_iter().enumerate() {
        let set = rows.as_array().unwrap().iter().find(|row| row["tape_label"] == label).unwrap();
        old.load(number);
        let to = old.server.folder(&format!("to-{label}"));
        let done = old.restore(json!({"backup_set_id": set["id"], "dest_path": to}));
        assert_eq!(done["status"], "completed", "{label}: {done}");
        if label != "LOST" {
            for path in &paths {
                assert_eq!(facts(&root, path), facts(&to, path), "{path:?}");
            }
        }
    }

    // without any catalog, the encrypted one too
    old.load(2);
    let raw = old.server.folder("raw");
    let started = api.post("/api/v1/restore/raw-read", json!({"drive_id": old.drive, "dest_path": raw})).ok();
    let done = api.complete(started);
    assert_eq!(done["result"]["error_count"], 0, "{done}");
    assert_eq!(std::fs::read(raw.join("docs/deep/large.bin")).unwrap(), files::noise(7, 5 << 20));
}

#[test]
fn a_tape_that_does_not_hold_what_the_old_catalog_says_costs_only_what_is_missing() {
    let mut old = Old::new();
    let (root, paths) = source(&old.server, "source", 3);
    let tape = OldTape {
        label: "CUT",
        uuid: UUIDS[0],
        pipeline: "| { head -c 3000000; cat >/dev/null; }",
        ..OldTape::default()
    };
    old.tape(&tape, &root, &paths);
    let file = database(&old.server, &[(&tape, &root, &paths)], &[], "");
    old.hand_over();
    import_database(&old.server, &file, &[]);
    old.load(0);
    let set = old.server.api.get("/api/v1/backup-sets").ok()[0]["id"].clone();
    let to = old.server.folder("to");
    let done = old.restore(json!({"backup_set_id": set, "dest_path": to}));
    assert_eq!((&done["status"], &done["error_code"]), (&json!("failed"), &json!("restore_incomplete")), "{done}");
    let errors = done["result"]["errors"].to_string();
    assert!(errors.contains("docs/file39.txt") && errors.contains("CUT"), "{errors}");
    assert!(done["result"]["files_restored"].as_u64().unwrap() > 0, "{done}");
    let verified = old.server.api.post(&format!("/api/v1/backup-sets/{set}/verify"), json!({})).ok();
    let verified = old.server.api.wait(&verified["execution_id"]);
    assert_eq!(verified["error_code"], "verify_failed", "{verified}");
}

#[test]
fn a_backup_over_two_tapes_and_what_changed_since_come_back_as_one_state() {
    let mut old = Old::new();
    let (root, paths) = source(&old.server, "source", 11);
    let (first, second) = paths.split_at(20);
    let tape = |label, uuid| OldTape { label, uuid, ..OldTape::default() };
    let tapes = [tape("SPAN1", UUIDS[0]), tape("SPAN2", UUIDS[2]), tape("INCR", UUIDS[3])];
    let mut barcodes = vec![old.tape(&tapes[0], &root, first), old.tape(&tapes[1], &root, second)];
    // what the first backup saw is not there any more when the second one runs
    let before = old.server.folder("before");
    shell(old.server.dir.path(), "cp -a source/. before/");
    std::fs::write(root.join("docs/file05.txt"), "changed").unwrap();
    std::fs::write(root.join("docs/new.txt"), "new").unwrap();
    let changed = [PathBuf::from("docs/file05.txt"), PathBuf::from("docs/new.txt")];
    barcodes.push(old.tape(&tapes[2], &root, &changed));
    let sets: [(&OldTape<'_>, &Path, &[PathBuf]); 3] =
        [(&tapes[0], &before, first), (&tapes[1], &before, second), (&tapes[2], &root, &changed)];
    let more = "UPDATE backup_sets SET backup_type = 'incremental' WHERE id = 3;
        INSERT INTO tape_spanning_sets (id, job_id, total_tapes, status) VALUES (1, 1, 2, 'completed');
        INSERT INTO tape_spanning_members (spanning_set_id, tape_id, backup_set_id, sequence_number)
            VALUES (1, 1, 1, 1), (1, 2, 2, 2);";
    let file = database(&old.server, &sets, &barcodes, more);
    old.hand_over();
    let api = &old.server.api;
    let report = import_database(&old.server, &file, &[]);
    assert_eq!(report["imported"]["backup_sets"], 2, "{report}");
    let rows = api.get("/api/v1/backup-sets").ok();
    let of = |kind: &str| rows.as_array().unwrap().iter().find(|row| row["backup_type"] == kind).unwrap().clone();
    let (full, newest) = (of("full"), of("incremental"));
    assert_eq!((&full["tape_label"], &newest["parent_set_id"]), (&json!("SPAN1"), &full["id"]));
    api.post("/api/v1/libraries/1/inventory", json!({})).ok();

    // the robot brings the tapes
    let to = old.server.folder("to");
    let plan = api.post("/api/v1/restore/plan", json!({"backup_set_id": newest["id"]})).ok();
    assert_eq!(plan["required_tapes"].as_array().unwrap().len(), 3, "{plan}");
    let done = old.restore(json!({"backup_set_id": newest["id"], "dest_path": to, "verify": true}));
    assert_eq!(done["status"], "completed", "{done}");
    for path in paths.iter().chain(&changed) {
        assert_eq!(facts(&root, path), facts(&to, path), "{path:?}");
    }
    let then = old.server.folder("then");
    let done = old.restore(json!({"backup_set_id": full["id"], "dest_path": then}));
    assert_eq!(done["status"], "completed", "{done}");
    for path in &paths {
        assert_eq!(facts(&before, path), facts(&then, path), "{path:?}");
    }
    assert!(!then.join("docs/new.txt").exists());
    let verified = api.post(&format!("/api/v1/backup-sets/{}/verify", full["id"]), json!({})).ok();
    api.complete(verified);

    // the next run of the job builds on nothing of version 1
    let job = newest["job_id"].as_i64().unwrap();
    let new_source = api.get("/api/v1/sources").ok()[0]["id"].clone();
    api.send("PUT", &format!("/api/v1/sources/{new_source}"), Some(&json!({"path": root}))).ok();
    api.post(
        "/api/v1/tapes/batch-label?wait=true",
        json!({"library_id": 1, "barcodes": true, "pool_id": 1, "count": 1}),
    )
    .ok();
    let run = api.run_job(job, json!({"backup_type": "incremental"}));
    let set = api.get(&format!("/api/v1/backup-sets/{}", run["result"]["backup_set_id"])).ok();
    assert_eq!((&set["backup_type"], &set["parent_set_id"]), (&json!("full"), &Value::Null), "{set}");
    assert!(!set["tape_label"].to_string().contains("SPAN"), "{set}");
}

/// The other encryption of version 1: chunks of AES-256-GCM.
fn in_chunks(data: Vec<u8>) -> Vec<u8> {
    let mut out = b"TAPEBACKARR_ENC_V1".to_vec();
    for (number, chunk) in data.chunks(1 << 20).enumerate() {
        let (nonce, mut tag) = ([number as u8; 12], [0; 16]);
        let cipher = openssl::symm::Cipher::aes_256_gcm();
        let sealed = openssl::symm::encrypt_aead(cipher, &[7; 32], Some(&nonce), &[], chunk, &mut tag).unwrap();
        out.extend((sealed.len() as u32 + 16).to_be_bytes());
        out.extend([&nonce[..], &sealed, &tag].concat());
    }
    out
}

#[test]
fn chunks_of_gcm_are_read_and_what_is_no_old_database_is_refused() {
    let mut old = Old::new();
    let (root, paths) = source(&old.server, "source", 21);
    let tape = OldTape { label: "CHUNKS", uuid: UUIDS[0], seal: Some(in_chunks), toc: Toc::None, ..OldTape::default() };
    old.tape(&tape, &root, &paths);
    old.hand_over();
    let api = &old.server.api;
    api.post("/api/v1/encryption-keys/import", json!({"name": "old", "key_base64": KEY})).ok();
    old.load(0);
    assert_eq!(old.import_tape()["imported"]["files"], paths.len());
    let set = api.get("/api/v1/backup-sets").ok()[0].clone();
    assert_eq!((&set["encrypted"], &set["encryption_key_id"]), (&json!(true), &json!(1)), "{set}");
    let to = old.server.folder("to");
    let done = old.restore(json!({"backup_set_id": set["id"], "dest_path": to}));
    assert_eq!(done["status"], "completed", "{done}");
    for path in &paths {
        assert_eq!(facts(&root, path), facts(&to, path), "{path:?}");
    }

    // when nothing on it is needed any more, it becomes a tape of this program
    let tape = set["tape_id"].clone();
    let label = json!({"label": "CHUNKS", "drive_id": old.drive, "force": true});
    let refused = api.post(&format!("/api/v1/tapes/{tape}/label?wait=true"), label.clone());
    assert!(refused.status >= 400, "there is still a set on it");
    let path = format!("/api/v1/backup-sets/{}", set["id"]);
    api.send("DELETE", &path, None).fails(409, "set_protected");
    api.send("PUT", &path, Some(&json!({"protected": false}))).ok();
    api.send("DELETE", &path, None).ok();
    api.post(&format!("/api/v1/tapes/{tape}/label?wait=true"), label).ok();
    let row = api.get(&format!("/api/v1/tapes/{tape}")).ok();
    assert_eq!((&row["status"], &row["hold_reason"]), (&json!("blank"), &Value::Null), "{row}");

    // a new tape of ours, a blank one, and files that are no database
    let tapes = json!({"library_id": 1, "barcodes": true, "pool_id": 1, "count": 1});
    api.post("/api/v1/tapes/batch-label?wait=true", tapes).ok();
    old.load(2);
    let blank = api.post("/api/v1/import/v1-tape?wait=true", json!({"drive_id": old.drive}));
    blank.fails(409, "unlabelled_tape");
    old.load(1);
    let empty = api.post("/api/v1/import/v1-tape?wait=true", json!({"drive_id": old.drive}));
    empty.fails(422, "no_data");
    let client = reqwest::blocking::Client::new();
    let ours = std::fs::read(old.server.dir.path().join("data/tapebackarr.db")).unwrap();
    for (body, status, code) in [
        (Vec::new(), 400, "bad_request"),
        (b"nonsense".to_vec(), 422, "not_v1_database"),
        (ours, 422, "not_v1_database"),
    ] {
        let url = format!("{}/api/v1/import/v1-database?wait=true", api.base);
        let answer = client.post(url).bearer_auth(&api.token).body(body).send().unwrap();
        let found = answer.status().as_u16();
        let body: Value = answer.json().unwrap();
        assert_eq!((found, body["code"].as_str()), (status, Some(code)), "{body}");
    }
    assert_eq!(api.get("/api/v1/backup-sets").ok(), json!([]));
}

#[test]
fn an_import_that_is_killed_leaves_nothing_and_can_be_repeated() {
    let mut server = Server::bare();
    let tape = OldTape { label: "LARGE", uuid: UUIDS[0], ..OldTape::default() };
    let many = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 299999)
        INSERT INTO catalog_entries (backup_set_id, file_path, file_size, file_mode, mod_time, checksum)
        SELECT 1, printf('d%03d/file%06d', i / 1000, i), i, 420, '2026-02-05 03:00:00 +0000 UTC', NULL FROM n;";
    let file = database(&server, &[(&tape, Path::new("/"), &[])], &[], many);
    let body = std::fs::read(&file).unwrap();
    let client = reqwest::blocking::Client::new();
    let url = format!("{}/api/v1/import/v1-database", server.api.base);
    let started: Value = client.post(url).bearer_auth(&server.api.token).body(body).send().unwrap().json().unwrap();
    let execution = format!("/api/v1/executions/{}", started["execution_id"]);
    while server.api.get(&execution).ok()["files_processed"].as_u64() < Some(20_000) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    server.kill_and_restart();
    server.log_in();
    assert_eq!(server.api.get(&execution).ok()["status"], "failed");
    let data = std::fs::read_dir(server.dir.path().join("data")).unwrap();
    let left = data.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("v1-import"));
    assert_eq!(left.count(), 0, "the keys in an upload do not stay");
    let report = import_database(&server, &file, &[]);
    assert_eq!(
        (&report["imported"]["backup_sets"], &report["imported"]["files"]),
        (&json!(1), &json!(300_000)),
        "{report}"
    );
    let rows = server.api.get("/api/v1/backup-sets").ok();
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["file_count"]), (1, &json!(300_000)), "{rows}");
    let set = rows[0]["id"].clone();
    let listed = server.api.get(&format!("/api/v1/catalog/tree?set_id={set}&path=d150")).ok();
    assert_eq!(
        (&listed["total"], &listed["entries"][0]["name"]),
        (&json!(1000), &json!("file150000")),
        "{}",
        listed["total"]
    );
}

#[test]
fn a_block_that_cannot_be_read_costs_the_files_in_it_and_no_others() {
    let mut old = Old::new();
    let (root, paths) = source(&old.server, "source", 31);
    let tape = OldTape { label: "WORN", uuid: UUIDS[0], record: 64 << 10, ..OldTape::default() };
    old.tape(&tape, &root, &paths);
    let file = database(&old.server, &[(&tape, &root, &paths)], &[], "");
    // the label and its filemark are blocks 0 and 1; the large file comes first, then the small ones
    let plan = tape_drive::fault::FaultPlan::unreadable_block(2 + 85);
    let faults = old.server.library_dir().join("drive0.faults");
    std::fs::write(faults, serde_json::to_string(&plan).unwrap()).unwrap();
    old.hand_over();
    import_database(&old.server, &file, &[]);
    old.load(0);
    let set = old.server.api.get("/api/v1/backup-sets").ok()[0]["id"].clone();
    let to = old.server.folder("to");
    let done = old.restore(json!({"backup_set_id": set, "dest_path": to}));
    assert_eq!((&done["status"], &done["error_code"]), (&json!("failed"), &json!("restore_incomplete")), "{done}");
    let errors = done["result"]["errors"].to_string();
    let lost: Vec<_> = paths.iter().filter(|path| std::fs::symlink_metadata(to.join(path)).is_err()).collect();
    assert!((1..8).contains(&lost.len()), "{lost:?} {errors}");
    for path in &paths {
        match lost.contains(&path) {
            true => assert!(errors.contains(path.to_str().unwrap()), "{path:?} is not named: {errors}"),
            false => assert_eq!(facts(&root, path), facts(&to, path), "{path:?}"),
        }
    }
    assert!(paths.last().is_some_and(|last| !lost.contains(&last)), "what is behind it came back");
}
