//! A set that is larger than a tape goes on with the next one, changed by the library or in another drive.

use crate::files;
use crate::hands::Hands;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Bytes that do not compress.
fn random(path: &Path, bytes: u64) {
    let mut random = std::fs::File::open("/dev/urandom").unwrap();
    let mut file = std::fs::File::create(path).unwrap();
    std::io::copy(&mut std::io::Read::take(&mut random, bytes), &mut file).unwrap();
}

/// Small files of all kinds around a file that is larger than a tape.
fn fill(source: &Path, huge_mib: u64) {
    files::fill(source);
    random(&source.join("huge"), huge_mib << 20);
    std::fs::create_dir(source.join("later")).unwrap();
    for number in 0..20u64 {
        std::fs::write(source.join(format!("later/f{number:02}")), files::noise(number, 100_000)).unwrap();
    }
    files::whole_seconds(source);
}

/// What is told of a set over several tapes agrees with itself, and with the set's parts.
#[track_caller]
fn assert_told(set: &Value, parts: usize, status: &str) {
    let span = &set["spanning"];
    let members = span["members"].as_array().unwrap_or_else(|| panic!("{set}"));
    assert_eq!((members.len(), span["status"].as_str()), (parts, Some(status)), "{span}");
    let sum: i64 = members.iter().map(|member| member["bytes_written"].as_i64().unwrap()).sum();
    assert_eq!(span["total_bytes"], sum);
    assert_eq!(span["total_tapes"], parts);
    let mut files = 0;
    for (number, member) in members.iter().enumerate() {
        assert_eq!(member["sequence_number"], number + 1);
        assert_eq!(member["files_start_index"], files, "{span}");
        files = member["files_end_index"].as_i64().unwrap();
    }
    assert_eq!(span["total_files"], files);
    if status == "completed" {
        assert_eq!(set["file_count"], files, "{set}");
        assert_eq!(set["stored_bytes"], sum);
        for (part, member) in set["parts"].as_array().unwrap().iter().zip(members) {
            assert_eq!(
                (&part["tape_label"], &part["part_number"], &part["stream_bytes"]),
                (&member["tape_label"], &member["sequence_number"], &member["bytes_written"])
            );
        }
        assert_eq!(set["parts"].as_array().unwrap().len(), parts);
    }
}

fn restored(server: &Server, set: &Value, name: &str, paths: &[&str]) -> (std::path::PathBuf, Value) {
    let to = server.dir.path().join(name);
    let body = json!({"backup_set_id": set, "dest_path": to, "file_paths": paths});
    let row = server.api.restore(body);
    (to, row)
}

/// How many tapes an execution loaded, as its log has it.
fn tapes_read(server: &Server, row: &Value) -> usize {
    let log = server.api.get(&format!("/api/v1/executions/{}/logs", row["id"])).ok();
    let lines = log.as_array().unwrap().iter();
    lines.filter(|line| line["message"].as_str().unwrap().starts_with("Reading from tape ")).count()
}

/// Restores a set whole and in part, and compares; the whole source is `source`.
fn assert_restorable(server: &Server, source: &Path, set: &Value, parts: usize) {
    let (whole, row) = restored(server, set, "whole", &[]);
    files::assert_equal(source, &whole);
    assert_eq!(tapes_read(server, &row), parts, "each tape once");
    std::fs::remove_dir_all(&whole).unwrap();
    let (part, row) = restored(server, set, "part", &["later", "docs/file007.txt"]);
    files::assert_equal(&source.join("later"), &part.join("later"));
    assert!(std::fs::read(part.join("docs/file007.txt")).unwrap() == files::noise(7, 7 * 37));
    assert!(!part.join("huge").exists());
    assert!(tapes_read(server, &row) <= 2, "only the tapes that hold them");
}

