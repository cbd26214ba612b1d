//! Looking at a tape: its tables of contents, and the data of the parts that have none.

use super::holdings::{Archive, Cut, Entry, Holdings, Known, Part};
use super::tapes::Tapes;
use crate::cli::exit::{CliResult, Doing};
use crate::cli::human;
use std::sync::Arc;
use tape_drive::virt::copies::COPY_BLOCK_BYTES;
use tape_drive::{Position, TapeDrive};
use tape_format::crypt::Key;
use tape_format::part::{FileKind, PartLayout};
use tape_format::path_text::{from_text, to_text};
use tape_format::salvage::{
    Damage, FoundPart, Identity, Place, SalvageSink, SalvagedMember, SalvagedPart, read_part, read_table, survey,
};
use tape_format::toc::{Summary, TocHead, TocSink};
use tape_format::{FormatError, MemberKind, MemberRecord, Result, v1};
use uuid::Uuid;

/// Blocks that are looked at for damage that swallowed a filemark.
const SWALLOWED: u64 = 256;
/// Damaged places that are told one by one.
const TOLD: usize = 10;

/// How thoroughly to look.
pub struct Looking<'a> {
    /// All keys at hand.
    pub keys: &'a [Key],
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
        let read = read_table(drive, toc, &looking.keys, &mut table);
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
        let key = looking.keys.iter().find(|key| key.fingerprint() == head.key_fingerprint).cloned();
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

/// A part of which nothing is known, and why.
fn unknown(tape: usize, part: &FoundPart, number: u32, fingerprint: String, why: String) -> Part {
    Part {
        tape,
        number,
        last: false,
        layout: Arc::new(PartLayout {
            set_uuid: Uuid::nil(),
            part_number: number,
            tape_file: part.tape_file,
            first_block: part.first_block,
            block_count: 0,
            block_size: 1,
            toc_block: 0,
            end_block: 0,
            tar_start: 0,
            tar_end: 0,
            prelude_bytes: 0,
            stream_bytes: 0,
            codec: tape_format::Codec::None,
            encrypted: false,
            frames: tape_format::part::FrameTable::default(),
        }),
        other_start: None,
        place: Place::of(part),
        key: None,
        key_fingerprint: fingerprint,
        known: Known::Not(why),
        entries: Vec::new(),
        cut: None,
        continues: None,
        deleted: Vec::new(),
        members: 0,
        files: 0,
        bytes: 0,
    }
}

/// Takes what the data of a part says.
struct Data {
    found: Vec<SalvagedMember>,
    damage: Vec<String>,
    damaged: usize,
    bar: indicatif::ProgressBar,
}

impl SalvageSink for Data {
    fn member(&mut self, member: SalvagedMember) -> Result<()> {
        if let Some(why) = &member.damage {
            self.damaged += 1;
            self.damage.push(format!("{}: {why}", to_text(&member.record.path)));
        }
        self.found.push(member);
        Ok(())
    }

    fn damage(&mut self, damage: &Damage) -> Result<()> {
        self.damaged += 1;
        self.damage.push(damage.reason.clone());
        Ok(())
    }

    fn progress(&mut self, stream_bytes: u64) -> Result<()> {
        self.bar.set_message(human::bytes(stream_bytes));
        self.bar.tick();
        Ok(())
    }
}

