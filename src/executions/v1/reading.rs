//! Reads the members that a plan wants of tapes of version 1: each data file from its beginning, up to the last of them.
//!
//! They are found by their paths, for nothing else is known of where they are. Hard links are met by chance: the old
//! program took them for files. One whose content came along is linked to it; for the others the tape is read once more.

use super::keys;
use crate::actors::drive::{DriveTask, Unit};
use crate::db;
use crate::executions::raw_read::stream::{self, FileKey};
use crate::executions::tape_change::Refusal;
use crate::executions::{Context, Lease, tape_reading};
use crate::restore::extract::Failed;
use crate::restore::items::ItemRef;
use crate::restore::members::Handler;
use crate::restore::plan::{Item, Plan, WholeFile};
use crate::{Error, ErrorKind, Result};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use tape_drive::TapeDrive;
use tape_format::crypt::Key;
use tape_format::part::{FileKind, first_block_kind};
use tape_format::tar::{BLOCK, Reader, is_header};
use tape_format::{Member, MemberKind};

/// Tape files that may be empty before the data: version 1 sometimes left two filemarks.
const LOOK_AHEAD: u32 = 4;

/// Reads what the plan wants of tapes of version 1 and hands it to `handler`, which hears of every item.
///
/// # Errors
/// Those of `handler`, and of stopping. A tape that cannot be read is told to `handler` item by item, and is no error.
pub fn read(context: &Context, plan: &Plan, drive: Option<i32>, handler: &mut dyn Handler) -> Result<()> {
    for file in plan.whole_files.iter().filter(|file| !file.items.is_empty()) {
        context.check()?;
        let mut reading =
            Reading { context, plan, handler, items: HashMap::new(), left: 0, linked: HashMap::new(), trouble: None };
        reading.want(file)?;
        let why = match reading.file(file, drive)? {
            None => "it is not on the tape, although the catalog says so".to_string(),
            Some(why) => reading.explain(file, why)?,
        };
        reading.give_up(&why)?;
    }
    Ok(())
}

struct Reading<'a> {
    context: &'a Context,
    plan: &'a Plan,
    handler: &'a mut dyn Handler,
    /// The items by their path on tape.
    items: HashMap<Box<[u8]>, Wanted>,
    /// How many of them did not come yet.
    left: usize,
    /// Items that are hard links on tape, by the path of the member that has their content.
    linked: HashMap<Vec<u8>, Vec<usize>>,
    /// What could not be read on the way, the first of it.
    trouble: Option<String>,
}

/// An item of the plan.
struct Wanted {
    index: usize,
    came: bool,
}

impl<'a> Reading<'a> {
    fn want(&mut self, file: &WholeFile) -> Result<()> {
        for (index, item) in file.items.clone().zip(self.plan.items.range(file.items.clone())) {
            self.items.insert(item?.member_path().into(), Wanted { index, came: false });
        }
        self.left = self.items.len();
        Ok(())
    }

    /// The item that this path is wanted for, if it did not come yet.
    fn take(&mut self, path: &[u8]) -> Option<usize> {
        let wanted = match self.items.get_mut(path) {
            Some(wanted) => wanted,
            // a table of contents of version 1 has no room for names that are not text
            None => match String::from_utf8_lossy(path) {
                Cow::Owned(text) => self.items.get_mut(text.as_bytes())?,
                Cow::Borrowed(_) => return None,
            },
        };
        if std::mem::replace(&mut wanted.came, true) {
            return None;
        }
        self.left -= 1;
        Some(wanted.index)
    }

    /// The item with this path that came already.
    fn came(&self, path: &[u8]) -> Result<Option<ItemRef>> {
        match self.items.get(path).filter(|wanted| wanted.came) {
            Some(wanted) => self.plan.items.get(wanted.index),
            None => Ok(None),
        }
    }

    fn item(&self, index: usize) -> Result<ItemRef> {
        self.plan.items.get(index)?.ok_or_else(|| Error::internal("an item that was not planned"))
    }

    /// Reads a data file; why it was not read to its end, if so.
    fn file(&mut self, file: &WholeFile, drive: Option<i32>) -> Result<Option<String>> {
        let (lease, block, opened) = match self.find(file, drive) {
            Ok(found) => found,
            Err(error) => {
                self.context.check()?;
                return Ok(Some(error.message));
            }
        };
        let mut why = self.pass(&lease, block, &opened)?;
        if why.is_none() && !self.linked.is_empty() {
            self.context.phase("reading", "Reading once more, for the content of hard links.")?;
            why = self.pass(&lease, block, &opened)?;
        }
        Ok(why.or(self.trouble.take()))
    }

