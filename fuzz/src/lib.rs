//! What each fuzz target does with its bytes. None of them may panic, run on for ever, or take memory that the input did not
//! pay for; where bytes were understood, writing and reading them again must give the same.
//!
//! `make fuzz TARGET=tar SECONDS=60` from the folder above. `seeds` writes inputs to begin with.

use std::io::{Read, sink};
use tape_drive::virt::library::{self, Settings};
use tape_drive::virt::{CartridgeSpec, LibrarySpec, Place as VirtualPlace};
use tape_drive::{FilemarkSync, TapeDrive};
use tape_format::codec::{Codec, Decoder};
use tape_format::crypt::{Key, OpenReader};
use tape_format::salvage::{Place, SalvageSink, SalvagedMember, read_part, survey};
use tape_format::toc::{self, SEALED_HEAD, SealedHead, TocHead, TocSink};
use tape_format::{Label, MemberRecord, Result, tar, v1};
use tape_scsi::command::inquiry::{self, vpd};
use tape_scsi::command::read_element_status::{self, Fields};
use tape_scsi::command::{mode, persistent_reserve, read_block_limits, read_position, report_density_support};
use tape_scsi::{encryption, log, mode_page};

/// The key of all targets that need one.
pub const KEY: [u8; 32] = [7; 32];
/// The associated data of the sealed stream.
pub const CONTEXT: &[u8] = b"fuzz";
/// A filemark in the input of [`tape`]: a block of this length is none.
pub const FILEMARK: u16 = 0xffff;

/// A tape's label.
pub fn label(bytes: &[u8]) {
    if let Ok(label) = Label::decode(bytes)
        && let Ok(block) = label.encode()
    {
        assert_eq!(Label::decode(&block).expect("what was just written"), label);
    }
}

struct Ignore;

impl TocSink for Ignore {
    fn head(&mut self, _: &TocHead) -> Result<()> {
        Ok(())
    }
    fn member(&mut self, _: MemberRecord) -> Result<()> {
        Ok(())
    }
    fn deleted(&mut self, _: Vec<u8>) -> Result<()> {
        Ok(())
    }
}

impl v1::TocSink for Ignore {
    fn set(&mut self, _: &v1::TocHead, _: &v1::TocSet) -> Result<()> {
        Ok(())
    }
    fn file(&mut self, _: v1::TocFile) -> Result<()> {
        Ok(())
    }
}

impl SalvageSink for Ignore {
    fn member(&mut self, _: SalvagedMember) -> Result<()> {
        Ok(())
    }
}

/// A table of contents: plain, compressed, encrypted.
pub fn toc(bytes: &[u8]) {
    let _ = toc::TocKind::of(bytes);
    let _ = toc::read(bytes, &Some(Key::new(KEY)), &mut Ignore);
}

/// The readable head of an encrypted table of contents, and the key that lies in it, closed with a passphrase. What may be tried
/// is not tried: it costs seconds.
pub fn head(bytes: &[u8]) {
    let mut block = bytes.to_vec();
    block.resize(SEALED_HEAD, 0);
    if let Some(head) = SealedHead::decode(&block)
        && let Some(Ok(locked)) = head.locked_key()
    {
        locked.lock.check().expect("what is read may be tried");
        assert!(locked.open(&Key::new(KEY), &head.key_fingerprint).is_err(), "no passphrase made this key");
    }
}

/// An archive: every member, and the data of every second; the others are skipped.
pub fn tar(bytes: &[u8]) {
    let mut reader = tar::Reader::new(bytes);
    let mut count = 0;
    while let Ok(Some(member)) = reader.next_member() {
        count += 1;
        if count % 2 == 0 && reader.read_extents(&member, &mut |_, _| Ok(())).is_err() {
            break;
        }
    }
}

/// A frame. The first byte chooses how it is compressed, the next two its length.
pub fn frame(bytes: &[u8]) {
    let [choice, high, low, frame @ ..] = bytes else { return };
    let codec = [Codec::None, Codec::Zstd { level: 1 }, Codec::Gzip { level: 6 }][usize::from(choice % 3)];
    let length = usize::from(*high) << 8 | usize::from(*low);
    let mut out = Vec::new();
    if let Ok(mut decoder) = Decoder::new(codec)
        && decoder.decode(frame, length, &mut out).is_ok()
    {
        assert_eq!(out.len(), length);
    }
}

/// A sealed stream.
pub fn segments(bytes: &[u8]) {
    if let Ok(mut reader) = OpenReader::new(&Key::new(KEY), CONTEXT, bytes) {
        let _ = std::io::copy(&mut reader, &mut sink());
    }
}

