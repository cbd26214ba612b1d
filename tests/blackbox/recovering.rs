//! `tapebackarr recover`: tapes that a server wrote, read without it.

use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tape_drive::virt::image::{Image, ImageAccess};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tapebackarr");

/// Copies of the images of a server's tapes that hold more than a label, without their indexes.
pub fn images(server: &Server) -> Vec<PathBuf> {
    let to = server.folder("images");
    let mut images = Vec::new();
    for entry in fs::read_dir(server.library_dir().join("cartridges")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "tap") && fs::metadata(&path).unwrap().len() > 600 {
            let copy = to.join(path.file_name().unwrap());
            fs::copy(&path, &copy).unwrap();
            images.push(copy);
        }
    }
    images.sort();
    images
}

pub fn recover(images: &[PathBuf], more: &[&str]) -> Output {
    let images = images.iter().map(|path| path.to_str().unwrap());
    let args: Vec<&str> = images.chain(more.iter().copied()).collect();
    Command::new(PROGRAM).arg("recover").arg("--non-interactive").args(args).output().unwrap()
}

#[track_caller]
fn good(images: &[PathBuf], more: &[&str]) -> String {
    let output = recover(images, more);
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{more:?}: {out}{error}");
    out.into_owned()
}

#[track_caller]
fn document(images: &[PathBuf], more: &[&str]) -> Value {
    let text = good(images, &[more, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Cuts a tape file's filemark and all behind it off an image; 0 is the label.
fn cut_behind(image: &Path, file: u64) {
    let mut image = Image::open(image, ImageAccess::ReadWrite).unwrap();
    let mark = image.index().filemark(file).unwrap();
    image.truncate(mark).unwrap();
}

fn chain(server: &Server, source: &Path, options: Value) -> Vec<Value> {
    fs::create_dir_all(source.join("gone/below")).unwrap();
    files::fill(source);
    fs::write(source.join("gone/below/b"), b"bye").unwrap();
    fs::write(source.join("changes"), b"first").unwrap();
    let mut body = json!({"backup_type": "incremental"});
    body.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let job = server.api.job("homes", server.api.source("s", source), 1, body);
    let full = server.api.run_job(job, json!({}));
    fs::remove_dir_all(source.join("gone")).unwrap();
    fs::write(source.join("changes"), b"second").unwrap();
    let second = server.api.run_job(job, json!({}));
    fs::write(source.join("new"), b"new").unwrap();
    let third = server.api.run_job(job, json!({}));
    let uuid = |run: &Value| {
        let set = server.api.get(&format!("/api/v1/backup-sets/{}", run["result"]["backup_set_id"])).ok();
        set["uuid"].clone()
    };
    [full, second, third].iter().map(uuid).collect()
}

#[test]
fn a_chain_of_sets_comes_back_as_of_any_of_them() {
    let mut server = Server::ready();
    let source = server.folder("source");
    let sets = chain(&server, &source, json!({"compression": "zstd"}));
    server.stop();
    let images = images(&server);
    let to = server.dir.path().join("newest");
    let text = good(&images, &["--to", to.to_str().unwrap()]);
    assert!(text.contains(" files ("), "{text}");
    files::assert_equal(&source, &to);
    assert!(!to.join("gone").exists());

    let to = server.dir.path().join("first");
    good(&images, &["--set", sets[0].as_str().unwrap(), "--to", to.to_str().unwrap()]);
    assert_eq!(fs::read(to.join("gone/below/b")).unwrap(), b"bye");
    assert_eq!(fs::read(to.join("changes")).unwrap(), b"first");
    let to = server.dir.path().join("alone");
    let second = &sets[1].as_str().unwrap()[..8];
    good(&images, &["--set", second, "--only-this-set", "--to", to.to_str().unwrap()]);
    assert_eq!(fs::read(to.join("changes")).unwrap(), b"second");
    assert!(!to.join("docs/zero").exists());

    let to = server.dir.path().join("some");
    let path = ["--path", "docs/deep", "--path", "file00*.txt", "--path", "hard", "--to", to.to_str().unwrap()];
    good(&images, &path);
    assert!(to.join("docs/deep/deeper/big.bin").exists() && to.join("docs/file001.txt").exists());
    assert!(!to.join("docs/file010.txt").exists() && !to.join("new").exists());
    assert_eq!(fs::read(to.join("hard")).unwrap(), fs::read(source.join("docs/file199.txt")).unwrap());
    let output = recover(&images, &["--path", "nowhere/at-all", "--to", to.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(5));

    let listed = document(&images, &["--list", "--files"]);
    let rows = listed["sets"].as_array().unwrap();
    assert_eq!(rows.iter().map(|set| set["uuid"].clone()).collect::<Vec<_>>(), sets);
    assert_eq!(rows[1]["parent"], sets[0]);
    assert_eq!((&rows[0]["state"], &rows[0]["job"]), (&json!("whole"), &json!("homes")));
    assert!(rows[1]["deleted"].as_array().unwrap().contains(&json!("gone/below/b")), "{}", rows[1]["deleted"]);
    assert!(rows[0]["files"].as_array().unwrap().iter().any(|file| file["path"] == "docs/zero"));
    let human = good(&images, &[]);
    assert!(human.contains("homes") && human.contains("incremental") && human.contains("whole"), "{human}");
    let found = good(&images, &["--find", "big.bin"]);
    assert!(found.contains("docs/deep/deeper/big.bin") && !found.contains("docs/zero"), "{found}");
    assert_eq!(recover(&images, &["--find", "*.nothing"]).status.code(), Some(5));
}

#[test]
fn an_encrypted_set_needs_its_key_and_says_which() {
    let mut server = Server::ready();
    let source = server.folder("source");
    let key = server.api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let secret = key["key_base64"].as_str().unwrap().to_owned();
    let options = json!({"compression": "gzip", "encryption_key_id": key["key"]["id"]});
    chain(&server, &source, options);
    server.stop();
    let images = images(&server);
    let to = server.dir.path().join("to");
    let output = recover(&images, &["--to", to.to_str().unwrap()]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains(key["key"]["key_fingerprint"].as_str().unwrap()), "{told}");
    assert_eq!(fs::read_dir(&to).map_or(0, Iterator::count), 0, "nothing is made of what cannot be read");
    let file = server.dir.path().join("key");
    fs::write(&file, format!("{secret}\n")).unwrap();
    let with_key = ["--key-file", file.to_str().unwrap()];
    good(&images, &[&with_key[..], &["--to", to.to_str().unwrap()]].concat());
    files::assert_equal(&source, &to);

    // The last table is lost: the data file names its set and part itself.
    for image in &images {
        cut_behind(image, 5);
    }
    let to = server.dir.path().join("again");
    let output = recover(&images, &[&with_key[..], &["--to", to.to_str().unwrap()]].concat());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(fs::read(to.join("new")).ok().or_else(|| find(&to, "new")), Some(b"new".to_vec()), "{told}");
}

/// The content of the first file of that name below a folder.
fn find(folder: &Path, name: &str) -> Option<Vec<u8>> {
    let found = Command::new("find").arg(folder).args(["-name", name, "-type", "f"]).output().unwrap();
    let path = String::from_utf8(found.stdout).unwrap().lines().next()?.to_owned();
    fs::read(path).ok()
}

#[test]
fn a_set_over_several_tapes_finds_its_parts_and_names_those_that_are_missing() {
    let mut server = Server::with_library(Library { drives: 1, slots: 4, capacity_mb: 64 });
    let source = server.folder("source");
    files::fill(&source);
    fs::write(source.join("huge"), files::noise(9, 150 << 20)).unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    let run = server.api.run_job(job, json!({}));
    server.stop();
    let mut images = images(&server);
    assert_eq!(images.len() as u64, run["result"]["parts"].as_u64().unwrap());
    images.reverse();
    let to = server.dir.path().join("to");
    good(&images, &["--to", to.to_str().unwrap()]);
    files::assert_equal(&source, &to);

    let to = server.dir.path().join("without");
    let without: Vec<PathBuf> = images.iter().skip(1).cloned().collect();
    let output = recover(&without, &["--json", "--to", to.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lost = report["lost"].to_string();
    assert!(lost.contains("is on none of these tapes") && lost.contains("huge"), "{lost}");
    assert_eq!(fs::read(to.join("docs/zero")).unwrap(), b"");

    // The table of the second part is lost: its data says what it is, and joins the others.
    images.reverse();
    cut_behind(&images[1], 1);
    let to = server.dir.path().join("joined");
    let output = recover(&images, &["--to", to.to_str().unwrap()]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(fs::read(to.join("huge")).unwrap() == fs::read(source.join("huge")).unwrap(), "{told}");
    files::assert_equal(&source, &to);
}

#[test]
fn drives_and_copies_made_with_dd_are_read_too() {
    let mut server = Server::ready();
    let source = server.folder("source");
    files::fill(&source);
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({"compression": "zstd"}));
    server.api.run_job(job, json!({}));
    server.stop();
    let image = images(&server).remove(0);
    let barcode = image.file_stem().unwrap().to_str().unwrap().to_owned();
    let copy = |file: u64| {
        let path = server.dir.path().join(format!("copy{file}"));
        fs::write(&path, server.dump(&barcode, file)).unwrap();
        path
    };
    let (data, table) = (copy(1), copy(2));
    let to = server.dir.path().join("both");
    good(&[data.clone(), table], &["--to", to.to_str().unwrap()]);
    files::assert_equal(&source, &to);
    // Without the table times have whole seconds, and nothing tells what the content should be.
    files::whole_seconds(&source);
    let to = server.dir.path().join("bare");
    let report = document(&[data], &["--to", to.to_str().unwrap()]);
    files::whole_seconds(&to);
    files::assert_equal(&source, &to);
    assert_eq!(report["lost"], json!([]));

    // In another library's drive.
    let shelf = server.dir.path().join("lib2");
    server.cli(&["virtual", "create", shelf.to_str().unwrap(), "--drives", "1", "--slots", "0"]);
    server.cli(&["virtual", "add", shelf.to_str().unwrap(), "X00001L9", "--to", "shelf"]);
    fs::copy(&image, shelf.join("cartridges/X00001L9.tap")).unwrap();
    server.cli(&["virtual", "move", shelf.to_str().unwrap(), "X00001L9", "--to", "drive:0"]);
    let before = fs::read(shelf.join("cartridges/X00001L9.tap")).unwrap();
    let to = server.dir.path().join("drive");
    let drive = PathBuf::from(format!("virtual:{}#drive0", shelf.display()));
    good(&[drive], &["--to", to.to_str().unwrap()]);
    files::whole_seconds(&to);
    files::assert_equal(&source, &to);
    assert!(fs::read(shelf.join("cartridges/X00001L9.tap")).unwrap() == before, "the tape was written to");
}

#[test]
fn damage_costs_what_it_touches_and_is_named() {
    let mut server = Server::ready();
    let source = server.folder("source");
    files::fill(&source);
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    server.api.run_job(job, json!({}));
    server.stop();
    let image = images(&server).remove(0);
    let mut bytes = fs::read(&image).unwrap();
    // In the middle of the large file, over several blocks and their lengths.
    let middle = bytes.len() / 2;
    bytes[middle..middle + 700_000].fill(0);
    fs::write(&image, bytes).unwrap();
    let to = server.dir.path().join("to");
    let output = recover(std::slice::from_ref(&image), &["--json", "--to", to.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lost: Vec<&str> = report["lost"].as_array().unwrap().iter().filter_map(|lost| lost["path"].as_str()).collect();
    assert_eq!(lost, ["docs/deep/deeper/big.bin"], "{report}");
    fs::remove_file(source.join("docs/deep/deeper/big.bin")).unwrap();
    let count =
        |folder: &Path| Command::new("find").arg(folder).output().unwrap().stdout.split(|&b| b == b'\n').count();
    assert_eq!(count(&source), count(&to));
    assert_eq!(fs::read(to.join("docs/file150.txt")).unwrap(), fs::read(source.join("docs/file150.txt")).unwrap());
}

/// Sets of several keys on one tape, and a chain over the rotation: a restore takes each set's key, and `recover` says which one
/// is missing.
#[test]
fn a_chain_over_a_rotation_needs_both_keys() {
    let mut server = Server::ready();
    let source = server.folder("source");
    let key = server.api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let old = key["key_base64"].as_str().unwrap().to_owned();
    let options = json!({"compression": "zstd", "backup_type": "incremental", "encryption_key_id": key["key"]["id"]});
    fs::write(source.join("stays"), b"from the full set").unwrap();
    fs::write(source.join("changes"), b"first").unwrap();
    let job = server.api.job("homes", server.api.source("s", &source), 1, options);
    let full = server.api.run_job(job, json!({}));

    server.cli_as_admin(&["key", "rotate", "k1"]);
    fs::write(source.join("changes"), b"second").unwrap();
    let increment = server.api.run_job(job, json!({}));
    let set = |run: &Value| {
        let id = &run["result"]["backup_set_id"];
        server.api.get(&format!("/api/v1/backup-sets/{id}")).ok()
    };
    let (full, increment) = (set(&full), set(&increment));
    assert_eq!(increment["parent_set_id"], full["id"], "{increment}");
    assert_eq!(increment["tape_id"], full["tape_id"], "appended to the same tape");
    assert_eq!(full["encryption_key_id"], key["key"]["id"]);
    assert_ne!(increment["encryption_key_id"], full["encryption_key_id"]);

    let to = server.folder("restored");
    let restored = server.api.restore(json!({"backup_set_id": increment["id"], "dest_path": to, "verify": true}));
    assert_eq!(restored["status"], "completed", "{restored}");
    files::assert_equal(&source, &to);

    // neither the old key goes nor does a job take it
    let path = format!("/api/v1/encryption-keys/{}", key["key"]["id"]);
    assert!(server.api.send("DELETE", &path, None).fails(409, "in_use").contains("1 backup sets"));
    let late = json!({"name": "late", "source_id": 1, "pool_id": 1, "encryption_key_id": key["key"]["id"]});
    assert!(server.api.post("/api/v1/jobs", late).fails(409, "key_retired").contains("use 'k1-2'"));

    // an expired key that nothing replaces stops the run before a tape is moved
    let path = format!("/api/v1/encryption-keys/{}", increment["encryption_key_id"]);
    server.api.send("PUT", &path, Some(&json!({"expires_at": "2020-01-01"}))).ok();
    let run = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let run = server.api.wait(&run["execution_id"]);
    assert_eq!((&run["status"], &run["error_code"]), (&json!("failed"), &json!("key_expired")), "{run}");
    // one that rotates by itself does so
    fs::write(source.join("new"), b"third").unwrap();
    server.api.send("PUT", &path, Some(&json!({"rotate_after_days": 1000}))).ok();
    let third = set(&server.api.run_job(job, json!({})));
    assert_ne!(third["encryption_key_id"], increment["encryption_key_id"]);

    let sheet = server.api.get("/api/v1/encryption-keys/keysheet").ok();
    let all: Vec<&str> =
        sheet["keys"].as_array().unwrap().iter().filter_map(|key| key["key_base64"].as_str()).collect();
    assert_eq!(all.len(), 3);
    let others: Vec<&str> = all.iter().copied().filter(|secret| *secret != old).collect();
    let (every, without) = (server.dir.path().join("every"), server.dir.path().join("without"));
    fs::write(&every, all.join("\n")).unwrap();
    fs::write(&without, others.join("\n")).unwrap();
    server.stop();
    let images = images(&server);
    let to = server.dir.path().join("to");
    good(&images, &["--key-file", every.to_str().unwrap(), "--to", to.to_str().unwrap()]);
    files::assert_equal(&source, &to);
    let to = server.dir.path().join("partly");
    let output = recover(&images, &["--key-file", without.to_str().unwrap(), "--to", to.to_str().unwrap()]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(key["key"]["key_fingerprint"].as_str().unwrap()), "{told}");
    assert_eq!(fs::read(to.join("changes")).unwrap(), b"second");
    assert!(!to.join("stays").exists(), "{told}");
}
