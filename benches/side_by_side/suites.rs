//! R5: whole backup programs. The same trees, hashed and cataloged, to a virtual tape, and to the suite's own store; both on
//! tmpfs.

use crate::cold::warm;
use crate::data::{Data, touch_memory};
use crate::results::{Measured, Results};
use crate::tape::{self, Records};
use crate::{bacula, median};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tape_drive::open_drive;
use tape_drive::virt::cartridge::CartridgeSpec;
use tape_drive::virt::library::{self, LibrarySpec, Place, Settings};
use tapebackarr::backup::engine::EngineOptions;

/// Runs of each pair: suites take long.
const RUNS: usize = 3;
/// What a store of the largest tree needs.
const ROOM: u64 = 6 << 30;

/// A suite: backs a tree up into a folder of its own, and says how long that took.
type Suite = fn(&Path, &Path) -> Result<Duration>;

/// Against each suite that is installed.
pub fn results(trees: &[(&str, &Data)], folder: &Path, results: &mut Results) -> Result<()> {
    let shm = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(shm).map_or(0, |stat| stat.f_bavail * stat.f_frsize);
    let folder = if room > ROOM { shm } else { folder };
    let suites: [(&'static str, &str, Suite); 2] =
        [("restic", "restic", restic), ("Bacula SD+FD", "bacula-sd", bacula::run)];
    for (name, program, suite) in suites {
        for (tree, data) in trees {
            let what = format!("{tree}, hashed and cataloged, to a virtual tape; rival: {name}");
            eprintln!("R5: {what}");
            if !installed(program) {
                results.missing("R5", format!("{what} is not installed"));
                continue;
            }
            // A suite that does not work here is a row of its own, no end of the benchmark.
            match pair(data, folder, suite) {
                Ok((ours, theirs)) => {
                    let rate = |time: Duration| data.bytes as f64 / 1e6 / time.as_secs_f64();
                    results.add(Measured::faster("R5", &what, rate(ours), rate(theirs), "MB/s", 5.0));
                }
                Err(error) => results.missing("R5", format!("{what} failed: {error:#}")),
            }
        }
    }
    Ok(())
}

fn installed(program: &str) -> bool {
    let found = Command::new("bash").args(["-c", "PATH=$PATH:/usr/sbin command -v \"$0\"", program]).output();
    found.is_ok_and(|output| output.status.success())
}

fn pair(data: &Data, folder: &Path, suite: Suite) -> Result<(Duration, Duration)> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        // Bacula's client drops from the page cache what it has read.
        warm(&data.root)?;
        touch_memory(folder, data.bytes * 5 / 4)?;
        ours.push(our_side(data, folder)?);
        warm(&data.root)?;
        touch_memory(folder, data.bytes * 5 / 4)?;
        let work = tempfile::tempdir_in(folder)?;
        theirs.push(suite(&data.root, work.path())?);
        eprintln!(
            "  ours {:.2?}, rival {:.2?}",
            ours.last().unwrap_or(&Duration::ZERO),
            theirs.last().unwrap_or(&Duration::ZERO)
        );
    }
    Ok((median(&mut ours), median(&mut theirs)))
}

fn our_side(data: &Data, folder: &Path) -> Result<Duration> {
    let work = tempfile::tempdir_in(folder)?;
    let library = work.path().join("library");
    let settings = Settings::volatile();
    library::create(&library, &LibrarySpec { slots: 0, mail_slots: 0, settings, ..LibrarySpec::default() })?;
    library::add_cartridge(&library, &CartridgeSpec::new("BENCH1L9"), Place::Drive(0))?;
    let mut drive = open_drive(&format!("virtual:{}#drive0", library.display()))?;
    let begin = Instant::now();
    let written =
        tape::write(&mut *drive, EngineOptions::new(&data.root), None, Records::Catalog(work.path()), work.path())?;
    let took = begin.elapsed();
    ensure!(written.report.bytes == data.bytes, "{} bytes were sent", written.report.bytes);
    Ok(took)
}

/// It hashes, compresses, encrypts and keeps a catalog, as it does unless told otherwise.
fn restic(root: &Path, work: &Path) -> Result<Duration> {
    let run = |args: &[&str]| -> Result<Duration> {
        let mut command = Command::new("restic");
        command.arg("--quiet").arg("--repo").arg(work.join("repository")).args(args).current_dir(root);
        command.env("RESTIC_PASSWORD", "bench").env("RESTIC_CACHE_DIR", work.join("cache"));
        let begin = Instant::now();
        let status = command.stdout(Stdio::null()).status().context("run restic")?;
        ensure!(status.success(), "restic {args:?}: {status}");
        Ok(begin.elapsed())
    };
    run(&["init"])?;
    run(&["backup", "."])
}
