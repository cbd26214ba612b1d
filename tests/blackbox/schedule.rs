//! The clock of the real server: runs that are due, runs that were missed while it was down.

use crate::files;
use crate::server::Server;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn runs(server: &Server, job: i64) -> Vec<Value> {
    let rows = server.api.get(&format!("/api/v1/executions?kind=backup&job_id={job}&limit=100")).ok();
    rows.as_array().unwrap().clone()
}

#[track_caller]
fn wait_for_runs(server: &Server, job: i64, count: usize) -> Vec<Value> {
    let since = Instant::now();
    loop {
        let rows = runs(server, job);
        let done = rows.iter().filter(|row| row["status"] == "completed").count();
        if done >= count {
            return rows;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{done} of {count} runs: {rows:#?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_schedule_runs_the_job_and_never_beside_itself() {
    let server = Server::ready();
    let source = server.folder("s");
    files::fill(&source);
    let source = server.api.source("s", &source);
    let options = json!({"schedule_cron": "* * * * * *", "time_zone": "Europe/Berlin"});
    let job = server.api.job("every second", source, 1, options);
    let rows = wait_for_runs(&server, job, 3);
    let mut times: Vec<(&str, &str)> = rows
        .iter()
        .filter(|row| row["status"] == "completed")
        .map(|row| (row["start_time"].as_str().unwrap(), row["end_time"].as_str().unwrap()))
        .collect();
    times.sort_unstable();
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "they overlapped: {times:?}");
}

#[test]
fn a_run_missed_while_the_server_was_down_is_made_up_once_or_skipped() {
    let mut server = Server::ready();
    let source = server.folder("s");
    files::fill(&source);
    let source = server.api.source("s", &source);
    // an hour ago: the next time is tomorrow
    let daily = (chrono::Utc::now() - chrono::Duration::hours(1)).format("%M %H * * *").to_string();
    let options = |missed: &str| json!({"schedule_cron": daily, "time_zone": "UTC", "missed_runs": missed});
    let made_up = server.api.job("made up", source, 1, options("run"));
    let skipped = server.api.job("skipped", source, 1, options("skip"));
    assert!(server.stop().success());
    {
        // the server was down for three days: each job has missed several runs
        use diesel::connection::SimpleConnection;
        let mut conn = tapebackarr::db::open_one(server.dir.path().join("data/tapebackarr.db")).unwrap();
        let before =
            "UPDATE backup_jobs SET next_run_at = datetime('now', '-3 days'), created_at = datetime('now', '-9 days')";
        conn.batch_execute(before).unwrap();
    }
    server.restart();
    assert_eq!(wait_for_runs(&server, made_up, 1).len(), 1);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(runs(&server, made_up).len(), 1, "once");
    assert_eq!(runs(&server, skipped).len(), 0);
    let events = server.api.get("/api/v1/events").ok();
    let told = |title: &str| events.as_array().unwrap().iter().any(|event| event["title"] == title);
    assert!(told("Run Missed") || told("Run Skipped"), "{events}");
}
