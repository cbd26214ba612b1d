//! Chains: the tree as of a moment, deletions honoured, whatever ran in between.

use crate::files;
use crate::server::Server;
use serde_json::json;
use std::fs;

#[test]
fn a_tree_as_of_a_set_has_what_was_there_then_and_nothing_else() {
    let server = Server::ready();
    let api = &server.api;
    let source = server.folder("source");
    fs::create_dir_all(source.join("keep")).unwrap();
    fs::create_dir_all(source.join("gone/below")).unwrap();
    fs::write(source.join("keep/a"), b"first").unwrap();
    fs::write(source.join("gone/below/b"), b"bye").unwrap();
    let job = api.job("j", api.source("s", &source), 1, json!({"backup_type": "incremental"}));
    let full = api.run_job(job, json!({}))["result"]["backup_set_id"].clone();

    fs::remove_dir_all(source.join("gone")).unwrap();
    fs::write(source.join("keep/a"), b"second").unwrap();
    let second = api.run_job(job, json!({}))["result"]["backup_set_id"].clone();

    fs::create_dir_all(source.join("gone")).unwrap();
    fs::write(source.join("gone/c"), b"back").unwrap();
    let third = api.run_job(job, json!({}))["result"]["backup_set_id"].clone();

    let restore = |set: &serde_json::Value| {
        let to = server.dir.path().join(format!("r{set}"));
        api.restore(json!({"backup_set_id": set, "dest_path": to.to_str().unwrap()}));
        to
    };
    let to = restore(&full);
    assert_eq!(fs::read(to.join("keep/a")).unwrap(), b"first");
    assert_eq!(fs::read(to.join("gone/below/b")).unwrap(), b"bye");
    let to = restore(&second);
    assert_eq!(fs::read(to.join("keep/a")).unwrap(), b"second");
    assert!(!to.join("gone").exists(), "a deleted folder does not come back");
    let to = restore(&third);
    assert!(to.join("gone/c").exists() && !to.join("gone/below").exists());
    files::assert_equal(&source, &to);

    let tree = api.get(&format!("/api/v1/catalog/tree?set_id={second}&path=")).ok();
    let names: Vec<&str> = tree["entries"].as_array().unwrap().iter().filter_map(|e| e["name"].as_str()).collect();
    assert_eq!(names, ["keep"], "{tree}");
}

#[test]
fn a_file_whose_content_changed_within_the_same_second_and_size_is_sent_again() {
    let server = Server::ready();
    let api = &server.api;
    let source = server.folder("source");
    fs::write(source.join("f"), b"aaaa").unwrap();
    let time = fs::metadata(source.join("f")).unwrap().modified().unwrap();
    let job = api.job("j", api.source("s", &source), 1, json!({"backup_type": "incremental"}));
    api.run_job(job, json!({}));
    let file = fs::File::options().write(true).open(source.join("f")).unwrap();
    std::io::Write::write_all(&mut &file, b"bbbb").unwrap();
    file.set_modified(time).unwrap();
    drop(file);
    let run = api.run_job(job, json!({}));
    assert_eq!(run["result"]["files"], 1, "ctime tells what mtime and size hide: {run}");
}

#[test]
fn an_incremental_without_changes_is_a_set_with_nothing_in_it() {
    let server = Server::ready();
    let api = &server.api;
    let source = server.folder("source");
    files::fill(&source);
    let job = api.job("j", api.source("s", &source), 1, json!({"backup_type": "incremental"}));
    api.run_job(job, json!({}));
    let run = api.run_job(job, json!({}));
    assert_eq!((&run["result"]["files"], &run["result"]["deleted"]), (&json!(0), &json!(0)), "{run}");
    let to = server.dir.path().join("r");
    api.restore(json!({"backup_set_id": run["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()}));
    files::assert_equal(&source, &to);
}
