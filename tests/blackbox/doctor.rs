//! `tapebackarr doctor`: a sound house, and each thing that can be wrong with it, with the words that mend it.

use crate::hands::Hands;
use crate::server::Server;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn doctor(server: &Server, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tapebackarr"))
        .arg("doctor")
        .args(args)
        .env("TAPEBACKARR_DATA_DIR", server.dir.path().join("data"))
        .env("TAPEBACKARR_SERVER__LISTEN", "127.0.0.1")
        .env("TAPEBACKARR_SERVER__PORT", server.api.base.rsplit(':').next().unwrap())
        .output()
        .unwrap()
}

/// What it found, as JSON, and the exit code.
fn look(server: &Server) -> (Vec<Value>, i32) {
    let output = doctor(server, &["--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    });
    (report["findings"].as_array().unwrap().clone(), output.status.code().unwrap())
}

/// The one thing of this kind that is not as it should be.
#[track_caller]
fn wrong(findings: &[Value], check: &str, verdict: &str) -> (String, String) {
    let found: Vec<&Value> = findings.iter().filter(|one| one["check"] == check && one["verdict"] == verdict).collect();
    assert_eq!(found.len(), 1, "{findings:#?}");
    let text = |field: &str| found[0][field].as_str().unwrap().to_owned();
    (format!("{}: {}", text("subject"), text("about")), text("mend"))
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// What is in a folder, but for SQLite's journal, which whoever closes the database last puts away.
fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    names.sort();
    names
}

#[test]
fn a_sound_house_passes_whether_the_server_runs_or_not_and_nothing_is_changed() {
    let mut hands = Hands::new(1, &[], 40);
    chmod(&hands.server.dir.path().join("data"), 0o700);
    let (findings, code) = look(&hands.server);
    assert_eq!(code, 0, "{findings:#?}");
    assert!(!findings.iter().any(|one| one["verdict"] == "failure"), "{findings:#?}");
    for check in ["folder", "room", "database", "configuration", "device", "clock", "channel", "server"] {
        assert!(findings.iter().any(|one| one["check"] == check), "{check}: {findings:#?}");
    }
    let server = findings.iter().find(|one| one["check"] == "server").unwrap();
    assert_eq!((&server["verdict"], &server["about"]), (&json!("ok"), &json!("It runs.")));
    let (nobody, mend) = wrong(&findings, "channel", "warning");
    assert!(nobody.contains("Nobody is told") && mend.contains("notify channels create"), "{nobody} {mend}");

    assert!(hands.server.stop().success());
    let data = hands.server.dir.path().join("data");
    let before = files(&data);
    let (findings, code) = look(&hands.server);
    assert_eq!(code, 0, "{findings:#?}");
    assert!(wrong(&findings, "server", "warning").0.contains("does not run"));
    assert_eq!(files(&data), before);
    let words = String::from_utf8(doctor(&hands.server, &["--offline"]).stdout).unwrap();
    assert!(words.contains("ok       device: drive D0 (virtual:"), "{words}");
}

#[test]
fn each_thing_that_is_wrong_is_named_with_what_mends_it() {
    let mut hands = Hands::new(1, &[], 40);
    let server = &hands.server;
    let data = server.dir.path().join("data");
    let mail =
        json!({"host": "127.0.0.1", "port": 9, "security": "none", "from": "a@b.example", "to": ["c@d.example"]});
    let body = json!({"name": "office", "kind": "email", "config": mail});
    let id = server.api.post("/api/v1/notifications/channels", body).ok()["id"].clone();
    let rule = json!({"name": "all", "channel_ids": [id]});
    server.api.post("/api/v1/notifications/rules", rule).ok();

    // nobody is at home at the mail server
    let (findings, code) = look(server);
    let (about, mend) = wrong(&findings, "channel", "failure");
    assert!(about.starts_with("office (email): ") && about.to_lowercase().contains("connect"), "{about}");
    assert!(mend.contains("notify channels edit office"), "{mend}");
    assert_eq!(code, 1);
    let output = doctor(server, &["--offline"]);
    assert!(output.status.success(), "nobody is reached: {}", String::from_utf8_lossy(&output.stdout));

    // a drive that is gone, a secret that others can read, a folder that everybody may look into
    {
        use diesel::prelude::*;
        let sql = "UPDATE tape_drives SET device_path = '/dev/tape/by-id/gone-nst'";
        assert_eq!(diesel::sql_query(sql).execute(&mut server.database()).unwrap(), 1);
    }
    chmod(&data.join("master.key"), 0o644);
    chmod(&data, 0o755);
    let (findings, _) = look(server);
    let (about, mend) = wrong(&findings, "device", "failure");
    assert!(about.contains("gone-nst") && mend.contains("lsscsi"), "{about} {mend}");
    let (about, mend) = wrong(&findings, "folder", "failure");
    assert!(about.contains("master.key") && mend.contains("chmod 600"), "{about} {mend}");
    assert!(wrong(&findings, "folder", "warning").1.contains("chmod o="));
    chmod(&data.join("master.key"), 0o600);

    // another program at the server's address
    assert!(hands.server.stop().success());
    let port = hands.server.api.base.rsplit(':').next().unwrap().to_owned();
    let other = std::net::TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    let answering = std::thread::spawn(move || drop(other.accept().unwrap()));
    let (findings, _) = look(&hands.server);
    answering.join().unwrap();
    let (about, mend) = wrong(&findings, "server", "failure");
    assert!(about.contains("Somebody else") && mend.contains(&port), "{about} {mend}");

    // a database that is none
    std::fs::write(data.join("tapebackarr.db"), "this is no database, but it is long enough to be taken for one")
        .unwrap();
    let (findings, code) = look(&hands.server);
    assert!(wrong(&findings, "database", "failure").1.contains("database backup"));
    assert_eq!(code, 1);
    std::fs::remove_file(data.join("tapebackarr.db")).unwrap();
    assert!(wrong(&look(&hands.server).0, "database", "failure").0.contains("There is no database"));
}

#[test]
fn a_setting_that_is_wrong_is_named() {
    let server = Server::bare();
    let file = server.dir.path().join("wrong.toml");
    std::fs::write(&file, "[server]\nprot = 80\n").unwrap();
    let output = doctor(&server, &["--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("server.prot") && said.contains("wrong.toml"), "{said}");
}
