//! Writing a label, onto the tape and into the memory of its cartridge.

use super::{DriveTask, FirstBlock, Unit, examine, still_holds};
use crate::actors::drive::loading::may_write;
use crate::db::WriteOnce;
use crate::{Error, ErrorKind, Result};
use tape_drive::{DriveErrorKind, FilemarkSync, MediumKind, Position, TapeDrive};
use tape_format::Label;
use uuid::Uuid;

/// How sure one has to be that nothing is lost before a label is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// The tape must be proved blank.
    Blank,
    /// The tape may hold anything, but it must be the one that the caller has looked at: with a label with this uuid, or
    /// with none of ours.
    Holds(Option<Uuid>),
}

/// Writes a label at the beginning, which makes it all that is on the tape.
pub struct WriteLabel {
    /// The label.
    pub label: Label,
    /// What must hold before.
    pub precondition: Precondition,
    /// Whether the tape's pool has write-once tapes.
    pub write_once: WriteOnce,
}

/// Where a freshly labelled tape ends.
#[derive(Debug, Clone, Copy)]
pub struct Labelled {
    /// Tape files on it: 1.
    pub end_file: u64,
    /// Logical object number of the end of data: 2.
    pub end_block: u64,
}

impl DriveTask for WriteLabel {
    type Output = Labelled;
    const NAME: &'static str = "write the label";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<Labelled> {
        let block = self.label.encode()?;
        let medium = drive.medium()?;
        may_write(drive, &medium)?;
        let is_worm = medium.kind == MediumKind::Worm;
        let wrong = match (self.write_once, is_worm) {
            (WriteOnce::Require, false) => "an ordinary tape, and the pool takes write-once tapes only",
            (WriteOnce::Refuse, true) => "a write-once tape, which the pool does not take",
            _ => "",
        };
        if !wrong.is_empty() {
            let message = format!("it is {wrong}; use another tape, or label it for another pool");
            return Err(Error::conflict("pool_write_once", message));
        }
        if self.precondition == Precondition::Blank {
            match examine(drive, unit)? {
                FirstBlock::Blank => {}
                FirstBlock::Ours(found) => {
                    return Err(Error::conflict(
                        "already_labelled",
                        format!(
                            "tape already has a label: '{}' (UUID: {}). Format the tape first to re-label it.",
                            found.label, found.uuid
                        ),
                    ));
                }
                FirstBlock::Foreign(what) => {
                    return Err(Error::conflict(
                        "tape_not_blank",
                        format!("there is data on the tape: {what}. Labelling destroys it; say so to go on."),
                    ));
                }
            }
        }
        if let Precondition::Holds(uuid) = self.precondition
            && !matches!(still_holds(drive, unit, uuid)?, FirstBlock::Blank)
            && is_worm
        {
            return Err(Error::conflict(
                "write_once",
                "the tape is write-once and has been written: it can be appended to, but never begin anew; use another one",
            ));
        }
        drive.rewind()?;
        // Everybody must be able to read which tape it is.
        drive.set_encryption(None)?;
        drive.write_block(&block)?;
        drive.write_filemarks(1, FilemarkSync::Flush)?;
        let position = drive.position()?;
        if position.at != Position::block(2) {
            return Err(Error::new(
                ErrorKind::Internal,
                "position_mismatch",
                format!("after the label the tape should be at block 2, but the drive says {}", position.at),
            ));
        }
        note_in_memory(drive, &self.label, medium.barcode.as_deref())?;
        match examine(drive, unit)? {
            FirstBlock::Ours(found) if found == self.label => Ok(Labelled { end_file: 1, end_block: 2 }),
            _ => Err(Error::new(
                ErrorKind::Internal,
                "label_not_readable",
                "the label was written but does not read back; do not use this tape",
            )),
        }
    }
}

