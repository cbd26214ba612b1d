//! What the checks found.

use serde::Serialize;
use serde_json::{Value, json};
use tape_drive::{DriveError, DriveIdentity};

/// Why a check did not pass.
#[derive(Debug)]
pub enum Failure {
    /// It could not be tried.
    Skipped(String),
    /// The drive does not do what it should.
    Failed(String),
}

impl From<DriveError> for Failure {
    fn from(error: DriveError) -> Failure {
        Failure::Failed(error.to_string())
    }
}

/// How a check ended: what it saw, or why it did not pass.
pub type Outcome = Result<String, Failure>;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The drive does what it should.
    Passed,
    /// It could not be tried.
    Skipped,
    /// It does not.
    Failed,
}

/// A check that was run.
#[derive(Debug, Serialize)]
pub struct Line {
    /// What was checked.
    pub check: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What it saw, or why it did not pass.
    pub seen: String,
    /// How long it took.
    pub seconds: f64,
}

/// The checks so far.
#[derive(Debug)]
pub struct Report {
    device: String,
    identity: DriveIdentity,
    lines: Vec<Line>,
}

impl Report {
    /// An empty report on a drive.
    pub fn new(device: &str, identity: DriveIdentity) -> Report {
        Report { device: device.to_owned(), identity, lines: Vec::new() }
    }

    /// Runs a check and takes note of it.
    pub fn check(&mut self, check: &'static str, run: impl FnOnce() -> Outcome) {
        let begin = std::time::Instant::now();
        let (verdict, seen) = match run() {
            Ok(seen) => (Verdict::Passed, seen),
            Err(Failure::Skipped(reason)) => (Verdict::Skipped, reason),
            Err(Failure::Failed(reason)) => (Verdict::Failed, reason),
        };
        self.lines.push(Line { check, verdict, seen, seconds: begin.elapsed().as_secs_f64() });
    }

    /// The checks, in their order.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.verdict == Verdict::Failed)
    }

    /// All of it, for programs.
    pub fn json(&self) -> Value {
        json!({
            "device": self.device, "drive": self.identity, "passed": self.failed().next().is_none(), "checks": self.lines,
        })
    }
}
