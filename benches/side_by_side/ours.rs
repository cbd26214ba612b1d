//! Our side: a process of its own, so that it is measured like the rivals, and its memory is its own.

use crate::tape::{self, Records};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tape_drive::open_drive;
use tape_format::Codec;
use tape_format::crypt::Key;
use tapebackarr::backup::engine::EngineOptions;

/// Marks the arguments of the child.
pub const CHILD: &str = "child";
/// Our buffer: its size and the share that must be filled before the drive starts.
#[derive(Clone, Copy)]
pub struct Buffer {
    /// Size.
    pub mib: u64,
    /// In percent; 0 where the rival does not wait either.
    pub start_percent: u8,
}

impl Buffer {
    /// As the rival's mbuffer: it waits until 90 % are filled.
    pub const LIKE_MBUFFER: Buffer = Buffer { mib: 512, start_percent: 90 };
    /// Where the rival has no buffer but its pipe, ours does not make the drive wait.
    pub const FLOWING: Buffer = Buffer { mib: 512, start_percent: 0 };
}

/// What is done to the bytes on their way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// They are hashed.
    Plain,
    /// And compressed with zstd level 1, and encrypted.
    Secure,
}

/// What the child tells.
#[derive(Serialize, Deserialize)]
pub struct Report {
    /// Content bytes sent.
    pub bytes: u64,
    /// Regular files sent.
    pub files: u64,
    /// Seconds from the start of the engine to the end of the catalog.
    pub seconds: f64,
    /// Processor time of the process, user and system.
    pub cpu_seconds: f64,
    /// Peak resident memory.
    pub peak_rss_kib: u64,
    /// Stage by stage.
    pub stats: serde_json::Value,
}

impl Report {
    /// The stages in one line.
    pub fn stages(&self) -> String {
        let of = |name: &str| self.stats.get(name).and_then(serde_json::Value::as_f64).unwrap_or_default();
        format!(
            "{:.2} s inside, {} MiB, cpu {:.2} s: scan {:.2}, read {:.2}, hash {:.2}, compress {:.2}, tar {:.2}; waits: read {:.2}, \
             walk {:.2}, full {:.2}, empty {:.2}",
            self.seconds,
            self.peak_rss_kib / 1024,
            self.cpu_seconds,
            of("scan_cpu_seconds"),
            of("read_cpu_seconds"),
            of("hash_cpu_seconds"),
            of("compress_cpu_seconds"),
            of("tar_cpu_seconds"),
            of("read_wait_seconds"),
            of("unit_wait_seconds"),
            of("ring_wait_seconds"),
            of("starved_seconds")
        )
    }
}

/// Streams `root` to a null drive in a process of its own; how long the process took, and what it says.
pub fn run(root: &Path, buffer: Buffer, treatment: Treatment, folder: &Path) -> Result<(Duration, Report)> {
    let work = tempfile::tempdir_in(folder)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(CHILD).arg(root).arg(work.path());
    command.arg(buffer.mib.to_string()).arg(buffer.start_percent.to_string());
    command.arg(if treatment == Treatment::Secure { "secure" } else { "plain" });
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    let start = Instant::now();
    let output = command.output().context("run our side")?;
    let took = start.elapsed();
    ensure!(output.status.success(), "our side failed");
    Ok((took, serde_json::from_slice(&output.stdout).context("what our side says")?))
}

/// The child's side of it.
pub fn child(arguments: &[String]) -> Result<()> {
    let [_, root, work, mib, percent, treatment] = arguments else {
        anyhow::bail!("root, folder and buffer are needed")
    };
    let work = Path::new(work);
    let mut drive = open_drive("null:bench")?;
    let (buffer_bytes, start_percent) = (mib.parse::<usize>()? << 20, percent.parse()?);
    let pause_percent = if start_percent == 0 { 0 } else { 10 };
    let secure = treatment == "secure";
    let codec = if secure { Codec::Zstd { level: 1 } } else { Codec::None };
    let key = if secure { Some(Key::generate()?) } else { None };
    let options = EngineOptions { buffer_bytes, start_percent, pause_percent, codec, ..EngineOptions::new(root) };
    let start = Instant::now();
    let written = tape::write(&mut *drive, options, key.as_ref(), Records::Catalog(work), work)?;
    let report = Report {
        bytes: written.report.bytes,
        files: written.outcome.file_count,
        seconds: start.elapsed().as_secs_f64(),
        cpu_seconds: cpu_seconds()?,
        peak_rss_kib: peak_rss_kib()?,
        stats: serde_json::to_value(written.report.stats)?,
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

/// `utime` and `stime` of proc_pid_stat(5), in ticks of 10 ms.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, behind_name) = stat.rsplit_once(')').context("/proc/self/stat")?;
    let ticks = behind_name.split_ascii_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / 100.0)
}

/// `VmHWM` of proc(5).
fn peak_rss_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM in /proc/self/status")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
