//! C1: a set that is copied to another pool, with two drives and, where there is only one, through the disk.
//!
//! The server is the real one, its tapes are virtual and take no time of their own: what is measured is what the copy costs
//! the machine. An LTO-9 drive takes 400 MB/s; a copy that is slower starves it, and what costs more than a core at that speed
//! leaves a machine with two of them nothing for a backup beside it. Nobody else compares each file with its hash on the way.

use crate::data::{Data, touch_memory};
use crate::results::{Measured, Results, Target};
use crate::server::{Library, Server};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Runs of each, after one to warm up.
const RUNS: usize = 3;
/// MB/s of an LTO-9 drive.
const DRIVE: f64 = 400.0;
/// Pool of the server that the tapes to be written are in.
const POOL: i64 = 4;

/// Measures them all.
pub fn results(data: &Data, folder: &Path, results: &mut Results) -> Result<()> {
    // one of its files: originals, copies and what waits between them have to find room
    let source = tempfile::tempdir_in(folder)?;
    std::fs::hard_link(data.root.join("one"), source.path().join("one"))?;
    let bytes = std::fs::metadata(source.path().join("one"))?.len();
    for (treatment, secure) in [("plain", false), ("zstd level 1 and encrypted", true)] {
        for (way, drives, speed) in [("two drives", 2, DRIVE), ("one drive, through the disk", 1, DRIVE / 2.0)] {
            let what = format!("a set of 1 GiB copied to another pool, {treatment}, {way}");
            eprintln!("C1: {what}");
            let (took, cpu) = copy(source.path(), bytes, drives, secure)?;
            let rate = bytes as f64 / 1e6 / took.as_secs_f64();
            results.add(Measured::alone("C1", what.clone(), rate, "MB/s", Target::AtLeast(speed)));
            let cost = cpu / (bytes as f64 / 1e9);
            let what = format!("{what}: processor time per GB");
            results.add(Measured::alone("C1", what, cost, "s/GB", Target::AtMost(1000.0 / DRIVE)));
        }
    }
    Ok(())
}

/// Medians of the time that a copy took, and of the processor time of the server.
fn copy(source: &Path, bytes: u64, drives: u32, secure: bool) -> Result<(Duration, f64)> {
    let server = Server::with_library(Library { drives, slots: 4, capacity_mb: (bytes >> 20) + 256 });
    let api = &server.api;
    let key = api.post("/api/v1/encryption-keys", json!({"name": "bench", "description": ""})).ok();
    let options = match secure {
        true => json!({"compression": "zstd", "compression_level": 1, "encryption_key_id": key["key"]["id"]}),
        false => json!({"compression": "none"}),
    };
    api.send("PUT", "/api/v1/tapes/2", Some(&json!({"pool_id": POOL}))).ok();
    let job = api.job("bench", api.source("bench", source), 1, options);
    let run = api.run_job(job, json!({"tape_id": 1}));
    let set = &run["result"]["backup_set_id"];
    touch_memory(&std::env::temp_dir(), bytes * 5 / 2)?;
    let (mut times, mut costs) = (Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let (begin, before) = (Instant::now(), cpu_seconds()?);
        let started = api.post(&format!("/api/v1/backup-sets/{set}/copy"), json!({"pool_id": POOL})).ok();
        let row = api.complete(started);
        let (took, cost) = (begin.elapsed(), cpu_seconds()? - before);
        let copied = &row["result"]["copied"][0]["backup_set_id"];
        ensure!(copied.is_number(), "nothing was copied: {row}");
        let two = row["why"].to_string().contains("Two drives are free");
        ensure!(two == (drives == 2), "the copy went another way: {}", row["why"]);
        eprintln!("  {took:.2?}, {cost:.2} s on processors");
        if run > 0 {
            times.push(took);
            costs.push(cost);
        }
        forget(&server, copied)?;
    }
    times.sort_unstable();
    costs.sort_by(f64::total_cmp);
    let middle = RUNS / 2;
    let took = times.get(middle).context("a copy was made")?;
    Ok((*took, *costs.get(middle).context("a copy was made")?))
}

/// Deletes a copy and its tape's content, so that the next one finds the same room.
fn forget(server: &Server, copy: &Value) -> Result<()> {
    server.api.send("DELETE", &format!("/api/v1/backup-sets/{copy}"), None).ok();
    let started = server.api.post("/api/v1/tapes/2/format", json!({"drive_id": 1, "confirm": true})).ok();
    server.api.complete(started);
    Ok(())
}

/// User and system time of the server, our only child, from proc_pid_stat(5), in ticks of 10 ms.
fn cpu_seconds() -> Result<f64> {
    let children = std::fs::read_to_string("/proc/thread-self/children")?;
    let child = children.split_ascii_whitespace().next().context("the server is our child")?;
    let stat = std::fs::read_to_string(format!("/proc/{child}/stat"))?;
    let (_, behind_name) = stat.rsplit_once(')').context("/proc/PID/stat")?;
    let ticks = behind_name.split_ascii_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / 100.0)
}
