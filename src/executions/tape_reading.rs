//! Brings the tapes of a plan into drives, one after the other, and streams what is wanted from them.
//!
//! Two threads: one sees to tapes and drives, the execution's own takes the members. A tape that cannot be had or read
//! costs what is on it and nothing else.

use super::{Context, Lease, Taken, TapeFill, Wanted, mount, v1};
use crate::actors::drive::{DriveTask, Unit};
use crate::db;
use crate::media::choose::{DriveFacts, Place};
use crate::media::lifecycle;
use crate::restore::feed::Feed;
use crate::restore::flow::{self, Sending};
use crate::restore::members::{self, Handler};
use crate::restore::plan::{Plan, Visit};
use crate::restore::reader::{self, ReadError, SegmentJob, VisitReport};
use crate::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tape_drive::TapeDrive;
use tape_format::crypt::Key;

/// Something more to be done with a tape that was read, while it is in the drive.
pub type AfterVisit<'a> = &'a (dyn Fn(&Lease, &Visit) -> Result<()> + Sync);

/// Reads everything a plan wants and hands it to `handler`, which hears of every item. `drive`: use this one.
///
/// # Errors
/// Those of `handler`, and of stopping. A tape that cannot be read is told to `handler` item by item, and is no error.
pub fn read(
    context: &Context,
    plan: &Plan,
    drive: Option<i32>,
    handler: &mut dyn Handler,
    after: AfterVisit<'_>,
) -> Result<()> {
    let (sender, receiver) = flow::channel();
    std::thread::scope(|scope| {
        let feeding = std::thread::Builder::new()
            .name(format!("tapes-{}", context.id))
            .spawn_scoped(scope, || Feeder { context, plan, drive, feed: Feed::new(plan, sender) }.run(after))?;
        let taken = members::consume(plan, &receiver, handler);
        // whoever still reads is to notice that nobody takes it
        drop(receiver);
        let fed = feeding.join().unwrap_or_else(|_| Err(Error::internal("the thread that sees to the tapes panicked")));
        taken.and(fed)
    })?;
    v1::reading::read(context, plan, drive, handler)
}

struct Feeder<'a> {
    context: &'a Context,
    plan: &'a Plan,
    drive: Option<i32>,
    feed: Feed<'a>,
}

