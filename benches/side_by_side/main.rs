//! Side by side with the rivals: the same bytes through this program and through what people use instead.
//!
//! `cargo bench --bench side_by_side [-- ID…]`, or `make bench`. Each pair is run in turn, once to warm up and then
//! `BENCH_RUNS` times (5), with the page cache warm; medians count. Both sides are processes measured from start to end.
//! Test data is made once under `target/bench` (`BENCH_DIR`), about 3 GB; up to `BENCH_FILES` (5 000 000) small files for
//! R11 are made on `/dev/shm` if there is room, else there, and removed. What needs a rival that is not installed is left out,
//! and says so. Results go to `target/bench/results.json`.

// The server of the black-box tests, which is the real program.
#[allow(dead_code)]
#[path = "../../tests/blackbox/api.rs"]
mod api;
mod bacula;
mod catalog;
mod clients;
mod cold;
mod data;
mod one_file;
mod ours;
mod rebuild;
mod results;
mod rival;
mod seeking;
#[allow(dead_code)]
#[path = "../../tests/blackbox/server.rs"]
mod server;
mod starving;
mod suites;
mod tape;

use anyhow::{Context, Result};
use ours::{Buffer, Treatment};
use results::{Measured, Results, Target};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.first().is_some_and(|first| first == ours::CHILD) {
        return ours::child(&arguments);
    }
    if arguments.first().is_some_and(|first| first == starving::CHILD) {
        return starving::child(&arguments);
    }
    let folder = std::env::var_os("BENCH_DIR").map_or_else(default_folder, PathBuf::from);
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let folder = folder.canonicalize()?;
    let runs = number_from("BENCH_RUNS", 5)?.max(1) as usize;
    let mut all = Steps { arguments: &arguments, results: Results::default() };
    for pair in PAIRS {
        all.step(pair.id, |results| results.take(pair.measure(runs, &folder)));
    }
    all.step("R4", |results| results.take(cold_files(runs, &folder)));
    all.step("R5", |results| {
        let (large, small) = (data::large(&folder)?, data::small(&folder)?);
        suites::results(&[("2 files of 1 GiB", &large), ("100 000 small files", &small)], &folder, results)
    });
    all.step("R6", |results| catalog::results(&folder, results));
    all.step("R7", |results| starving::results(&data::both(&folder)?, &folder, results));
    all.step("R8", seeking::results);
    all.step("R9", |results| one_file::results(&data::small(&folder)?, &folder, results));
    all.step("R10", |results| results.take(cost(&data::large(&folder)?, runs, &folder)));
    all.step("R11", |results| results.take(memory(number_from("BENCH_FILES", 5_000_000)?, &folder)));
    all.step("R12", |results| clients::results(&data::large(&folder)?, results));
    all.step("R13", |results| rebuild::results(&data::small(&folder)?, &folder, results));
    all.results.finish(&folder.join("results.json"))
}

/// The steps that were asked for, and what came out of them.
struct Steps<'a> {
    arguments: &'a [String],
    results: Results,
}

impl Steps<'_> {
    /// Measures, if that is asked for. What cannot be measured here is a row of its own, no end of the benchmark.
    fn step(&mut self, id: &'static str, measure: impl FnOnce(&mut Results) -> Result<()>) {
        if !self.arguments.is_empty() && !self.arguments.iter().any(|argument| argument.eq_ignore_ascii_case(id)) {
            return;
        }
        let begin = std::time::Instant::now();
        let results = &mut self.results;
        // What stands in for a user of the server panics where it is refused something.
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| measure(results))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.results.missing(id, format!("could not be measured: {error:#}")),
            Err(_) => self.results.missing(id, "could not be measured: see what was said above".to_string()),
        }
        eprintln!("{id}: {:.0} s", begin.elapsed().as_secs_f64());
    }
}

/// The pairs that are measured warm.
const PAIRS: [Pair; 4] = [
    Pair {
        id: "R1",
        what: "2 files of 1 GiB to the null drive, hashed and cataloged; rival: tar | mbuffer | dd, not hashed",
        data: data::large,
        buffer: Buffer::LIKE_MBUFFER,
        rival: "tar -b512 -cf - . | mbuffer -q -m512M -P90 | dd bs=256k of=/dev/null status=none",
        treatment: Treatment::Plain,
        target: 1.3,
    },
    Pair {
        id: "R2",
        what: "2 files of 1 GiB to the null drive, hashed and cataloged; rival: tar | sha256sum",
        data: data::large,
        buffer: Buffer::FLOWING,
        rival: "tar -cf - . | sha256sum",
        treatment: Treatment::Plain,
        target: 2.0,
    },
    Pair {
        id: "R3",
        what: "the same with zstd level 1 and AES-256-GCM; rival: tar | zstd -1 | openssl enc -aes-256-ctr, not hashed, not \
               authenticated",
        data: data::large,
        buffer: Buffer::FLOWING,
        rival: "tar -cf - . | zstd -1 -q -c | openssl enc -aes-256-ctr -pbkdf2 -pass pass:bench",
        treatment: Treatment::Secure,
        target: 1.5,
    },
    Pair {
        id: "R4",
        what: "100 000 files of 4 to 8 KiB to the null drive, hashed and cataloged, warm; rival: tar | dd",
        data: data::small,
        buffer: Buffer::FLOWING,
        rival: SMALL_FILES_RIVAL,
        treatment: Treatment::Plain,
        target: 1.5,
    },
];

