//! Where an append belongs, and what to do when the tape does not end where the database says.
//!
//! Shorter than expected: something is wrong with the tape or the database; nothing is written. Longer: either a run of
//! ours was cut off (a crash between the tape and the database, a drive that failed), or somebody else wrote to it. Ours
//! is recognised by what the tape's row says was being written there. If its table of contents is on the
//! tape and whole, the set is [adopted](super::adopt); if there is none, what it left is written over, for nothing of it
//! was ever promised. Anything else: refuse, say what was found.

use super::{adopt, close, resume};
use crate::actors::drive::tasks::GoToEnd;
use crate::actors::drive::{DriveTask, Unit};
use crate::db::tape_lifecycle::DATABASE_OLDER;
use crate::db::{self, Conn, SetStatus, sets::BackupSet, tapes::Tape};
use crate::events::{Category, Event};
use crate::executions::{Context, Lease};
use crate::{Error, ErrorKind, Result};
use serde_json::json;
use tape_drive::{Position, TapeDrive, TapePosition};
use tape_format::Label;
use tape_format::part::{self, FileKind};
use tape_format::toc::{SetKind, Summary, Totals};

/// Where the next data file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendAt {
    /// Tape file number.
    pub file: u64,
    /// Logical object number.
    pub block: u64,
}

/// Goes to the end of data and compares it with what the database says.
pub fn prepare(context: &Context, lease: &Lease, tape_id: i32, label: &Label) -> Result<AppendAt> {
    context.phase("positioning", format!("Going to the end of data of tape {}.", label.label))?;
    let tape = db::tapes::find(&mut *context.conn()?, tape_id)?;
    let expected = AppendAt {
        file: tape.end_file.and_then(|file| u64::try_from(file).ok()).unwrap_or(1),
        block: tape.end_block.and_then(|block| u64::try_from(block).ok()).unwrap_or(2),
    };
    let found = context.perform(lease, GoToEnd { uuid: label.uuid })?;
    if agrees(&found, expected) {
        return Ok(expected);
    }
    let mismatch = mismatch(&label.label, &found, expected);
    let Some(writing) = tape.writing_set.clone().filter(|_| found.at.block > expected.block) else {
        return Err(refuse(context, tape_id, mismatch)?);
    };
    match context.perform(lease, FindToc { at: expected })? {
        Tail::Unfinished if tape.write_once => Err(closed(context, &tape, &writing)?),
        Tail::Unfinished => {
            if let Some(end) = saved(context, lease, tape_id, label, &writing, expected)? {
                return Ok(end);
            }
            context.why(&[format!(
                "Tape {} holds the beginning of a part of set {writing}, which was cut off and never completed; this run \
                 writes over it.",
                label.label
            )])?;
            Ok(expected)
        }
        Tail::Toc { block } => match adopt::adopt(context, lease, tape_id, &writing, expected, block)? {
            // more behind it: this database is older than the tape, and knows nothing of that
            Some(end) if end.block == found.at.block => Ok(end),
            _ => Err(refuse(context, tape_id, mismatch)?),
        },
    }
}

/// A part that was cut off on a write-once tape cannot be ended any more, for that would be written over what is behind
/// its checkpoint; and nothing may lie behind it, for nobody could tell where it ends. The tape is full.
fn closed(context: &Context, tape: &Tape, writing: &str) -> Result<Error> {
    let set = db::sets::find_by_uuid(&mut *context.conn()?, writing)?;
    set.map_or(Ok(()), |set| resume::drop_open_part(context, set.id))?;
    db::tape_lifecycle::close(&mut *context.conn()?, tape.id)?;
    let message = format!(
        "tape {} is write-once and ends with a part that was cut off, behind which nothing can be written: it is full now. \
         What was on it before is all there",
        tape.label
    );
    context.services.bus.publish(
        Event::warning(Category::Tape, "Tape Closed", &message)
            .details(json!({"tape_id": tape.id, "execution_id": context.id})),
    );
    Ok(Error::conflict("write_once", message))
}

/// Ends the part that was cut off at a checkpoint. If what is on the tape does not allow that, nothing of it counts; if
/// something else is in the way, the part stays as it is.
fn saved(
    context: &Context,
    lease: &Lease,
    tape_id: i32,
    label: &Label,
    writing: &str,
    expected: AppendAt,
) -> Result<Option<AppendAt>> {
    match close::at_checkpoint(context, lease, tape_id, label, writing, expected) {
        Err(error) if close::is_of_tape(&error) => {
            context.warn(None, &format!("the part that was cut off could not be ended: {}", error.message));
            let set = db::sets::find_by_uuid(&mut *context.conn()?, writing)?;
            set.map_or(Ok(()), |set| resume::drop_open_part(context, set.id))?;
            Ok(None)
        }
        Err(error) if !matches!(error.code, "cancelled" | "shutdown") => {
            Err(error.context("the part that was cut off could not be ended"))
        }
        end => end,
    }
}

