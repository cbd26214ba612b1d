//! Looking at a tape: its tables of contents, and the data of the parts that have none.

mod data;
mod foreign;

use super::holdings::{Cut, Entry, Holdings, Known, Part};
use super::keyring::Keyring;
use super::tapes::Tapes;
use crate::cli::exit::{CliResult, Doing};
use std::sync::Arc;
use tape_drive::virt::copies::COPY_BLOCK_BYTES;
use tape_drive::{Position, TapeDrive};
use tape_format::part::FileKind;
use tape_format::path_text::from_text;
use tape_format::salvage::{FoundPart, Identity, Place, read_table, survey};
use tape_format::toc::{Summary, TocHead, TocSink};
use tape_format::{FormatError, MemberKind, MemberRecord, Result};

/// Blocks that are looked at for damage that swallowed a filemark.
const SWALLOWED: u64 = 256;

/// How thoroughly to look.
pub struct Looking<'a> {
    /// All keys at hand.
    pub keyring: &'a Keyring,
    /// Whether members are to be kept at all.
    pub keep: bool,
    /// Whether to read the data of parts without a table.
    pub deep: bool,
    /// What a person says encrypted data may be.
    pub may_be: &'a [Identity],
}

/// Looks at the tape in a drive and adds what is on it.
pub fn look(
    looking: &Looking<'_>,
    tapes: &Tapes,
    tape: usize,
    drive: &mut dyn TapeDrive,
    into: &mut Holdings,
) -> CliResult {
    let mut look = Look {
        looking,
        tape,
        name: tapes.name(tape),
        copied: tapes.is_copied(tape),
        into,
        earlier: Vec::new(),
        starts: Vec::new(),
        held: Vec::new(),
    };
    let name = look.name.clone();
    look.tape(drive).doing(format_args!("cannot read {name}"))
}

/// One tape that is looked at.
struct Look<'a> {
    looking: &'a Looking<'a>,
    tape: usize,
    name: String,
    /// Its blocks have other sizes than on tape.
    copied: bool,
    into: &'a mut Holdings,
    /// What tables of contents say of others.
    earlier: Vec<Summary>,
    /// Where tape files begin.
    starts: Vec<u64>,
    /// The data that tables of contents describe.
    held: Vec<std::ops::Range<u64>>,
}

/// A table that cannot be used, and its head if that could be read.
struct Unread {
    error: FormatError,
    head: Option<Box<TocHead>>,
}

/// Takes what a table of contents says.
struct Table<'a> {
    looking: &'a Looking<'a>,
    head: Option<Box<TocHead>>,
    entries: Vec<Entry>,
    deleted: Vec<Box<[u8]>>,
    /// Where the last member ends, wanted or not.
    end: u64,
}

impl TocSink for Table<'_> {
    fn head(&mut self, head: &TocHead) -> Result<()> {
        self.end = head.part.tar_start;
        self.head = Some(Box::new(head.clone()));
        Ok(())
    }

    fn member(&mut self, record: MemberRecord) -> Result<()> {
        self.end = self.end.max(record.tar_offset.saturating_add(record.tar_length));
        if self.looking.keep {
            self.entries.push(record.into());
        }
        Ok(())
    }

    fn deleted(&mut self, path: Vec<u8>) -> Result<()> {
        if self.looking.keep {
            self.deleted.push(path.into());
        }
        Ok(())
    }
}

