//! Brings the tapes of a plan into drives, one after the other, and streams what is wanted from them.
//!
//! Two threads: one sees to tapes and drives, the execution's own takes the members. A tape that cannot be had or read
//! costs what is on it and nothing else.

mod bring;

use super::tape_change::Refusal;
use super::{Context, Lease, TapeFill, v1};
use crate::actors::drive::{DriveTask, Unit};
use crate::db;
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

pub use bring::{Brought, NotBrought, Wish, bring, bring_one, try_take};

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
        let feeding = std::thread::Builder::new().name(format!("tapes-{}", context.id)).spawn_scoped(scope, || {
            let _entered = context.span.enter();
            Feeder { context, plan, drive, feed: Feed::new(plan, sender) }.run(after)
        })?;
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
