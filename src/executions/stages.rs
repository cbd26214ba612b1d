//! Where the time of a backup goes, stage by stage, and which stage is the limit.
//!
//! The stages of the source side are counted by the engine ([`StageStats`]); those of the tape side, from the ring to the
//! catalog, by whoever writes ([`TapeClocks`]).

use crate::backup::stats::{Clock, StageStats, thread_cpu};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tape_format::part::PartProgress;
use utoipa::ToSchema;

/// A step on the way of a file to tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Listing directories, and comparing with the parent set.
    Walk,
    /// Opening and reading files.
    Read,
    /// SHA-256 of their content.
    Hash,
    /// Headers, records and their order.
    Tar,
    /// Compression by the server.
    Compress,
    /// Encryption.
    Encrypt,
    /// The drive taking blocks.
    Drive,
    /// Storing what is on tape.
    Catalog,
}

impl Stage {
    /// What it does, in words.
    pub fn words(self) -> &'static str {
        match self {
            Stage::Walk => "walking through the source",
            Stage::Read => "reading the source",
            Stage::Hash => "hashing",
            Stage::Tar => "packing files into the archive",
            Stage::Compress => "compressing",
            Stage::Encrypt => "encrypting",
            Stage::Drive => "writing to the drive",
            Stage::Catalog => "storing the catalog",
        }
    }
}

/// What a stage has used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StageView {
    /// The stage.
    pub stage: Stage,
    /// Processor time, summed over its threads.
    pub cpu_seconds: f64,
    /// Time that its threads waited for a device.
    pub wait_seconds: f64,
    /// Bytes that went through it.
    pub bytes: u64,
    /// Files, or rows of the catalog, that went through it; 0 where that is not counted.
    pub entries: u64,
}

/// All stages of a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stages {
    /// Time since the source was first looked at, by the clock on the wall.
    pub elapsed_seconds: f64,
    /// In the order in which a file passes them; stages that a job does not have are left out.
    pub stages: Vec<StageView>,
    /// Reading stood still because the buffer was full: the tape is the slower side.
    pub buffer_full_seconds: f64,
    /// The drive waited because the buffer was empty, or not full enough to start: the source is the slower side.
    pub buffer_empty_seconds: f64,
    /// Times the drive was held back until the buffer had filled again.
    pub pauses: u64,
    /// Most threads that read at once.
    pub readers: u64,
    /// The stage that the others wait for.
    pub limited_by: Option<Stage>,
    /// The same in words: `reading the source`.
    pub limited_by_text: Option<String>,
}

/// Counters of the tape side.
#[derive(Debug, Default)]
pub struct TapeClocks {
    /// Encrypting.
    pub seal: Clock,
    /// In the drive, by the clock on the wall.
    pub write: Clock,
    /// Processor time of the thread that encrypts and writes.
    pub cpu: Clock,
    /// Bytes the drive took.
    pub bytes: AtomicU64,
    /// The tape waiting for the catalog.
    pub feed_wait: Clock,
    /// Processor time of the catalog.
    pub catalog_cpu: Clock,
    /// Storing rows, by the clock on the wall.
    pub catalog: Clock,
    /// Rows stored.
    pub rows: AtomicU64,
}

/// Adds what a part reports to the counters, on the thread that writes it.
pub struct PartClock {
    last: PartProgress,
    cpu: Duration,
}

impl PartClock {
    /// At the beginning of a part.
    pub fn start() -> PartClock {
        PartClock { last: PartProgress::default(), cpu: thread_cpu() }
    }

    /// Adds what was done since the last report.
    pub fn count(&mut self, at: PartProgress, clocks: &TapeClocks) {
        let cpu = thread_cpu();
        clocks.cpu.add(cpu.saturating_sub(self.cpu));
        clocks.seal.add(at.sealing.saturating_sub(self.last.sealing));
        clocks.write.add(at.writing.saturating_sub(self.last.writing));
        clocks.bytes.fetch_add(at.stream_bytes.saturating_sub(self.last.stream_bytes), Ordering::Relaxed);
        (self.last, self.cpu) = (at, cpu);
    }
}

impl TapeClocks {
    /// Runs `store`, which stores `rows` rows and tells its processor time.
    pub fn storing<E>(&self, rows: usize, store: impl FnOnce() -> Result<Duration, E>) -> Result<(), E> {
        let begin = Instant::now();
        let cpu = store()?;
        self.catalog.add_since(begin);
        self.catalog_cpu.add(cpu);
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        Ok(())
    }
}

