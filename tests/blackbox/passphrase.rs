//! Keys on the tapes that they encrypt: the tape and a passphrase are enough.

use crate::files;
use crate::recover_asks::Terminal;
use crate::recovering::{images, recover};
use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tapebackarr");
const FIRST: &str = "correct horse battery staple";
const SECOND: &str = "five words on a yellow slip";
const POOL: &str = "/api/v1/pools/1/passphrase";

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn passphrase_file(server: &Server, name: &str, passphrase: &str) -> String {
    let path = server.dir.path().join(name);
    fs::write(&path, format!("{passphrase}\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Whether any file below a folder holds this.
fn contains(folder: &Path, needle: &str) -> bool {
    Command::new("grep").args(["-rqaF", needle]).arg(folder).status().unwrap().success()
}

fn give_passphrase(server: &Server, passphrase: &str) {
    server.api.send("PUT", POOL, Some(&json!({"passphrase": passphrase}))).ok();
}

fn new_key(server: &Server) -> Value {
    server.api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok()["key"].clone()
}

/// Two tapes and their passphrase; the server and everything in its data folder are gone.
struct Lost {
    server: Server,
    source: PathBuf,
    images: Vec<PathBuf>,
    passphrase: String,
}

fn lost() -> Lost {
    let server = Server::with_settings(&[("SERVER__REQUESTS_PER_SECOND", "0"), ("LOGGING__LEVEL", "trace")]);
    let library = Library { drives: 1, slots: 2, capacity_mb: 64 };
    server.create_library(&library);
    server.add_library();
    let labelled =
        server.api.post("/api/v1/tapes/batch-label", json!({"library_id": 1, "barcodes": true, "pool_id": 1}));
    server.api.complete(labelled.ok());
    let mut server = server;
    let source = server.folder("source");
    for number in 0..4 {
        fs::write(source.join(format!("file{number}")), files::noise(number, 24 << 20)).unwrap();
    }
    files::whole_seconds(&source);
    let weak = server.api.send("PUT", POOL, Some(&json!({"passphrase": "secret"})));
    assert!(!weak.fails(400, "weak_passphrase").contains("secret"));
    server.api.send("PUT", "/api/v1/pools/77/passphrase", Some(&json!({"passphrase": FIRST}))).fails(404, "not_found");
    assert!(server.api.get("/api/v1/pools/1").ok()["key_lock_at"].is_null(), "off unless it is given");
    give_passphrase(&server, FIRST);
    assert!(server.api.get("/api/v1/pools/1").ok()["key_lock_at"].is_string());
    let options = json!({"compression": "none", "encryption_key_id": new_key(&server)["id"]});
    let job = server.api.job("wide", server.api.source("s", &source), 1, options);
    let run = server.api.run_job(job, json!({}));
    assert_eq!(run["result"]["parts"], 2, "{run}");
    assert!(
        server.api.get("/api/v1/logs/audit?limit=50").ok().to_string().contains("passphrase"),
        "it is written down"
    );
    server.stop();
    let log = server.said().join("\n");
    assert!(!log.is_empty() && !log.contains(FIRST), "{log}");
    assert!(!contains(server.dir.path(), FIRST), "the passphrase is in the data folder, or on a tape");
    let images = images(&server);
    assert_eq!(images.len(), 2);
    fs::remove_dir_all(server.dir.path().join("data")).unwrap();
    let passphrase = passphrase_file(&server, "passphrase", FIRST);
    Lost { server, source, images, passphrase }
}

#[test]
fn two_tapes_and_their_passphrase_bring_everything_back() {
    let Lost { server, source, images, passphrase } = lost();
    let listed = recover(&images, &["--list"]);
    assert!(
        listed.status.success() && told(&listed).contains("the passphrase of the key on this tape"),
        "{}",
        told(&listed)
    );

    let to = server.dir.path().join("none");
    let closed = recover(&images, &["--to", to.to_str().unwrap()]);
    assert_eq!(closed.status.code(), Some(1), "{}", told(&closed));
    assert!(told(&closed).contains("--passphrase-file"), "{}", told(&closed));
    let other = passphrase_file(&server, "other", SECOND);
    let wrong = recover(&images, &["--to", to.to_str().unwrap(), "--passphrase-file", &other]);
    assert_eq!(wrong.status.code(), Some(1), "{}", told(&wrong));
    assert!(told(&wrong).contains("this is not the passphrase"), "{}", told(&wrong));
    assert_eq!(fs::read_dir(&to).map_or(0, Iterator::count), 0, "nothing comes back");

    let to = server.dir.path().join("both");
    let done = recover(
        &images,
        &["--to", to.to_str().unwrap(), "--passphrase-file", &other, "--passphrase-file", &passphrase],
    );
    assert!(done.status.success(), "{}", told(&done));
    files::assert_equal(&source, &to);

    // each tape alone is enough for what is on it; the passphrase comes from a program
    let mut whole = 0;
    for (number, image) in images.iter().enumerate() {
        let to = server.dir.path().join(format!("alone{number}"));
        let mut child = Command::new(PROGRAM)
            .args(["recover", "--non-interactive", image.to_str().unwrap(), "--passphrase-file", "-", "--to"])
            .arg(&to)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), format!("{FIRST}\n").as_bytes()).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "what is on the other tape is missing");
        for file in fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().path()) {
            let same = fs::read(&file).unwrap() == fs::read(source.join(file.file_name().unwrap())).unwrap();
            assert!(same, "{}", file.display());
            whole += 1;
        }
    }
    assert_eq!(whole, 3, "of four files one is cut");

    // a person who types it, wrong at first
    let to = server.dir.path().join("typed");
    let images: Vec<&str> = images.iter().map(|path| path.to_str().unwrap()).collect();
    let mut terminal = Terminal::run(&[&[PROGRAM, "recover"], &images[..], &["--to", to.to_str().unwrap()]].concat());
    terminal.hears("(empty: go on without): ");
    terminal.types(SECOND);
    terminal.hears("this is not the passphrase");
    terminal.hears("(empty: go on without): ");
    terminal.types(FIRST);
    let (code, said) = terminal.ends();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(FIRST), "what is typed is not shown: {said}");
    files::assert_equal(&source, &to);
}

