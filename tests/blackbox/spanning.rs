//! A set that is larger than a tape goes on with the next one.

use crate::files;
use crate::server::{Library, Server};
use serde_json::json;

#[test]
fn a_set_larger_than_a_tape_spans_tapes_and_comes_back_whole() {
    let server = Server::with_library(Library { drives: 1, slots: 4, capacity_mb: 64 });
    let api = &server.api;
    let source = server.folder("s");
    files::fill(&source);
    std::fs::write(source.join("huge"), files::noise(9, 150 << 20)).unwrap();
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    let run = api.run_job(job, json!({}));
    assert!(run["result"]["parts"].as_u64().unwrap() >= 3, "{run}");
    let to = server.dir.path().join("r");
    api.restore(json!({"backup_set_id": run["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()}));
    files::assert_equal(&source, &to);
}
