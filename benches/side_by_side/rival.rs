//! The rivals: shell pipelines.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs a pipeline in `directory`; how long it took.
pub fn run(directory: &Path, pipeline: &str) -> Result<Duration> {
    let script = format!("set -o pipefail; {pipeline}");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(directory).stdout(Stdio::null()).stderr(Stdio::inherit());
    let start = Instant::now();
    let status = command.status().context("run bash")?;
    let took = start.elapsed();
    ensure!(status.success(), "the rival failed: {pipeline}");
    Ok(took)
}