fn agrees(found: &TapePosition, expected: AppendAt) -> bool {
    found.at == Position::block(expected.block) && found.file.is_none_or(|file| file == expected.file)
}

fn mismatch(label: &str, found: &TapePosition, expected: AppendAt) -> Error {
    let file = found.file.map_or("unknown".to_string(), |file| file.to_string());
    Error::conflict(
        "tape_end_mismatch",
        format!(
            "tape {label} ends at file {file}, block {}, but the database expects file {}, block {}: it was written \
             elsewhere, or {DATABASE_OLDER}. Nothing was written. Rebuild the catalog from the tape, or inspect the tape \
             and retire it",
            found.at.block, expected.file, expected.block
        ),
    )
    .with_details(json!({
        "found_file": found.file, "found_block": found.at.block,
        "expected_file": expected.file, "expected_block": expected.block,
    }))
}

fn refuse(context: &Context, tape_id: i32, error: Error) -> Result<Error> {
    db::tape_lifecycle::hold(&mut *context.conn()?, tape_id, &error.message)?;
    context.services.bus.publish(
        Event::error(Category::Tape, "Tape Positioning Failed", &error.message)
            .details(json!({"tape_id": tape_id, "execution_id": context.id})),
    );
    Ok(error)
}

/// Goes to an append position, and makes sure to be there (I4).
pub fn go_to(drive: &mut dyn TapeDrive, at: AppendAt) -> Result<()> {
    drive.locate(Position::block(at.block))?;
    let found = drive.position()?;
    if !agrees(&found, at) {
        return Err(Error::new(
            ErrorKind::Internal,
            "position_mismatch",
            format!(
                "the drive was sent to block {}, file {}, but says it is at {}, file {:?}",
                at.block, at.file, found.at, found.file
            ),
        ));
    }
    Ok(())
}

/// What begins at an append position where nothing should be.
pub enum Tail {
    /// No data file with a table of contents behind it.
    Unfinished,
    /// A data file, and a table of contents.
    Toc {
        /// Logical object number of its first block.
        block: u64,
    },
}

/// Looks for the table of contents behind the data file at an append position.
struct FindToc {
    at: AppendAt,
}

impl DriveTask for FindToc {
    type Output = Tail;
    const NAME: &'static str = "look behind the expected end of the tape";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<Tail> {
        go_to(drive, self.at)?;
        match drive.space_filemarks(1) {
            Ok(()) => {}
            Err(error) if error.kind == tape_drive::DriveErrorKind::BlankCheck => return Ok(Tail::Unfinished),
            Err(error) => return Err(error.into()),
        }
        let block = drive.position()?.at.block;
        let Some(FileKind::Toc(_)) = part::first_block_kind(drive)? else { return Ok(Tail::Unfinished) };
        // one without the filemark behind it was not finished either
        match drive.space_filemarks(1) {
            Ok(()) => Ok(Tail::Toc { block }),
            Err(error) if error.kind == tape_drive::DriveErrorKind::BlankCheck => Ok(Tail::Unfinished),
            Err(error) => Err(error.into()),
        }
    }
}

/// The sets on a tape, one line a part, for the tables of contents of later ones.
pub fn earlier(conn: &mut Conn, tape_id: i32) -> Result<Vec<Summary>> {
    let mut lines = Vec::new();
    for part in db::set_parts::of_tape(conn, tape_id)? {
        let set = db::sets::find(conn, part.backup_set_id)?;
        if !matches!(set.status, SetStatus::Completed | SetStatus::Incomplete) {
            continue;
        }
        let last = match set.status {
            SetStatus::Incomplete => set.parts_expected,
            _ => db::set_parts::of_set(conn, set.id)?.iter().map(|part| part.part_number).max(),
        };
        lines.push(summary(conn, &set, &part, last == Some(part.part_number))?);
    }
    Ok(lines)
}

fn summary(conn: &mut Conn, set: &BackupSet, part: &db::set_parts::SetPart, last: bool) -> Result<Summary> {
    let number = |value: i64| u64::try_from(value).unwrap_or_default();
    let key = match set.encryption_key_id.or(set.hw_encryption_key_id) {
        Some(id) => db::encryption_keys::find(conn, id)?.key_fingerprint,
        None => String::new(),
    };
    Ok(Summary {
        set: set.uuid.parse().unwrap_or_default(),
        job: match set.encrypted || set.hw_encrypted {
            true => String::new(),
            false => db::jobs::find(conn, set.job_id)?.name,
        },
        kind: match set.backup_type {
            db::BackupType::Full => SetKind::Full,
            db::BackupType::Incremental => SetKind::Incremental,
        },
        start: set.start_time.and_utc().timestamp(),
        end: part.created_at.and_utc().timestamp(),
        part: u32::try_from(part.part_number).unwrap_or_default(),
        last,
        tape_file: number(part.tape_file),
        first_block: number(part.first_block),
        toc_block: number(part.toc_block),
        key_fingerprint: key,
        totals: Totals {
            members: number(part.member_count),
            files: number(part.file_count),
            bytes: number(part.content_bytes),
        },
    })
}
