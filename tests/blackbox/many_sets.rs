//! Ten sets on one tape: each restored and equal, each readable with the tools that every machine has.

use crate::files;
use crate::server::Server;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn pipe(program: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeding = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap().unwrap();
    assert!(output.status.success(), "{program} {args:?}");
    output.stdout
}

fn untar(bytes: &[u8], into: &Path) {
    std::fs::create_dir_all(into).unwrap();
    pipe("tar", &["-x", "-p", "--xattrs", "--acls", "-f", "-", "-C", into.to_str().unwrap()], bytes);
}

#[test]
fn ten_sets_on_one_tape_are_restored_and_readable_without_us() {
    let server = Server::ready();
    let api = &server.api;
    let source = server.folder("source");
    files::fill(&source);
    // GNU tar alone brings back whole seconds; what a fraction costs on tape is in docs/tape-format.md
    files::whole_seconds(&source);
    let other = server.folder("other");
    files::fill(&other);
    files::whole_seconds(&other);
    let source_id = api.source("main", &source);
    let other_id = api.source("other", &other);
    let key = api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let job = api.job("main", source_id, 1, json!({"backup_type": "incremental"}));
    let jobs = [
        ("plain", api.job("plain", other_id, 1, json!({})), "none"),
        ("zstd", api.job("zstd", other_id, 1, json!({"compression": "zstd"})), "zstd"),
        ("gzip", api.job("gzip", other_id, 1, json!({"compression": "gzip"})), "gzip"),
        (
            "encrypted",
            api.job("encrypted", other_id, 1, json!({"compression": "zstd", "encryption_key_id": key["key"]["id"]})),
            "encrypted",
        ),
    ];

    // a full and four incrementals of one job, each state kept for comparison
    let mut states = Vec::new();
    for round in 0..5u64 {
        if round > 0 {
            std::fs::write(source.join(format!("docs/new{round}")), files::noise(round, 5000)).unwrap();
            std::fs::write(source.join("docs/file010.txt"), files::noise(100 + round, 300)).unwrap();
            std::fs::remove_file(source.join(format!("docs/file{:03}.txt", 20 + round))).unwrap();
            for name in [format!("new{round}"), "file010.txt".into(), ".".into()] {
                files::whole_second(&source.join("docs").join(name));
            }
        }
        let run = api.run_job(job, json!({}));
        let kept = server.dir.path().join(format!("state{round}"));
        assert!(Command::new("cp").args(["-a"]).arg(&source).arg(&kept).status().unwrap().success());
        states.push((run["result"]["backup_set_id"].clone(), kept));
        let kind = if round == 0 { "full" } else { "incremental" };
        assert_eq!(run["result"]["backup_type"], kind);
        if round > 0 {
            assert_eq!(run["result"]["files"], 2, "an incremental sends what changed: {run}");
            assert_eq!(run["result"]["deleted"], 1, "{run}");
        }
    }
    let mut others = Vec::new();
    for (name, job, how) in &jobs {
        let run = api.run_job(*job, json!({}));
        others.push((name, run["result"]["backup_set_id"].clone(), *how));
    }
    let tenth = api.run_job(jobs[0].1, json!({"backup_type": "full"}));
    others.push((&"again", tenth["result"]["backup_set_id"].clone(), "none"));

    let sets = api.get("/api/v1/backup-sets?limit=100").ok();
    let sets = sets.as_array().unwrap();
    assert_eq!(sets.len(), 10);
    let tapes: std::collections::BTreeSet<String> =
        sets.iter().map(|set| set["tape_label"].as_str().unwrap().to_string()).collect();
    assert_eq!(tapes.len(), 1, "one tape was enough: {tapes:?}");
    let tape = tapes.into_iter().next().unwrap();

    for (set, state) in &states {
        let to = server.dir.path().join(format!("restored-{set}"));
        api.restore(json!({"backup_set_id": set, "dest_path": to.to_str().unwrap()}));
        files::assert_equal(state, &to);
    }
    for (name, set, _) in &others {
        let to = server.dir.path().join(format!("restored-{name}"));
        api.restore(json!({"backup_set_id": set, "dest_path": to.to_str().unwrap()}));
        files::assert_equal(&other, &to);
        let verified = api.post(&format!("/api/v1/backup-sets/{set}/verify"), json!({})).ok();
        api.complete(verified);
    }

    let data_file = |set: &Value| {
        let detail = api.get(&format!("/api/v1/backup-sets/{set}")).ok();
        detail["parts"][0]["tape_file"].as_u64().unwrap()
    };
    // the chain without us: the full one, then what each incremental names as gone, then what it holds
    let chain = server.dir.path().join("dumped-chain");
    for (set, state) in &states {
        let file = data_file(set);
        let contents = server.dump(&tape, file + 1);
        let end = contents.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let contents: Value = serde_json::from_slice(&contents[..end]).unwrap();
        for gone in contents["deleted"].as_array().unwrap() {
            std::fs::remove_file(chain.join(gone.as_str().unwrap())).unwrap();
        }
        untar(&server.dump(&tape, file), &chain);
        files::assert_equal(state, &chain);
    }
    for (name, set, how) in &others {
        let file = data_file(set);
        let dumped = server.dump(&tape, file);
        let to = server.dir.path().join(format!("dumped-{name}"));
        match *how {
            "none" => untar(&dumped, &to),
            "zstd" => untar(&pipe("zstd", &["-d", "-c"], &dumped), &to),
            "gzip" => untar(&pipe("gzip", &["-d", "-c"], &dumped), &to),
            _ => {
                assert!(!contains(&dumped, b"ustar"), "an encrypted set shows no headers");
                let keyfile = server.dir.path().join("key.txt");
                std::fs::write(&keyfile, key["key_base64"].as_str().unwrap()).unwrap();
                let program = server.dir.path().join("recover.py");
                std::fs::write(&program, printed_program()).unwrap();
                let args = [program.to_str().unwrap(), "open", keyfile.to_str().unwrap()];
                let plain = pipe("python3", &args, &dumped);
                untar(&pipe("zstd", &["-d", "-c"], &plain), &to);
            }
        }
        files::assert_equal(&other, &to);
    }
}

