//! Archives that are no parts of sets: of version 1 of the program, or foreign. Read from beginning to end.

use super::bring::{self, Report};
use super::holdings::Archive;
use super::tapes::Tapes;
use super::wanted::Wanted;
use crate::cli::exit::{CliResult, Doing};
use crate::restore::extract::{Expected, Extractor, Failed};
use crate::restore::metadata::Trust;
use crate::restore::{ExistingPolicy, Placed};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use tape_drive::Position;
use tape_format::crypt::Key;
use tape_format::path_text::{from_text, to_text};
use tape_format::tar::Reader;
use tape_format::v1;

/// Where an archive goes.
pub struct Place<'a> {
    /// An existing folder.
    pub into: &'a Path,
    /// What happens to what is there.
    pub policy: ExistingPolicy,
    /// Path in front of everything that is reported.
    pub folder: &'a str,
}

/// Extracts what is wanted of an archive, and tells which of its members were, unless everything is wanted.
pub fn bring(
    archive: &Archive,
    tapes: &Tapes,
    keys: &[Key],
    place: &Place<'_>,
    wanted: &Wanted,
    report: &mut Report,
) -> CliResult<Vec<Vec<u8>>> {
    let Place { into, policy, folder } = *place;
    let name = format!("{}, tape file {}", tapes.name(archive.tape), archive.tape_file);
    // A stranger's archive must not open the machine.
    let trust = if archive.files.is_empty() { Trust::Foreign } else { Trust::Own };
    let mut extractor = Extractor::new(into, policy, trust, Arc::default())
        .doing(format_args!("cannot restore into {}", into.display()))?;
    let mut known: HashMap<Vec<u8>, Expected> = HashMap::new();
    let mut left: BTreeSet<&str> = BTreeSet::new();
    for (path, size, checksum) in archive.files.iter().filter(|file| wanted.matches(file.0.as_bytes())) {
        left.insert(path);
        let mut sha256 = [0; 32];
        if hex::decode_to_slice(checksum, &mut sha256).is_ok() {
            known.insert(from_text(path).into_owned(), Expected { size: *size, sha256 });
        }
    }
    let in_folder = |path: &str| if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") };
    let mut matched: Vec<Vec<u8>> = Vec::new();
    if !wanted.is_everything() {
        matched.extend(left.iter().map(|path| from_text(path).into_owned()));
    }
    let mut drive = tapes.open(archive.tape)?;
    let mut ended = None;
    for key in keys.iter().map(Some).chain([None]) {
        drive.locate(Position::block(archive.first_block)).doing(format_args!("cannot read {name}"))?;
        let stream = match v1::open(drive.as_mut(), key) {
            Ok(stream) => stream,
            Err(error) => {
                ended = Some(error.to_string());
                continue;
            }
        };
        ended = None;
        let mut reader = Reader::new(stream);
        loop {
            let member = match reader.next_member() {
                Ok(Some(member)) => member,
                Ok(None) => break,
                Err(error) => {
                    ended = Some(error.to_string());
                    break;
                }
            };
            if !wanted.matches(&member.path) {
                continue;
            }
            if !wanted.is_everything() {
                matched.push(member.path.clone());
            }
            let expected = known.get(&member.path);
            match extractor.extract(&member.path, &member, expected, &mut reader) {
                Ok(Placed::Restored { bytes }) => {
                    report.files += 1;
                    report.bytes += bytes;
                    report.unverified += u64::from(expected.is_none());
                }
                Ok(Placed::Directory) => report.folders += 1,
                Ok(Placed::Skipped(_)) => report.skipped += 1,
                Err(failed @ Failed::Destination(_)) => return Err(bring::destination(&failed)),
                Err(Failed::Member(why)) => {
                    report.lost.insert(in_folder(&to_text(&member.path)), why);
                }
                Err(Failed::Source(error)) => {
                    report.lost.insert(in_folder(&to_text(&member.path)), error.to_string());
                    ended = Some(error.to_string());
                    break;
                }
            }
            left.remove(&*to_text(&member.path));
        }
        break;
    }
    extractor.finish();
    report
        .notes
        .extend(extractor.take_notes().into_iter().map(|note| format!("{}: {}", to_text(&note.path), note.message)));
    if let Some(why) = ended {
        report.lost.insert(format!("({name})"), why);
    }
    for path in left {
        report.lost.entry(in_folder(path)).or_insert_with(|| "it was not found in the archive".into());
    }
    Ok(matched)
}
