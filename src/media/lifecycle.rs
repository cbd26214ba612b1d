//! What may happen to a tape, and where it is.

use super::choose::{DriveFacts, Place};
use super::retention::{self, Evaluation};
use crate::actors::catalog::Discard;
use crate::actors::drive::health::UNFIT;
use crate::actors::drive::tasks::{FirstBlock, GoToEnd, ReadLabel, still_holds};
use crate::actors::drive::{DriveTask, Unit};
use crate::db::whereabouts::{self, Whereabouts};
use crate::db::{self, Conn, TapeStatus, tapes::Tape};
use crate::events::{Category, Event};
use crate::executions::{Context, Lease, Taken};
use crate::{Error, Result};
use std::collections::HashSet;
use tape_drive::{FilemarkSync, MediumKind, TapeDrive};
use tape_format::Label;
use uuid::Uuid;

/// Where a tape is, as far as the database knows.
pub fn place(conn: &mut Conn, tape: &Tape) -> Result<Place> {
    Ok(place_of(&whereabouts::of(conn, tape)?))
}

/// The same for the choice of a tape.
pub fn place_of(found: &Whereabouts) -> Place {
    match (found.drive_id, found.library_id, found.slot) {
        (Some(drive), _, _) => Place::Drive(drive),
        (None, Some(library), Some(slot)) => Place::Slot { library, slot },
        _ => Place::Shelf,
    }
}

/// All enabled drives.
pub fn drives(conn: &mut Conn, taken: &Taken) -> Result<Vec<DriveFacts>> {
    let mut fit = Vec::new();
    for drive in db::drives::all(conn)?.into_iter().filter(|drive| drive.enabled) {
        if !db::drive_health::has_flag(conn, drive.id, UNFIT)? {
            fit.push(drive);
        }
    }
    Ok(fit
        .into_iter()
        .map(|drive| DriveFacts {
            id: drive.id,
            name: drive.name().to_string(),
            library: drive.library_id,
            taken_by: taken.drives.get(&drive.id).copied(),
            tape: drive.current_tape_id,
            loaded: drive.current_tape_id.is_some() || drive.unknown_tape.is_some(),
        })
        .collect())
}

/// Refuses to destroy what is on the tape in the drive while a rule keeps anything on it, as of now: on that very tape,
/// whatever the person thinks is in the drive. Returns the uuid of its label, by which it is known when it is written.
pub fn may_destroy_loaded(context: &Context, lease: &Lease, named: Option<i32>) -> Result<Option<Uuid>> {
    let found = context.perform(lease, ReadLabel)?;
    let mut conn = context.conn()?;
    let loaded = match &found {
        FirstBlock::Ours(label) => db::tapes::find_by_uuid(&mut conn, &label.uuid.to_string())?,
        _ => None,
    };
    if let (Some(named), Some(loaded)) = (named, &loaded)
        && loaded.id != named
    {
        return Err(Error::conflict(
            "wrong_tape",
            format!("the tape in the drive is '{}', which is another one; nothing was written", loaded.label),
        ));
    }
    let uuid = match &found {
        FirstBlock::Ours(label) => Some(label.uuid),
        _ => None,
    };
    let Some(tape) = loaded else { return Ok(uuid) };
    if tape.write_once && tape.status != TapeStatus::Blank {
        return Err(never_anew(&tape.label));
    }
    let fact = Evaluation::read_now(&mut conn)?.tape(&mut conn, &tape)?;
    if !fact.keeps_something() {
        return Ok(uuid);
    }
    let sets: Vec<i32> = fact.kept.iter().map(|(id, _)| *id).collect();
    let copies: Vec<i32> = fact.copies.iter().map(|(id, _)| *id).collect();
    Err(Error::conflict(
        "tape_in_use",
        format!(
            "tape '{}' holds what has not expired ({}): `retention preview --tape {}` says why and until when; delete \
             it, release it, or let it expire first",
            tape.label,
            fact.kept_in_words(),
            tape.label
        ),
    )
    .with_details(serde_json::json!({"tape_id": tape.id, "sets": sets, "database_backups": copies})))
}

/// Refuses to write an expired tape anew: as [`may_destroy_loaded`], and also if it does not end where the database
/// says. Then something is on it that this database does not know of, and nobody has said that it may go.
pub fn may_reuse_loaded(context: &Context, lease: &Lease, tape_id: i32, label: &Label) -> Result<Option<Uuid>> {
    let uuid = may_destroy_loaded(context, lease, Some(tape_id))?;
    let tape = db::tapes::find(&mut *context.conn()?, tape_id)?;
    if let Some(why) = retention::facts::why_not_anew(&mut *context.conn()?, &tape)? {
        return Err(Error::conflict("tape_in_use", format!("tape '{}' is not written anew: {why}", tape.label)));
    }
    let Some(expected) = tape.end_block.and_then(|block| u64::try_from(block).ok()) else { return Ok(uuid) };
    let found = context.perform(lease, GoToEnd { uuid: label.uuid })?.at.block;
    if found <= expected {
        return Ok(uuid);
    }
    let message = format!(
        "tape '{}' has expired by what the database knows, but it ends at block {found} and not at {expected}: there is \
         more on it than the database knows of. Nothing was written. Inspect it; if it may go, format it",
        tape.label
    );
    db::tape_lifecycle::hold(&mut *context.conn()?, tape_id, &message)?;
    context.services.bus.publish(
        Event::error(Category::Tape, "Tape On Hold", &message)
            .details(serde_json::json!({"tape_id": tape_id, "execution_id": context.id})),
    );
    Err(Error::conflict("tape_end_mismatch", message))
}