const SMALL_FILES_RIVAL: &str = "tar -cf - . | dd bs=256k of=/dev/null status=none";
/// Runs over a cold tree: they take long.
const COLD_RUNS: usize = 3;

/// R4 with a cold tree.
fn cold_files(runs: usize, folder: &Path) -> Result<Measured> {
    let data = data::small(folder)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut how = cold::Cold::All;
    eprintln!("R4: cold");
    for run in 0..runs.min(COLD_RUNS) {
        cold::cool(&data.root);
        let (time, report) = ours::run(&data.root, Buffer::FLOWING, Treatment::Plain, folder)?;
        ours.push(time);
        how = cold::cool(&data.root);
        let their_time = rival::run(&data.root, SMALL_FILES_RIVAL)?.time;
        theirs.push(their_time);
        eprintln!("  run {run}: ours {time:.2?}, rival {their_time:.2?}; {}", report.stages());
    }
    let rate = |time: Duration| data.bytes as f64 / 1e6 / time.as_secs_f64();
    let (ours, theirs) = (rate(median(&mut ours)), rate(median(&mut theirs)));
    let what = format!("the 100 000 files, {}; rival: tar | dd", how.words());
    Ok(Measured::faster("R4", &what, ours, theirs, "MB/s", 3.0))
}

/// `target/bench` of the folder that holds this program's build.
fn default_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target")).join("bench")
}

fn number_from(variable: &str, usual: u64) -> Result<u64> {
    match std::env::var(variable) {
        Ok(text) => text.parse().with_context(|| format!("{variable}={text} is not a number")),
        Err(_) => Ok(usual),
    }
}

/// The same tree through us and through a rival.
struct Pair {
    id: &'static str,
    what: &'static str,
    data: fn(&Path) -> Result<data::Data>,
    buffer: Buffer,
    rival: &'static str,
    treatment: Treatment,
    target: f64,
}

impl Pair {
    /// Both speeds, run in turn.
    fn measure(&self, runs: usize, folder: &Path) -> Result<Measured> {
        eprintln!("{}: {}", self.id, self.what);
        let data = (self.data)(folder)?;
        let (root, bytes) = (&data.root, data.bytes);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for run in 0..=runs {
            let (our_time, report) = ours::run(root, self.buffer, self.treatment, folder)?;
            let their_time = rival::run(root, self.rival)?.time;
            eprintln!("  run {run}: ours {our_time:.2?}, rival {their_time:.2?}; {}", report.stages());
            anyhow::ensure!(report.bytes == bytes, "{} bytes were sent instead of {bytes}", report.bytes);
            if run > 0 {
                ours.push(our_time);
                theirs.push(their_time);
            }
        }
        let rate = |time: Duration| bytes as f64 / 1e6 / time.as_secs_f64();
        let (ours, theirs) = (rate(median(&mut ours)), rate(median(&mut theirs)));
        Ok(Measured::faster(self.id, self.what, ours, theirs, "MB/s", self.target))
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Processor time per gigabyte of everything that a secure backup does.
fn cost(data: &data::Data, runs: usize, folder: &Path) -> Result<Measured> {
    const RIVAL: &str =
        "tar -cf - . | tee >(sha256sum) | zstd -1 -q -c | openssl enc -aes-256-ctr -pbkdf2 -pass pass:bench";
    eprintln!("R10: processor time, hashed, compressed, encrypted");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for run in 0..=runs {
        let (_, report) = ours::run(&data.root, Buffer::FLOWING, Treatment::Secure, folder)?;
        let rival = rival::run(&data.root, RIVAL)?;
        eprintln!("  run {run}: ours {:.2} s, rival {:.2} s", report.cpu_seconds, rival.cpu_seconds);
        if run > 0 {
            ours.push(Duration::from_secs_f64(report.cpu_seconds));
            theirs.push(Duration::from_secs_f64(rival.cpu_seconds));
        }
    }
    let per_gigabyte = |time: Duration| time.as_secs_f64() / (data.bytes as f64 / 1e9);
    let (ours, theirs) = (per_gigabyte(median(&mut ours)), per_gigabyte(median(&mut theirs)));
    let what = "processor time per GB, hashed, zstd level 1, encrypted, cataloged; rival: tar | tee >(sha256sum) | zstd -1 | openssl";
    Ok(Measured::cheaper("R10", what, ours, theirs, "s/GB", 0.75))
}

/// Peak memory over a source of many files, beyond the buffer.
fn memory(files: u64, folder: &Path) -> Result<Measured> {
    const BUFFER: Buffer = Buffer { mib: 64, start_percent: 90 };
    eprintln!("R11: {files} files");
    let (tree, files) = data::many(files, folder)?;
    let (time, report) = ours::run(tree.path(), BUFFER, Treatment::Plain, folder)?;
    eprintln!("  {time:.2?}; {}", report.stages());
    anyhow::ensure!(report.files == files, "{} files were sent instead of {files}", report.files);
    let beyond = report.peak_rss_kib as f64 / 1024.0 - BUFFER.mib as f64;
    let what = format!("peak memory beyond the buffer of {} MiB with {files} files, cataloged", BUFFER.mib);
    Ok(Measured::alone("R11", what, beyond, "MiB", Target::AtMost(200.0)))
}
