//! A set to a drive: engine, part writer, catalog, each on its thread, as in a backup.

use anyhow::{Result, anyhow};
use crossbeam_channel::Sender;
use std::path::Path;
use tape_drive::TapeDrive;
use tape_format::crypt::Key;
use tape_format::part::{PartObserver, PartOutcome, PartProgress, PartSpec, write_part};
use tape_format::toc::{SetInfo, SetKind, Totals};
use tape_format::{Label, MemberRecord};
use tapebackarr::backup::engine::{self, EngineOptions, EngineReport};
use tapebackarr::catalog::CatalogWriter;
use tapebackarr::db::{self, BackupType, jobs, pools, sets, sources, tapes};
use uuid::Uuid;

/// Members of frames that wait for the catalog.
const BATCHES_AHEAD: usize = 8;

/// What came out of it.
pub struct Written {
    /// The part on tape.
    pub outcome: PartOutcome,
    /// What the engine says.
    pub report: EngineReport,
    /// What was cataloged, where that is asked for.
    pub records: Vec<MemberRecord>,
}

struct Observer {
    batches: Sender<Vec<(MemberRecord, u64)>>,
}

impl PartObserver for Observer {
    fn placed(&mut self, records: Vec<MemberRecord>, block: u64) {
        // A catalog that has failed says so itself.
        let _ = self.batches.send(records.into_iter().map(|record| (record, block)).collect());
    }

    fn progress(&mut self, _progress: PartProgress) {}
}

/// Who takes the records.
pub enum Records<'a> {
    /// A new catalog in this folder.
    Catalog(&'a Path),
    /// The caller.
    Keep,
}

/// Labels the tape and writes one set to it.
pub fn write(
    drive: &mut dyn TapeDrive,
    options: EngineOptions,
    key: Option<&Key>,
    records: Records<'_>,
    spool_dir: &Path,
) -> Result<Written> {
    let label = Label {
        label: "BENCH1".into(),
        uuid: Uuid::new_v4(),
        pool: "BENCH".into(),
        timestamp: 1_800_000_000,
        key_fingerprint: key.map(Key::fingerprint).unwrap_or_default(),
        compression: options.codec.name().into(),
    };
    match drive.load() {
        // A cartridge that was just put in says so once.
        Err(error) if error.kind == tape_drive::DriveErrorKind::MediumChanged => drive.load()?,
        outcome => outcome?,
    }
    drive.rewind()?;
    drive.write_block(&label.encode()?)?;
    drive.write_filemarks(1, tape_drive::FilemarkSync::Flush)?;
    let set = SetInfo {
        uuid: Uuid::new_v4(),
        job: "bench".into(),
        kind: SetKind::Full,
        parent: None,
        start: 1_800_000_000,
        compression: options.codec.name().into(),
        copy_of: None,
    };
    let codec = options.codec;
    let catalog = match records {
        Records::Catalog(folder) => Some(open_catalog(&folder.join("bench.db"))?),
        Records::Keep => None,
    };
    std::thread::scope(|scope| {
        let (batches, incoming) = crossbeam_channel::bounded::<Vec<(MemberRecord, u64)>>(BATCHES_AHEAD);
        let cataloging = scope.spawn(move || -> Result<Vec<MemberRecord>> {
            let Some((mut writer, set_id)) = catalog else {
                return Ok(incoming.iter().flatten().map(|(record, _)| record).collect());
            };
            for batch in incoming {
                writer.insert(set_id, 1, &batch)?;
            }
            writer.finish(set_id)?;
            Ok(Vec::new())
        });
        let engine = engine::start(options)?;
        let spec = PartSpec {
            tape: &label,
            set: &set,
            part_number: 1,
            before: Totals::default(),
            tape_file: 1,
            first_block: 2,
            block_size: 256 << 10,
            codec,
            key,
            locked_key: None,
            earlier: &[],
            deleted: &engine.gone(),
            spool_dir,
            checkpoint_bytes: 16 << 30,
        };
        let mut observer = Observer { batches };
        let outcome =
            write_part(drive, &spec, &mut engine.frames(), &mut observer).map_err(|error| anyhow!("{error}"))?;
        drop(observer);
        let report = engine.finish()?;
        let records = cataloging.join().map_err(|_| anyhow!("the catalog's thread panicked"))??;
        anyhow::ensure!(report.complete, "the set is not complete");
        Ok(Written { outcome, report, records })
    })
}

/// A new catalog with a set to fill.
fn open_catalog(file: &Path) -> Result<(CatalogWriter, i32)> {
    let (writer, sets) = open_catalog_for(file, 1)?;
    Ok((writer, sets.first().copied().unwrap_or_default()))
}

/// A new catalog with so many sets to fill.
pub fn open_catalog_for(file: &Path, count: u32) -> Result<(CatalogWriter, Vec<i32>)> {
    let pool = db::open(file)?;
    let conn = &mut *pool.get()?;
    let pool_id = pools::list(conn)?.first().map(|pool| pool.pool.id).unwrap_or_default();
    let tape = tapes::NewTape { label: "BENCH1".into(), pool_id: Some(pool_id), ..Default::default() };
    let tape_id = tapes::insert(conn, &tape)?.id;
    let source = sources::NewSource { name: "bench".into(), path: "/".into(), ..Default::default() };
    let source_id = sources::insert(conn, &source)?.id;
    let job_id =
        jobs::insert(conn, &jobs::NewJob { name: "bench".into(), source_id, pool_id, ..Default::default() })?.id;
    let mut made = Vec::new();
    for _ in 0..count {
        let uuid = Uuid::new_v4().to_string();
        let set = sets::NewSet { uuid, job_id, tape_id, backup_type: BackupType::Full, ..Default::default() };
        made.push(sets::insert(conn, &set)?.id);
    }
    Ok((CatalogWriter::open(file)?, made))
}
