//! Reads whole tapes back: those named, or those that were not verified for the longest time.
//!
//! Nothing urgent: it steps aside for backups. Between two sets it holds no drive, and while a backup waits for one it
//! does not take the last that is free.

use super::tape_change::Refusal;
use super::verify::{self, Verified, Where};
use super::{Context, ScrubRequest, tape_reading};
use crate::config::ScrubWhich;
use crate::db::executions::{self, ExecutionFilter};
use crate::db::tapes::{Tape, TapeChanges};
use crate::db::whereabouts::Inventory;
use crate::db::{self, Conn, ExecutionStatus, Page, SetStatus, TapeStatus};
use crate::events::{Category, Event};
use crate::media::choose::{DriveFacts, Place};
use crate::media::lifecycle;
use crate::{Error, ErrorKind, Result};
use chrono::NaiveDateTime;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How often somebody who steps aside looks whether the way is free.
const LOOK: Duration = Duration::from_millis(500);
/// Damaged files that an event names.
const NAMED: usize = 5;
/// Backups that may wait at the same time.
const MANY: i64 = 1000;

/// Verifies tapes.
pub fn run(context: &Context, request: &ScrubRequest) -> Result<Value> {
    let settings = &context.services.config.scrub;
    let begun = Instant::now();
    let end = match settings.hours {
        hours if hours > 0 && request.tape_ids.is_empty() => Some(Duration::from_secs(u64::from(hours) * 3600)),
        _ => None,
    };
    let tapes = tapes(context, request)?;
    if tapes.is_empty() {
        context.log("There is no tape to verify: none that can be loaded without a person holds a complete set.");
    }
    let (mut results, mut bad, mut out_of_time) = (Vec::new(), Vec::new(), false);
    for tape in &tapes {
        let done = Scrubbing { context, tape, drive: request.drive_id, begun, end, sets: Vec::new() }.run()?;
        out_of_time |= done.out_of_time;
        bad.extend(done.trouble);
        results.push(done.report);
        if out_of_time {
            context.log("The time of this run is over; the next one goes on.");
            break;
        }
    }
    let result = json!({
        "tapes": results, "verified": bad.is_empty(), "out_of_time": out_of_time,
        "seconds": begun.elapsed().as_secs_f64(),
    });
    match bad.is_empty() {
        true => Ok(result),
        false => {
            let message = format!("tapes that are not as the catalog says, or could not be read: {}", bad.join("; "));
            Err(Error::new(ErrorKind::Unprocessable, "verify_failed", message).with_details(result))
        }
    }
}

/// A tape whose turn it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    id: i32,
    /// Oldest date of a whole verification.
    verified: Option<NaiveDateTime>,
    place: Place,
    held: bool,
    status: TapeStatus,
}

/// Whose turn it is: never verified before all others, then the one verified the longest ago. A tape on hold waits for a
/// person. `most`: 0 for all.
fn whose_turn(mut candidates: Vec<Candidate>, which: ScrubWhich, most: u32) -> Vec<i32> {
    let gone = |tape: &Candidate| tape.held || matches!(tape.status, TapeStatus::Retired | TapeStatus::Exported);
    candidates.retain(|tape| !gone(tape) && (which == ScrubWhich::All || tape.place != Place::Shelf));
    candidates.sort_by_key(|tape| (tape.verified, tape.id));
    let most = if most == 0 { usize::MAX } else { most as usize };
    candidates.into_iter().map(|tape| tape.id).take(most).collect()
}

fn tapes(context: &Context, request: &ScrubRequest) -> Result<Vec<Tape>> {
    let mut conn = context.conn()?;
    let settings = &context.services.config.scrub;
    let ids = match request.tape_ids.is_empty() {
        false => request.tape_ids.clone(),
        true => {
            let inventory = Inventory::read(&mut conn)?;
            let filled = db::set_parts::tapes_with_complete_sets(&mut conn)?;
            let candidate = |tape: &Tape| Candidate {
                id: tape.id,
                verified: tape.last_verified_at,
                place: lifecycle::place_of(&inventory.of(tape)),
                held: tape.blocked().is_some(),
                status: tape.status,
            };
            let candidates = db::tapes::these(&mut conn, &filled)?.iter().map(candidate).collect();
            whose_turn(candidates, settings.which, request.tapes.unwrap_or(settings.tapes))
        }
    };
    ids.into_iter().map(|id| db::tapes::find(&mut conn, id)).collect()
}

