//! What the checks found, for people and for programs.

use crate::cli::exit::{CliError, CliResult};
use crate::cli::output::{self, Format, line};
use serde::Serialize;
use serde_json::json;
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Passed,
    Skipped,
    Failed,
}

#[derive(Debug, Serialize)]
struct Line {
    check: &'static str,
    verdict: Verdict,
    seen: String,
    seconds: f64,
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

    /// Prints it; an error if a check failed.
    pub fn finish(self, format: Format) -> CliResult {
        let failed = self.lines.iter().filter(|line| line.verdict == Verdict::Failed).count();
        if format == Format::Json {
            output::json(&json!({
                "device": self.device, "drive": self.identity, "passed": failed == 0, "checks": self.lines,
            }))?;
        } else {
            let DriveIdentity { vendor, product, revision, serial } = &self.identity;
            line(&format!("{vendor} {product} {revision}, serial number {serial} ({})", self.device))?;
            for row in &self.lines {
                let word = match row.verdict {
                    Verdict::Passed => "ok     ",
                    Verdict::Skipped => "skipped",
                    Verdict::Failed => "FAILED ",
                };
                line(&format!("{word}  {:<44}  {}", row.check, crate::cli::human::printable(&row.seen)))?;
            }
        }
        match failed {
            0 => Ok(()),
            _ => Err(CliError::failed(format!("{failed} of {} checks failed", self.lines.len()))
                .advise("do not use this drive for backups before that is mended; see docs/operator.md")),
        }
    }
}
