//! R13: the catalog out of tables of contents, against reading the data they describe.
//!
//! Two figures are measured: how fast a table of contents on a virtual tape becomes rows of the catalog, and how many
//! bytes it has per file. The time on tape is modelled with them for a full LTO-9 cartridge, with the stops that a rebuild
//! makes: at the end of data, and at each table of contents in the order along the tape. Reading the data is taken at the speed
//! of the drive, without a stop and without hashing.

use crate::data::Data;
use crate::results::{Measured, Results, Target};
use crate::tape::{self, Records};
use anyhow::{Result, anyhow, ensure};
use std::path::Path;
use std::time::{Duration, Instant};
use tape_drive::lto::{Generation, along_tape, wraps};
use tape_drive::virt::cartridge::CartridgeSpec;
use tape_drive::virt::library::{self, LibrarySpec, Place};
use tape_drive::virt::speed::SpeedSpec;
use tape_drive::{TapeDrive, open_drive};
use tape_format::MemberRecord;
use tape_format::part::read_toc;
use tape_format::toc::{RECORD, TocHead};
use tapebackarr::backup::engine::EngineOptions;
use tapebackarr::catalog::CatalogWriter;
use tapebackarr::catalog::from_toc::{FromToc, Rows, Wanted};

/// Rows of one transaction, as a rebuild sends them.
const BATCH: usize = 10_000;
/// Batches that may wait.
const WAITING: usize = 4;
/// Times the table is read, each time into another set: the first one makes its directories and names.
const ROUNDS: u32 = 5;
/// Mean size of a file on the modelled tape.
const FILE_BYTES: u64 = 3_000_000;

/// Measures and models.
pub fn results(data: &Data, folder: &Path, results: &mut Results) -> Result<()> {
    let work = tempfile::tempdir_in(folder)?;
    let library = work.path().join("library");
    library::create(&library, &LibrarySpec { slots: 0, mail_slots: 0, ..LibrarySpec::default() })?;
    library::add_cartridge(&library, &CartridgeSpec::new("BENCH1L9"), Place::Drive(0))?;
    let mut drive = open_drive(&format!("virtual:{}#drive0", library.display()))?;
    eprintln!("R13: writing 100 000 files");
    let written = tape::write(&mut *drive, EngineOptions::new(&data.root), None, Records::Keep, work.path())?;
    let layout = &written.outcome.layout;
    let contents = (layout.end_block - layout.toc_block - 1) * RECORD as u64;
    let members = written.outcome.member_count;
    let (rows, time) = fill(&mut *drive, layout.toc_block, work.path())?;
    let speed = rows as f64 / time.as_secs_f64();
    let per_member = contents as f64 / members as f64;
    eprintln!("R13: {speed:.0} rows/s, {per_member:.0} bytes of contents per member");
    let what = "members of a table of contents into the catalog".to_string();
    results.add(Measured::alone("R13", what, speed, "rows/s", Target::AtLeast(100_000.0)));
    for sets in [1, 5, 20] {
        let model = Model::full_tape(sets, per_member, speed);
        let what =
            format!("a full LTO-9 tape, {sets} sets, {} files, modelled: from contents; rival: its data", model.files);
        // speeds in tapes per day, so that more is better
        let per_day = |time: Duration| 86_400.0 / time.as_secs_f64();
        let measured =
            Measured::faster("R13", &what, per_day(model.rebuild), per_day(model.reading), "tapes/day", 100.0);
        results.add(measured);
    }
    Ok(())
}

/// A full tape.
struct Model {
    files: u64,
    rebuild: Duration,
    reading: Duration,
}

