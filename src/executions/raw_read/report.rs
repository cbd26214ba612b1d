//! What a raw read found and did, with the field names of the Go program.

use crate::executions::Context;
use crate::restore::Placed;
use crate::restore::archive::Outcome;
use crate::restore::extract::Note;
use crate::{Error, ErrorKind, Result};
use chrono::{DateTime, NaiveDateTime};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use tape_format::part::{FileKind, TapeFile};
use tape_format::path_text::to_text;
use tape_format::{Label, Member, MemberKind};

/// Files listed, and errors and messages kept; the figures count all.
const MAX_LISTED: usize = 10_000;

/// Figures of one raw read.
pub struct Report<'c> {
    context: &'c Context,
    label: Option<Label>,
    files: u64,
    folders: u64,
    skipped: u64,
    bytes: u64,
    error_count: u64,
    errors: Vec<String>,
    messages: Vec<String>,
    list: Vec<Value>,
    started: NaiveDateTime,
}

impl<'c> Report<'c> {
    /// Nothing read yet.
    pub fn new(context: &'c Context) -> Report<'c> {
        Report {
            context,
            label: None,
            files: 0,
            folders: 0,
            skipped: 0,
            bytes: 0,
            error_count: 0,
            errors: Vec::new(),
            messages: Vec::new(),
            list: Vec::new(),
            started: crate::db::now(),
        }
    }

    /// Says something, here and in the log.
    pub fn say(&mut self, message: String) {
        self.context.log(&message);
        if self.messages.len() < MAX_LISTED {
            self.messages.push(message);
        }
    }

    /// The tape has a label of ours.
    pub fn label(&mut self, label: Label, known: bool) {
        let known = if known { "" } else { ", which this server does not know" };
        self.say(format!("The tape is '{}' (UUID {}){known}.", label.label, label.uuid));
        self.label = Some(label);
    }

    /// Tells what is on the tape; the files that may be archives.
    pub fn survey(&mut self, files: &[TapeFile]) -> Vec<TapeFile> {
        let mut archives = Vec::new();
        for file in files {
            let what = match &file.kind {
                FileKind::Label(_) | FileKind::Toc(_) | FileKind::TocV1 | FileKind::Empty => continue,
                FileKind::Tar => "a tar archive".to_string(),
                FileKind::Zstd => "a tar archive compressed with zstd".into(),
                FileKind::Gzip => "a tar archive compressed with gzip".into(),
                FileKind::Sealed => "encrypted".into(),
                FileKind::SealedV1(_) => "encrypted by version 1".into(),
                FileKind::Unreadable(why) => {
                    self.failed(&format!("tape file {}", file.number), &format!("it cannot be read: {why}"));
                    continue;
                }
                FileKind::Unknown => {
                    self.say(format!("Tape file {}: nothing that can be extracted.", file.number));
                    continue;
                }
            };
            self.say(format!("Tape file {}, from block {}: {what}.", file.number, file.first_block));
            archives.push(file.clone());
        }
        archives
    }

    /// What became of a member.
    pub fn member(&mut self, member: &Member, outcome: &Outcome) {
        let path = to_text(&member.path);
        match outcome {
            Outcome::Placed(Placed::Restored { bytes }) => {
                self.files += 1;
                self.bytes += bytes;
                self.context.progress.files.fetch_add(1, Ordering::Relaxed);
                self.context.progress.bytes.fetch_add(*bytes, Ordering::Relaxed);
            }
            Outcome::Placed(Placed::Directory) => self.folders += 1,
            Outcome::Placed(Placed::Skipped(_)) => self.skipped += 1,
            Outcome::Failed(why) => self.failed(&path, why),
        }
        if member.kind != MemberKind::Directory && self.list.len() < MAX_LISTED {
            self.list.push(json!({"path": path, "size": member.size}));
        }
        self.context.progress.set_path(path.into_owned());
    }

    /// Something was restored, but not quite as it was.
    pub fn note(&mut self, note: &Note) {
        self.context.warn(Some(&to_text(&note.path)), &note.message);
    }

    /// Something could not be read or restored.
    pub fn failed(&mut self, path: &str, why: &str) {
        self.context.warn(Some(path), why);
        self.error_count += 1;
        if self.errors.len() < MAX_LISTED {
            self.errors.push(format!("{path}: {why}"));
        }
    }

    /// The figures for the person who asked.
    pub fn to_json(&self) -> Value {
        let label = self.label.as_ref();
        let time = label.and_then(|label| DateTime::from_timestamp(label.timestamp, 0)).map(|time| time.to_rfc3339());
        json!({
            "has_header": label.is_some(), "tape_label": label.map(|label| &label.label),
            "tape_uuid": label.map(|label| label.uuid), "tape_pool": label.map(|label| &label.pool),
            "label_time": time, "encryption": label.map(|label| &label.key_fingerprint),
            "compression": label.map(|label| &label.compression), "files_found": self.files + self.skipped,
            "files_restored": self.files, "folders_restored": self.folders, "skipped": self.skipped,
            "bytes_restored": self.bytes, "error_count": self.error_count, "errors": self.errors,
            "log_messages": self.messages, "file_list": self.list, "start_time": self.started.and_utc().to_rfc3339(),
            "end_time": crate::db::now().and_utc().to_rfc3339(),
        })
    }

    /// Success only if something was found and nothing of it failed.
    pub fn outcome(&self) -> Result<Value> {
        let message = match (self.error_count, self.files) {
            (0, 0) if self.skipped > 0 => format!(
                "no file was restored: all {} exist at the destination already and were kept; choose another destination or \
                 the policy 'overwrite'",
                self.skipped
            ),
            (0, 0) if self.folders == 0 => "nothing on the tape could be extracted: it holds no tar archive".into(),
            (0, _) => return Ok(self.to_json()),
            (count, files) => format!(
                "{files} files were restored, {count} things could not be, first: {}",
                self.errors.first().map_or("see the log", String::as_str)
            ),
        };
        Err(Error::new(ErrorKind::Unprocessable, "raw_read_incomplete", message).with_details(self.to_json()))
    }
}
