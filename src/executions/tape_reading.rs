//! Brings the tapes of a plan into drives, one after the other, and streams what is wanted from them.
//!
//! Two threads: one sees to tapes and drives, the execution's own takes the members. A tape that cannot be had or read
//! costs what is on it and nothing else.

use super::tape_change::{Asking, Need, Refusal};
use super::{Context, Lease, Taken, TapeFill, Wanted, mount, v1};
use crate::actors::drive::{DriveTask, Unit};
use crate::db;
use crate::media::choose::{DriveFacts, Place};
use crate::media::facts::drive_for_hands;
use crate::media::lifecycle;
use crate::restore::feed::Feed;
use crate::restore::flow::{self, Sending};
use crate::restore::members::{self, Handler};
use crate::restore::plan::{Plan, Visit};
use crate::restore::reader::{self, ReadError, SegmentJob, VisitReport};
use crate::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tape_drive::TapeDrive;
use tape_format::Label;
use tape_format::crypt::Key;

/// How often a tape may turn out not to be where it should be.
const TRIES: u32 = 3;

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
        let mut rows = self.plan.rows();
        while !rows.is_empty() {
            // any row may be next: which tape comes first is nobody's business but the person's who brings it
            let mut first: Vec<i32> = Vec::new();
            for visit in rows.iter().filter_map(|row| row.first()) {
                if !first.contains(&visit.tape_id) {
                    first.push(visit.tape_id);
                }
            }
            let later: Vec<i32> = rows.iter().flat_map(|row| row.iter()).map(|visit| visit.tape_id).collect();
            let wish = Wish { tapes: &first, later: &later, drive: self.drive };
            let brought = bring(self.context, &wish, Refusal::SkipsTape);
            let tape = match &brought {
                Ok(brought) => brought.tape_id,
                Err((tape, _)) => *tape,
            };
            let begins_with = |row: &&[Visit]| row.first().is_some_and(|visit| visit.tape_id == tape);
            let row = rows.remove(rows.iter().position(begins_with).unwrap_or_default());
            let mut brought = Some(brought);
            for (at, visit) in row.iter().enumerate() {
                let later: Vec<i32> = row.iter().skip(at).map(|visit| visit.tape_id).collect();
                let wish = Wish { tapes: &[visit.tape_id], later: &later, drive: self.drive };
                let brought = brought.take().unwrap_or_else(|| bring(self.context, &wish, Refusal::SkipsTape));
                if !self.visit_or_give_up(visit, brought, after)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Reads one tape, or tells why not; `false` if nobody takes the data any more.
    fn visit_or_give_up(
        &mut self,
        visit: &Visit,
        brought: Result<Brought, NotBrought>,
        after: AfterVisit<'_>,
    ) -> Result<bool> {
        self.context.check()?;
        match brought.map_err(|(_, error)| error).and_then(|brought| self.visit(visit, brought, after)) {
            // the other side has ended, and knows why
            Ok(goes_on) => Ok(goes_on),
            Err(error) => {
                self.context.check()?;
                let label = db::tapes::find(&mut *self.context.conn()?, visit.tape_id)?.label;
                let why = format!("tape {label} could not be read: {error}");
                self.context.warn(None, &why);
                Ok(self.feed.give_up(visit, &why))
            }
        }
    }

    /// Reads one tape; `false` if nobody takes the data any more.
    fn visit(&mut self, visit: &Visit, brought: Brought, after: AfterVisit<'_>) -> Result<bool> {
        let Brought { lease, label, .. } = brought;
        show(self.context, &lease, visit.tape_id)?;
        let context = self.context;
        let segments = self.feed.jobs(visit, &mut |set, _| key(context, set.key_id))?;
        self.context.phase("reading", format!("Reading from tape {}.", label.label))?;
        let (sender, stop) = (self.feed.sender().clone(), self.context.control.flag());
        let task = ReadVisit { segments, sender, stop, tape: label.uuid };
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

/// A tape that is threaded in a drive.
pub struct Brought {
    /// Its row.
    pub tape_id: i32,
    /// Holds drive and tape.
    pub lease: Lease,
    /// What it calls itself.
    pub label: Label,
}

/// Which tape could not be had, and why.
pub type NotBrought = (i32, Error);

/// What is to be brought.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'w> {
    /// One of these tapes, best the first.
    pub tapes: &'w [i32],
    /// Tapes that will be needed, in this order; they should stay where they are.
    pub later: &'w [i32],
    /// Only this drive.
    pub drive: Option<i32>,
}

/// Gets one of the tapes that are needed into the drive that suits best: the first that is in a drive or that a library
/// brings. If there is none, a person brings the first; any other may come before it.
///
/// # Errors
/// What a person or the clock has to say to a request for it, and a tape that is not what it should be.
pub fn bring(context: &Context, wish: &Wish<'_>, refusal: Refusal) -> Result<Brought, NotBrought> {
    let tapes = wish.tapes;
    let first = tapes.first().copied().unwrap_or_default();
    let mut asking = Asking::new(context, refusal);
    let (mut shown, mut missed) = (String::new(), 0);
    loop {
        let found = context.check().and_then(|()| look_for(context, wish)).map_err(|error| (first, error))?;
        let lease = match found {
            Found::Tape(lease) => lease,
            Found::Busy(reason) => {
                if reason != shown {
                    context.phase("waiting", format!("Waiting: {reason}.")).map_err(|error| (first, error))?;
                    shown = reason;
                }
                context.services.drives.reservations.wait_for_change(Duration::from_millis(500));
                continue;
            }
            Found::Nothing(need) => {
                let judge = |tape: i32| Ok((!tapes.contains(&tape)).then(|| "not the one that is wanted".to_owned()));
                asking.ask(need, &judge).map_err(|error| (first, error))?;
                continue;
            }
        };
        let tape_id = lease.tape().unwrap_or(first);
        match mount::mount(context, &lease, tape_id) {
            Ok(label) => {
                asking.done(Some(tape_id)).map_err(|error| (tape_id, error))?;
                return Ok(Brought { tape_id, lease, label });
            }
            // the database thought that it was there, and knows better now
            Err(error) if error.code == mount::ELSEWHERE && missed < TRIES => {
                missed += 1;
                context.log(&error.message);
            }
            Err(error) => return Err((tape_id, error)),
        }
    }
}

/// Gets this tape into a drive: [`bring`].
pub fn bring_one(context: &Context, tape_id: i32, drive: Option<i32>, refusal: Refusal) -> Result<(Lease, Label)> {
    let wish = Wish { tapes: &[tape_id], later: &[], drive };
    bring(context, &wish, refusal).map(|brought| (brought.lease, brought.label)).map_err(|(_, error)| error)
}

/// What came of looking for one of several tapes.
enum Found {
    /// One is ours now, with the drive it is in or goes to.
    Tape(Lease),
    /// Something is in use.
    Busy(String),
    /// A person has to bring one.
    Nothing(Need),
}

/// Takes this tape and a drive for it if both are free now and no person is needed.
pub fn try_take(context: &Context, tape_id: i32) -> Result<Option<Lease>> {
    match look_for(context, &Wish { tapes: &[tape_id], later: &[], drive: None })? {
        Found::Tape(lease) => Ok(Some(lease)),
        Found::Busy(_) | Found::Nothing(_) => Ok(None),
    }
}

fn look_for(context: &Context, wish: &Wish<'_>) -> Result<Found> {
    let mut needed = None;
    let taken = context.services.drives.reservations.try_take(context.id, &mut |taken| {
        let mut conn = context.conn()?;
        let drives = lifecycle::drives(&mut conn, taken)?;
        let (mut labels, mut first) = (Vec::new(), None);
        for tape_id in wish.tapes {
            let tape = db::tapes::find(&mut conn, *tape_id)?;
            let place = lifecycle::place(&mut conn, &tape)?;
            let way = choose((&tape.label, *tape_id), place, &drives, wish, taken)?;
            if let Way::Take { drive, why } = way {
                return Ok::<_, Error>(Wanted::Take { drive, tape: Some(*tape_id), choice: why });
            }
            first = first.or(Some((way, *tape_id)));
            labels.push(tape.label);
        }
        Ok(Wanted::Wait(match first {
            Some((Way::Ask(drive), tape_id)) => {
                let into = mount::place_for_hands(&mut conn, &drive)?;
                let message = request(&labels, &into);
                needed = Some(Need { tape: Some(tape_id), pool: None, drive: Some(drive.id), message });
                String::new()
            }
            Some((Way::Wait(reason), _)) => reason,
            _ => "nothing is wanted".into(),
        }))
    })?;
    let reason = match taken {
        Ok((lease, why)) => {
            context.why(&[why])?;
            context.note_lease(&lease)?;
            return Ok(Found::Tape(lease));
        }
        Err(reason) => reason,
    };
    Ok(needed.map_or(Found::Busy(reason), Found::Nothing))
}

/// What a person should do: the tapes in the order in which they are wanted.
fn request(labels: &[String], into: &str) -> String {
    match labels {
        [] => format!("Insert a tape into {into}."),
        [only] => format!("Insert tape {only} into {into}."),
        [first, others @ ..] => {
            format!("Insert tape {first} into {into}. Needed too, and welcome before it: {}.", others.join(", "))
        }
    }
}

/// How a tape gets into a drive.
#[derive(Debug)]
enum Way {
    /// It is in this drive, or the robot brings it there.
    Take { drive: i32, why: String },
    /// Something is in use.
    Wait(String),
    /// A person brings it, best to this drive.
    Ask(DriveFacts),
}

fn choose(
    (label, tape_id): (&str, i32),
    place: Place,
    drives: &[DriveFacts],
    wish: &Wish<'_>,
    taken: &Taken,
) -> Result<Way> {
    if let Some(other) = taken.tapes.get(&tape_id) {
        return Ok(Way::Wait(format!("tape {label} is used by execution {other}")));
    }
    let candidates: Vec<DriveFacts> =
        drives.iter().filter(|drive| wish.drive.is_none_or(|id| id == drive.id)).cloned().collect();
    if candidates.is_empty() {
        return Err(match wish.drive {
            Some(id) => Error::not_found(format!("enabled drive {id}")),
            None => Error::conflict("no_drive", "no drive is enabled; add one, or enable it"),
        });
    }
    let has_it = |drive: &DriveFacts| match place {
        Place::Drive(id) => id == drive.id,
        Place::Slot { library, .. } => drive.library == Some(library),
        Place::Shelf => false,
    };
    let mut suitable: Vec<&DriveFacts> = candidates.iter().filter(|drive| has_it(drive)).collect();
    // a tape that sits in a drive has to be waited for: no other drive can have it
    let reachable = !suitable.is_empty();
    if !reachable {
        suitable = candidates.iter().collect();
    }
    suitable.sort_by_key(|drive| (drive.loaded, drive.id));
    if suitable.iter().all(|drive| drive.taken_by.is_some()) {
        let busy: Vec<String> = suitable
            .iter()
            .filter_map(|drive| drive.taken_by.map(|by| format!("drive {} is used by execution {by}", drive.name)))
            .collect();
        return Ok(Way::Wait(busy.join("; ")));
    }
    if !reachable {
        let drive = drive_for_hands(&candidates, wish.later).ok_or_else(|| Error::internal("a free drive was lost"))?;
        return Ok(Way::Ask(drive.clone()));
    }
    let drive = suitable
        .into_iter()
        .find(|drive| drive.taken_by.is_none())
        .ok_or_else(|| Error::internal("a free drive was lost"))?;
    let why = match place {
        Place::Drive(_) => format!("Tape {label} is in drive {}.", drive.name),
        _ => format!("The library brings tape {label} to drive {}.", drive.name),
    };
    Ok(Way::Take { drive: drive.id, why })
}

/// Reads what is wanted from the tape in the drive.
struct ReadVisit {
    segments: Vec<SegmentJob>,
    sender: Sending,
    stop: Arc<AtomicBool>,
    tape: uuid::Uuid,
}

impl DriveTask for ReadVisit {
    type Output = Result<VisitReport, ReadError>;
    const NAME: &'static str = "read files from the tape";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<Self::Output> {
        match reader::read(drive, &self.segments, &self.sender, &self.stop, Some(self.tape)) {
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
        DriveFacts { id, name: format!("D{id}"), library, taken_by, loaded: false, tape: None }
    }

    fn chosen(place: Place, drives: &[DriveFacts], named: Option<i32>) -> Result<Option<i32>> {
        let wish = Wish { tapes: &[7], later: &[], drive: named };
        Ok(match choose(("T", 7), place, drives, &wish, &Taken::default())? {
            Way::Take { drive, .. } => Some(drive),
            Way::Wait(_) => None,
            Way::Ask(drive) => Some(-drive.id),
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
        assert_eq!(chosen(Place::Shelf, &drives, None).unwrap(), Some(-2));
        assert_eq!(chosen(Place::Shelf, &drives[..1], None).unwrap(), Some(-1));
        assert_eq!(chosen(Place::Shelf, &drives, Some(1)).unwrap(), Some(-1));
        let busy = [drive(1, Some(1), Some(9)), drive(2, None, Some(9))];
        assert_eq!(chosen(Place::Shelf, &busy, None).unwrap(), None, "there is no drive to put it into");
    }

    #[test]
    fn without_a_drive_it_is_an_error_and_a_used_tape_is_waited_for() {
        assert_eq!(chosen(Place::Shelf, &[], None).unwrap_err().code, "no_drive");
        assert_eq!(chosen(Place::Shelf, &[drive(1, None, None)], Some(5)).unwrap_err().code, "not_found");
        let taken = Taken { tapes: [(7, 3)].into(), ..Taken::default() };
        let wish = Wish { tapes: &[7], later: &[], drive: None };
        let wanted = choose(("T", 7), Place::Shelf, &[drive(1, None, None)], &wish, &taken).unwrap();
        assert!(matches!(wanted, Way::Wait(why) if why.contains("execution 3")));
    }
}
