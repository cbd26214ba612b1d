//! A clock that is set while the server runs: by an hour, by a day, to 1970, over both days on which clocks change. Nothing runs
//! twice, nothing is forgotten, and work goes on by a clock that nobody sets.
//!
//! The server sees a time that is off by as much as a file says ([`shifted_clock.rs`](../shifted_clock.rs), which is preloaded).

use crate::api::Api;
use crate::house::{Hands, House, Kind, Variant};
use crate::judge;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};
use tapebackarr::schedule::Schedule;
use tempfile::TempDir;

/// The compiled shim. Its folder goes with the process.
fn shim() -> PathBuf {
    static FOLDER: LazyLock<Mutex<Option<TempDir>>> = LazyLock::new(|| {
        extern "C" fn forget() {
            drop(FOLDER.lock().unwrap().take());
        }
        let folder = TempDir::new().unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shifted_clock.rs");
        let compiler = option_env!("RUSTC").unwrap_or("rustc");
        let mut command = Command::new(compiler);
        command.args(["--edition", "2024", "-O", "--crate-type", "cdylib", "--crate-name", "shifted_clock"]);
        let done = command.arg("-o").arg(folder.path().join("clock.so")).arg(source).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        // SAFETY: a function without arguments that unwinds into nobody
        assert_eq!(unsafe { libc::atexit(forget) }, 0);
        Mutex::new(Some(folder))
    });
    FOLDER.lock().unwrap().as_ref().unwrap().path().join("clock.so")
}

/// The clock of one server.
pub struct Clock(PathBuf);

impl Clock {
    /// It shows the right time until it is set. The file is made in this folder.
    pub fn new(folder: &Path) -> Clock {
        let clock = Clock(folder.join("clock"));
        std::fs::write(&clock.0, 0i64.to_ne_bytes()).unwrap();
        clock
    }

    /// What makes a program see it.
    pub fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", shim()), ("TAPEBACKARR_TEST_CLOCK", self.0.clone())]
    }

    fn offset(&self) -> i64 {
        i64::from_ne_bytes(std::fs::read(&self.0).unwrap().try_into().unwrap())
    }

    /// What it shows.
    fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::nanoseconds(self.offset())
    }

    /// Sets it.
    fn set(&self, to: DateTime<Utc>) {
        use std::os::unix::fs::FileExt;
        let offset = (to - Utc::now()).num_nanoseconds().unwrap();
        let file = std::fs::File::options().write(true).open(&self.0).unwrap();
        file.write_all_at(&offset.to_ne_bytes(), 0).unwrap();
    }

    fn jump(&self, by: TimeDelta) {
        self.set(self.now() + by);
    }
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn a_house(hands: Hands) -> House {
    let mut house = House::new(Variant { kind: Kind::Plain, hands });
    house.clock = Some(Clock::new(house.folder.path()));
    house
}

/// Sets the clock and logs in anew: a login belongs to a time.
fn set(house: &mut House, to: &str) {
    house.clock.as_ref().unwrap().set(utc(to));
    house.log_in();
}

fn runs(house: &House, job: i64) -> Vec<Value> {
    let rows = house.api.get(&format!("/api/v1/executions?kind=backup&job_id={job}&limit=100")).ok();
    rows.as_array().unwrap().clone()
}

