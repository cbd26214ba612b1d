//! Makes a tape of version 1 known, and puts its files into the catalog.

mod from_data;
mod from_toc;
mod set;

use super::{keys, tape_row};
use crate::db::{self, PartFormat, SetStatus, tapes::Tape};
use crate::executions::{Context, ImportV1TapeRequest, Lease, drive_action, raw_read};
use crate::import::Report;
use crate::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use tape_format::Label;
use tape_format::crypt::Key;
use tape_format::part::{FileKind, TapeFile};

/// What the report calls sets.
const WHAT: &str = "backup_sets";

/// A data file of the tape, with what opens it.
struct Data {
    file: TapeFile,
    /// Row of the key and the key, if it is encrypted and the key is here.
    key: Option<(i32, Key)>,
}

/// What all steps of an import work with.
struct Importing<'c> {
    context: &'c Context,
    lease: &'c Lease,
    label: Label,
    tape: Tape,
    data: Vec<Data>,
}

/// Imports the tape in the drive.
pub fn run(context: &Context, request: &ImportV1TapeRequest) -> Result<Value> {
    let lease = context.take_drive(request.drive_id, None)?;
    let label = drive_action::load(context, &lease)?.require_label()?;
    context.phase("scanning", "Looking at what is on the tape.")?;
    let files = context.perform(&lease, raw_read::Scan)?;
    let (data, toc) = survey(&files)?;
    let medium = futures_executor::block_on(context.services.drives.snapshot(lease.drive()))?.medium;
    let mut report = Report::default();
    let tape = tape_row::of_label(&mut *context.conn()?, &label, medium.as_ref(), &mut report)?;
    let importing = Importing { context, lease: &lease, label, tape, data: Vec::new() };
    let imported = importing.all(request, data, toc.as_ref(), &mut report);
    for line in report.take_lines() {
        context.log(&line);
    }
    let mut value = report.to_json();
    if let (Some(fields), Ok(tape)) = (value.as_object_mut(), &imported) {
        fields.insert("tape_id".into(), json!(tape.id));
        fields.insert("label".into(), json!(tape.label));
    }
    imported.map(|_| value.clone()).map_err(|error| error.with_details(value))
}

/// The data files, and the table of contents, of a tape of version 1.
fn survey(files: &[TapeFile]) -> Result<(Vec<TapeFile>, Option<TapeFile>)> {
    let refused = |code, message: &str| Err(Error::new(ErrorKind::Unprocessable, code, message));
    if files.iter().any(|file| matches!(file.kind, FileKind::Toc(_))) {
        return refused("not_v1_tape", "this tape was not written by version 1 but by this program");
    }
    let is_data = |kind: &FileKind| {
        matches!(
            kind,
            FileKind::Tar | FileKind::Zstd | FileKind::Gzip | FileKind::SealedV1(_) | FileKind::Unreadable(_)
        )
    };
    let data: Vec<TapeFile> = files.iter().filter(|file| is_data(&file.kind)).cloned().collect();
    if data.is_empty() {
        return refused("no_data", "there is no data of version 1 on this tape, only its label");
    }
    Ok((data, files.iter().find(|file| file.kind == FileKind::TocV1).cloned()))
}

impl Importing<'_> {
    fn all(
        mut self,
        request: &ImportV1TapeRequest,
        data: Vec<TapeFile>,
        toc: Option<&TapeFile>,
        report: &mut Report,
    ) -> Result<Tape> {
        if let Some(set) = self.known()? {
            report.there(WHAT);
            let reason = format!("the catalog has what is on this tape already, as backup set {set}");
            report.skipped(WHAT, &self.tape.label, reason);
            return Ok(self.tape);
        }
        for file in data {
            let key = self.key(request, &file, report)?;
            self.data.push(Data { file, key });
        }
        if let Some(toc) = toc.filter(|_| !request.read_data) {
            self.context.phase("reading", "Reading the table of contents.")?;
            match from_toc::take(&self, toc, report)? {
                Ok(()) => return Ok(self.tape),
                Err(why) => {
                    let reason = format!(
                        "its table of contents cannot be used ({why}): its files are listed from the data itself"
                    );
                    report.attention("tapes", &self.tape.label, reason);
                }
            }
        } else if toc.is_none() {
            let reason = "it has no table of contents: its files are listed from the data itself";
            report.attention("tapes", &self.tape.label, reason);
        }
        for data in &self.data {
            from_data::take(&self, data, report)?;
        }
        Ok(self.tape)
    }

    /// The set of version 1 that is known to be on this tape.
    fn known(&self) -> Result<Option<i32>> {
        let mut conn = self.context.conn()?;
        for part in db::set_parts::of_tape(&mut conn, self.tape.id)? {
            let set = db::sets::find(&mut conn, part.backup_set_id)?;
            if part.layout == PartFormat::V1 && set.status == SetStatus::Completed {
                return Ok(Some(set.id));
            }
        }
        Ok(None)
    }

    /// What opens a data file, if that is needed and there.
    fn key(&self, request: &ImportV1TapeRequest, file: &TapeFile, report: &mut Report) -> Result<Option<(i32, Key)>> {
        let FileKind::SealedV1(_) = file.kind else { return Ok(None) };
        match keys::find(self.context, self.lease, file.first_block, request.encryption_key_id) {
            Ok(found) => Ok(Some(found)),
            Err(error) => {
                self.context.check()?;
                report.attention("tapes", &self.tape.label, error.message);
                Ok(None)
            }
        }
    }
}
