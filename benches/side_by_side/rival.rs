//! The rivals: shell pipelines.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a pipeline took, and the processor time of all its processes.
pub struct Took {
    /// From start to end.
    pub time: Duration,
    /// User and system, in seconds.
    pub cpu_seconds: f64,
}

/// Runs a pipeline in `directory`.
pub fn run(directory: &Path, pipeline: &str) -> Result<Took> {
    // the second line of `times` is about the shell's children
    let script = format!("set -o pipefail; {{ {pipeline}; }} > /dev/null || exit 1; wait; times");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(directory).stderr(Stdio::inherit());
    let start = Instant::now();
    let output = command.stdout(Stdio::piped()).output().context("run bash")?;
    let time = start.elapsed();
    ensure!(output.status.success(), "the rival failed: {pipeline}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let children = text.lines().nth(1).context("what `times` says")?;
    Ok(Took { time, cpu_seconds: children.split_ascii_whitespace().filter_map(seconds).sum() })
}

/// `1m2.345s`.
fn seconds(text: &str) -> Option<f64> {
    let (minutes, seconds) = text.trim_end_matches('s').split_once('m')?;
    Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
}
