//! R12: how fast the API answers 200 clients while a backup streams, and what that costs the backup.
//!
//! The server is the real one, on loopback; its drive takes the time of an LTO-9 drive (400 MB/s). Each client asks once a
//! second, as the web interface does, for something else each time.

use crate::data::{Data, touch_memory};
use crate::results::{Measured, Results, Target};
use crate::server::{Library, Server};
use anyhow::{Context, Result, ensure};
use crossbeam_channel::Sender;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: u32 = 200;
const EVERY: Duration = Duration::from_secs(1);
/// Speed of an LTO-9 drive in MiB per second.
const SPEED: u64 = 400_000_000 >> 20;
const PATHS: [&str; 5] = [
    "/api/v1/jobs/active",
    "/api/v1/tapes",
    "/api/v1/backup-sets?limit=50",
    "/api/v1/dashboard",
    "/api/v1/executions?limit=50",
];

/// Measures both.
pub fn results(data: &Data, results: &mut Results) -> Result<()> {
    eprintln!("R12: a server, a drive, a tape");
    let mut server = Server::with_library(Library { drives: 1, slots: 1, capacity_mb: 8000 });
    server.slow_drives(SPEED);
    server.kill_and_restart();
    let api = &server.api;
    let job = api.job("bench", api.source("bench", &data.root), 1, json!({}));
    // Both runs are written to the same tape.
    touch_memory(&std::env::temp_dir(), data.bytes * 5 / 2)?;
    let alone = speed(&api.run_job(job, json!({})))?;
    let stop = Arc::new(AtomicBool::new(false));
    let (run, mut took) = std::thread::scope(|scope| -> Result<(Value, Vec<Duration>)> {
        let (base, token, stopped) = (api.base.clone(), api.token.clone(), stop.clone());
        let (ready, are_ready) = crossbeam_channel::bounded(1);
        let asking = scope.spawn(move || ask(&base, &token, &stopped, &ready));
        // if they cannot be made, the thread says why
        let _ = are_ready.recv();
        let run = api.run_job(job, json!({}));
        stop.store(true, Ordering::Relaxed);
        let took = asking.join().map_err(|_| anyhow::anyhow!("the clients panicked"))??;
        Ok((run, took))
    })?;
    let watched = speed(&run)?;
    took.sort_unstable();
    let p99 = took.get(took.len() * 99 / 100).context("no request was answered")?;
    eprintln!("R12: {} answers; alone {alone:.0} MB/s, with clients {watched:.0} MB/s", took.len());
    let what = format!("p99 of {} reads by {CLIENTS} clients (one a second each) while a backup streams", took.len());
    results.add(Measured::alone("R12", what, p99.as_secs_f64() * 1000.0, "ms", Target::AtMost(50.0)));
    let loss = (1.0 - watched / alone).max(0.0) * 100.0;
    let what = format!("loss of streaming speed ({alone:.0} MB/s) while they ask");
    results.add(Measured::alone("R12", what, loss, "%", Target::AtMost(5.0)));
    Ok(())
}

/// Bytes per second of a run, in MB.
fn speed(run: &Value) -> Result<f64> {
    let stages = &run["stages"];
    let drive = stages["stages"].as_array().and_then(|all| all.iter().find(|stage| stage["stage"] == "drive"));
    let bytes = drive.and_then(|drive| drive["bytes"].as_f64()).context("the run has no stages")?;
    Ok(bytes / 1e6 / stages["elapsed_seconds"].as_f64().context("the run took no time")?)
}

/// All clients, until they are stopped; how long each answer took.
fn ask(base: &str, token: &str, stop: &Arc<AtomicBool>, ready: &Sender<()>) -> Result<Vec<Duration>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            // a connection of its own each
            let http =
                reqwest::Client::builder().tls_built_in_root_certs(false).timeout(Duration::from_secs(30)).build()?;
            let (base, token, stop) = (base.to_string(), token.to_string(), stop.clone());
            clients.push(tokio::spawn(async move {
                tokio::time::sleep(EVERY * number / CLIENTS).await;
                client(&http, &base, &token, &stop).await
            }));
        }
        let _ = ready.send(());
        let mut all = Vec::new();
        for client in clients {
            all.extend(client.await??);
        }
        Ok(all)
    })
}

async fn client(http: &reqwest::Client, base: &str, token: &str, stop: &AtomicBool) -> Result<Vec<Duration>> {
    let mut took = Vec::new();
    for path in PATHS.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let begin = Instant::now();
        let answer = http.get(format!("{base}{path}")).bearer_auth(token).send().await?;
        let status = answer.status();
        answer.bytes().await?;
        ensure!(status.is_success(), "{path}: {status}");
        took.push(begin.elapsed());
        tokio::time::sleep(EVERY.saturating_sub(begin.elapsed())).await;
    }
    Ok(took)
}