/// Refuses to declare a tape expired while something on it is kept.
pub fn may_expire(conn: &mut Conn, tape: &Tape) -> Result<()> {
    if tape.write_once {
        return Err(never_anew(&tape.label));
    }
    let fact = Evaluation::read_now(conn)?.tape(conn, tape)?;
    if !fact.keeps_something() {
        return Ok(());
    }
    let message = format!(
        "tape '{}' cannot be declared expired: {} on it is kept; `retention preview --tape {}` says why",
        tape.label,
        fact.kept_in_words(),
        tape.label
    );
    Err(Error::conflict("tape_in_use", message))
}

/// Forgets what was on a tape that has been labelled afresh: its sets, the sets that build on them wherever they are
/// (nobody can restore those any more), and the copies of the database. The caller has made sure that none of them had
/// to be kept.
pub fn forget_sets(context: &Context, tape_id: i32) -> Result<()> {
    let label = db::tapes::find(&mut *context.conn()?, tape_id)?.label;
    let here: HashSet<i32> = db::sets::on_tape(&mut *context.conn()?, tape_id)?.iter().map(|set| set.id).collect();
    let going: Vec<i32> = here.iter().copied().collect();
    for set in &here {
        if let Some(heir) = db::copies::hand_over(&mut *context.conn()?, *set, &going)? {
            context
                .log(&format!("What builds on backup set {set} builds on set {heir} now, which has the same content."));
        }
    }
    for set in with_increments(&mut *context.conn()?, &here)? {
        let parts = db::set_parts::of_set_listed(&mut *context.conn()?, set)?;
        let mut elsewhere: Vec<&str> =
            parts.iter().map(|part| part.tape_label.as_str()).filter(|other| *other != label).collect();
        elsewhere.dedup();
        let rest = match elsewhere.is_empty() {
            true => String::new(),
            false => format!(" What tape {} holds of it is of no use any more.", elsewhere.join(", ")),
        };
        context.log(&match here.contains(&set) {
            true => format!("Backup set {set} was on this tape; it is forgotten.{rest}"),
            false => format!("Backup set {set} built on what was on this tape; it is forgotten.{rest}"),
        });
        futures_executor::block_on(context.services.catalog.send(Discard { set_id: set }))??;
        db::sets::delete(&mut *context.conn()?, set)?;
    }
    let copies = db::retention::forget_copies(&mut *context.conn()?, tape_id)?;
    if copies > 0 {
        context.log(&format!("{copies} database backups were on this tape; they are forgotten."));
    }
    Ok(())
}

/// These sets and all that build on them, each behind all of its own increments.
fn with_increments(conn: &mut Conn, sets: &HashSet<i32>) -> Result<Vec<i32>> {
    let mut waiting: Vec<(i32, bool)> = sets.iter().map(|set| (*set, false)).collect();
    let (mut seen, mut order) = (HashSet::new(), Vec::new());
    while let Some((set, increments_done)) = waiting.pop() {
        if increments_done {
            order.push(set);
        } else if seen.insert(set) {
            waiting.push((set, true));
            waiting.extend(db::sets::children(conn, set)?.iter().map(|child| (child.id, false)));
        }
    }
    Ok(order)
}

/// A write-once tape is not to be written anew.
pub fn never_anew(label: &str) -> Error {
    let message = format!(
        "tape '{label}' is write-once: what is on it stays there, and it is appended to until it is full; retire it if it is \
         not to be written any more"
    );
    Error::conflict("write_once", message)
}

/// Makes a tape blank, if it is the one that was looked at: with a label with this uuid, or with none of ours.
pub struct EraseAll(pub Option<Uuid>);

impl DriveTask for EraseAll {
    type Output = ();
    const NAME: &'static str = "erase the tape";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<()> {
        if drive.medium()?.kind == MediumKind::Worm {
            let message = "the tape is write-once: what is on it cannot be erased; nothing was tried";
            return Err(Error::conflict("write_once", message));
        }
        still_holds(drive, unit, self.0)?;
        drive.rewind()?;
        drive.erase()?;
        drive.write_filemarks(0, FilemarkSync::Flush)?;
        drive.rewind()?;
        unit.forget_medium();
        Ok(())
    }
}
