//! Reads what is on the tape in a drive: label, sets, the first files; nothing is written.

use super::{Context, InspectRequest, Lease, v1};
use crate::Result;
use crate::actors::drive::tasks::FirstBlock;
use crate::actors::drive::{DriveTask, Unit};
use crate::db;
use crate::restore::database;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tape_drive::TapeDrive;
use tape_format::crypt::Key;
use tape_format::part::{self, FileKind};
use tape_format::toc::{TocHead, TocKind, TocSink};
use tape_format::{FormatError, MemberKind, MemberRecord};

/// Files listed at most.
const MAX_FILES: usize = 1000;

/// What is on a tape of ours.
#[derive(Default)]
struct Contents {
    sets: Vec<Value>,
    files: Vec<Value>,
}

struct ReadContents;

impl DriveTask for ReadContents {
    type Output = Contents;
    const NAME: &'static str = "read the contents of the tape";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<Contents> {
        let mut tocs = Vec::new();
        let mut files = Vec::new();
        part::scan(drive, &mut |file| {
            if let FileKind::Toc(kind) = &file.kind {
                tocs.push((file.first_block, kind.clone()));
            }
            files.push(file);
            Ok(())
        })?;
        let mut contents = Contents::default();
        if let Some(found) = v1::inspect::read(drive, &files, MAX_FILES)? {
            contents.of_v1(found);
            return Ok(contents);
        }
        for (block, kind) in tocs {
            if let TocKind::Sealed(head) = kind {
                contents.sets.push(json!({
                    "uuid": head.set, "part": head.part, "encrypted": true, "key_fingerprint": head.key_fingerprint,
                    "tape_file": head.tape_file, "stored_bytes": head.stream_bytes,
                }));
                continue;
            }
            // enough files is an end, not a failure
            match part::read_toc(drive, block, &(), &mut contents) {
                Ok(_) | Err(FormatError::Source(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(contents)
    }
}

impl Contents {
    /// What a tape of version 1 holds. Its table of contents does not say who owns a file.
    fn of_v1(&mut self, found: v1::inspect::Found) {
        self.sets = found.sets;
        self.files.extend(found.files.into_iter().map(|(kind, mode, file)| {
            json!({
                "permissions": format!("{}{}", letter(&kind), permissions(mode)), "owner": "", "size": file.size,
                "date": file.mtime.replace('T', " ").chars().take(16).collect::<String>(), "path": file.path,
            })
        }));
    }
}

impl TocSink for Contents {
    fn head(&mut self, head: &TocHead) -> tape_format::Result<()> {
        self.sets.push(json!({
            "uuid": head.set.uuid, "job": head.set.job, "type": head.set.kind, "part": head.part.number,
            "encrypted": false, "tape_file": head.part.tape_file, "stored_bytes": head.part.stream_bytes,
            "files": head.totals.files, "bytes": head.totals.bytes, "start": head.set.start,
        }));
        Ok(())
    }

    fn member(&mut self, record: MemberRecord) -> tape_format::Result<()> {
        if self.files.len() >= MAX_FILES {
            return Err(FormatError::Source("enough".into()));
        }
        let name = |name: &str, id: u32| if name.is_empty() { id.to_string() } else { name.to_string() };
        let date = chrono::DateTime::from_timestamp_nanos(record.mtime_ns);
        self.files.push(json!({
            "permissions": format!("{}{}", letter(&record.kind), permissions(record.mode)),
            "owner": format!("{}/{}", name(&record.user, record.uid), name(&record.group, record.gid)),
            "size": record.size, "date": date.format("%Y-%m-%d %H:%M").to_string(),
            "path": tape_format::path_text::to_text(&record.path),
        }));
        Ok(())
    }

    fn deleted(&mut self, _: Vec<u8>) -> tape_format::Result<()> {
        Ok(())
    }
}

fn letter(kind: &MemberKind) -> char {
    match kind {
        MemberKind::File => '-',
        MemberKind::Directory => 'd',
        MemberKind::Symlink => 'l',
        MemberKind::Hardlink => 'h',
        MemberKind::Fifo => 'p',
        MemberKind::CharDevice => 'c',
        MemberKind::BlockDevice => 'b',
    }
}

fn permissions(mode: u32) -> String {
    let bit = |mask: u32, letter: char| if mode & mask != 0 { letter } else { '-' };
    [
        (0o400, 'r'),
        (0o200, 'w'),
        (0o100, 'x'),
        (0o40, 'r'),
        (0o20, 'w'),
        (0o10, 'x'),
        (0o4, 'r'),
        (0o2, 'w'),
        (0o1, 'x'),
    ]
    .into_iter()
    .map(|(mask, letter)| bit(mask, letter))
    .collect()
}

/// Inspects the tape.
pub fn run(context: &Context, request: &InspectRequest) -> Result<Value> {
    let lease = context.take_drive(request.drive_id, None)?;
    let drive = db::drives::find(&mut *context.conn()?, request.drive_id)?;
    let base = json!({"drive_id": drive.id, "device_path": drive.device_path});
    let found = match super::drive_action::load(context, &lease) {
        Ok(found) => found,
        Err(error) if error.code == "no_tape" => {
            return Ok(merge(
                base,
                json!({"status": "no_tape", "drive_online": true, "message": error.message,
                "has_tapebackarr_label": false, "contents": []}),
            ));
        }
        Err(error) => return Err(error),
    };
    let medium = futures_executor::block_on(context.services.drives.snapshot(drive.id))?.medium;
    let lto =
        medium.as_ref().and_then(|medium| tape_drive::lto::format_of_density(medium.density)).map(|format| format.name);
    let facts = json!({
        "status": "complete", "drive_online": true, "lto_type": lto,
        "capacity_bytes": medium.as_ref().map(|medium| medium.capacity_bytes),
        "barcode": medium.as_ref().and_then(|medium| medium.barcode.clone()),
    });
    let described = match found {
        FirstBlock::Blank => {
            json!({"has_tapebackarr_label": false, "label_message": "the tape is blank", "contents": []})
        }
        FirstBlock::Foreign(what) => {
            json!({"has_tapebackarr_label": false, "label_message": what, "contents": []})
        }
        FirstBlock::Ours(label) => {
            context.phase("reading", format!("Reading the contents of tape {}.", label.label))?;
            let known = db::tapes::find_by_uuid(&mut *context.conn()?, &label.uuid.to_string())?;
            let mut described = json!({
                "has_tapebackarr_label": true, "label": label.label, "uuid": label.uuid, "pool": label.pool,
                "timestamp": label.timestamp, "encryption_key_fingerprint": label.key_fingerprint,
                "encrypted": !label.key_fingerprint.is_empty(), "compression_type": label.compression,
                "compressed": !matches!(label.compression.as_str(), "" | "none"),
                "known": known.is_some(), "tape_id": known.map(|tape| tape.id), "contents": [],
            });
            if request.databases {
                return Ok(merge(merge(base, facts), merge(described, copies(context, &lease)?)));
            }
            match context.perform(&lease, ReadContents) {
                Ok(contents) => {
                    described["contents"] = json!(contents.files);
                    described["sets"] = json!(contents.sets);
                }
                Err(error) => described["contents_error"] = json!(error.message),
            }
            described
        }
    };
    Ok(merge(merge(base, facts), described))
}

/// The copies of the database on the tape, as far as the keys of this server open them.
fn copies(context: &Context, lease: &Lease) -> Result<Value> {
    let keys = context.services.keys.all(&mut *context.conn()?)?;
    let survey = context.perform(lease, FindCopies { keys, stop: context.control.flag() })?;
    Ok(json!({
        "database_backups": survey.copies, "other_parts": survey.others, "keys_missing": survey.closed,
    }))
}

/// Looks for copies of the database.
pub struct FindCopies {
    /// What opens them.
    pub keys: Vec<Key>,
    /// Ends the search when set.
    pub stop: Arc<AtomicBool>,
}

impl DriveTask for FindCopies {
    type Output = database::Survey;
    const NAME: &'static str = "look for copies of the database";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<database::Survey> {
        database::survey(drive, &self.keys, &self.stop)
    }
}

/// Two objects as one.
pub fn merge(mut into: Value, from: Value) -> Value {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
    into
}