impl Look<'_> {
    /// A part whose key is not at hand.
    fn locked(&mut self, part: &FoundPart, fingerprint: String) {
        let head = part.sealed.as_ref();
        let why = format!("it is encrypted with the key {fingerprint}: give its key file");
        let number = head.map_or(1, |head| head.part);
        self.into.add(head.map(|head| head.set), unknown(self.tape, part, number, fingerprint, why));
    }

    fn data(
        &mut self,
        part: &FoundPart,
        head: Option<&TocHead>,
        limit: Option<u64>,
        drive: &mut dyn TapeDrive,
    ) -> Result<()> {
        let looking = self.looking;
        if !looking.deep {
            let why = "it has no table of contents: to know what is in it, all of it must be read (leave out --quick)";
            self.into.add(None, unknown(self.tape, part, 1, String::new(), why.into()));
            return Ok(());
        }
        let named =
            self.earlier.iter().filter(|line| line.tape_file == part.tape_file || line.first_block == part.first_block);
        let mut place = Place { limit, ..Place::of(part) };
        if limit.is_some() {
            // What follows is named by its table; this is something else.
            place.may_be.clear();
        }
        place.may_be.extend(named.map(|line| Identity { set: line.set, part: line.part }));
        place.may_be.extend(head.map(|head| Identity { set: head.set.uuid, part: head.part.number }));
        place.may_be.extend(looking.may_be);
        let bar = super::spinner(&format!(
            "{}: reading tape file {}, which has no table of contents",
            self.name, part.tape_file
        ));
        let mut data = Data { found: Vec::new(), damage: Vec::new(), damaged: 0, bar };
        let salvaged = read_part(drive, &place, looking.keys, &mut data);
        data.bar.finish_and_clear();
        let salvaged = match salvaged {
            Ok(salvaged) => salvaged,
            Err(FormatError::Drive(error)) => return Err(error.into()),
            Err(FormatError::KeyNeeded { .. }) => {
                let known = identity_of(drive, part);
                let why = "it is encrypted, and none of the keys at hand opens it: give its key file";
                let number = known.map_or(1, |identity| identity.part);
                self.into.add(known.map(|known| known.set), unknown(self.tape, part, number, "?".into(), why.into()));
                return Ok(());
            }
            Err(error) => {
                self.note(format!("tape file {}: {error}", part.tape_file));
                return Ok(());
            }
        };
        if let Some(toc) = salvaged.toc_block {
            let found = FoundPart { toc_block: Some(toc), ..part.clone() };
            if self.table(&found, toc, drive).is_ok() {
                self.note(format!("the filemark behind tape file {} is lost", part.tape_file));
                return Ok(());
            }
        }
        if data.found.is_empty() {
            self.foreign(part);
            return Ok(());
        }
        for reason in data.damage.iter().take(TOLD) {
            self.note(format!("tape file {}: {reason}", part.tape_file));
        }
        if data.damaged > TOLD {
            self.note(format!("tape file {}: and {} more damaged places", part.tape_file, data.damaged - TOLD));
        }
        self.add_salvaged(place, head, salvaged, data.found);
        Ok(())
    }

    fn add_salvaged(
        &mut self,
        place: Place,
        head: Option<&TocHead>,
        salvaged: SalvagedPart,
        found: Vec<SalvagedMember>,
    ) {
        let looking = self.looking;
        let from_head = || head.map(|head| Identity { set: head.set.uuid, part: head.part.number });
        let from_line = || place.may_be.first().copied();
        let identity = salvaged.identity.or_else(from_head).or_else(from_line);
        let mut part = Part {
            tape: self.tape,
            number: identity.map_or(1, |identity| identity.part),
            last: salvaged.complete,
            other_start: None,
            place: Place { codec: Some(salvaged.layout.codec), ..place },
            key: looking.keys.iter().find(|key| key.fingerprint() == salvaged.key_fingerprint).cloned(),
            key_fingerprint: salvaged.key_fingerprint.clone(),
            known: Known::Data { undamaged: salvaged.undamaged },
            layout: Arc::new(salvaged.layout),
            entries: Vec::new(),
            cut: None,
            continues: None,
            deleted: Vec::new(),
            members: 0,
            files: 0,
            bytes: 0,
        };
        for member in found {
            if let Some(start) = &member.continues {
                part.continues = Some((start.path.clone().into(), start.size));
                continue;
            }
            if let Some((here, all)) = member.cut {
                let entry = Entry::from(member.record);
                part.cut = Some(Cut { path: entry.path.clone(), here, all, entry: Some(entry) });
                continue;
            }
            if member.after_damage && member.damage.is_some() {
                // Whatever it is called, that is not its name.
                continue;
            }
            part.members += 1;
            if member.record.kind == MemberKind::File {
                part.files += 1;
                part.bytes = part.bytes.saturating_add(member.record.size);
            }
            if looking.keep {
                // What is damaged is listed too: it was there, and is reported as lost.
                part.entries.push(member.record.into());
            }
        }
        if let (Some(head), Some(_)) = (head, identity) {
            self.into.set(Some(head.set.uuid)).learn(&head.set);
        }
        self.into.add(identity.map(|identity| identity.set), part);
    }

    /// Something that is neither a part nor a table.
    fn foreign(&mut self, part: &FoundPart) {
        match part.kind {
            FileKind::Tar | FileKind::Zstd | FileKind::Gzip => self.into.archives.push(Archive {
                tape: self.tape,
                tape_file: part.tape_file,
                first_block: part.first_block,
                title: "an archive of another program".into(),
                files: Vec::new(),
            }),
            _ => self.note(format!("nothing in tape file {} could be read as an archive", part.tape_file)),
        }
    }

    /// A data file of version 1, with what its table of contents lists.
    fn v1(&mut self, part: &FoundPart, drive: &mut dyn TapeDrive) {
        let mut listed = Listed { title: "written by version 1".into(), files: Vec::new() };
        if let Some(toc) = part.toc_block {
            let read = drive.locate(Position::block(toc)).map_err(FormatError::Drive).and_then(|()| {
                let file = tape_format::part::FileReader::new(drive)?;
                v1::read_toc(file, &mut listed).map(drop)
            });
            if let Err(error) = read {
                self.note(format!("the table of contents behind tape file {}: {error}", part.tape_file));
            }
        }
        self.into.archives.push(Archive {
            tape: self.tape,
            tape_file: part.tape_file,
            first_block: part.first_block,
            title: listed.title,
            files: listed.files,
        });
    }
}

/// What an encrypted data file names itself.
fn identity_of(drive: &mut dyn TapeDrive, part: &FoundPart) -> Option<Identity> {
    let mut start = [0; tape_format::crypt::HEADER_SIZE];
    drive.locate(Position::block(part.first_block)).ok()?;
    let mut file = tape_format::part::FileReader::new(drive).ok()?;
    std::io::Read::read_exact(&mut file, &mut start).ok()?;
    tape_format::crypt::part_of(&start).map(|(set, part)| Identity { set, part })
}

/// What a table of version 1 lists.
struct Listed {
    title: String,
    files: Vec<(String, u64, String)>,
}
impl v1::TocSink for Listed {
    fn set(&mut self, _: &v1::TocHead, set: &v1::TocSet) -> Result<()> {
        self.title = format!("job {}, {}, {}, written by version 1", set.job, set.kind, set.start);
        Ok(())
    }

    fn file(&mut self, file: v1::TocFile) -> Result<()> {
        self.files.push((file.path, u64::try_from(file.size).unwrap_or(0), file.checksum));
        Ok(())
    }
}
