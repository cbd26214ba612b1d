//! R7: how much of the time a drive starves that writes as fast as it is fed, between 177 and 400 MB/s, with a cache of
//! 1 GiB: fed by this program, and by `tar | mbuffer` with the same memory.
//!
//! The source is cold: two large files, then 100 000 small ones, which no single reader delivers fast enough. Both sides
//! write to a virtual drive that takes the time of a real one.

use crate::cold::{self, Cold};
use crate::results::{Measured, Results};
use crate::tape::{self, Records};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use tape_drive::lto::Generation;
use tape_drive::virt::cartridge::CartridgeSpec;
use tape_drive::virt::library::{self, LibrarySpec, Place, Settings};
use tape_drive::virt::speed::SpeedSpec;
use tape_drive::{FilemarkSync, TapeDrive, open_drive};
use tapebackarr::backup::engine::EngineOptions;

/// Marks the arguments of the child that feeds a drive from standard input.
pub const CHILD: &str = "feed";
/// Memory of both buffers.
const BUFFER_MIB: usize = 512;
/// The drive's own.
const CACHE_BYTES: u64 = 1 << 30;
/// What both sides write takes less.
const ROOM: u64 = 4 << 30;

/// What a drive has gone through.
#[derive(Serialize, Deserialize)]
struct Fed {
    seconds: f64,
    starved_seconds: f64,
    back_hitches: u64,
}

impl Fed {
    fn share(&self) -> f64 {
        self.starved_seconds / self.seconds * 100.0
    }
}

/// Runs both sides. `root` has the trees of R1 and R4 in it.
pub fn results(root: &Path, folder: &Path, results: &mut Results) -> Result<()> {
    let shm = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(shm).map_or(0, |stat| stat.f_bavail * stat.f_frsize);
    let folder = if room > 2 * ROOM { shm } else { folder };
    eprintln!("R7: ours");
    cold::cool(root);
    let ours = ours(root, folder)?;
    eprintln!("R7: tar | mbuffer; ours starved {:.1} s of {:.1} s", ours.starved_seconds, ours.seconds);
    let cold = cold::cool(root);
    let theirs = theirs(root, folder)?;
    eprintln!(
        "R7: they starved {:.1} s of {:.1} s; stops: ours {}, theirs {}",
        theirs.starved_seconds, theirs.seconds, ours.back_hitches, theirs.back_hitches
    );
    let cold = if cold == Cold::All { "cold" } else { "inodes warm" };
    let what = format!(
        "share of the time a 177-400 MB/s drive with 1 GiB cache starves, 2 GiB large and 100 000 small files, {cold}, buffer \
         {BUFFER_MIB} MiB; rival: tar | mbuffer -P90"
    );
    results.add(Measured::cheaper("R7", &what, ours.share(), theirs.share(), "%", 1.0));
    Ok(())
}

/// A drive that takes its time, with an empty cartridge.
fn drive(library: &Path) -> Result<Box<dyn TapeDrive>> {
    let speed = SpeedSpec {
        native_bytes_per_s: 400_000_000,
        slowest_bytes_per_s: 177_000_000,
        load_ms: 0,
        unload_ms: 0,
        wind_ms: 0,
        seek_ms: 0,
        ..SpeedSpec::of(Generation::LTO9)
    };
    let settings = Settings { speed: Some(speed), buffer_bytes: CACHE_BYTES, ..Settings::default() };
    library::create(library, &LibrarySpec { slots: 0, mail_slots: 0, settings, ..LibrarySpec::default() })?;
    library::add_cartridge(library, &CartridgeSpec::new("BENCH1L9"), Place::Drive(0))?;
    Ok(open_drive(&format!("virtual:{}#drive0", library.display()))?)
}

fn fed(drive: &mut dyn TapeDrive, begin: Instant) -> Result<Fed> {
    let health = drive.health()?;
    Ok(Fed {
        seconds: begin.elapsed().as_secs_f64(),
        starved_seconds: health.starved_ms as f64 / 1000.0,
        back_hitches: health.back_hitches,
    })
}

fn ours(root: &Path, folder: &Path) -> Result<Fed> {
    let work = tempfile::tempdir_in(folder)?;
    let mut drive = drive(&work.path().join("library"))?;
    let options = EngineOptions { buffer_bytes: BUFFER_MIB << 20, ..EngineOptions::new(root) };
    let begin = Instant::now();
    tape::write(&mut *drive, options, None, Records::Catalog(work.path()), work.path())?;
    fed(&mut *drive, begin)
}

fn theirs(root: &Path, folder: &Path) -> Result<Fed> {
    let work = tempfile::tempdir_in(folder)?;
    let library = work.path().join("library");
    let pipeline = format!("tar -b512 -cf - . | mbuffer -q -m{BUFFER_MIB}M -P90 | \"$0\" {CHILD} \"$1\"");
    let mut command = Command::new("bash");
    command.args(["-c", &format!("set -o pipefail; {pipeline}")]).arg(std::env::current_exe()?).arg(&library);
    let output = command.current_dir(root).stderr(Stdio::inherit()).output().context("run bash")?;
    ensure!(output.status.success(), "the rival failed: {pipeline}");
    serde_json::from_slice(&output.stdout).context("what the drive's side says")
}

/// Standard input onto a drive, as `dd` does it.
pub fn child(arguments: &[String]) -> Result<()> {
    let [_, library] = arguments else { anyhow::bail!("a folder is needed") };
    let mut drive = drive(Path::new(library))?;
    match drive.load() {
        // A cartridge that was just put in says so once.
        Err(error) if error.kind == tape_drive::DriveErrorKind::MediumChanged => drive.load()?,
        outcome => outcome?,
    }
    let begin = Instant::now();
    let mut input = std::io::stdin().lock();
    let mut block = vec![0; 256 << 10];
    loop {
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..)
            && !rest.is_empty()
        {
            match input.read(rest)? {
                0 => break,
                count => filled += count,
            }
        }
        match block.get(..filled) {
            Some(bytes) if !bytes.is_empty() => drive.write_block(bytes)?,
            _ => break,
        };
    }
    drive.write_filemarks(1, FilemarkSync::Flush)?;
    println!("{}", serde_json::to_string(&fed(&mut *drive, begin)?)?);
    Ok(())
}
