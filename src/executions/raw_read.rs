//! Extracts whatever archive the tape in a drive holds, without the catalog: our own tapes by their label and what is
//! behind it, foreign ones if they hold tar, plain or compressed with gzip or zstd.

mod report;
pub(super) mod stream;

use super::restore::prepare_destination;
use super::{Context, Lease, RawReadRequest, drive_action, v1};
use crate::actors::drive::tasks::FirstBlock;
use crate::actors::drive::{DriveTask, Unit};
use crate::db::{self, SourceType};
use crate::restore::archive::{self, Ended};
use crate::restore::extract::Extractor;
use crate::restore::metadata::Trust;
use crate::restore::safe::SafeError;
use crate::{Error, ErrorKind, Result};
use report::Report;
use serde_json::Value;
use std::path::{Path, PathBuf};
use stream::FileKey;
use tape_drive::TapeDrive;
use tape_format::crypt::Key;
use tape_format::part::{FileKind, TapeFile, scan};
use tape_format::toc::TocKind;

/// Reads the tape.
pub fn run(context: &Context, request: &RawReadRequest) -> Result<Value> {
    let path = prepare_destination(SourceType::Local, &request.dest_path, &context.services.config.data_dir)?;
    let lease = context.take_drive(request.drive_id, None)?;
    let mut report = Report::new(context);
    let trust = match drive_action::load(context, &lease)? {
        FirstBlock::Blank => {
            return Err(Error::conflict("blank_tape", "the tape is blank: there is nothing on it to be read"));
        }
        FirstBlock::Ours(label) => {
            let known = db::tapes::find_by_uuid(&mut *context.conn()?, &label.uuid.to_string())?.is_some();
            report.label(label, known);
            if known { Trust::Own } else { Trust::Foreign }
        }
        FirstBlock::Foreign(what) => {
            report.say(format!("The tape is not one of ours: {what}."));
            Trust::Foreign
        }
    };
    context.phase("scanning", "Looking at what is on the tape.")?;
    let files = context.perform(&lease, Scan)?;
    let archives = report.survey(&files);
    let into = |file: &TapeFile| match archives.len() {
        1 => Ok(path.clone()),
        _ => folder(&path, file),
    };
    let reading = Reading { context, request, lease: &lease, trust };
    for file in &archives {
        context.check()?;
        let key = match key(context, &lease, request, file, &files) {
            Ok(key) => key,
            Err(error) => {
                report.failed(&format!("tape file {}", file.number), &error.message);
                continue;
            }
        };
        let into = into(file)?;
        context.phase("reading", format!("Extracting tape file {} to {}.", file.number, into.display()))?;
        reading.extract(file, key, &into, &mut report)?;
    }
    report.outcome()
}

/// The directory of one of several archives on a tape.
fn folder(path: &Path, file: &TapeFile) -> Result<PathBuf> {
    let folder = path.join(format!("file-{:04}", file.number));
    std::fs::create_dir_all(&folder).map_err(|error| {
        Error::new(
            ErrorKind::Unprocessable,
            "destination_unusable",
            format!("{} cannot be made: {error}", folder.display()),
        )
    })?;
    Ok(folder)
}

/// What every archive on the tape is read with.
struct Reading<'a> {
    context: &'a Context,
    request: &'a RawReadRequest,
    lease: &'a Lease,
    trust: Trust,
}

impl Reading<'_> {
    fn extract(&self, file: &TapeFile, key: Option<FileKey>, into: &Path, report: &mut Report) -> Result<()> {
        let stop = self.context.control.flag();
        let failed = |error: SafeError| Error::new(ErrorKind::Unprocessable, "destination_failed", error.to_string());
        let mut extractor = Extractor::new(into, self.request.policy, self.trust, stop).map_err(failed)?;
        extractor.keep_out_of(&self.context.services.config.data_dir).map_err(failed)?;
        let ended = stream::read(self.context, self.lease, file.first_block, key, &mut |data| {
            let ended = archive::extract(data, &mut extractor, &mut |member, outcome| report.member(member, outcome));
            extractor.finish();
            for note in extractor.take_notes() {
                report.note(&note);
            }
            ended
        })?;
        self.context.check()?;
        match ended {
            Ok(()) => Ok(()),
            Err(Ended::Damaged(error)) => {
                report.failed(&format!("tape file {}", file.number), &error.to_string());
                Ok(())
            }
            Err(Ended::Destination(why)) => {
                Err(Error::new(ErrorKind::Unprocessable, "destination_failed", why).with_details(report.to_json()))
            }
        }
    }
}

/// What opens a file, if it is encrypted: the table of contents behind it says with which key. On a tape of version 1
/// nothing does: the keys are tried.
fn key(
    context: &Context,
    lease: &Lease,
    request: &RawReadRequest,
    file: &TapeFile,
    files: &[TapeFile],
) -> Result<Option<FileKey>> {
    match file.kind {
        FileKind::Sealed => {}
        FileKind::SealedV1(_) => {
            let (_, key) = v1::keys::find(context, lease, file.first_block, request.encryption_key_id)?;
            return Ok(Some(FileKey::V1(key)));
        }
        _ => return Ok(None),
    }
    let head = files.iter().find_map(|other| match &other.kind {
        FileKind::Toc(TocKind::Sealed(head)) if head.tape_file == file.number => Some(head),
        _ => None,
    });
    let head = head.ok_or_else(|| {
        Error::new(
            ErrorKind::Unprocessable,
            "key_unknown",
            "it may be encrypted, but no table of contents behind it says with which key",
        )
    })?;
    let mut conn = context.conn()?;
    let fingerprint = match request.encryption_key_id {
        Some(id) => db::encryption_keys::find(&mut conn, id)?.key_fingerprint,
        None => head.key_fingerprint.clone(),
    };
    let key: Key = context.services.keys.for_reading(&mut conn, &fingerprint)?;
    Ok(Some(FileKey::Part { key, set: head.set, part: head.part }))
}

/// Goes over the tape file by file.
pub(super) struct Scan;

impl DriveTask for Scan {
    type Output = Vec<TapeFile>;
    const NAME: &'static str = "look at the files of the tape";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<Vec<TapeFile>> {
        let mut files = Vec::new();
        scan(drive, &mut |file| {
            files.push(file);
            Ok(())
        })?;
        Ok(files)
    }
}
