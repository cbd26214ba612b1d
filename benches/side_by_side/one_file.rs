//! R9: what one file out of a large set costs to read, on a virtual tape.

use crate::data::Data;
use crate::results::{Measured, Results, Target};
use crate::tape::{self, Records};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use tape_drive::open_drive;
use tape_drive::virt::cartridge::CartridgeSpec;
use tape_drive::virt::library::{self, LibrarySpec, Place};
use tape_format::codec::Codec;
use tape_format::crypt::Key;
use tape_format::part::PartReader;
use tape_format::{MemberKind, MemberRecord, tar};
use tapebackarr::backup::engine::EngineOptions;

/// Files that are read, spread over the set.
const SAMPLES: usize = 50;

/// Plain, compressed, and compressed and encrypted.
pub fn results(data: &Data, folder: &Path, results: &mut Results) -> Result<()> {
    let key = Key::new([7; 32]);
    let zstd = Codec::Zstd { level: 1 };
    for (kind, codec, key) in [
        ("plain", Codec::None, None),
        ("zstd", zstd, None),
        ("encrypted", Codec::None, Some(&key)),
        ("zstd, encrypted", zstd, Some(&key)),
    ] {
        eprintln!("R9: {kind}");
        let most = most_bytes(data, folder, codec, key)?;
        let set = data.bytes as f64 / 1e6;
        let what = format!("most read from tape for one of 100 000 files ({set:.0} MB), {kind}");
        results.add(Measured::alone("R9", what, most as f64 / f64::from(1 << 20), "MiB", Target::AtMost(20.0)));
    }
    Ok(())
}

fn most_bytes(data: &Data, folder: &Path, codec: Codec, key: Option<&Key>) -> Result<u64> {
    let work = tempfile::tempdir_in(folder)?;
    let library = work.path().join("library");
    library::create(&library, &LibrarySpec { slots: 0, mail_slots: 0, ..LibrarySpec::default() })?;
    library::add_cartridge(&library, &CartridgeSpec::new("BENCH1L9"), Place::Drive(0))?;
    let mut drive = open_drive(&format!("virtual:{}#drive0", library.display()))?;
    let options = EngineOptions { codec, ..EngineOptions::new(&data.root) };
    let written = tape::write(&mut *drive, options, key, Records::Keep, work.path())?;
    let files: Vec<&MemberRecord> = written.records.iter().filter(|record| record.kind == MemberKind::File).collect();
    ensure!(files.len() == 100_000, "{} files are on tape", files.len());
    let layout = &written.outcome.layout;
    let mut most = 0;
    for sample in 0..SAMPLES {
        let record = files.get(sample * (files.len() - 1) / (SAMPLES - 1)).context("a file of the set")?;
        let mut reader = PartReader::open(&mut *drive, layout, key)?;
        let mut bytes = Vec::new();
        reader.read_range(record.tar_offset, record.tar_offset + record.tar_length, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        most = most.max(reader.blocks_read() * u64::from(layout.block_size));
        check(record, &bytes)?;
    }
    Ok(most)
}

/// What was read is the file.
fn check(record: &MemberRecord, bytes: &[u8]) -> Result<()> {
    let mut reader = tar::Reader::new(bytes);
    let member = reader.next_member()?.context("a member")?;
    ensure!(member.path == record.path, "another file was read");
    let mut hash = openssl::sha::Sha256::new();
    reader.read_extents(&member, &mut |_, piece| {
        hash.update(piece);
        Ok(())
    })?;
    ensure!(Some(hash.finish()) == record.sha256, "what was read is not what was written");
    Ok(())
}