#[test]
fn a_file_of_500_mib_over_tapes_of_200_is_restored_whole_in_part_and_by_tar() {
    let server = Server::with_library(Library { drives: 1, slots: 5, capacity_mb: 200 });
    let api = &server.api;
    let source = server.folder("s");
    fill(&source, 500);
    for number in 0..3 {
        random(&source.join(format!("zz{number}")), 90 << 20);
    }
    files::whole_seconds(&source);
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    let run = api.run_job(job, json!({}));
    let set = run["result"]["backup_set_id"].clone();
    let detail = api.get(&format!("/api/v1/backup-sets/{set}")).ok();
    assert_told(&detail, 5, "completed");
    assert_eq!(run["result"]["parts"], 5);
    assert_eq!(api.get("/api/v1/tape-changes").ok(), json!([]), "the library needed nobody");

    let (whole, row) = restored(&server, &set, "whole", &[]);
    files::assert_equal(&source, &whole);
    assert_eq!(tapes_read(&server, &row), 5, "each tape once");
    std::fs::remove_dir_all(&whole).unwrap();
    let (part, row) = restored(&server, &set, "part", &["zz2"]);
    assert!(std::fs::read(part.join("zz2")).unwrap() == std::fs::read(source.join("zz2")).unwrap());
    assert!(tapes_read(&server, &row) <= 2, "only what holds it");
    let verified = api.post(&format!("/api/v1/backup-sets/{set}/verify"), json!({})).ok();
    api.complete(verified);

    // without us
    let mut tar = Command::new("tar");
    tar.args(["-x", "-p", "-M", "--xattrs", "--acls"]);
    for part in detail["parts"].as_array().unwrap() {
        let volume = server.dir.path().join(format!("volume{}", part["part_number"]));
        let bytes = server.dump(part["tape_label"].as_str().unwrap(), part["tape_file"].as_u64().unwrap());
        std::fs::write(&volume, bytes).unwrap();
        tar.arg("-f").arg(volume);
    }
    let into = server.folder("tar");
    let output = tar.arg("-C").arg(&into).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    files::assert_equal(&source, &into);
}

/// Bytes that compress well in some places and not at all in others.
fn mixed(path: &Path, mib: u64) {
    use std::io::{Read, Write};
    let mut random = std::fs::File::open("/dev/urandom").unwrap();
    let mut file = std::fs::File::create(path).unwrap();
    for number in 0..mib {
        if number % 10 == 3 {
            let line = format!("{number:07}, and the same again and again; ");
            file.write_all(line.repeat((1 << 20) / line.len() + 1).get(..1 << 20).unwrap().as_bytes()).unwrap();
        } else {
            std::io::copy(&mut (&mut random).take(1 << 20), &mut file).unwrap();
        }
    }
}

/// The same encrypted and compressed, and each part opened by what the guide for people without this program has.
#[test]
fn a_file_of_500_mib_encrypted_and_compressed_over_tapes_of_200_comes_back_with_us_and_without() {
    let server = Server::with_library(Library { drives: 1, slots: 5, capacity_mb: 200 });
    let api = &server.api;
    let source = server.folder("s");
    files::fill(&source);
    mixed(&source.join("huge"), 500);
    for number in 0..4 {
        random(&source.join(format!("zz{number}")), 90 << 20);
    }
    files::whole_seconds(&source);
    let key = api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let options = json!({"compression": "zstd", "encryption_key_id": key["key"]["id"]});
    let job = api.job("j", api.source("s", &source), 1, options);
    let run = api.run_job(job, json!({}));
    let set = run["result"]["backup_set_id"].clone();
    let detail = api.get(&format!("/api/v1/backup-sets/{set}")).ok();
    assert_told(&detail, 5, "completed");
    let number = |name: &str| detail[name].as_u64().unwrap_or_else(|| panic!("{name}: {detail}"));
    assert!(number("stored_bytes") + (40 << 20) < number("total_bytes"), "50 MiB of it compress well: {detail}");

    let (part, row) = restored(&server, &set, "part", &["zz3", "docs/file007.txt"]);
    assert!(std::fs::read(part.join("zz3")).unwrap() == std::fs::read(source.join("zz3")).unwrap());
    assert!(std::fs::read(part.join("docs/file007.txt")).unwrap() == files::noise(7, 7 * 37));
    assert!(!part.join("huge").exists() && tapes_read(&server, &row) <= 3, "only what holds them");
    std::fs::remove_dir_all(&part).unwrap();
    let (whole, row) = restored(&server, &set, "whole", &[]);
    files::assert_equal(&source, &whole);
    assert_eq!(tapes_read(&server, &row), 5, "each tape once");
    std::fs::remove_dir_all(&whole).unwrap();

    // without us
    let work = server.folder("work");
    std::fs::write(work.join("recover.py"), crate::many_sets::printed_program()).unwrap();
    std::fs::write(work.join("key.txt"), key["key_base64"].as_str().unwrap()).unwrap();
    let shell = |script: &str, image: &Path, file: u64| {
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(&work)
            .envs([("PROGRAM", env!("CARGO_BIN_EXE_tapebackarr")), ("IMAGE", image.to_str().unwrap())])
            .env("FILE", file.to_string())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}: {told}");
        told
    };
    let parts: Vec<(std::path::PathBuf, u64)> = detail["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| {
            let image = format!("cartridges/{}.tap", part["tape_label"].as_str().unwrap());
            (server.library_dir().join(image), part["tape_file"].as_u64().unwrap())
        })
        .collect();
    let mut tar = Command::new("tar");
    tar.args(["-x", "-p", "-M", "--xattrs", "--acls"]);
    for (number, (image, file)) in parts.iter().enumerate() {
        let opened = format!(
            "\"$PROGRAM\" virtual dump \"$IMAGE\" --file \"$FILE\" | python3 recover.py open key.txt | zstd -dc >{number}.tar"
        );
        shell(&opened, image, *file);
        tar.arg("-f").arg(work.join(format!("{number}.tar")));
    }
    let into = work.join("into");
    std::fs::create_dir(&into).unwrap();
    let output = tar.arg("-C").arg(&into).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    files::assert_equal(&source, &into);
    for (image, file) in &parts {
        let check = "\"$PROGRAM\" virtual dump \"$IMAGE\" --file \"$FILE\" | python3 recover.py check into key.txt";
        assert_eq!(shell(check, image, file + 1), "", "every hash of the table of contents");
    }
}

