//! What a person may have done with drives and libraries meanwhile.

use super::Judge;
use crate::Result;
use crate::actors::drive::tasks::UnloadMedium;
use crate::actors::drive::{DriveSnapshot, Unlabelled, observe::is_ready};
use crate::actors::library::Scan;
use crate::db::{self, drives::Drive};
use crate::executions::{Context, Lease, Wanted};
use std::collections::HashMap;
use tape_drive::DriveState;

/// Looks which tapes are in the drives that nobody uses. A drive that does not answer is no reason not to wait.
pub fn drives(context: &Context) {
    for id in context.services.drives.ids() {
        if let Err(error) = context.services.drives.peek_blocking(id) {
            tracing::debug!(drive = id, %error, "a drive could not be looked at");
        }
    }
}

/// Asks the libraries what they have.
pub fn libraries(context: &Context, scan: Scan) {
    for id in context.services.libraries.ids() {
        if let Err(error) = context.services.libraries.inventory_blocking(id, scan) {
            tracing::debug!(library = id, %error, "a library could not be asked");
        }
    }
}

/// The drives that stand alone and that nobody uses.
fn free_and_alone(context: &Context) -> Result<Vec<Drive>> {
    let taken = context.services.drives.reservations.taken();
    let mut drives = db::drives::all(&mut *context.conn()?)?;
    drives.retain(|drive| drive.enabled && drive.library_id.is_none() && !taken.drives.contains_key(&drive.id));
    Ok(drives)
}

/// The drive for a moment, if nobody uses it.
fn briefly(context: &Context, drive: i32) -> Result<Option<Lease>> {
    let taken = context.services.drives.reservations.try_take(context.id, &mut |taken| {
        Ok::<_, crate::Error>(match taken.drives.get(&drive) {
            Some(_) => Wanted::Wait(String::new()),
            None => Wanted::Take { drive, tape: None, choice: () },
        })
    })?;
    Ok(taken.ok().map(|(lease, ())| lease))
}

/// Draws in the cartridges that lie unthreaded in drives that stand alone.
pub fn draw_in(context: &Context) -> Result<()> {
    for drive in free_and_alone(context)? {
        let state = context.services.drives.peek_blocking(drive.id).ok().and_then(|seen| seen.status);
        if state.is_none_or(|status| status.state != DriveState::Unloaded) {
            continue;
        }
        let Some(lease) = briefly(context, drive.id)? else { continue };
        if let Err(error) = context.load(&lease) {
            context.log(&format!("The cartridge in drive {} could not be loaded: {error}", drive.name()));
        }
    }
    Ok(())
}

/// Ejects what is in a drive that stands alone, so that a person can take it. A blank cartridge stays: it may be the one
/// that is going to be labelled.
pub fn make_room(context: &Context, drive: i32) -> Result<()> {
    let Some(drive) = free_and_alone(context)?.into_iter().find(|free| free.id == drive) else { return Ok(()) };
    let Some(lease) = briefly(context, drive.id)? else { return Ok(()) };
    let seen = context.services.drives.snapshot_blocking(drive.id)?;
    if !is_ready(&seen) || seen.unlabelled == Some(Unlabelled::Blank) {
        return Ok(());
    }
    let what = match seen.label {
        Some(label) => format!("Tape {}", label.label),
        None => "The cartridge".into(),
    };
    match context.perform(&lease, UnloadMedium) {
        Ok(()) => context.log(&format!("{what} was ejected from drive {}; it can be taken out.", drive.name())),
        Err(error) => context.log(&format!("{what} could not be ejected from drive {}: {error}", drive.name())),
    }
    Ok(())
}

/// What is in a drive, for comparing: the uuid of a tape of ours, or what else.
fn content(seen: &DriveSnapshot) -> Option<String> {
    if !is_ready(seen) {
        return None;
    }
    match (&seen.label, &seen.unlabelled) {
        (Some(label), _) => Some(label.uuid.clone()),
        (None, Some(Unlabelled::Blank)) => Some("blank".into()),
        (None, Some(Unlabelled::Foreign(what))) => Some(what.clone()),
        (None, None) => None,
    }
}

/// Notices what is put into drives and does not help.
pub struct Look {
    /// What was in them and is known not to help.
    known: HashMap<i32, String>,
    /// The drive that was told of last, and is still wrong.
    told: Option<i32>,
}

impl Look {
    /// What is in the drives now does not help, and need not be told; but for a blank one where a tape should go.
    pub fn new(context: &Context, wanted: Option<i32>) -> Look {
        let mut known = HashMap::new();
        for id in context.services.drives.ids() {
            let Ok(seen) = context.services.drives.snapshot_blocking(id) else { continue };
            let blank = seen.unlabelled == Some(Unlabelled::Blank) && wanted == Some(id);
            if let Some(content) = content(&seen).filter(|_| !blank) {
                known.insert(id, content);
            }
        }
        Look { known, told: None }
    }

    /// What is to be said about the drives that nobody has said yet: `Some(None)` if what was said is not so any more.
    pub fn news(&mut self, context: &Context, judge: Judge<'_>) -> Result<Option<Option<String>>> {
        let mut cleared = false;
        for id in context.services.drives.ids() {
            let Ok(seen) = context.services.drives.snapshot_blocking(id) else { continue };
            if seen.execution_id.is_some() {
                continue;
            }
            let Some(content) = content(&seen) else {
                self.known.remove(&id);
                if self.told == Some(id) {
                    self.told = None;
                    cleared = true;
                }
                continue;
            };
            if self.known.get(&id) == Some(&content) {
                continue;
            }
            let name = db::drives::find(&mut *context.conn()?, id)?.name().to_owned();
            let Some(wrong) = wrong(context, &seen, judge)? else { continue };
            self.known.insert(id, content);
            self.told = Some(id);
            return Ok(Some(Some(format!("The tape in drive {name} is {wrong}. Nothing is written to it."))));
        }
        Ok(cleared.then_some(None))
    }
}

/// What is wrong with what is in a drive; nothing if it is what was waited for.
fn wrong(context: &Context, seen: &DriveSnapshot, judge: Judge<'_>) -> Result<Option<String>> {
    let Some(label) = &seen.label else {
        return Ok(Some(match &seen.unlabelled {
            Some(Unlabelled::Foreign(what)) => format!("not one of ours ({what})"),
            _ => "blank: label it, then it can be used".into(),
        }));
    };
    let known = db::tapes::find_by_uuid(&mut *context.conn()?, &label.uuid)?;
    match known {
        None => Ok(Some(format!("'{}' (UUID {}), which the database does not know", label.label, label.uuid))),
        Some(tape) => Ok(judge(tape.id)?.map(|why| format!("'{}': {why}", tape.label))),
    }
}