/// Waits until a job was begun so often, and has ended; more often is wrong.
fn wait_for_runs(house: &House, job: i64, count: usize, what: &str) {
    let since = Instant::now();
    loop {
        let rows = runs(house, job);
        if rows.len() >= count && rows.iter().all(|row| row["status"] == "completed") {
            assert_eq!(rows.len(), count, "{what}: {rows:#?}");
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{what}: {} of {count}: {rows:#?}", rows.len());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until the server has looked at the clock after a moment: a job of every minute is planned for behind it.
fn is_looked_at(house: &House, minutes: i64, moment: DateTime<Utc>, what: &str) {
    let since = Instant::now();
    loop {
        let next = house.api.get(&format!("/api/v1/jobs/{minutes}")).ok()["next_run_at"].clone();
        let next: DateTime<Utc> = next.as_str().unwrap_or_default().parse().unwrap();
        // and the look is over
        if next > moment && house.clock.as_ref().unwrap().now() > moment + TimeDelta::seconds(1) {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{what}: nothing is looked at, next {next}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn job(api: &Api, name: &str, cron: &str, zone: &str, source: i64) -> i64 {
    let schedule = json!({"schedule_cron": cron, "time_zone": zone, "missed_runs": "run"});
    api.job(name, source, 1, schedule)
}

/// The clock is set again and again while a schedule is due; beside the nightly job there is one of every minute, whose plan
/// shows that the server has looked at the clock.
#[test]
fn a_clock_that_is_set_neither_repeats_nor_forgets_a_run() {
    let mut house = a_house(Hands::Library);
    house.clock.as_ref().unwrap().set(utc("2027-10-30T12:00:10Z"));
    assert!(house.start());
    house.log_in();
    let small = house.api.source("small", &house.folder.path().join("committed"));
    let nightly = job(&house.api, "nightly", "30 2 * * *", "Europe/Berlin", small);
    let minutes = job(&house.api, "minutes", "* * * * *", "UTC", small);
    // the first time after 02:00 of summer time that exists that night
    let schedule = Schedule::parse("30 2 * * *", "Europe/Berlin").unwrap();
    assert_eq!(schedule.next_after(utc("2028-03-26T00:59:59Z")), Some(utc("2028-03-26T01:00:00Z")));
    let mut nights = 0;
    // what the clock is set to, a second before a full minute, and how often the nightly job runs by that
    for (to, more, what) in [
        ("2027-10-31T00:29:59Z", 1, "02:30 of summer time"),
        ("2027-10-31T01:29:59Z", 0, "02:30 comes once more, in winter time"),
        ("2027-11-01T01:29:59Z", 1, "a day later"),
        ("2027-11-01T00:29:59Z", 0, "an hour back"),
        ("2027-11-01T01:29:59Z", 0, "the same half past two once more"),
        ("2027-11-03T09:00:59Z", 1, "two days on: one run for both nights"),
        ("2028-03-25T23:10:59Z", 1, "months on: one run for all nights until then"),
        ("2028-03-26T00:59:59Z", 1, "02:30 does not exist: it runs at the first moment after"),
        ("1970-01-01T00:10:59Z", 0, "a dead battery"),
        ("2028-03-26T12:00:59Z", 0, "the right time"),
        ("2028-03-27T00:29:59Z", 1, "the night after"),
    ] {
        set(&mut house, to);
        nights += more;
        is_looked_at(&house, minutes, utc(to) + TimeDelta::seconds(1), what);
        wait_for_runs(&house, nightly, nights, what);
    }
}

/// A run at work, of which a person brings the tapes and is waited for, does not care what time it is.
#[test]
fn a_run_at_work_does_not_mind_a_clock_that_is_set() {
    let mut house = a_house(Hands::Operator);
    assert!(house.start());
    house.log_in();
    let right = Utc::now();
    house.run();
    for by in [TimeDelta::hours(-1), TimeDelta::days(1), TimeDelta::days(365 * 5)] {
        house.clock.as_ref().unwrap().jump(by);
        house.log_in();
        house.api.get("/api/v1/jobs/active").ok();
        house.api.get("/api/v1/dashboard").ok();
    }
    set(&mut house, "1970-01-01T00:10:00Z");
    house.api.get("/api/v1/dashboard").ok();
    house.clock.as_ref().unwrap().set(right);
    house.log_in();
    let what = "the clock is set while a run is at work";
    let row = house.ended().unwrap_or_else(|| panic!("{what}: the server died"));
    assert_eq!(row["status"], "completed", "{what}: {row}");
    judge::holds(&mut house, what);
}

/// A login ends by the clock on the wall; whatever the clock says, a person can log in.
#[test]
fn logins_end_by_the_clock_and_new_ones_are_good() {
    let mut house = a_house(Hands::Library);
    assert!(house.start());
    house.log_in();
    let begun = house.clock.as_ref().unwrap().now();
    let first = house.api.token.clone();
    let status = |house: &mut House, token: &str, to: DateTime<Utc>| {
        house.clock.as_ref().unwrap().set(to);
        house.api.token = token.to_owned();
        let answer = house.api.get("/api/v1/auth/me");
        let code = answer.body["code"].as_str().unwrap_or("ok").to_owned();
        house.log_in();
        house.api.get("/api/v1/auth/me").ok();
        code
    };
    assert_eq!(status(&mut house, &first, begun + TimeDelta::hours(1)), "ok");
    assert_eq!(status(&mut house, &first, begun + TimeDelta::days(400)), "token_expired");
    // one from the future is not believed, and does no harm
    let later = house.api.token.clone();
    assert_eq!(status(&mut house, &later, begun), "invalid_token");
    assert_eq!(status(&mut house, &first, utc("1970-01-01T00:00:10Z")), "invalid_token");
    // what had ended by a clock that was ahead is forgotten
    assert_eq!(status(&mut house, &first, begun + TimeDelta::minutes(2)), "invalid_token");
    assert!(house.stop(), "an orderly end");
}

/// By a clock that is years ahead nothing is let go, also not after a restart, until a person says that it is right.
#[test]
fn nothing_expires_by_a_clock_that_nobody_believes() {
    let mut house = a_house(Hands::Library);
    assert!(house.start());
    house.log_in();
    house.api.send("PUT", "/api/v1/jobs/2", Some(&json!({"retention_days": 30}))).ok();
    house.api.run_job(2, json!({}));
    let expired = |house: &House| {
        let done = house.api.post("/api/v1/retention/run", json!({})).ok();
        let row = house.api.complete(done);
        row["result"]["retention"]["sets_expired"].as_array().unwrap_or_else(|| panic!("{row}")).len()
    };
    let believed = |house: &House| house.api.get("/api/v1/maintenance").ok()["clock_believed_until"].clone();
    let since = Instant::now();
    house.clock.as_ref().unwrap().jump(TimeDelta::days(5));
    house.log_in();
    // the clock is looked at every ten seconds
    while since.elapsed() < Duration::from_secs(12) {
        assert_eq!(believed(&house), Value::Null, "a few days are believed");
        std::thread::sleep(Duration::from_millis(500));
    }
    house.clock.as_ref().unwrap().jump(TimeDelta::days(365 * 2));
    house.log_in();
    assert_eq!(expired(&house), 0, "by a clock two years ahead");
    assert!(house.stop(), "an orderly end");
    assert!(house.start());
    house.log_in();
    assert_eq!(expired(&house), 0, "after a restart");
    let told = house.api.get("/api/v1/dashboard/attention").ok();
    assert!(told.as_array().unwrap().iter().any(|item| item["topic"] == "clock"), "{told:#}");
    assert!(believed(&house).is_string());
    house.api.post("/api/v1/maintenance/believe-clock", json!({})).ok();
    assert_eq!(believed(&house), Value::Null);
    assert_eq!(expired(&house), 2, "a person says that it is right");
}