impl Stages {
    /// Puts both sides together.
    pub fn new(source: &StageStats, scanned: (u64, u64), tape: &TapeClocks) -> Stages {
        let seconds = |clock: &Clock| clock.total().as_secs_f64();
        let (seal, write, cpu) = (seconds(&tape.seal), seconds(&tape.write), seconds(&tape.cpu));
        let writer_cpu = (cpu - seal).max(0.0);
        let bytes = tape.bytes.load(Ordering::Relaxed);
        let catalog_cpu = seconds(&tape.catalog_cpu);
        let stage = |stage, cpu_seconds: f64, wait_seconds: f64, bytes, entries| StageView {
            stage,
            cpu_seconds: rounded(cpu_seconds),
            wait_seconds: rounded(wait_seconds.max(0.0)),
            bytes,
            entries,
        };
        let (entries, scanned_bytes) = scanned;
        let mut stages = vec![
            stage(Stage::Walk, source.scan_cpu_seconds, source.scan_wait_seconds, scanned_bytes, entries),
            stage(Stage::Read, source.read_cpu_seconds, source.read_wait_seconds, source.read_bytes, 0),
            stage(Stage::Hash, source.hash_cpu_seconds, 0.0, source.read_bytes, 0),
            stage(Stage::Tar, source.tar_cpu_seconds, 0.0, source.read_bytes, 0),
        ];
        if source.compress_cpu_seconds > 0.0 {
            stages.push(stage(Stage::Compress, source.compress_cpu_seconds, 0.0, source.read_bytes, 0));
        }
        if seal > 0.0 {
            stages.push(stage(Stage::Encrypt, seal.min(cpu), 0.0, bytes, 0));
        }
        stages.push(stage(Stage::Drive, writer_cpu, write - writer_cpu, bytes, 0));
        let rows = tape.rows.load(Ordering::Relaxed);
        stages.push(stage(Stage::Catalog, catalog_cpu, seconds(&tape.catalog) - catalog_cpu, 0, rows));
        let limited_by = limit(source, &stages, seconds(&tape.feed_wait));
        Stages {
            elapsed_seconds: rounded(source.elapsed_seconds),
            stages,
            buffer_full_seconds: rounded(source.ring_wait_seconds),
            buffer_empty_seconds: rounded(source.starved_seconds),
            pauses: source.pauses,
            readers: source.most_workers,
            limited_by,
            limited_by_text: limited_by.map(|stage| stage.words().to_string()),
        }
    }
}

/// To milliseconds: more digits would be noise.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// The stage that holds up the others. Between walk, readers and tape the clock on the wall decides: at any time either
/// the ring is full, or there is nothing to read, or reading is under way.
fn limit(source: &StageStats, stages: &[StageView], catalog_wait: f64) -> Option<Stage> {
    let (full, idle) = (source.ring_wait_seconds, source.unit_wait_seconds);
    let reading = (source.elapsed_seconds - full - idle).max(0.0);
    let spent = |wanted: &[Stage]| {
        let of = stages.iter().filter(|view| wanted.contains(&view.stage));
        of.max_by(|a, b| (a.cpu_seconds + a.wait_seconds).total_cmp(&(b.cpu_seconds + b.wait_seconds)))
    };
    if source.elapsed_seconds <= 0.0 || source.read_bytes == 0 && idle == 0.0 {
        return None;
    }
    let view = if full >= reading && full >= idle {
        let busiest = spent(&[Stage::Encrypt, Stage::Drive])?;
        if catalog_wait > busiest.cpu_seconds + busiest.wait_seconds {
            return Some(Stage::Catalog);
        }
        busiest
    } else if idle >= reading {
        return Some(Stage::Walk);
    } else {
        spent(&[Stage::Read, Stage::Hash, Stage::Tar, Stage::Compress])?
    };
    Some(view.stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(change: impl FnOnce(&mut StageStats, &TapeClocks)) -> Option<Stage> {
        let mut source = StageStats {
            elapsed_seconds: 10.0,
            read_cpu_seconds: 2.0,
            hash_cpu_seconds: 3.0,
            tar_cpu_seconds: 0.1,
            read_bytes: 1,
            ..StageStats::default()
        };
        let tape = TapeClocks::default();
        tape.write.add(Duration::from_secs(2));
        change(&mut source, &tape);
        Stages::new(&source, (1, 1), &tape).limited_by
    }

    #[test]
    fn the_limit_is_the_stage_that_others_wait_for() {
        assert_eq!(limited(|_, _| ()), Some(Stage::Hash));
        assert_eq!(limited(|source, _| source.read_wait_seconds = 8.0), Some(Stage::Read));
        assert_eq!(limited(|source, _| source.compress_cpu_seconds = 9.0), Some(Stage::Compress));
        assert_eq!(limited(|source, _| source.unit_wait_seconds = 8.0), Some(Stage::Walk));
        assert_eq!(limited(|source, _| source.ring_wait_seconds = 8.0), Some(Stage::Drive));
        let sealing = |source: &mut StageStats, tape: &TapeClocks| {
            source.ring_wait_seconds = 8.0;
            tape.seal.add(Duration::from_secs(7));
            tape.cpu.add(Duration::from_secs(7));
        };
        assert_eq!(limited(sealing), Some(Stage::Encrypt));
        let storing = |source: &mut StageStats, tape: &TapeClocks| {
            source.ring_wait_seconds = 8.0;
            tape.feed_wait.add(Duration::from_secs(6));
        };
        assert_eq!(limited(storing), Some(Stage::Catalog));
        assert_eq!(limited(|source, _| *source = StageStats::default()), None, "nothing was done yet");
    }

    #[test]
    fn stages_that_a_job_does_not_have_are_left_out() {
        let names = |source: &StageStats, tape: &TapeClocks| {
            Stages::new(source, (0, 0), tape).stages.iter().map(|view| view.stage).collect::<Vec<_>>()
        };
        let (source, tape) = (StageStats::default(), TapeClocks::default());
        assert!(!names(&source, &tape).contains(&Stage::Compress) && !names(&source, &tape).contains(&Stage::Encrypt));
        tape.seal.add(Duration::from_secs(1));
        let source = StageStats { compress_cpu_seconds: 1.0, ..source };
        assert!(names(&source, &tape).contains(&Stage::Compress) && names(&source, &tape).contains(&Stage::Encrypt));
    }
}