#[test]
fn an_encrypted_compressed_set_spans_tapes_and_its_rows_go_with_it() {
    let server = Server::with_library(Library { drives: 2, slots: 5, capacity_mb: 40 });
    let api = &server.api;
    let source = server.folder("s");
    fill(&source, 100);
    let key = api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let options = json!({"compression": "zstd", "encryption_key_id": key["key"]["id"]});
    let job = api.job("j", api.source("s", &source), 1, options);
    let run = api.run_job(job, json!({}));
    let set = run["result"]["backup_set_id"].clone();
    assert_told(&api.get(&format!("/api/v1/backup-sets/{set}")).ok(), 4, "completed");
    assert_restorable(&server, &source, &set, 4);
    api.send("DELETE", &format!("/api/v1/backup-sets/{set}"), None).ok();
    use diesel::prelude::*;
    let mut conn = tapebackarr::db::open_one(server.dir.path().join("data/tapebackarr.db")).unwrap();
    use tapebackarr::db::schema::{tape_spanning_members, tape_spanning_sets};
    assert_eq!(tape_spanning_members::table.count().get_result(&mut conn), Ok(0i64));
    assert_eq!(tape_spanning_sets::table.count().get_result(&mut conn), Ok(0i64));
}

#[test]
fn a_full_tape_is_handed_off_to_another_drive_before_anybody_is_asked() {
    let hands = Hands::new(2, &["H00001L9", "H00002L9", "H00003L9"], 40);
    let api = &hands.server.api;
    let source = hands.server.folder("s");
    fill(&source, 60);
    hands.change("H00001L9", 0);
    hands.change("H00002L9", 1);
    for drive in [1, 2] {
        api.post(&format!("/api/v1/drives/{drive}/load-tape?wait=true"), json!({})).ok();
    }
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    // two tapes without a hand; the third has to be brought
    let request = api.tape_change(&started);
    assert_eq!((&request["current_tape_label"], &request["reason"]), (&json!("H00002L9"), &json!("tape_full")));
    let row = api.get(&format!("/api/v1/executions/{}", started["execution_id"])).ok();
    let set = row["backup_set_id"].clone();
    assert_told(&api.get(&format!("/api/v1/backup-sets/{set}")).ok(), 2, "in_progress");
    let drive = request["drive_id"].as_u64().unwrap() as u16 - 1;
    assert!(!hands.inside(drive).1, "what was in the drive was ejected");
    hands.change("H00003L9", drive);
    let run = api.complete(started);
    assert_told(&api.get(&format!("/api/v1/backup-sets/{set}")).ok(), 3, "completed");
    assert_eq!(api.get(&format!("/api/v1/tape-changes/{}", request["id"])).ok()["status"], "completed");
    assert!(run["why"].to_string().contains("already in drive D1"), "{}", run["why"]);

    // two of the three are in drives: only the other one is asked for, when they have been read
    let to = hands.server.dir.path().join("r");
    let started = api.post("/api/v1/restore/run", json!({"backup_set_id": set, "dest_path": to})).ok();
    let (mut last, mut asked) = (Value::Null, Vec::new());
    while let Some(wanted) = hands.next_request(&started, &last) {
        assert_eq!((&wanted["pool_id"], &wanted["reason"]), (&Value::Null, &json!("tape_needed")), "{wanted}");
        let label = wanted["tape_label"].as_str().unwrap().to_string();
        hands.change(&label, wanted["drive_id"].as_u64().unwrap() as u16 - 1);
        asked.push(label);
        last = wanted["id"].clone();
    }
    api.complete(started);
    assert_eq!(asked.len(), 1, "what is in the drives is read first, and not asked for again: {asked:?}");
    files::assert_equal(&source, &to);
}