impl Look<'_> {
    fn note(&mut self, note: String) {
        self.into.notes.push(format!("{}: {note}", self.name));
    }

    fn tape(&mut self, drive: &mut dyn TapeDrive) -> Result<()> {
        let survey = survey(drive)?;
        let heads = survey.parts.iter().filter_map(|part| part.sealed.as_ref());
        let mut notes = Vec::new();
        self.looking.keyring.unlock(heads, |note| notes.push(note));
        notes.into_iter().for_each(|note| self.note(note));
        if survey.label.is_none() && !self.copied && !survey.files.is_empty() {
            self.note("the label cannot be read; it is not needed".into());
        }
        let mut bare = Vec::new();
        let data = survey.files.iter().filter(|file| !matches!(file.kind, FileKind::Toc(_) | FileKind::Label(_)));
        self.starts = data.map(|file| file.first_block).collect();
        for part in survey.parts {
            if part.v1 {
                self.v1(&part, drive);
                continue;
            }
            let Some(toc) = part.toc_block else {
                bare.push((part, None, None));
                continue;
            };
            match self.table(&part, toc, drive) {
                Ok(None) => {}
                // The filemark behind it, and its table, are lost; it runs into the data of the next.
                Ok(Some(limit)) => bare.push((part, None, Some(limit))),
                Err(unread) => match *unread {
                    Unread { error: FormatError::KeyNeeded { fingerprint }, .. } => self.locked(&part, fingerprint),
                    Unread { error: FormatError::Drive(error), .. } => return Err(error.into()),
                    Unread { error, head } => {
                        let file = part.tape_file;
                        self.note(format!("the table of contents behind tape file {file} is lost: {error}"));
                        bare.push((part, head, None));
                    }
                },
            }
        }
        // A filemark that is none can make two files of one.
        let held = std::mem::take(&mut self.held);
        bare.retain(|(part, _, _)| !held.iter().any(|held| held.contains(&part.first_block)));
        for (part, head, limit) in bare {
            self.data(&part, head.as_deref(), limit, drive)?;
        }
        for line in &self.earlier {
            let set = self.into.find(line.set).and_then(|index| self.into.sets.get_mut(index));
            if let Some(set) = set {
                set.learn_little(&line.job, line.kind, line.start);
            }
        }
        Ok(())
    }

    /// Adds the part that the table at `toc` describes. If there is other data before it in the same tape file, tells
    /// where that must end.
    fn table(&mut self, part: &FoundPart, toc: u64, drive: &mut dyn TapeDrive) -> Result<Option<u64>, Box<Unread>> {
        let looking = self.looking;
        let mut table = Table { looking, head: None, entries: Vec::new(), deleted: Vec::new(), end: 0 };
        let keys = looking.keyring.all();
        let read = read_table(drive, toc, &keys, &mut table);
        let mut layout = match read {
            Ok(layout) => layout,
            Err(error) => return Err(Box::new(Unread { error, head: table.head })),
        };
        let Some(head) = table.head else {
            return Err(Box::new(Unread { error: FormatError::Toc("it has no head".into()), head: None }));
        };
        if self.copied {
            // The copies have other blocks; their bytes are the same.
            layout.block_size = COPY_BLOCK_BYTES;
            layout.block_count = layout.stream_bytes.div_ceil(u64::from(COPY_BLOCK_BYTES));
        }
        let (mut before, mut other_start) = (None, None);
        if part.first_block < toc {
            let there = (toc - part.first_block).saturating_sub(1);
            if there > layout.block_count && !self.copied {
                before = Some(first_unreadable(drive, layout.first_block, toc));
            } else if self.copied {
                layout.first_block = part.first_block;
            } else if there < layout.block_count {
                // Damage that swallowed some blocks counts as one.
                let (front, back) = (part.first_block, layout.first_block);
                let known = self.starts.contains(&back);
                layout.first_block = if known { back } else { front };
                other_start = Some(if known { front } else { back });
            }
        }
        self.held.push(layout.first_block..toc);
        self.earlier.extend(head.earlier.iter().cloned());
        let key = keys.iter().find(|key| key.fingerprint() == head.key_fingerprint).cloned();
        let place = Place {
            tape_file: part.tape_file,
            first_block: layout.first_block,
            limit: Some(toc),
            block_size: Some(layout.block_size),
            codec: Some(layout.codec),
            stream_header: layout.frames.stream_header,
            may_be: vec![Identity { set: head.set.uuid, part: head.part.number }],
        };
        let end = table.end;
        let cut = head.part.cut.as_ref().map(|cut| Cut {
            path: from_text(&cut.path).into_owned().into(),
            here: cut.data_offset,
            all: cut.data_size,
            entry: Some(Entry {
                path: from_text(&cut.path).into_owned().into(),
                kind: MemberKind::File,
                size: 0,
                mode: 0,
                uid: 0,
                gid: 0,
                mtime_ns: 0,
                link: None,
                sha256: None,
                tar_offset: end,
                tar_length: layout
                    .tar_end
                    .saturating_sub(end)
                    .saturating_add(blocks(cut.data_size.saturating_sub(cut.data_offset))),
            }),
        });
        self.into.set(Some(head.set.uuid)).learn(&head.set);
        self.into.add(
            Some(head.set.uuid),
            Part {
                tape: self.tape,
                number: head.part.number,
                last: head.part.last,
                layout: Arc::new(layout),
                other_start,
                place,
                key,
                key_fingerprint: head.key_fingerprint.clone(),
                known: Known::Table,
                entries: table.entries,
                cut,
                continues: None,
                deleted: table.deleted,
                members: head.part.totals.members,
                files: head.part.totals.files,
                bytes: head.part.totals.bytes,
            },
        );
        Ok(before)
    }
}

/// Where data ends before that of a table that was found to begin at `computed`: there, if no damage behind it swallowed
/// blocks and made it be computed too early; else at the damage.
fn first_unreadable(drive: &mut dyn TapeDrive, computed: u64, toc: u64) -> u64 {
    let mut buffer = vec![0; drive.block_limits().map_or(1 << 24, |limits| limits.max.min(1 << 24) as usize)];
    for block in computed..toc.min(computed.saturating_add(SWALLOWED)) {
        let read = drive.locate(Position::block(block)).and_then(|()| drive.read_block(&mut buffer));
        if read.is_err() {
            return block;
        }
    }
    computed
}

/// Whole tar blocks for so many bytes.
fn blocks(bytes: u64) -> u64 {
    bytes.saturating_add(tape_format::tar::padding(bytes) as u64)
}