/// The complete sets that have a part on a tape, in the order they are there.
fn complete_sets(conn: &mut Conn, tape_id: i32) -> Result<Vec<i32>> {
    let mut ids: Vec<i32> = Vec::new();
    for part in db::set_parts::of_tape(conn, tape_id)? {
        if !ids.contains(&part.backup_set_id)
            && db::sets::find(conn, part.backup_set_id)?.status == SetStatus::Completed
        {
            ids.push(part.backup_set_id);
        }
    }
    Ok(ids)
}

/// What came of a tape.
struct Done {
    report: Value,
    trouble: Option<String>,
    out_of_time: bool,
}

/// A tape that is being verified.
struct Scrubbing<'a> {
    context: &'a Context,
    tape: &'a Tape,
    drive: Option<i32>,
    begun: Instant,
    end: Option<Duration>,
    sets: Vec<Verified>,
}

impl Scrubbing<'_> {
    fn run(mut self) -> Result<Done> {
        let (context, label) = (self.context, &self.tape.label);
        context.why(&[match self.tape.last_verified_at {
            None => format!("Tape {label}: it was never verified as a whole."),
            Some(last) => format!("Tape {label}: last verified on {}.", last.format("%Y-%m-%d %H:%M UTC")),
        }])?;
        let sets = complete_sets(&mut *context.conn()?, self.tape.id)?;
        let mut out_of_time = false;
        for set_id in &sets {
            out_of_time = self.end.is_some_and(|end| self.begun.elapsed() >= end);
            if out_of_time {
                break;
            }
            step_aside(context)?;
            if self.sets.is_empty()
                && let Err(error) = self.load()
            {
                context.check()?;
                return self.not_loaded(&error);
            }
            self.sets.push(verify::verify(context, *set_id, self.drive, Where::OnTape(self.tape.id))?);
        }
        let errors: u64 = self.sets.iter().map(|set| set.error_count).sum();
        let trouble = match errors {
            0 => {
                if !out_of_time {
                    let changes = TapeChanges { last_verified_at: Some(Some(db::now())), ..TapeChanges::default() };
                    db::tapes::update(&mut *context.conn()?, self.tape.id, &changes)?;
                    context.log(&format!("Tape {label}: {} sets, all as the catalog says.", self.sets.len()));
                }
                None
            }
            count => Some(self.damaged(count)?),
        };
        Ok(Done { report: self.report(errors == 0 && !out_of_time, None), trouble, out_of_time })
    }

    fn report(&self, verified: bool, error: Option<&str>) -> Value {
        json!({
            "tape_id": self.tape.id, "label": self.tape.label, "verified": verified, "error": error,
            "sets": self.sets.iter().map(Verified::to_json).collect::<Vec<_>>(),
        })
    }

    /// Gets the tape into a drive, so that one that cannot be had is told from one that is damaged.
    fn load(&self) -> Result<()> {
        tape_reading::bring_one(self.context, self.tape.id, self.drive, Refusal::SkipsTape).map(drop)
    }

    fn not_loaded(&self, error: &Error) -> Result<Done> {
        let message = format!("tape {} could not be loaded: {error}", self.tape.label);
        self.context.warn(None, &message);
        Ok(Done { report: self.report(false, Some(&message)), trouble: Some(message), out_of_time: false })
    }

    /// Tells what is damaged by name, and puts the tape on hold: nothing more is written to it before a person has looked.
    fn damaged(&self, count: u64) -> Result<String> {
        let Tape { id, label, .. } = self.tape;
        let errors = || self.sets.iter().flat_map(|set| &set.errors);
        let some: Vec<&str> = errors().take(NAMED).map(String::as_str).collect();
        let more = match usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(some.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!("tape {label}: {count} errors: {}{more}", some.join("; "));
        // a drive that fails says nothing of the tape
        let unread = format!("tape {label} could not be read");
        if errors().any(|error| !error.contains(&unread)) {
            let reason = format!("verification on {} found {count} errors", db::now().format("%Y-%m-%d"));
            db::tape_lifecycle::hold(&mut *self.context.conn()?, *id, &reason)?;
        }
        let names: Vec<&String> = errors().take(1000).collect();
        self.context.services.bus.publish(
            Event::error(Category::Tape, "Tape Damaged", &message)
                .details(json!({"tape_id": id, "label": label, "execution_id": self.context.id, "errors": names})),
        );
        Ok(message)
    }
}

