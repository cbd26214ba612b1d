//! Files of a set of version 1 on their way into the catalog.
//!
//! The old program listed files only, so the folders above them are made up. They have no bytes on tape, and that tells
//! them from real ones. Offsets in the tar stream are not known: numbers in the order of the files stand for them.

use crate::actors::catalog::{Discard, Index};
use crate::db::imported::{self, V1Set};
use crate::db::set_parts::NewV1Part;
use crate::db::sets::NewSet;
use crate::db::{self, FormatType, SetStatus};
use crate::executions::Context;
use crate::executions::backup::feed::{self, Feed, Feeder};
use crate::{Error, Result};
use chrono::NaiveDateTime;
use std::collections::HashSet;
use tape_format::v1::GoMode;
use tape_format::{MemberKind, MemberRecord};

/// What a member takes in the numbers that stand for offsets: what is the least in a tar stream.
const STEP: u64 = 512;

/// A file as version 1 lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct V1File {
    /// Path from the source's folder.
    pub path: Vec<u8>,
    /// Bytes.
    pub size: i64,
    /// Go's mode.
    pub mode: i64,
    /// When it was changed: nanoseconds since 1970; 0 = not known.
    pub mtime_ns: i64,
    /// Hex SHA-256, or nothing.
    pub checksum: String,
}

impl V1File {
    /// Its row; `None` for what is in no archive, and for paths that lead elsewhere.
    fn record(&self) -> Option<MemberRecord> {
        let mode = GoMode::new(self.mode);
        let kind = mode.kind()?;
        let mut path = self.path.as_slice();
        while let Some(rest) = path.strip_prefix(b"./").or_else(|| path.strip_prefix(b"/")) {
            path = rest;
        }
        if !stays_inside(path) {
            return None;
        }
        let file = kind == MemberKind::File;
        let sha256 = hex::decode(self.checksum.trim()).ok().and_then(|hash| hash.try_into().ok());
        Some(MemberRecord {
            size: if file { u64::try_from(self.size).unwrap_or_default() } else { 0 },
            sha256: sha256.filter(|_| file),
            ..empty(path.to_vec(), kind, mode.permissions(), self.mtime_ns)
        })
    }
}

/// Whether a path names something below the folder it begins at.
fn stays_inside(path: &[u8]) -> bool {
    let good = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.contains(&0);
    path.split(|byte| *byte == b'/').all(good)
}

fn empty(path: Vec<u8>, kind: MemberKind, mode: u32, mtime_ns: i64) -> MemberRecord {
    MemberRecord {
        path,
        kind,
        size: 0,
        mode,
        uid: 0,
        gid: 0,
        user: String::new(),
        group: String::new(),
        mtime_ns,
        ctime_ns: 0,
        inode: 0,
        link: None,
        sha256: None,
        tar_offset: 0,
        tar_length: 0,
    }
}

/// A set that is being filled.
pub struct Filling<'c> {
    context: &'c Context,
    set_id: i32,
    start_time: NaiveDateTime,
    feed: Feed,
    feeder: Feeder,
    folders: HashSet<Vec<u8>>,
    next: u64,
    part: i32,
    parts: Vec<NewV1Part>,
    /// Regular files and hard links: what is called the files of a set.
    files: u64,
    /// Everything but folders: what version 1 called files.
    entries: u64,
    bytes: u64,
    /// Entries that are no files, or lead elsewhere.
    pub refused: u64,
}

