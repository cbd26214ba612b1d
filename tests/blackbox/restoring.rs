//! Restores in all their ways: policies, what is missing, cancelled halfway, and without the catalog.

use crate::files;
use crate::server::Server;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use tape_drive::virt::library::{self, Settings};
use tape_drive::virt::{CartridgeSpec, LibrarySpec, Place};
use tape_drive::{FilemarkSync, TapeDrive};

fn leftovers(folder: &Path) -> String {
    let found = Command::new("find").arg(folder).args(["-name", ".tapebackarr-*"]).output().unwrap();
    String::from_utf8(found.stdout).unwrap()
}

#[test]
fn policies_missing_paths_and_nothing_to_do_are_told_apart() {
    let server = Server::ready();
    let api = &server.api;
    let source = server.folder("source");
    std::fs::create_dir(source.join("d")).unwrap();
    std::fs::write(source.join("d/a"), "tape").unwrap();
    std::fs::write(source.join("d/b"), "tape").unwrap();
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    let set = api.run_job(job, json!({}))["result"]["backup_set_id"].clone();
    let to = server.folder("to");
    let dest = to.to_str().unwrap();
    let restore = |extra: Value| {
        let mut body = json!({"backup_set_id": set, "dest_path": dest});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let started = api.post("/api/v1/restore/run", body).ok();
        api.wait(&started["execution_id"])
    };
    let content = |name: &str| std::fs::read_to_string(to.join(name)).unwrap();

    let all = restore(json!({"verify": true}));
    assert_eq!(all["status"], "completed", "{all}");
    let result = &all["result"];
    assert_eq!(
        (&result["files_restored"], &result["verified"], &result["errors"]),
        (&2.into(), &true.into(), &json!([]))
    );
    assert_eq!(result["tapes"].as_array().unwrap().len(), 1);

    std::fs::write(to.join("d/a"), "disk").unwrap();
    let kept = restore(json!({}));
    assert_eq!((&kept["status"], &kept["error_code"]), (&"failed".into(), &"nothing_restored".into()), "{kept}");
    assert_eq!((content("d/a"), &kept["result"]["skipped"]), ("disk".into(), &2.into()));
    restore(json!({"file_paths": ["d/a"], "policy": "rename"}));
    assert_eq!((content("d/a"), content("d/a.restored")), ("disk".into(), "tape".into()));
    restore(json!({"file_paths": ["d/a"], "overwrite": true}));
    assert_eq!(content("d/a"), "tape");

    let partly = restore(json!({"file_paths": ["d/a", "d/nothing"], "policy": "overwrite"}));
    assert_eq!((&partly["status"], &partly["error_code"]), (&"failed".into(), &"restore_incomplete".into()));
    assert!(partly["error_message"].as_str().unwrap().contains("d/nothing: it is not in this backup"), "{partly}");
    assert_eq!(partly["result"]["files_restored"], 1);
    let none = restore(json!({"folder_paths": ["nowhere"]}));
    assert!(none["error_message"].as_str().unwrap().contains("nowhere"), "{none}");
    let share = restore(json!({"destination_type": "nfs"}));
    assert_eq!(share["error_code"], "destination_not_mounted", "{share}");
    assert_eq!(leftovers(&to), "");
}