/// A whole tape: lengths of two bytes with that many bytes of a block each, [`FILEMARK`] for a filemark.
pub fn tape(mut bytes: &[u8]) {
    let dir = tempfile::tempdir().expect("a folder");
    let spec =
        LibrarySpec { drives: 1, slots: 0, mail_slots: 0, settings: Settings::volatile(), ..LibrarySpec::default() };
    library::create(dir.path(), &spec).expect("a library");
    library::add_cartridge(dir.path(), &CartridgeSpec::new("FUZZ01L9"), VirtualPlace::Drive(0)).expect("a cartridge");
    let path = format!("virtual:{}#drive0", dir.path().display());
    let mut drive = tape_drive::open_drive(&path).expect("a drive");
    // The first command tells that the medium is new.
    let _ = drive.rewind();
    drive.rewind().expect("to rewind");
    while let [high, low, rest @ ..] = bytes {
        let length = u16::from_be_bytes([*high, *low]);
        if length == FILEMARK {
            drive.write_filemarks(1, FilemarkSync::Immediate).expect("to write a filemark");
            bytes = rest;
        } else {
            let length = usize::from(length).clamp(1, rest.len().max(1)).min(rest.len());
            if length > 0 {
                drive.write_block(&rest[..length]).expect("to write a block");
            }
            bytes = &rest[length..];
        }
    }
    read_tape(drive.as_mut());
}

fn read_tape(drive: &mut dyn TapeDrive) {
    let Ok(survey) = survey(drive) else { return };
    let keys = [Key::new(KEY)];
    for part in &survey.parts {
        let _ = read_part(drive, &Place::of(part), &keys, &mut Ignore);
    }
}

/// What drives and libraries answer. The first byte chooses the decoder.
pub fn scsi(bytes: &[u8]) {
    let [choice, answer @ ..] = bytes else { return };
    match choice % 20 {
        0 => drop(tape_scsi::Sense::decode(answer).map(|sense| sense.to_string())),
        1 => drop(tape_scsi::TapeAlert::from_log_page(answer)),
        2 => drop(tape_scsi::Attribute::decode_list(answer)),
        3 => drop(tape_scsi::Attribute::decode(answer)),
        4 => log_page(answer),
        5 => drop(log::supported_pages::decode(answer)),
        6 => drop(read_element_status::report::decode(answer, Fields { volume_tags: true, device_ids: true })),
        7 => drop(inquiry::decode(answer)),
        8 => drop(inquiry::designator::decode_list(answer)),
        9 => drop(vpd::SequentialAccessCapabilities::decode(answer)),
        10 => mode_pages(answer),
        11 => drop(read_block_limits::decode(answer)),
        12 => drop(read_position::decode(read_position::PositionForm::Long, answer)),
        13 => drop(read_position::decode(read_position::PositionForm::Short, answer)),
        14 => drop(report_density_support::decode(answer)),
        15 => drop(encryption::capabilities::decode(answer)),
        16 => drop(encryption::status::decode(answer)),
        17 => drop(encryption::next_block::decode(answer)),
        18 => drop(encryption::SetDataEncryption::decode(answer)),
        _ => drop((persistent_reserve::decode_keys(answer), persistent_reserve::decode_reservation(answer))),
    }
}

fn log_page(answer: &[u8]) {
    if let Ok(page) = log::LogPage::decode(answer) {
        let _ = (log::VolumeStatistics::read(&page), log::Temperature::read(&page), log::ErrorCounters::read(&page));
        let _ = (log::VeryHighFrequencyData::read(&page), log::volume_statistics::serial(&page));
        let again = log::LogPage::decode(&page.encode()).expect("what was just written");
        assert_eq!(again, page);
    }
}

fn mode_pages(answer: &[u8]) {
    for form in [mode::ModeForm::Six, mode::ModeForm::Ten] {
        let Ok(data) = mode::decode(form, answer) else { continue };
        let _ = (mode_page::DataCompression::decode(&data.page), mode_page::MediumPartition::decode(&data.page));
        let _ = mode_page::DeviceConfigurationExtension::decode(&data.page);
    }
}

/// What version 1 left on tapes. The first byte chooses the reader.
pub fn v1(bytes: &[u8]) {
    let [choice, rest @ ..] = bytes else { return };
    let key = Key::new(KEY);
    match choice % 3 {
        0 => drop(v1::read_toc(rest, &mut Ignore)),
        1 => drain(v1::ChunkReader::new(&key, rest)),
        _ => drain(v1::SaltedReader::new(&key, rest)),
    }
}

fn drain(reader: Result<impl Read>) {
    if let Ok(mut reader) = reader {
        let _ = std::io::copy(&mut reader, &mut sink());
    }
}