/// The program that is printed in the guide for people who have nothing else.
pub fn printed_program() -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/manual-recovery.md")).unwrap();
    let (_, rest) = page.split_once("<!-- recover.py -->\n```python\n").expect("the guide has the program");
    rest.split_once("\n```").unwrap().0.to_string()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn one_file_out_of_a_set_costs_one_locate_and_little_reading() {
    let server = Server::ready();
    let api = &server.api;
    let source = server.folder("source");
    std::fs::create_dir_all(source.join("a")).unwrap();
    for number in 0..20u64 {
        std::fs::write(source.join(format!("a/{number}")), files::noise(number, 8 << 20)).unwrap();
    }
    let key = api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let source_id = api.source("main", &source);
    let options = json!({"compression": "zstd", "encryption_key_id": key["key"]["id"]});
    let job = api.job("main", source_id, 1, options);
    let run = api.run_job(job, json!({}));
    let to = server.dir.path().join("restored");
    let restored = api.restore(json!({
        "backup_set_id": run["result"]["backup_set_id"], "file_paths": ["a/13"], "dest_path": to.to_str().unwrap(),
    }));
    assert_eq!(std::fs::read(to.join("a/13")).unwrap(), std::fs::read(source.join("a/13")).unwrap());
    let log = api.get(&format!("/api/v1/executions/{}/logs", restored["id"])).ok();
    let lines = log.as_array().unwrap().iter().filter_map(|line| line["message"].as_str());
    let blocks: u64 =
        lines.filter_map(|line| line.split_once(" blocks read")?.0.rsplit(' ').next()?.parse::<u64>().ok()).sum();
    assert!((32..=80).contains(&blocks), "{blocks} blocks of 256 KiB were read for a file of 8 MiB: {log}");
    assert_eq!(restored["result"]["files_restored"], Value::from(1));
}