impl Feeder<'_> {
    fn run(mut self, after: AfterVisit<'_>) -> Result<()> {
        let plan = self.plan;
        for visit in &plan.visits {
            self.context.check()?;
            match self.visit(visit, after) {
                Ok(true) => {}
                // the other side has ended, and knows why
                Ok(false) => return Ok(()),
                Err(error) => {
                    self.context.check()?;
                    let label = db::tapes::find(&mut *self.context.conn()?, visit.tape_id)?.label;
                    let why = format!("tape {label} could not be read: {error}");
                    self.context.warn(None, &why);
                    if !self.feed.give_up(visit, &why) {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads one tape; `false` if nobody takes the data any more.
    fn visit(&mut self, visit: &Visit, after: AfterVisit<'_>) -> Result<bool> {
        let lease = take(self.context, visit.tape_id, self.drive)?;
        let label = mount::mount(self.context, &lease, visit.tape_id)?;
        show(self.context, &lease, visit.tape_id)?;
        let context = self.context;
        let segments = self.feed.jobs(visit, &mut |set, _| key(context, set.key_id))?;
        self.context.phase("reading", format!("Reading from tape {}.", label.label))?;
        let task = ReadVisit { segments, sender: self.feed.sender().clone(), stop: self.context.control.flag() };
        match self.context.perform(&lease, task)? {
            Ok(report) => {
                self.feed.visited(&report);
                let lost =
                    if report.lost > 0 { format!(", {} places were given up", report.lost) } else { String::new() };
                self.context.log(&format!("Tape {}: {} blocks read{lost}.", label.label, report.blocks));
                after(&lease, visit)?;
                Ok(true)
            }
            Err(ReadError::Stopped) => Ok(false),
            Err(ReadError::Drive(error) | ReadError::Part(error)) => Err(error),
        }
    }
}

/// Shows which tape is read.
pub fn show(context: &Context, lease: &Lease, tape_id: i32) -> Result<()> {
    let mut conn = context.conn()?;
    let tape = db::tapes::find(&mut conn, tape_id)?;
    let drive = db::drives::find(&mut conn, lease.drive())?;
    let fill = TapeFill {
        label: tape.label,
        capacity_bytes: u64::try_from(tape.capacity_bytes).unwrap_or_default(),
        used_bytes: u64::try_from(tape.used_bytes).unwrap_or_default(),
    };
    context.progress.set_tape(fill, drive.device_path);
    Ok(())
}

/// The key of a set.
pub fn key(context: &Context, key_id: Option<i32>) -> Result<Key> {
    let id = key_id.ok_or_else(|| {
        Error::new(
            crate::ErrorKind::Unprocessable,
            "key_needed",
            "the set is encrypted, and the database does not say with which key; rebuild the catalog from the tape",
        )
    })?;
    let mut conn = context.conn()?;
    let fingerprint = db::encryption_keys::find(&mut conn, id)?.key_fingerprint;
    context.services.keys.for_reading(&mut conn, &fingerprint)
}

/// Takes a tape and the drive that suits best: where it is; one of the library that has it; any other, and a person
/// brings it.
pub fn take(context: &Context, tape_id: i32, named: Option<i32>) -> Result<Lease> {
    let (lease, why) = context.take(|taken| {
        let mut conn = context.conn()?;
        let tape = db::tapes::find(&mut conn, tape_id)?;
        let place = lifecycle::place(&mut conn, &tape)?;
        let drives = lifecycle::drives(&mut conn, taken)?;
        choose(&tape.label, tape_id, place, &drives, named, taken)
    })?;
    context.why(&[why])?;
    context.note_lease(&lease)?;
    Ok(lease)
}

fn choose(
    label: &str,
    tape_id: i32,
    place: Place,
    drives: &[DriveFacts],
    named: Option<i32>,
    taken: &Taken,
) -> Result<Wanted<String>> {
    if let Some(other) = taken.tapes.get(&tape_id) {
        return Ok(Wanted::Wait(format!("tape {label} is used by execution {other}")));
    }
    let found = |drive: &&DriveFacts| named.is_none_or(|id| id == drive.id);
    let candidates: Vec<&DriveFacts> = drives.iter().filter(found).collect();
    if candidates.is_empty() {
        return Err(match named {
            Some(id) => Error::not_found(format!("enabled drive {id}")),
            None => Error::conflict("no_drive", "no drive is enabled; add one, or enable it"),
        });
    }
    // smaller is better
    let rank = |drive: &DriveFacts| match place {
        Place::Drive(id) if id == drive.id => 0,
        Place::Slot { library, .. } if drive.library == Some(library) => 1,
        _ => 2 + u8::from(drive.library.is_some()),
    };
    // a tape that sits in a drive has to be waited for: no other drive can have it
    let best = candidates.iter().map(|drive| rank(drive)).min().unwrap_or(u8::MAX);
    let mut suitable: Vec<&&DriveFacts> = candidates.iter().filter(|drive| rank(drive) == best || best > 1).collect();
    suitable.sort_by_key(|drive| (rank(drive), drive.loaded, drive.id));
    match suitable.iter().find(|drive| drive.taken_by.is_none()) {
        Some(drive) => {
            let why = match rank(drive) {
                0 => format!("Tape {label} is in drive {}.", drive.name),
                1 => format!("The library brings tape {label} to drive {}.", drive.name),
                _ => format!(
                    "Tape {label} is in no drive and in no library that could bring it: drive {} asks for it.",
                    drive.name
                ),
            };
            Ok(Wanted::Take { drive: drive.id, tape: Some(tape_id), choice: why })
        }
        None => {
            let busy: Vec<String> = suitable
                .iter()
                .filter_map(|drive| drive.taken_by.map(|by| format!("drive {} is used by execution {by}", drive.name)))
                .collect();
            Ok(Wanted::Wait(busy.join("; ")))
        }
    }
}

/// Reads what is wanted from the tape in the drive.
struct ReadVisit {
    segments: Vec<SegmentJob>,
    sender: Sending,
    stop: Arc<AtomicBool>,
}

impl DriveTask for ReadVisit {
    type Output = Result<VisitReport, ReadError>;
    const NAME: &'static str = "read files from the tape";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<Self::Output> {
        match reader::read(drive, &self.segments, &self.sender, &self.stop) {
            // so that the drive is shown to be in trouble
            Err(ReadError::Drive(error)) => Err(error),
            other => Ok(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drive(id: i32, library: Option<i32>, taken_by: Option<i32>) -> DriveFacts {
        DriveFacts { id, name: format!("D{id}"), library, taken_by, loaded: false }
    }

    fn chosen(place: Place, drives: &[DriveFacts], named: Option<i32>) -> Result<Option<i32>> {
        Ok(match choose("T", 7, place, drives, named, &Taken::default())? {
            Wanted::Take { drive, .. } => Some(drive),
            Wanted::Wait(_) => None,
        })
    }

    #[test]
    fn the_drive_that_has_the_tape_is_waited_for() {
        let drives = [drive(1, Some(1), None), drive(2, Some(1), Some(99))];
        assert_eq!(chosen(Place::Drive(1), &drives, None).unwrap(), Some(1));
        assert_eq!(chosen(Place::Drive(2), &drives, None).unwrap(), None);
    }

    #[test]
    fn the_library_that_has_it_brings_it_to_a_free_drive() {
        let drives = [drive(1, None, None), drive(2, Some(1), Some(99)), drive(3, Some(1), None)];
        assert_eq!(chosen(Place::Slot { library: 1, slot: 5 }, &drives, None).unwrap(), Some(3));
        assert_eq!(chosen(Place::Slot { library: 1, slot: 5 }, &drives[..2], None).unwrap(), None);
    }

    #[test]
    fn a_tape_from_the_shelf_goes_to_a_drive_that_a_person_can_reach() {
        let drives = [drive(1, Some(1), None), drive(2, None, None)];
        assert_eq!(chosen(Place::Shelf, &drives, None).unwrap(), Some(2));
        assert_eq!(chosen(Place::Shelf, &drives[..1], None).unwrap(), Some(1));
        assert_eq!(chosen(Place::Shelf, &drives, Some(1)).unwrap(), Some(1));
    }

    #[test]
    fn without_a_drive_it_is_an_error_and_a_used_tape_is_waited_for() {
        assert_eq!(chosen(Place::Shelf, &[], None).unwrap_err().code, "no_drive");
        assert_eq!(chosen(Place::Shelf, &[drive(1, None, None)], Some(5)).unwrap_err().code, "not_found");
        let taken = Taken { tapes: [(7, 3)].into(), ..Taken::default() };
        let wanted = choose("T", 7, Place::Shelf, &[drive(1, None, None)], None, &taken).unwrap();
        assert!(matches!(wanted, Wanted::Wait(why) if why.contains("execution 3")));
    }
}