impl Model {
    fn full_tape(sets: u64, contents_per_member: f64, rows_per_s: f64) -> Model {
        let speed = SpeedSpec::of(Generation::LTO9);
        let capacity = Generation::LTO9.format().capacity_bytes;
        let files = capacity / FILE_BYTES;
        let contents = (files as f64 / sets as f64 * contents_per_member) as u64;
        // sets of different sizes, so that they end anywhere along the tape
        let shares: Vec<u64> = (0..sets).map(|set| 3 + set * 7 % 11).collect();
        let mut ends: Vec<u64> = Vec::new();
        for share in &shares {
            let size = capacity / shares.iter().sum::<u64>() * share;
            ends.push(ends.last().copied().unwrap_or_default() + size);
        }
        let mut at = ends.last().copied().unwrap_or_default();
        // the label, the end of data, the last contents, and then each in the order along the tape
        let mut seeking = speed.seek_time_ms(capacity, 0, at) + speed.seek_ms;
        let along = |end: u64| along_tape(capacity, wraps(capacity), end);
        let here = along(at);
        ends.sort_by(|a, b| along(*a).total_cmp(&along(*b)));
        if here > 0.5 {
            ends.reverse();
        }
        for end in ends {
            seeking += speed.seek_time_ms(capacity, at, end - contents);
            at = end;
        }
        let on_tape = (contents * sets) as f64 / speed.native_bytes_per_s as f64;
        // rows are stored while the tape is read on; what is left over counts
        let storing = (files as f64 / rows_per_s - on_tape).max(0.0);
        let rewind = speed.seek_time_ms(capacity, at, 0);
        let moving = Duration::from_millis(speed.load_ms + seeking + rewind);
        Model {
            files,
            rebuild: moving + Duration::from_secs_f64(on_tape + storing),
            reading: Duration::from_millis(speed.load_ms + rewind)
                + Duration::from_secs_f64(capacity as f64 / speed.native_bytes_per_s as f64),
        }
    }
}

/// Reads the table of contents into the catalog, several times; rows, and the time it took.
fn fill(drive: &mut dyn TapeDrive, toc_block: u64, folder: &Path) -> Result<(u64, Duration)> {
    let (mut writer, sets) = tape::open_catalog_for(&folder.join("rebuilt.db"), ROUNDS)?;
    let mut rows = 0;
    let start = Instant::now();
    for set in sets {
        let (batches, incoming) = crossbeam_channel::bounded::<Vec<(MemberRecord, u64)>>(WAITING);
        rows += std::thread::scope(|scope| -> Result<u64> {
            let writer: &mut CatalogWriter = &mut writer;
            let storing = scope.spawn(move || -> Result<()> {
                for batch in incoming {
                    writer.insert(set, 1, &batch)?;
                }
                Ok(writer.finish(set)?)
            });
            let mut batch = Batch { rows: Vec::with_capacity(BATCH), batches };
            let mut sink = FromToc::new(&mut batch);
            read_toc(drive, toc_block, &(), &mut sink)?;
            let members = sink.tally.totals.members;
            batch.flush();
            drop(batch);
            storing.join().map_err(|_| anyhow!("the catalog's thread panicked"))??;
            Ok(members)
        })?;
    }
    ensure!(rows >= u64::from(ROUNDS) * 100_000, "{rows} rows");
    Ok((rows, start.elapsed()))
}

struct Batch {
    rows: Vec<(MemberRecord, u64)>,
    batches: crossbeam_channel::Sender<Vec<(MemberRecord, u64)>>,
}

impl Batch {
    fn flush(&mut self) {
        // a catalog that has failed says so itself
        let _ = self.batches.send(std::mem::replace(&mut self.rows, Vec::with_capacity(BATCH)));
    }
}

impl Rows for Batch {
    fn begin(&mut self, _: &TocHead) -> tape_format::Result<Wanted> {
        Ok(Wanted::Members)
    }

    fn member(&mut self, _: u32, record: MemberRecord, block: u64) -> tape_format::Result<()> {
        self.rows.push((record, block));
        if self.rows.len() >= BATCH {
            self.flush();
        }
        Ok(())
    }

    fn deleted(&mut self, _: Vec<u8>) -> tape_format::Result<()> {
        Ok(())
    }
}
