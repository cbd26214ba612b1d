//! The database's own backup.

use crate::files;
use crate::server::Server;
use serde_json::json;

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