#[test]
fn rotated_keys_changed_passphrases_and_older_sets_stand_side_by_side() {
    let mut server = Server::ready();
    let source = server.folder("source");
    files::fill(&source);
    let options =
        json!({"compression": "zstd", "backup_type": "incremental", "encryption_key_id": new_key(&server)["id"]});
    let job = server.api.job("homes", server.api.source("s", &source), 1, options);
    // as tapes were before: no key on it
    server.api.run_job(job, json!({}));
    let before = images(&server);
    let first = passphrase_file(&server, "first", FIRST);
    let listed = recover(&before, &["--list", "--passphrase-file", &first]);
    assert!(
        told(&listed).contains("give its key file") && !told(&listed).contains("on this tape"),
        "{}",
        told(&listed)
    );

    give_passphrase(&server, FIRST);
    fs::write(source.join("second"), b"the same key, on the tape now").unwrap();
    server.api.run_job(job, json!({}));
    // a new key is closed with the same passphrase, which nobody gives again
    server.cli_as_admin(&["key", "rotate", "k1"]);
    fs::write(source.join("third"), b"with the second key").unwrap();
    server.api.run_job(job, json!({}));
    let copied = server.api.post("/api/v1/database-backup/backup", json!({"pool_id": 1})).ok();
    assert_eq!(server.api.wait(&copied["execution_id"])["status"], "completed");
    let tape = images(&server);
    assert_eq!(tape.len(), 1);
    let to = server.dir.path().join("old");
    let done = recover(&tape, &["--to", to.to_str().unwrap(), "--passphrase-file", &first]);
    assert!(done.status.success(), "{}", told(&done));
    files::assert_equal(&source, &to.join("homes"));
    fs::remove_dir_all(&to).unwrap();

    // the copy of the database comes back with nothing but the passphrase
    let drive = format!("virtual:{}#drive0", server.library_dir().display());
    let data = server.dir.path().join("data2");

    // what is written later has the new passphrase, what was written before keeps its own
    server.cli_as_admin(&["key", "rotate", "k1-2"]);
    give_passphrase(&server, SECOND);
    fs::write(source.join("fourth"), b"with the second passphrase").unwrap();
    server.api.run_job(job, json!({}));
    server.api.send("DELETE", POOL, None).ok();
    assert!(server.api.get("/api/v1/pools/1").ok()["key_lock_at"].is_null());
    server.stop();
    let second = passphrase_file(&server, "second", SECOND);
    let tape = images(&server);
    let to = server.dir.path().join("all");
    let args = ["--to", to.to_str().unwrap(), "--passphrase-file", &first];
    let half = recover(&tape, &args);
    assert_eq!(half.status.code(), Some(1), "{}", told(&half));
    assert!(told(&half).contains("this is not the passphrase"), "{}", told(&half));
    let done = recover(&tape, &[&args[..], &["--policy", "overwrite", "--passphrase-file", &second]].concat());
    assert!(done.status.success(), "{}", told(&done));
    files::assert_equal(&source, &to.join("homes"));

    let mut command = Command::new(PROGRAM);
    command.args(["database", "recover", "--device", &drive, "--data-dir"]).arg(&data);
    let closed = command.stdin(Stdio::null()).output().unwrap();
    assert!(told(&closed).contains("--passphrase-file"), "{}", told(&closed));
    let done = command.args(["--passphrase-file", &first]).output().unwrap();
    assert!(done.status.success(), "{}", told(&done));
    let conn = &mut tapebackarr::db::open_one(data.join("tapebackarr.db")).unwrap();
    let pools = tapebackarr::db::pools::list(conn).unwrap();
    assert!(pools.iter().all(|pool| pool.pool.key_lock_at.is_none()), "this server cannot use what is behind them");
}