    /// Gets the tape into a drive and looks for the data.
    fn find(&mut self, file: &WholeFile, drive: Option<i32>) -> Result<(Lease, u64, Opened)> {
        let context = self.context;
        let set = self.plan.sets.get(file.set).ok_or_else(|| Error::internal("a file of no set was planned"))?;
        let (lease, label) = tape_reading::bring_one(context, file.tape_id, drive, Refusal::SkipsTape)?;
        tape_reading::show(context, &lease, file.tape_id)?;
        context
            .phase("reading", format!("Reading tape {}, which version 1 wrote, from its beginning.", label.label))?;
        let (block, kind) = context.perform(&lease, FindData { tape_file: file.tape_file })?;
        let opened = match (kind, set.key_id) {
            (FileKind::SealedV1(_), Some(id)) => Opened::With(tape_reading::key(context, Some(id))?),
            (FileKind::SealedV1(_), None) => Opened::With(keys::find(context, &lease, block, None)?.1),
            (FileKind::Tar, _) => Opened::Plain,
            _ => Opened::Compressed,
        };
        Ok((lease, block, opened))
    }

    /// Reads the data file once. Errors are those of the handler.
    fn pass(&mut self, lease: &Lease, block: u64, opened: &Opened) -> Result<Option<String>> {
        let mut taken = Ok(None);
        let context = self.context;
        let key = match opened {
            Opened::With(key) => Some(FileKey::V1(key.clone())),
            Opened::Plain => Some(FileKey::Forgiving),
            Opened::Compressed => None,
        };
        let plain = matches!(opened, Opened::Plain);
        let read = stream::read(context, lease, block, key, &mut |data| taken = self.runs(data, plain));
        let broken = taken?;
        context.check()?;
        Ok(broken.or(read.err().map(|error| error.message)))
    }

    /// Takes members. In a plain archive, what is damaged costs what is in it, and the next member is looked for.
    fn runs(&mut self, data: &mut dyn Read, plain: bool) -> Result<Option<String>> {
        let mut start = Vec::new();
        loop {
            let why = match self.members(&mut start.as_slice().chain(&mut *data))? {
                Some(why) if plain => why,
                other => return Ok(other),
            };
            self.context
                .warn(None, &format!("Something on the tape is damaged: {why}. Looking for what is behind it."));
            self.trouble.get_or_insert(why);
            self.handler.check()?;
            match next_header(data) {
                Some(header) => start = header,
                None => return Ok(None),
            }
        }
    }

    /// Takes members until all that are wanted came, or the stream ends or breaks; why it broke.
    fn members(&mut self, data: &mut dyn Read) -> Result<Option<String>> {
        let mut reader = Reader::new(data);
        let second = !self.linked.is_empty();
        while (second && !self.linked.is_empty()) || (!second && self.left > 0) {
            self.handler.check()?;
            let member = match reader.next_member() {
                Ok(Some(member)) => member,
                Ok(None) => return Ok(None),
                Err(error) => return Ok(Some(error.to_string())),
            };
            let taken = match second {
                false => match self.take(&member.path) {
                    Some(index) => self.member(index, &member, &mut reader)?,
                    None => None,
                },
                true => match self.linked.remove(member.path.as_slice()) {
                    Some(indices) => self.content(&indices, &member, &mut reader)?,
                    None => None,
                },
            };
            if taken.is_some() {
                return Ok(taken);
            }
        }
        Ok(None)
    }

    /// Hands one on; why the stream broke, if it did.
    fn member(&mut self, index: usize, member: &Member, data: &mut dyn Read) -> Result<Option<String>> {
        let item = &*self.item(index)?;
        if member.kind == MemberKind::Hardlink && item.kind == MemberKind::File {
            let path = member.link.clone().unwrap_or_default();
            let linked = self.came(&path)?.map_or(Ok(false), |target| self.handler.link(item, &target));
            return match linked {
                Ok(true) => Ok(None),
                Ok(false) => {
                    self.linked.entry(path).or_default().push(index);
                    Ok(None)
                }
                Err(failed) => self.failed(item, failed),
            };
        }
        match self.handler.member(&as_on_tape(item, member), member, data) {
            Ok(()) => Ok(None),
            Err(failed) => self.failed(item, failed),
        }
    }

