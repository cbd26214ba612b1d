//! A catalog from a table of contents, as it is read from a tape.

use crate::figures::once;
use crate::made::{SPACING, member};
use crate::{BATCH, job, set};
use std::path::Path;
use tape_format::toc::{self, PartInfo, SetInfo, SetKind, Spool, TapeInfo, TocHead, Totals};
use tape_format::{FormatError, MemberRecord};
use tapebackarr::catalog::CatalogWriter;
use tapebackarr::catalog::from_toc::{FromToc, Rows, Wanted};
use tapebackarr::db;
use uuid::Uuid;

/// Takes the rows of one part into a catalog.
struct IntoCatalog {
    writer: CatalogWriter,
    set: i32,
    rows: Vec<(MemberRecord, u64)>,
}

impl IntoCatalog {
    fn flush(&mut self) -> tape_format::Result<()> {
        let stored = self.writer.insert(self.set, 1, &self.rows);
        self.rows.clear();
        stored.map_err(|error| FormatError::Source(error.to_string()))
    }
}

impl Rows for IntoCatalog {
    fn begin(&mut self, _: &TocHead) -> tape_format::Result<Wanted> {
        Ok(Wanted::Members)
    }

    fn member(&mut self, _: u32, record: MemberRecord, block: u64) -> tape_format::Result<()> {
        self.rows.push((record, block));
        if self.rows.len() < BATCH { Ok(()) } else { self.flush() }
    }

    fn deleted(&mut self, _: Vec<u8>) -> tape_format::Result<()> {
        Ok(())
    }
}

/// Writes a table of contents of so many files, and a new catalog from it.
pub fn measure(folder: &Path, paths: u64) -> anyhow::Result<()> {
    let mut table = once("contents    written", paths, || {
        let mut spool = Spool::new(folder)?;
        for number in 0..paths {
            spool.add(&member(number, 1).0)?;
        }
        let head = head(paths, spool.totals());
        Ok(spool.finish(folder, &head, None)?)
    })?;
    println!("            {:.1} bytes on tape per file", table.length() as f64 / paths as f64);
    let file = folder.join("rebuilt.db");
    let pool = db::open(&file)?;
    let set = {
        let conn = &mut *pool.get()?;
        let job = job(conn)?;
        set(conn, &job, None)?
    };
    let mut rows = IntoCatalog { writer: CatalogWriter::open(&file)?, set, rows: Vec::with_capacity(BATCH) };
    once("rebuild     from the table of contents", paths, || {
        let mut taking = FromToc::new(&mut rows);
        let head = toc::read(table.reader()?, &(), &mut taking)?;
        let tally = std::mem::take(&mut taking.tally);
        tally.agrees_with(&head)?;
        rows.flush()?;
        Ok(rows.writer.finish(set)?)
    })?;
    once("            made searchable", paths, || Ok(rows.writer.index(set)?))?;
    once("discard     a set that has all its paths alone", paths, || Ok(rows.writer.discard(set)?))
}

fn head(paths: u64, totals: Totals) -> TocHead {
    let stream_bytes = paths * SPACING;
    TocHead {
        tape: TapeInfo { label: "A00001".into(), uuid: Uuid::new_v4(), pool: "DAILY".into() },
        set: SetInfo {
            uuid: Uuid::new_v4(),
            job: "j".into(),
            kind: SetKind::Full,
            parent: None,
            start: 1_700_000_000,
            compression: "none".into(),
            copy_of: None,
        },
        end: 1_700_000_000,
        key_fingerprint: String::new(),
        totals,
        part: PartInfo {
            number: 1,
            last: true,
            tape_file: 1,
            first_block: 2,
            block_count: stream_bytes.div_ceil(256 << 10),
            block_size: 256 << 10,
            tar_start: 0,
            tar_end: stream_bytes,
            prelude_bytes: 0,
            stream_bytes,
            stream_header: None,
            cut: None,
            totals,
        },
        frames: (0..stream_bytes).step_by(8 << 20).map(|at| (at, at)).collect(),
        earlier: Vec::new(),
    }
}
