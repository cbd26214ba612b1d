//! The data of parts that have no table of contents, or one that cannot be read.

use super::Look;
use crate::cli::recover::holdings::{Cut, Entry, Known, Part};
use crate::cli::recover::spinner;
use crate::human;
use std::sync::Arc;
use tape_drive::{Position, TapeDrive};
use tape_format::part::PartLayout;
use tape_format::path_text::to_text;
use tape_format::salvage::{Damage, FoundPart, Identity, Place, SalvageSink, SalvagedMember, SalvagedPart, read_part};
use tape_format::toc::{SealedHead, TocHead};
use tape_format::{FormatError, MemberKind, Result};
use uuid::Uuid;

/// Damaged places that are told one by one.
const TOLD: usize = 10;

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
    pub(super) fn locked(&mut self, part: &FoundPart, fingerprint: String) {
        let head = part.sealed.as_ref();
        let how = match head.and_then(SealedHead::locked_key) {
            Some(Ok(_)) => "give its key file, or the passphrase of the key on this tape (--passphrase-file)".into(),
            Some(Err(error)) => format!("give its key file ({error})"),
            None => "give its key file".to_owned(),
        };
        let why = format!("it is encrypted with the key {fingerprint}: {how}");
        let number = head.map_or(1, |head| head.part);
        self.into.add(head.map(|head| head.set), unknown(self.tape, part, number, fingerprint, why));
    }

    /// Reads the data of a part without a table of contents; at most up to block `limit`.
    pub(super) fn data(
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
        let bar =
            spinner(&format!("{}: reading tape file {}, which has no table of contents", self.name, part.tape_file));
        let mut data = Data { found: Vec::new(), damage: Vec::new(), damaged: 0, bar };
        let salvaged = read_part(drive, &place, &looking.keyring.all(), &mut data);
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
            key: looking.keyring.all().iter().find(|key| key.fingerprint() == salvaged.key_fingerprint).cloned(),
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
}

/// What an encrypted data file names itself.
fn identity_of(drive: &mut dyn TapeDrive, part: &FoundPart) -> Option<Identity> {
    let mut start = [0; tape_format::crypt::HEADER_SIZE];
    drive.locate(Position::block(part.first_block)).ok()?;
    let mut file = tape_format::part::FileReader::new(drive).ok()?;
    std::io::Read::read_exact(&mut file, &mut start).ok()?;
    tape_format::crypt::part_of(&start).map(|(set, part)| Identity { set, part })
}
