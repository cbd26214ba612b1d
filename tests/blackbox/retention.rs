//! Sets that expire, tapes that become free by that, and what must not be written over.

use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A server with two small tapes, and a job whose sets are kept for a day.
fn house(slots: u32) -> (Server, i64, PathBuf) {
    let server = Server::with_library(Library { drives: 1, slots, capacity_mb: 64 });
    let source = server.folder("s");
    for number in 0..20 {
        std::fs::write(source.join(format!("{number}")), files::noise(number, 50_000)).unwrap();
    }
    let id = server.api.source("s", &source);
    let job = server.api.job("j", id, 1, json!({"backup_type": "incremental", "retention_days": 1}));
    (server, job, source)
}

impl Server {
    /// Lets the sets that are named be older than they are, while the server is down.
    fn age(&mut self, sets: &str, days: u32) {
        self.sql(&format!(
            "UPDATE backup_sets SET start_time = strftime('%Y-%m-%d %H:%M:%f', start_time, '-{days} days'),
                 end_time = strftime('%Y-%m-%d %H:%M:%f', end_time, '-{days} days') WHERE id IN ({sets})"
        ));
    }

    fn sql(&mut self, sql: &str) {
        use diesel::connection::SimpleConnection;
        self.api.get("/api/v1/health").ok();
        assert!(self.stop().success());
        tapebackarr::db::open_one(self.dir.path().join("data/tapebackarr.db")).unwrap().batch_execute(sql).unwrap();
        self.restart();
    }

    fn retention(&self) -> Value {
        let started = self.api.post("/api/v1/retention/run", json!({})).ok();
        self.api.complete(started)["result"]["retention"].clone()
    }

    fn tape(&self, id: i64) -> Value {
        self.api.get(&format!("/api/v1/tapes/{id}")).ok()
    }

    fn put(&self, path: &str, body: Value) -> crate::api::Answer {
        self.api.send("PUT", &format!("/api/v1/{path}"), Some(&body))
    }

    fn sets(&self) -> Vec<i64> {
        let rows = self.api.get("/api/v1/backup-sets?limit=100").ok();
        let mut ids: Vec<i64> = rows.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect();
        ids.sort_unstable();
        ids
    }

    /// Why a tape cannot be labelled anew, not even by force.
    #[track_caller]
    fn cannot_overwrite(&self, tape: i64) -> Value {
        let label = self.tape(tape)["label"].clone();
        let started = self.api.post(&format!("/api/v1/tapes/{tape}/label"), json!({"label": label, "force": true}));
        let row = self.api.wait(&started.ok()["execution_id"]);
        assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("tape_in_use")), "{row}");
        row["error_message"].clone()
    }
}

fn preview(server: &Server, query: &str) -> Value {
    server.api.get(&format!("/api/v1/retention/preview?{query}")).ok()
}