    /// Hands the content of a member on under the names that are links to it.
    fn content(&mut self, indices: &[usize], member: &Member, data: &mut dyn Read) -> Result<Option<String>> {
        let Some((first, others)) = indices.split_first() else { return Ok(None) };
        let broken = self.member(*first, member, data)?;
        let first = self.item(*first)?;
        for index in others {
            let item = &*self.item(*index)?;
            match self.handler.link(item, &first) {
                Ok(true) => {}
                Ok(false) => self.handler.failed(item, "the file that it is another name of could not be restored"),
                Err(failed) => drop(self.failed(item, failed)?),
            }
        }
        Ok(broken)
    }

    fn failed(&mut self, item: &Item, failed: Failed) -> Result<Option<String>> {
        match failed {
            Failed::Member(why) => self.handler.failed(item, &why),
            Failed::Destination(why) => {
                self.handler.failed(item, &why);
                return Err(Error::new(ErrorKind::Unprocessable, "destination_failed", why));
            }
            Failed::Source(error) => {
                self.handler.check()?;
                let why = format!("it could not be read from the tape: {error}");
                self.handler.failed(item, &why);
                return Ok(Some(error.to_string()));
            }
        }
        Ok(None)
    }

    /// What people can do about a tape that could not be read.
    fn explain(&self, file: &WholeFile, why: String) -> Result<String> {
        let mut conn = self.context.conn()?;
        let label = db::tapes::find(&mut conn, file.tape_id)?.label;
        let mut why = format!("tape {label} could not be read up to it: {why}");
        let set = self.plan.sets.get(file.set).map(|set| set.set_id);
        if let Some(set) = set
            && db::sets::find(&mut conn, set)?.hw_encrypted
        {
            why.push_str("; the drive encrypted this set, and needs its key to read it");
        }
        self.context.warn(None, &why);
        Ok(why)
    }

    /// Tells of everything that did not come.
    fn give_up(&mut self, why: &str) -> Result<()> {
        let mut missing: Vec<usize> =
            self.items.values().filter(|wanted| !wanted.came).map(|wanted| wanted.index).collect();
        missing.extend(self.linked.drain().flat_map(|(_, indices)| indices));
        missing.sort_unstable();
        for index in missing {
            let item = self.item(index)?;
            self.handler.failed(&item, why);
        }
        Ok(())
    }
}

/// How the data of a tape is opened.
enum Opened {
    /// It is tar.
    Plain,
    /// It is compressed.
    Compressed,
    /// It is encrypted, with this key.
    With(Key),
}

/// Errors behind one place after which nothing more is expected.
const MOST_ERRORS: u32 = 2000;

/// The next header of a member behind damage; nothing at the end.
fn next_header(data: &mut dyn Read) -> Option<Vec<u8>> {
    let mut errors = 0;
    loop {
        let mut block = [0; BLOCK];
        match data.read_exact(&mut block) {
            Ok(()) if is_header(&block) => return Some(block.to_vec()),
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return None,
            // the next block on tape begins a block of tar, for all blocks on tape are multiples of one
            Err(_) => {
                errors += 1;
                if errors > MOST_ERRORS {
                    return None;
                }
            }
        }
    }
}

/// The item as the tape has it: the old program did not always know what a file was, nor when it was changed.
fn as_on_tape(item: &Item, member: &Member) -> Item {
    let mut item = item.clone();
    if item.mtime_ns == 0 {
        item.mtime_ns = member.mtime_ns;
    }
    if item.kind == MemberKind::File && member.kind != MemberKind::File {
        item.kind = member.kind.clone();
        item.sha256 = None;
    }
    item
}

/// Looks for a data file of version 1, at a tape file or behind it.
struct FindData {
    tape_file: u64,
}

impl DriveTask for FindData {
    type Output = (u64, FileKind);
    const NAME: &'static str = "look for the data";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<(u64, FileKind)> {
        drive.rewind()?;
        drive.space_filemarks(i64::try_from(self.tape_file.max(1)).unwrap_or(1))?;
        for _ in 0..LOOK_AHEAD {
            let block = drive.position()?.at.block;
            let found = first_block_kind(drive).map_err(Error::from)?;
            let missing = |what: &str| {
                Error::new(
                    ErrorKind::Unprocessable,
                    "no_data",
                    format!("there is no data of version 1 behind its label, but {what}"),
                )
            };
            match found {
                Some(kind @ (FileKind::Tar | FileKind::Zstd | FileKind::Gzip | FileKind::SealedV1(_))) => {
                    return Ok((block, kind));
                }
                Some(FileKind::TocV1 | FileKind::Toc(_)) => return Err(missing("a table of contents")),
                Some(_) => return Err(missing("something unknown")),
                None => {}
            }
        }
        Err(Error::new(ErrorKind::Unprocessable, "no_data", "there is nothing behind its label"))
    }
}