/// Writes into the cartridge memory what the tape is, so that any program, and a reader for cartridges that lie on a shelf, can
/// tell. Not every drive and cartridge has such a memory, and nothing here depends on it.
///
/// Errors: unit attentions only, because they are told once.
fn note_in_memory(drive: &mut dyn TapeDrive, label: &Label, barcode: Option<&str>) -> Result<()> {
    use tape_scsi::{Attribute, attribute_id as id};
    const UTF_8: u64 = 0x81;
    let mut attributes = vec![
        Attribute::number(id::TEXT_LOCALIZATION, UTF_8, 1),
        Attribute::ascii(id::APPLICATION_VENDOR, "TAPEBKR"),
        Attribute::ascii(id::APPLICATION_NAME, "TapeBackarr"),
        Attribute::ascii(id::APPLICATION_VERSION, env!("CARGO_PKG_VERSION")),
        Attribute::text(id::USER_MEDIUM_LABEL, label.label.as_str()),
        Attribute::text(id::MEDIA_POOL, label.pool.as_str()),
    ];
    attributes.extend(barcode.map(|barcode| Attribute::ascii(id::BARCODE, barcode)));
    for attribute in attributes.iter().filter(|attribute| attribute.validate().is_ok()) {
        match drive.write_attribute(attribute) {
            Ok(()) => {}
            Err(error) => match error.kind {
                DriveErrorKind::MediumChanged | DriveErrorKind::Reset | DriveErrorKind::ParametersChanged => {
                    return Err(error.into());
                }
                DriveErrorKind::Unsupported => return Ok(()),
                _ => tracing::debug!(%error, "the cartridge memory does not take an attribute"),
            },
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;
    use crate::events::Bus;
    use crate::keys::{KeyStore, MasterKey};
    use crate::media::lifecycle::EraseAll;
    use std::sync::Arc;
    use tape_drive::open_drive;
    use tape_drive::virt::cartridge::CartridgeSpec;
    use tape_drive::virt::library::{self, LibrarySpec, Place};

    fn label(name: &str) -> Label {
        Label {
            label: name.into(),
            uuid: Uuid::new_v4(),
            pool: String::new(),
            timestamp: 1,
            key_fingerprint: String::new(),
            compression: String::new(),
        }
    }

    #[test]
    fn a_cartridge_that_came_after_the_look_is_not_overwritten() {
        let dir = tempfile::tempdir().expect("folder");
        library::create(dir.path(), &LibrarySpec { slots: 0, mail_slots: 0, ..LibrarySpec::default() })
            .expect("library");
        for name in ["A00001L9", "B00001L9"] {
            library::add_cartridge(dir.path(), &CartridgeSpec::new(name), Place::Shelf).expect("cartridge");
        }
        let db = testing::database();
        let keys = KeyStore::new(MasterKey::open(&mut db.conn(), dir.path()).expect("master key"));
        let path = format!("virtual:{}#drive0", dir.path().display());
        let unit = Unit::new(1, &path, db.pool.clone(), Bus::new().0, Arc::new(keys));
        let mut drive = open_drive(&path).expect("drive");
        let put = |name: &str| library::put(dir.path(), name, Place::Drive(0)).expect("put");
        let ready = |drive: &mut dyn TapeDrive| while drive.status().is_err() {};
        let write = |drive: &mut dyn TapeDrive, name: &str, precondition| {
            let task = WriteLabel { label: label(name), precondition, write_once: WriteOnce::Allow };
            ready(drive);
            let uuid = task.label.uuid;
            task.run(drive, &unit).map(|_| uuid)
        };
        put("A00001L9");
        ready(&mut *drive);
        drive.load().expect("load");
        let a = write(&mut *drive, "A00001L9", Precondition::Blank).expect("label");
        drive.unload().expect("unload");
        library::put(dir.path(), "A00001L9", Place::Shelf).expect("take out");
        put("B00001L9");
        ready(&mut *drive);
        drive.load().expect("load");
        let b = write(&mut *drive, "B00001L9", Precondition::Holds(None)).expect("no label of ours is none");

        // somebody looked at A, and B is in the drive
        for wrong in [Some(a), None] {
            let refused = write(&mut *drive, "C", Precondition::Holds(wrong)).expect_err("another tape");
            assert_eq!(refused.code, "medium_changed");
            assert!(
                refused.message.contains("'B00001L9'") && refused.message.contains("nothing was written"),
                "{refused}"
            );
            assert_eq!(EraseAll(wrong).run(&mut *drive, &unit).expect_err("another tape").code, "medium_changed");
        }
        assert!(examine(&mut *drive, &unit).expect("read").is(b), "it is as it was");
        let c = write(&mut *drive, "C", Precondition::Holds(Some(b))).expect("the tape that was looked at");
        assert!(examine(&mut *drive, &unit).expect("read").is(c));
    }
}