impl<'c> Filling<'c> {
    /// Makes the set's row; it is `running` until [`Filling::finish`].
    pub fn begin(context: &'c Context, new: &NewSet) -> Result<Filling<'c>> {
        let set = db::sets::insert(&mut *context.conn()?, new)?;
        let (feed, feeder) = feed::start(context.services.catalog.clone(), set.id, context.progress.clone())?;
        Ok(Filling {
            context,
            set_id: set.id,
            start_time: new.start_time,
            feed,
            feeder,
            folders: HashSet::new(),
            next: 0,
            part: 0,
            parts: Vec::new(),
            files: 0,
            entries: 0,
            bytes: 0,
            refused: 0,
        })
    }

    /// What follows is on this tape, in its tape file `tape_file` or behind it.
    pub fn part(&mut self, tape_id: i32, tape_file: i64) {
        self.end_part();
        self.part += 1;
        self.parts.push(NewV1Part {
            backup_set_id: self.set_id,
            part_number: self.part,
            tape_id,
            tape_file,
            tar_start: self.offset(),
            tar_end: self.offset(),
            stream_bytes: 0,
        });
    }

    fn offset(&self) -> i64 {
        i64::try_from(self.next).unwrap_or(i64::MAX)
    }

    fn end_part(&mut self) {
        let end = self.offset();
        if let Some(part) = self.parts.last_mut() {
            part.tar_end = end;
        }
    }

    /// Takes a file.
    ///
    /// # Errors
    /// If the catalog failed, or a stop was asked for.
    pub fn file(&mut self, file: &V1File) -> Result<()> {
        match file.record() {
            Some(record) => self.record(record),
            None => {
                self.refused += 1;
                Ok(())
            }
        }
    }

    /// Takes a member of which everything but its place is known.
    pub fn record(&mut self, record: MemberRecord) -> Result<()> {
        if !stays_inside(&record.path) {
            // the root of the source, which only some archives name, is not missed
            self.refused += u64::from(record.path != b".");
            return Ok(());
        }
        if self.feed.failed() {
            return Err(Error::internal("the catalog refused rows of this set; see the end of the log"));
        }
        if self.entries.is_multiple_of(1024) {
            self.context.check()?;
        }
        self.folders_above(&record.path);
        if record.kind == MemberKind::Directory {
            self.folders.insert(record.path.clone());
        }
        self.entries += u64::from(record.kind != MemberKind::Directory);
        self.files += u64::from(matches!(record.kind, MemberKind::File | MemberKind::Hardlink));
        self.bytes += record.size;
        let tar_offset = self.place();
        self.feed.member(self.part, MemberRecord { tar_offset, tar_length: STEP, ..record }, 0);
        Ok(())
    }

    fn place(&mut self) -> u64 {
        let at = self.next;
        self.next = self.next.saturating_add(STEP);
        at
    }

    fn folders_above(&mut self, path: &[u8]) {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for folder in ends.filter_map(|end| path.get(..end)) {
            if self.folders.contains(folder) {
                continue;
            }
            self.folders.insert(folder.to_vec());
            let mtime_ns = self.start_time.and_utc().timestamp_nanos_opt().unwrap_or_default();
            let tar_offset = self.place();
            let record = empty(folder.to_vec(), MemberKind::Directory, 0o755, mtime_ns);
            self.feed.member(self.part, MemberRecord { tar_offset, ..record }, 0);
        }
    }

    /// Files, links and nodes so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// All files came: the set counts from now on. Returns its id.
    ///
    /// # Errors
    /// If the catalog failed; the set is as [`Filling::give_up`] leaves it then.
    pub fn finish(mut self, format: FormatType, end_time: Option<NaiveDateTime>) -> Result<i32> {
        self.end_part();
        let (context, set_id) = (self.context, self.set_id);
        let done = V1Set {
            set_id,
            parts: if format == FormatType::Raw { std::mem::take(&mut self.parts) } else { Vec::new() },
            format,
            file_count: i64::try_from(self.files).unwrap_or(i64::MAX),
            total_bytes: i64::try_from(self.bytes).unwrap_or(i64::MAX),
            end_time,
        };
        let Filling { feed, feeder, .. } = self;
        drop(feed);
        let stored = feeder.finish().and_then(|()| imported::complete_set(&mut *context.conn()?, &done));
        if let Err(error) = stored {
            discard(context, set_id)?;
            return Err(error);
        }
        context.services.catalog.do_send(Index { set_id });
        Ok(set_id)
    }

    /// Something failed: nothing of the set stays.
    pub fn give_up(self) -> Result<()> {
        let (context, set_id) = (self.context, self.set_id);
        let Filling { feed, feeder, .. } = self;
        drop(feed);
        // what the catalog says to rows that are dropped anyway does not matter
        let _ = feeder.finish();
        discard(context, set_id)
    }
}

/// Forgets a set that was not completed.
pub fn discard(context: &Context, set_id: i32) -> Result<()> {
    futures_executor::block_on(context.services.catalog.send(Discard { set_id }))??;
    let mut conn = context.conn()?;
    if matches!(db::sets::find(&mut conn, set_id)?.status, SetStatus::Running | SetStatus::Pending) {
        db::sets::fail(&mut conn, set_id, SetStatus::Failed)?;
    }
    db::sets::delete(&mut conn, set_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(path: &str, mode: i64) -> Option<String> {
        let file = V1File { path: path.into(), mode, size: 3, checksum: "zz".into(), ..V1File::default() };
        file.record().map(|record| String::from_utf8(record.path).unwrap())
    }

    #[test]
    fn paths_lead_nowhere_else() {
        assert_eq!(path_of("./a/b", 0o644).as_deref(), Some("a/b"));
        assert_eq!(path_of("/etc/passwd", 0).as_deref(), Some("etc/passwd"));
        for path in ["", "/", "..", "a/../b", "a//b", "a/", "./.", "a\0b"] {
            assert_eq!(path_of(path, 0o644), None, "{path:?}");
        }
        assert_eq!(path_of("socket", 1 << 24), None);
    }

    #[test]
    fn a_link_has_neither_size_nor_checksum() {
        let link =
            V1File { path: b"l".to_vec(), size: 9, mode: 1 << 27 | 0o777, checksum: "07".repeat(32), mtime_ns: 5 };
        let record = link.record().unwrap();
        assert_eq!((record.kind, record.size, record.sha256), (MemberKind::Symlink, 0, None));
        let file = V1File { mode: 1 << 23 | 0o755, ..link }.record().unwrap();
        assert_eq!((file.kind, file.size, file.sha256, file.mode), (MemberKind::File, 9, Some([7; 32]), 0o4755));
    }
}