#[test]
fn a_rebuild_finds_locked_keys_and_imports_them_with_the_passphrase() {
    let mut server = Server::ready();
    let source = server.folder("source");
    fs::write(source.join("a"), b"encrypted").unwrap();
    give_passphrase(&server, FIRST);
    let key = new_key(&server);
    let options = json!({"encryption_key_id": key["id"]});
    let job = server.api.job("homes", server.api.source("s", &source), 1, options);
    let run = server.api.run_job(job, json!({}));
    let set = server.api.get(&format!("/api/v1/backup-sets/{}", run["result"]["backup_set_id"])).ok();

    server.lose_everything_but_tapes();
    let rebuild = |server: &Server, body: Value| {
        let started = server.api.post("/api/v1/catalog/rebuild", body).ok();
        server.api.wait(&started["execution_id"])
    };
    rebuild(&server, json!({"library_id": 1, "dry_run": true}));
    assert_eq!(server.api.get("/api/v1/encryption-keys/locked").ok(), json!([]), "a dry run keeps nothing");
    let none = server.api.post("/api/v1/encryption-keys/unlock", json!({"passphrase": FIRST}));
    none.fails(404, "not_found");
    let locked = rebuild(&server, json!({"library_id": 1}));
    assert!(locked.to_string().contains("tapebackarr key unlock"), "{locked}");
    let found = server.api.get("/api/v1/encryption-keys/locked").ok();
    assert_eq!(found[0]["key_fingerprint"], key["key_fingerprint"], "{found}");
    assert!(found[0].get("locked").is_none(), "{found}");
    assert!(server.cli_as_admin(&["key", "locked"]).contains(found[0]["tape_label"].as_str().unwrap()));

    let unlock =
        |passphrase: &str| server.api.post("/api/v1/encryption-keys/unlock", json!({"passphrase": passphrase}));
    unlock(SECOND).fails(422, "wrong_passphrase");
    let done = unlock(FIRST).ok();
    assert_eq!((&done["still_locked"], done["keys"].as_array().map(Vec::len)), (&json!(0), Some(1)), "{done}");
    assert_eq!(server.api.get("/api/v1/encryption-keys/locked").ok(), json!([]));
    rebuild(&server, json!({"library_id": 1}));
    let sets = server.api.get("/api/v1/backup-sets?limit=10").ok();
    let set = sets.as_array().unwrap().iter().find(|row| row["uuid"] == set["uuid"]).cloned();
    let set = set.unwrap_or_else(|| panic!("{sets}"));
    let to = server.folder("restored");
    let restored = server.api.restore(json!({"backup_set_id": set["id"], "dest_path": to}));
    assert_eq!(restored["status"], "completed", "{restored}");
    files::assert_equal(&source, &to);
    server.stop();
    let log = server.said().join("\n");
    assert!(!log.contains(FIRST) && !log.contains(SECOND), "{log}");
    assert!(!contains(server.dir.path(), FIRST) && !contains(server.dir.path(), SECOND), "a passphrase is in a file");
}
