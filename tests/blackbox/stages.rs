//! Where the time of a backup goes: in the API and on the command line.

use crate::files;
use crate::server::Server;
use serde_json::{Value, json};

#[test]
fn a_backup_tells_where_its_time_went() {
    let server = Server::ready();
    let api = &server.api;
    let folder = server.folder("source");
    for number in 0..20 {
        std::fs::write(folder.join(format!("{number}")), files::noise(number, 100_000)).unwrap();
    }
    std::fs::write(folder.join("large"), files::noise(99, 20 << 20)).unwrap();
    let bytes = 20 * 100_000 + (20 << 20);
    let key = api.post("/api/v1/encryption-keys", json!({"name": "k", "description": ""})).ok();
    let job = json!({"compression": "zstd", "encryption_key_id": key["key"]["id"]});
    let job = api.job("j", api.source("s", &folder), 1, job);
    let run = api.run_job(job, json!({}));

    let stages = run["stages"]["stages"].as_array().unwrap_or_else(|| panic!("{run}"));
    let names: Vec<_> = stages.iter().map(|stage| stage["stage"].as_str().unwrap()).collect();
    assert_eq!(names, ["walk", "read", "hash", "tar", "compress", "encrypt", "drive", "catalog"]);
    let of = |name: &str| stages.iter().find(|stage| stage["stage"] == name).unwrap();
    for name in ["walk", "read", "hash", "compress"] {
        assert_eq!(of(name)["bytes"], bytes, "{name}: {run}");
    }
    assert!(of("drive")["bytes"].as_u64().unwrap() > bytes, "noise does not shrink: {run}");
    // the root, 21 files
    assert_eq!((&of("walk")["entries"], &of("catalog")["entries"]), (&22.into(), &22.into()), "{run}");
    for name in ["hash", "compress", "encrypt"] {
        assert!(of(name)["cpu_seconds"].as_f64().unwrap() > 0.0, "{name}: {run}");
    }
    assert!(run["stages"]["elapsed_seconds"].as_f64().unwrap() > 0.0);
    assert!(names.contains(&run["stages"]["limited_by"].as_str().unwrap()), "{run}");

    let id = api.get("/api/v1/executions?kind=backup&limit=1").ok()[0]["id"].clone();
    let series = api.get(&format!("/api/v1/executions/{id}/throughput")).ok();
    let sum = |name: &str| series[name].as_array().unwrap().iter().map(|part| part.as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("content_bytes"), bytes, "{series}");
    assert!(sum("tape_bytes") > bytes, "{series}");
    let ends = series["ends"].as_array().unwrap();
    assert!(!ends.is_empty() && ends.is_sorted_by_key(|end| end.as_f64().map(|end| (end * 10.0) as i64)), "{series}");
    api.get("/api/v1/executions/99/throughput").fails(404, "not_found");

    let shown = server.cli_as_admin(&["run", "j", "--stats"]);
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines[0].starts_with("STAGE") && lines.len() == 1 + 8 + 2, "{shown}");
    assert!(lines.last().unwrap().starts_with("limited by: "), "{shown}");
    let answer: Value = serde_json::from_str(&server.cli_as_admin(&["run", "j", "--stats", "--json"])).unwrap();
    assert!(answer["stages"]["limited_by_text"].is_string(), "{answer}");
}
