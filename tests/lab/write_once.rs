//! Write-once tapes in drives behind the kernel's drivers: told as such, labelled, appended to, and never anything else.

use crate::files;
use crate::harness::Lab;
use crate::house::{House, ok};
use crate::refusals::{cannot_be_lost, put};
use crate::server::Server;
use serde_json::json;

const ONCE: &str = "LAB001LZ";
const ORDINARY: &str = "LAB002L9";

#[test]
fn a_write_once_tape_by_generic_nodes() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("write_once::by_sg");
}

#[test]
fn a_write_once_tape_by_the_tape_driver() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("write_once::by_st");
}

#[test]
#[ignore = "runs inside the lab"]
fn by_sg() {
    whole_life("/dev/sg1");
}

#[test]
#[ignore = "runs inside the lab"]
fn by_st() {
    whole_life("/dev/nst0");
}

fn whole_life(drive: &str) {
    let house = House::attached(&[ONCE, ORDINARY], 64 << 20);
    let image = || std::fs::read(house.library().join(format!("cartridges/{ONCE}.tap"))).unwrap();
    let server = Server::bare();
    let api = &server.api;
    api.post("/api/v1/libraries", json!({"name": "Rack", "device_path": "/dev/sg0"})).ok();
    api.post("/api/v1/drives", json!({"device_path": drive})).ok();
    put(&server, "pools/1", json!({"write_once": "require"})).ok();
    let body = json!({"library_id": 1, "barcodes": true, "pool_id": 1});
    let labelled = api.complete(api.post("/api/v1/tapes/batch-label", body).ok());
    let result = &labelled["result"];
    assert_eq!((&result["completed"], &result["failed"]), (&json!(1), &json!(1)), "{labelled}");
    assert!(result["errors"].to_string().contains("takes write-once tapes only"), "{labelled}");

    let source = server.folder("source");
    files::fill(&source);
    let job = api.job("j", api.source("s", &source), 1, json!({"retention_days": 1}));
    let first = api.run_job(job, json!({}));
    let before = image();
    let second = api.run_job(job, json!({}));
    assert_eq!(first["tape_id"], second["tape_id"]);
    let behind = image();
    assert!(behind.len() > before.len() && behind.starts_with(&before), "it is appended to, and nothing else");
    let to = server.dir.path().join("restored");
    api.restore(json!({"backup_set_id": first["result"]["backup_set_id"], "dest_path": to}));
    files::assert_equal(&source, &to);
    let tape = api.get(&format!("/api/v1/tapes/{}", first["tape_id"])).ok();
    assert_eq!((&tape["write_once"], &tape["barcode"]), (&json!(true), &json!(ONCE)), "{tape}");
    cannot_be_lost(&server, &tape, &image);
    // The drive was not even asked to: it would have said so.
    assert_eq!(api.get("/api/v1/drives/1/alerts").ok(), json!([]));
    // What others try, the drive refuses.
    assert!(server_stopped(server));
    let overwritten = crate::house::sh("mt -f /dev/nst0 rewind; dd if=/dev/zero of=/dev/nst0 bs=64k count=1");
    assert!(!overwritten.status.success() && image().starts_with(&behind));
    ok("mt -f /dev/nst0 offline");
}

fn server_stopped(mut server: Server) -> bool {
    server.stop().success()
}
