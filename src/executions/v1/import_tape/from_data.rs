//! Files from the data of a tape that has no table of contents: all of it is read.

use super::set::InProgress;
use super::{Data, Importing, WHAT};
use crate::Result;
use crate::executions::raw_read::stream::{self, FileKey};
use crate::executions::v1::store::Filling;
use crate::import::Report;
use crate::restore::{Failed, check};
use std::io::Read;
use std::sync::atomic::AtomicBool;
use tape_format::part::FileKind;
use tape_format::tar::Reader;
use tape_format::v1::TocSet;
use tape_format::{Member, MemberKind, MemberRecord};

/// Takes the files of a data file. What is damaged is told, and what is before it is kept.
pub fn take(importing: &Importing<'_>, data: &Data, report: &mut Report) -> Result<()> {
    let context = importing.context;
    let name = format!("{}, tape file {}", importing.tape.label, data.file.number);
    match (&data.file.kind, &data.key) {
        (FileKind::Unreadable(why), _) => {
            report.attention(WHAT, &name, format!("its first block cannot be read ({why}): all of it is lost"));
            return Ok(());
        }
        (FileKind::SealedV1(_), None) => {
            report.skipped(WHAT, &name, "it is encrypted, and there is no key for it");
            return Ok(());
        }
        _ => {}
    }
    context.phase("reading", format!("Reading tape file {} to its end, to list its files.", data.file.number))?;
    let mut set = InProgress::begin(importing, data, &TocSet::default())?;
    let key = data.key.as_ref().map(|(_, key)| FileKey::V1(key.clone()));
    let stop = context.control.flag();
    let mut ended = Ok(None);
    let streamed = stream::read(context, importing.lease, data.file.first_block, key, &mut |bytes| {
        ended = members(bytes, &mut set.filling, &stop);
    });
    let broken = match (context.check(), ended) {
        (Err(error), _) | (Ok(()), Err(error)) => {
            set.filling.give_up()?;
            return Err(error);
        }
        (Ok(()), Ok(broken)) => broken.or(streamed.err().map(|error| error.message)),
    };
    if let Some(why) = broken {
        let files = set.filling.entries();
        let reason = format!(
            "its data is damaged ({why}): {files} files before that are in the catalog, what is behind it is lost"
        );
        report.attention(WHAT, &name, reason);
        if files == 0 {
            return set.filling.give_up();
        }
    }
    set.finish(report)
}

/// Takes members to the end of the archive; why it ended before, if it did. Errors are those of the catalog.
fn members(data: &mut dyn Read, filling: &mut Filling<'_>, stop: &AtomicBool) -> Result<Option<String>> {
    let mut reader = Reader::new(data);
    let mut buffer = vec![0; check::BUFFER];
    loop {
        let member = match reader.next_member() {
            Ok(Some(member)) => member,
            Ok(None) => return Ok(None),
            Err(error) => return Ok(Some(error.to_string())),
        };
        let mut sha256 = None;
        if member.kind == MemberKind::File {
            sha256 = match check::digest(&member, &mut reader, &mut buffer, stop) {
                Ok(hash) => Some(hash),
                Err(Failed::Member(why) | Failed::Destination(why)) => return Ok(Some(why)),
                Err(Failed::Source(error)) => return Ok(Some(error.to_string())),
            };
        }
        filling.record(record(member, sha256))?;
    }
}

fn record(member: Member, sha256: Option<[u8; 32]>) -> MemberRecord {
    MemberRecord {
        path: member.path,
        kind: member.kind,
        size: member.size,
        mode: member.mode,
        uid: member.uid,
        gid: member.gid,
        user: member.user,
        group: member.group,
        mtime_ns: member.mtime_ns,
        ctime_ns: 0,
        inode: 0,
        link: member.link,
        sha256,
        tar_offset: 0,
        tar_length: 0,
    }
}