#[test]
fn a_cancelled_restore_leaves_nothing_half_done() {
    let server = Server::ready();
    let api = &server.api;
    let source = server.folder("source");
    for number in 0..4u64 {
        std::fs::write(source.join(format!("f{number}")), files::noise(number, 40 << 20)).unwrap();
    }
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    let set = api.run_job(job, json!({}))["result"]["backup_set_id"].clone();
    let to = server.dir.path().join("to");
    let body = json!({"backup_set_id": set, "dest_path": to.to_str().unwrap()});
    let started = api.post("/api/v1/restore/run", body).ok();
    let id = &started["execution_id"];
    while api.get(&format!("/api/v1/executions/{id}")).ok()["phase"] != "reading" {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    api.post(&format!("/api/v1/executions/{id}/cancel"), json!({}));
    let row = api.wait(id);
    assert!(["cancelled", "completed"].contains(&row["status"].as_str().unwrap()), "{row}");
    assert_eq!(leftovers(&to), "");
    for entry in std::fs::read_dir(&to).unwrap() {
        let entry = entry.unwrap();
        assert!(std::fs::read(entry.path()).unwrap() == std::fs::read(source.join(entry.file_name())).unwrap());
    }
    // the drive and the tape are free again
    let started =
        api.post("/api/v1/restore/run", json!({"backup_set_id": set, "dest_path": server.folder("again")})).ok();
    api.complete(started);
}

#[test]
fn our_own_tape_is_read_without_the_catalog() {
    let server = Server::ready();
    let api = &server.api;
    let source = server.folder("source");
    files::fill(&source);
    files::whole_seconds(&source);
    let source_id = api.source("s", &source);
    let key = api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let plain = api.job("plain", source_id, 1, json!({}));
    let sealed = json!({"compression": "zstd", "encryption_key_id": key["key"]["id"]});
    let sealed = api.job("sealed", source_id, 1, sealed);
    let drive = api.run_job(plain, json!({}))["drive_id"].clone();
    let read = |name: &str| {
        let to = server.dir.path().join(name);
        let body = json!({"drive_id": drive, "dest_path": to.to_str().unwrap()});
        let started = api.post("/api/v1/restore/raw-read", body).ok();
        (api.complete(started)["result"].clone(), to)
    };
    let (one, to) = read("one");
    files::assert_equal(&source, &to);
    assert_eq!((&one["has_header"], &one["error_count"]), (&true.into(), &0.into()), "{one}");
    api.run_job(sealed, json!({}));
    let (_, to) = read("two");
    files::assert_equal(&source, &to.join("file-0001"));
    files::assert_equal(&source, &to.join("file-0003"));
}

/// A drive of its own with a tape that holds one tape file.
fn foreign(dir: &Path, content: &[u8]) -> String {
    let spec = LibrarySpec { slots: 0, mail_slots: 0, settings: Settings::volatile(), ..LibrarySpec::default() };
    library::create(dir, &spec).unwrap();
    library::add_cartridge(dir, &CartridgeSpec::new("FOREIGN1L9"), Place::Drive(0)).unwrap();
    let device = format!("virtual:{}#drive0", dir.display());
    let mut drive: Box<dyn TapeDrive> = tape_drive::open_drive(&device).unwrap();
    drive.rewind().expect_err("a unit attention");
    for block in content.chunks(10240) {
        drive.write_block(block).unwrap();
    }
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    device
}

#[test]
fn a_foreign_tar_is_read_and_cannot_leave_the_destination() {
    let server = Server::bare();
    let api = &server.api;
    let source = server.folder("source");
    std::fs::write(source.join("good"), "good").unwrap();
    let script = "cd \"$0\" && ln -s .. up && echo bad > evil && tar -P -cz -f - --transform 's,^evil$,../outside,' \
                  good up evil";
    let packed = Command::new("bash").args(["-c", script]).arg(&source).output().unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let device = foreign(&server.folder("drive"), &packed.stdout);
    let drive = api.post("/api/v1/drives", json!({"device_path": device, "display_name": "F"})).ok()["id"].clone();
    let to = server.folder("landing").join("to");
    let body = json!({"drive_id": drive, "dest_path": to.to_str().unwrap()});
    let started = api.post("/api/v1/restore/raw-read", body).ok();
    let row = api.wait(&started["execution_id"]);
    assert_eq!(row["error_code"], "raw_read_incomplete", "{row}");
    let result = &row["result"];
    assert_eq!((&result["has_header"], &result["error_count"]), (&false.into(), &1.into()), "{row}");
    assert!(result["errors"][0].as_str().unwrap().contains("'..'"), "{row}");
    assert_eq!(std::fs::read_to_string(to.join("good")).unwrap(), "good");
    assert!(!server.dir.path().join("landing/outside").exists());
}