#[test]
fn a_chain_expires_as_a_whole_and_its_tape_is_written_anew() {
    let (mut server, job, source) = house(2);
    let change = |name: &str| std::fs::write(source.join(name), files::noise(77, 9000)).unwrap();
    for name in ["a", "b", "c"] {
        let run = server.api.run_job(job, json!({}));
        assert_eq!(run["result"]["backup_type"], if name == "a" { "full" } else { "incremental" });
        change(name);
    }
    let first = server.api.get("/api/v1/backup-sets/1").ok()["tape_id"].as_i64().unwrap();
    let other = 3 - first;
    server.put(&format!("tapes/{first}"), json!({"status": "full"})).ok();
    let fourth = server.api.run_job(job, json!({"backup_type": "full"}));
    assert_eq!((&fourth["result"]["backup_set_id"], &fourth["tape_id"]), (&json!(4), &json!(other)));

    // what would be, if nothing else happens
    let now = preview(&server, "");
    assert_eq!(
        (&now["sets_kept"], &now["sets_expired"], &now["tapes_free"]),
        (&json!(4), &json!(0), &json!(0)),
        "{now}"
    );
    assert!(now["sets"][0]["until"].is_string() && now["tapes"][0]["until"].is_string(), "{now}");
    let later = (chrono::Utc::now() + chrono::Duration::days(2)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let then = preview(&server, &format!("at={later}"));
    assert_eq!((&then["sets_expired"], &then["tapes_free"]), (&json!(4), &json!(2)), "{then}");
    server.api.get("/api/v1/retention/preview?at=2020-01-01T00:00:00Z").fails(400, "bad_request");

    server.age("1, 2, 3", 10);
    // a protected set keeps all that it builds on
    server.put("backup-sets/3", json!({"protected": true})).ok();
    let why = preview(&server, &format!("tape_id={first}"));
    let reasons: Vec<&Value> = why["sets"].as_array().unwrap().iter().map(|set| &set["reasons"][0]).collect();
    assert_eq!(reasons, ["needed by set 3", "needed by set 3", "protected by hand"], "{why}");
    assert_eq!(server.retention()["tapes_expired"], json!([]));
    assert!(server.cannot_overwrite(first).as_str().unwrap().contains("set 1, set 2, set 3"));
    server.api.send("DELETE", "/api/v1/backup-sets/3", None).fails(409, "set_protected");
    server.put(&format!("tapes/{first}"), json!({"status": "expired"})).fails(409, "tape_in_use");

    // a tape on hold, or out of the house, does not expire
    server.put("backup-sets/3", json!({"protected": false})).ok();
    server.put(&format!("tapes/{first}"), json!({"hold_reason": "looks worn"})).ok();
    let done = server.retention();
    assert_eq!((&done["sets_expired"], &done["tapes_expired"]), (&json!([1, 2, 3]), &json!([])), "{done}");
    server.put(&format!("tapes/{first}"), json!({"hold_reason": null})).ok();
    assert_eq!(server.retention()["tapes_expired"].as_array().unwrap().len(), 1);
    assert_eq!(server.tape(first)["status"], "expired");

    // what has expired can be restored as long as it is there
    let to = server.dir.path().join("old");
    server.api.restore(json!({"backup_set_id": 3, "dest_path": to.to_str().unwrap()}));
    assert!(to.join("b").exists() && !to.join("c").exists());

    // a rule that is changed counts at once, also for what has expired
    server.put(&format!("jobs/{job}"), json!({"retention_days": 30})).ok();
    server.cannot_overwrite(first);
    let again = server.retention();
    assert_eq!(again["sets_kept_again"], json!([1, 2, 3]), "{again}");
    assert_eq!(server.tape(first)["status"], "active");
    server.put(&format!("jobs/{job}"), json!({"retention_days": 1, "keep_monthly": 12})).ok();
    server.put(&format!("tapes/{first}"), json!({"status": "full"})).ok();
    let monthly = server.retention();
    let kept_by_month = monthly["sets_expired"] == json!([]);
    let same_month = (chrono::Utc::now() - chrono::Duration::days(10)).format("%m").to_string()
        == chrono::Utc::now().format("%m").to_string();
    assert_eq!(
        kept_by_month, !same_month,
        "the newest of the month before is kept, if it was another month: {monthly}"
    );
    server.put(&format!("jobs/{job}"), json!({"keep_monthly": null})).ok();
    server.retention();
    assert_eq!(server.tape(first)["status"], "expired");

    // the next run needs a tape: it takes the expired one, and its sets are forgotten; what is kept stays
    server.put(&format!("tapes/{other}"), json!({"status": "full"})).ok();
    let fifth = server.api.run_job(job, json!({}));
    assert_eq!(fifth["tape_id"], json!(first), "{fifth}");
    assert_eq!(
        (&fifth["result"]["parent_set_id"], &fifth["result"]["backup_type"]),
        (&json!(4), &json!("incremental"))
    );
    assert_eq!(server.sets(), [4, 5]);
    server.cannot_overwrite(other);
    server.cannot_overwrite(first);
    let to = server.dir.path().join("new");
    server.api.restore(json!({"backup_set_id": 5, "dest_path": to.to_str().unwrap()}));
    files::assert_equal(&source, &to);

    // deleting the job would make kept sets vanish: that has to be said
    let path = format!("/api/v1/jobs/{job}");
    assert!(server.api.send("DELETE", &path, None).fails(409, "in_use").contains("2 backup sets that are kept"));
    server.api.send("DELETE", &format!("{path}?forget_sets=true"), None).ok();
    assert_eq!(server.sets(), [] as [i64; 0]);
    server.retention();
    assert_eq!(server.tape(other)["status"], "full", "nothing is recorded on it: a person decides");
}

#[test]
fn what_built_on_a_tape_that_is_written_anew_is_forgotten_too() {
    let (mut server, job, source) = house(2);
    let full = server.api.run_job(job, json!({}));
    let first = full["tape_id"].as_i64().unwrap();
    let other = 3 - first;
    server.put(&format!("tapes/{first}"), json!({"status": "full"})).ok();
    std::fs::write(source.join("x"), "x").unwrap();
    let increment = server.api.run_job(job, json!({}));
    assert_eq!((&increment["tape_id"], &increment["result"]["parent_set_id"]), (&json!(other), &json!(1)));
    // the full set alone is old: its increment keeps it
    server.age("1", 10);
    assert_eq!(server.retention()["sets_expired"], json!([]));
    server.age("2", 9);
    let done = server.retention();
    assert_eq!((&done["sets_expired"], done["tapes_expired"].as_array().unwrap().len()), (&json!([1, 2]), 2), "{done}");
    // an expired set is no base for another: it may be gone any moment
    server.put("pools/1", json!({"allow_reuse": false})).ok();
    let refused = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).fails(400, "bad_request");
    assert!(refused.contains("reuse") || refused.contains("expired"), "{refused}");
    server.put("pools/1", json!({"allow_reuse": true})).ok();
    let run = server.api.run_job(job, json!({}));
    assert_eq!(
        (&run["result"]["backup_type"], &run["result"]["parent_set_id"]),
        (&json!("full"), &Value::Null),
        "{run}"
    );
    let log = server.api.get(&format!("/api/v1/executions/{}/logs", run["id"])).ok().to_string();
    let sets = server.sets();
    assert!(sets.contains(&3) && !sets.contains(&2), "{sets:?} {log}");
    if run["tape_id"] == json!(first) {
        assert_eq!(sets, [3]);
        assert!(log.contains("Backup set 2 built on what was on this tape; it is forgotten."), "{log}");
    }
}