/// Waits while a backup waits for a drive and at most one is free.
fn step_aside(context: &Context) -> Result<()> {
    let mut told = false;
    loop {
        context.check()?;
        let taken = context.services.drives.reservations.taken();
        let drives = lifecycle::drives(&mut *context.conn()?, &taken)?;
        let waiting = waiting_backups(&mut *context.conn()?)?;
        let holders: Vec<i32> = taken.drives.values().copied().collect();
        if !must_wait(&waiting, &holders, &drives) {
            return Ok(());
        }
        if !std::mem::replace(&mut told, true) {
            context.phase("waiting", "Waiting: a backup needs the drive first.")?;
        }
        context.control.sleep(LOOK);
    }
}

/// Backups that say they are waiting for what others use; those that wait for a person say what is to be done.
fn waiting_backups(conn: &mut Conn) -> Result<Vec<i32>> {
    let filter = ExecutionFilter {
        kind: Some("backup".into()),
        statuses: Some(vec![ExecutionStatus::Running]),
        ..ExecutionFilter::default()
    };
    let rows = executions::list(conn, &filter, Page::first(MANY))?;
    let waits = |row: &executions::ExecutionListed| {
        row.execution.phase == "waiting" && row.execution.message.starts_with("Waiting:")
    };
    Ok(rows.into_iter().filter(waits).map(|row| row.execution.id).collect())
}

/// A backup that holds a drive waits for a person, not for a drive.
fn must_wait(waiting: &[i32], holders: &[i32], drives: &[DriveFacts]) -> bool {
    let free = drives.iter().filter(|drive| drive.taken_by.is_none()).count();
    free <= 1 && waiting.iter().any(|backup| !holders.contains(backup))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tape(id: i32, verified: Option<u32>, place: Place) -> Candidate {
        let at = |day| chrono::NaiveDate::from_ymd_opt(2026, 1, day).unwrap().and_hms_opt(0, 0, 0).unwrap();
        Candidate { id, verified: verified.map(at), place, held: false, status: TapeStatus::Active }
    }

    const SLOT: Place = Place::Slot { library: 1, slot: 1000 };

    #[test]
    fn never_verified_comes_first_then_the_oldest() {
        let all = vec![
            tape(1, Some(5), SLOT),
            tape(2, Some(3), Place::Drive(1)),
            tape(3, None, SLOT),
            tape(4, None, Place::Shelf),
        ];
        assert_eq!(whose_turn(all.clone(), ScrubWhich::Library, 0), [3, 2, 1]);
        assert_eq!(whose_turn(all.clone(), ScrubWhich::Library, 1), [3]);
        assert_eq!(whose_turn(all, ScrubWhich::All, 2), [3, 4]);
    }

    #[test]
    fn what_waits_for_a_person_is_not_asked_for() {
        let held = Candidate { held: true, ..tape(1, None, SLOT) };
        let exported = Candidate { status: TapeStatus::Exported, ..tape(2, None, Place::Shelf) };
        let retired = Candidate { status: TapeStatus::Retired, ..tape(3, None, SLOT) };
        let all = vec![held, exported, retired, tape(4, Some(1), SLOT)];
        assert_eq!(whose_turn(all, ScrubWhich::All, 0), [4]);
    }

    #[test]
    fn the_last_free_drive_is_left_to_a_backup_that_waits() {
        let drive = |id, taken_by| DriveFacts {
            id,
            name: format!("D{id}"),
            library: Some(1),
            taken_by,
            loaded: false,
            tape: None,
        };
        let one_free = [drive(1, Some(9)), drive(2, None)];
        assert!(must_wait(&[7], &[9], &one_free));
        assert!(!must_wait(&[], &[9], &one_free));
        assert!(!must_wait(&[9], &[9], &one_free), "it has a drive, and waits for a tape");
        assert!(!must_wait(&[7], &[], &[drive(1, None), drive(2, None)]));
    }
}
