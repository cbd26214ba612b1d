//! A source that does not answer: an NFS server that is gone, a disk that is dying. Whoever asks it waits, perhaps for ever.

use crate::house::{Hands, House, Kind, Variant};
use crate::judge;
use crate::seed::Seed;
use crate::syscalls::{Fault, Kernel, NAMES, READS, Reply};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Long for a person who waits, short for a machine that has much to do.
const SOON: Duration = Duration::from_secs(30);

/// What of the source does not answer, and to whom.
struct Silence {
    name: &'static str,
    calls: &'static [libc::c_long],
    after: u64,
    /// What the run must name.
    told: &'static str,
}

const SILENCES: [Silence; 5] = [
    Silence { name: "large", calls: READS, after: 20, told: "large" },
    Silence { name: "dir/07", calls: READS, after: 0, told: "dir/07" },
    Silence { name: "dir/", calls: NAMES, after: 0, told: "dir" },
    // while the root is listed, and before that
    Silence { name: "large", calls: NAMES, after: 0, told: "reading" },
    Silence { name: "", calls: NAMES, after: 0, told: "source" },
];

fn hangs(house: &House, silence: &Silence) {
    let kernel = house.kernel.as_ref().unwrap();
    let source = std::fs::canonicalize(&house.source).unwrap();
    let path = if silence.name.is_empty() { source } else { source.join(silence.name) };
    kernel.fault(Fault { calls: silence.calls, path, after: silence.after, reply: Reply::Hangs });
    house.api.post("/api/v1/jobs/1/run", json!({})).ok();
    let since = Instant::now();
    while kernel.met() == 0 {
        assert!(since.elapsed() < SOON, "{}: it is never asked", silence.name);
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The newest run of the job, when it is as it should be.
fn run_is(house: &House, status: &str, what: &str) -> Value {
    let since = Instant::now();
    loop {
        let rows = house.api.get("/api/v1/executions?kind=backup&limit=9").ok();
        let row = rows.as_array().unwrap().iter().find(|row| row["job_id"] == 1).cloned().unwrap_or_default();
        if row["status"] == status {
            return row;
        }
        assert!(since.elapsed() < SOON, "{what}: it is not {status}: {row}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn a_house(hands: Hands) -> House {
    let mut house = House::new(Variant { kind: Kind::Plain, hands });
    house.kernel = Some(Kernel::watching(&[READS, NAMES]));
    assert!(house.start(), "is seccomp with user notification allowed here?");
    house
}

/// A person who pauses or cancels is not kept waiting, the drive is free for others while the source still hangs, and the file
/// is named.
fn cancelled(silence: &Silence) {
    let what = format!("{:?} does not answer", silence.name);
    let mut house = a_house(Hands::Library);
    hangs(&house, silence);
    house.api.post("/api/v1/jobs/1/pause", json!({})).ok();
    run_is(&house, "paused", &what);
    house.api.post("/api/v1/jobs/1/resume", json!({})).ok();
    run_is(&house, "running", &what);
    house.api.get("/api/v1/dashboard").ok();
    house.api.post("/api/v1/jobs/1/cancel", json!({})).ok();
    let row = run_is(&house, "cancelled", &what);
    let log = house.api.get(&format!("/api/v1/executions/{}/logs?limit=1000", row["id"])).ok();
    let named = log.as_array().unwrap().iter().any(|line| {
        let text = line["message"].as_str().unwrap();
        text.contains(silence.told) && text.contains("answer")
    });
    assert!(named, "{what}: {log}");
    // the only drive
    let done = house.api.run_job(2, json!({"backup_type": "full"}));
    judge::restored(&mut house, &done["result"]["backup_set_id"], "committed", &what);
    assert!(house.kernel.as_ref().unwrap().end_fault() > 0);
    house.run();
    judge::holds(&mut house, &what);
}

/// The server can be stopped while a source hangs, and started again; then the run goes on by itself.
fn stopped(silence: &Silence) {
    let what = format!("{:?} does not answer", silence.name);
    let mut house = a_house(Hands::TwoDrives);
    hangs(&house, silence);
    let begin = Instant::now();
    assert!(house.stop(), "{what}: an orderly end");
    assert!(begin.elapsed() < SOON, "{what}: {:?}", begin.elapsed());
    house.kernel.as_ref().unwrap().end_fault();
    assert!(house.start());
    judge::holds(&mut house, &what);
}

/// One by chance, for the soak.
pub fn any(seed: &mut Seed) {
    let silence = &SILENCES[seed.below(SILENCES.len() as u64) as usize];
    if seed.below(2) == 0 { cancelled(silence) } else { stopped(silence) }
}

#[test]
fn a_run_whose_file_hangs_is_paused_and_cancelled() {
    cancelled(&SILENCES[0]);
}

#[test]
fn a_server_whose_source_hangs_is_stopped_and_started() {
    stopped(&SILENCES[2]);
}