#[test]
fn an_expired_tape_that_holds_more_than_the_database_knows_is_not_written_anew() {
    let (mut server, job, _) = house(1);
    for _ in 0..2 {
        server.api.run_job(job, json!({"backup_type": "full"}));
    }
    // a database from before the second run
    server.age("1", 10);
    server.sql(
        "PRAGMA foreign_keys = ON; DELETE FROM catalog_versions WHERE set_id = 2; DELETE FROM backup_sets WHERE id = 2;
         UPDATE tapes SET end_file = 3, end_block = (SELECT end_block FROM backup_set_parts WHERE backup_set_id = 1)",
    );
    assert_eq!(server.retention()["tapes_expired"], json!(["A00001L9"]));
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    // the tape is put on hold, and the run asks for another one
    let since = std::time::Instant::now();
    while server.tape(1)["hold_reason"].is_null() {
        assert!(since.elapsed() < std::time::Duration::from_secs(60), "it is not on hold");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(server.tape(1)["hold_reason"].as_str().unwrap().contains("more on it than the database knows"));
    let id = &started["execution_id"];
    server.api.post(&format!("/api/v1/executions/{id}/cancel"), json!({})).ok();
    assert_eq!(server.api.wait(id)["status"], "cancelled");
    assert!(server.dump("A00001L9", 3).len() > 900_000, "the second set is still there");
}

#[test]
fn maintenance_prunes_checks_and_says_so() {
    let (mut server, job, _) = house(1);
    for _ in 0..3 {
        server.api.run_job(job, json!({}));
    }
    let started = server.api.post("/api/v1/maintenance/run", json!({})).ok();
    let row = server.api.complete(started);
    assert_eq!(
        (&row["result"]["check"]["ok"], &row["result"]["prune"]["executions"]),
        (&json!(true), &json!(0)),
        "{row}"
    );
    server.sql(
        "UPDATE job_executions SET end_time = datetime('now', '-400 days') WHERE kind = 'backup';
         UPDATE events SET created_at = datetime('now', '-100 days');
         UPDATE audit_logs SET created_at = datetime('now', '-4000 days')",
    );
    let audit = |server: &Server| server.api.get("/api/v1/logs/audit?limit=1000").ok().as_array().unwrap().len();
    let lines = audit(&server);
    let started = server.api.post("/api/v1/maintenance/run", json!({"chores": ["prune", "integrity_check"]})).ok();
    let row = server.api.complete(started);
    assert!(row["result"]["prune"]["events"].as_u64().unwrap() > 5, "{row}");
    assert!(row["result"]["check"]["kind"] == "integrity_check" && row["result"]["retention"].is_null(), "{row}");
    let left = server.api.get("/api/v1/executions?kind=backup&limit=100").ok();
    assert_eq!(left.as_array().unwrap().len(), 1, "the newest of a kind stays: {left}");
    assert!(audit(&server) > lines, "the audit log is kept for ever");
    let status = server.api.get("/api/v1/maintenance").ok();
    assert_eq!(status["last_check"]["kind"], "integrity_check", "{status}");
    assert!(status["next_run_at"].is_string() && status["database"]["size_bytes"].as_i64().unwrap() > 100_000);
    server.api.post("/api/v1/maintenance/run", json!({"chores": ["sweep"]})).fails(400, "bad_json");
    let vacuum = server.api.post("/api/v1/maintenance/run", json!({"chores": ["vacuum"]})).ok();
    server.api.complete(vacuum);
}
