//! Takes a set into the catalog that the tape has and the database missed: the crash came between the two.

use super::append::AppendAt;
use super::feed::{self, Feed, Feeder};
use super::resume::{self, Place};
use crate::Result;
use crate::actors::drive::{DriveTask, Unit};
use crate::catalog::from_toc::{FromToc, Rows, Tally, Wanted};
use crate::db::{self, SetStatus, sets::BackupSet};
use crate::executions::{Context, Lease};
use crate::keys::KeyRing;
use tape_drive::TapeDrive;
use tape_format::part::{self, PartLayout};
use tape_format::toc::TocHead;
use tape_format::{FormatError, MemberRecord};

/// Looks at the part whose table of contents begins at `toc_block`, behind the expected end of a tape on which set
/// `writing` was being written. Returns where the tape ends now, or `None` if the part is somebody else's.
pub fn adopt(
    context: &Context,
    lease: &Lease,
    tape_id: i32,
    writing: &str,
    at: AppendAt,
    toc_block: u64,
) -> Result<Option<AppendAt>> {
    let set = db::sets::find_by_uuid(&mut *context.conn()?, writing)?;
    let unfinished = set.as_ref().filter(|set| set.status != SetStatus::Completed);
    // what the cut-off run left of this part in the catalog may be incomplete
    restart_part(context, unfinished)?;
    let (feed, feeder) = match unfinished {
        Some(set) => {
            let (feed, feeder) = feed::start(context.services.catalog.clone(), set.id, context.progress.clone())?;
            (Some(feed), Some(feeder))
        }
        None => (None, None),
    };
    let keys = KeyRing::open(&mut *context.conn()?, &context.services.keys)?;
    let task = ReadToc { block: toc_block, keys, uuid: writing.into(), feed };
    let found = context.perform(lease, task);
    feeder.map_or(Ok(()), Feeder::finish)?;
    let here = found?.filter(|found| (found.layout.tape_file, found.layout.first_block) == (at.file, at.block));
    let Some(Found { layout, last, tally }) = here else {
        restart_part(context, unfinished)?;
        return Ok(None);
    };
    let end = AppendAt { file: layout.tape_file + 2, block: layout.end_block };
    if let Some(set) = unfinished
        && take(context, set, tape_id, layout.clone(), last, tally)?
    {
        return Ok(Some(end));
    }
    // what is on the tape is on the tape, whatever becomes of the set
    resume::tape_ends(&mut *context.conn()?, tape_id, &layout, 0)?;
    restart_part(context, unfinished)?;
    context.why(&[format!("A part of set {writing}, which was cut off, is on the tape; this run goes behind it.")])?;
    Ok(Some(end))
}

/// Takes a part into its set, if it is the next one and the set can be completed or go on with it.
fn take(
    context: &Context,
    set: &BackupSet,
    tape_id: i32,
    layout: PartLayout,
    last: bool,
    tally: Tally,
) -> Result<bool> {
    let mut conn = context.conn()?;
    let parts = db::set_parts::of_set(&mut conn, set.id)?;
    let progress = db::checkpoints::find(&mut conn, set.id)?;
    if layout.part_number as usize != parts.len() + 1 || set.status == SetStatus::Cancelled {
        return Ok(false);
    }
    let given_up = progress.is_none();
    let place = match last {
        true => Some(Place { tar_end: layout.tar_end, goes_on: None, complete: true }),
        false => progress.map_or(Ok(None), |progress| resume::behind_data(&progress, layout.tar_end))?,
    };
    let Some(place) = place else { return Ok(false) };
    if given_up {
        // what was not known then is that the tape has all of it
        resume::begin(&mut conn, set.id, "")?;
    }
    resume::part_closed(&mut conn, set.id, tape_id, (&layout, tally.totals), 0, &place)?;
    drop(conn);
    match last {
        true => resume::complete(context, set.id)?,
        false => context.log(&format!("Part {} of backup set {} is whole on this tape.", layout.part_number, set.id)),
    }
    Ok(true)
}

/// Forgets what the catalog has of the part that was being written.
fn restart_part(context: &Context, set: Option<&BackupSet>) -> Result<()> {
    let Some(set) = set else { return Ok(()) };
    let parts = db::set_parts::of_set(&mut *context.conn()?, set.id)?;
    resume::cut(context, set.id, parts.last().map_or(0, |part| part.tar_end.cast_unsigned()))
}

/// What a table of contents said.
struct Found {
    layout: PartLayout,
    /// The set ends with this part.
    last: bool,
    tally: Tally,
}

struct ReadToc {
    block: u64,
    keys: KeyRing,
    uuid: String,
    /// None: the set is not in the database.
    feed: Option<Feed>,
}

impl DriveTask for ReadToc {
    /// `None`: it is of another set, or not readable.
    type Output = Option<Found>;
    const NAME: &'static str = "read a table of contents";

    fn run(mut self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<Option<Found>> {
        let (block, keys) = (self.block, std::mem::take(&mut self.keys));
        let mut sink = FromToc::new(&mut self);
        let read = part::read_toc(drive, block, &keys, &mut sink);
        let tally = std::mem::take(&mut sink.tally);
        let (head, end_block) = match read.and_then(|read| tally.agrees_with(&read.0).map(|()| read)) {
            Ok(read) => read,
            Err(FormatError::Drive(error)) => return Err(error.into()),
            // another set, another key, another program, or damage: not ours to adopt
            Err(error) => {
                tracing::warn!(%error, "the table of contents behind the expected end is not usable");
                return Ok(None);
            }
        };
        let last = head.part.last;
        let layout = PartLayout::from_toc(head, block, end_block)?;
        Ok(Some(Found { layout, last, tally }))
    }
}

/// Members go to the catalog, if the part is of the set that is looked for.
impl Rows for ReadToc {
    fn begin(&mut self, head: &TocHead) -> tape_format::Result<Wanted> {
        match (head.set.uuid.to_string() == self.uuid, &self.feed) {
            (false, _) => Err(FormatError::Toc(format!("it is of set {}", head.set.uuid))),
            (true, None) => Ok(Wanted::Figures),
            (true, Some(_)) => Ok(Wanted::Members),
        }
    }

    fn member(&mut self, part: u32, record: MemberRecord, block: u64) -> tape_format::Result<()> {
        if let Some(feed) = &mut self.feed {
            feed.member(part as i32, record, block);
        }
        Ok(())
    }

    fn deleted(&mut self, path: Vec<u8>) -> tape_format::Result<()> {
        if let Some(feed) = &mut self.feed {
            feed.gone(path);
        }
        Ok(())
    }
}
