//! Gets one of the tapes that are needed into a drive: it is there, the robot brings it, or a person does.

use crate::db;
use crate::executions::tape_change::{Asking, Need, Refusal};
use crate::executions::{Context, Lease, Taken, Wanted, mount};
use crate::media::choose::{DriveFacts, Place};
use crate::media::facts::drive_for_hands;
use crate::media::lifecycle;
use crate::{Error, Result};
use std::time::Duration;
use tape_format::Label;

/// How often a tape may turn out not to be where it should be.
const TRIES: u32 = 3;

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
            Found::ElsewhereIn(lease, library) => {
                let put_away = mount::put_away(context, &lease, library, None);
                put_away.map_err(|error| (lease.tape().unwrap_or(first), error))?;
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
    /// One is in a drive that is not to be used; the robot of this library can take it out of there.
    ElsewhereIn(Lease, i32),
    /// A person has to bring one.
    Nothing(Need),
}

/// Takes this tape and a drive for it if both are free now and no person is needed.
pub fn try_take(context: &Context, tape_id: i32) -> Result<Option<Lease>> {
    match look_for(context, &Wish { tapes: &[tape_id], later: &[], drive: None })? {
        Found::Tape(lease) => Ok(Some(lease)),
        Found::Busy(_) | Found::ElsewhereIn(..) | Found::Nothing(_) => Ok(None),
    }
}

fn look_for(context: &Context, wish: &Wish<'_>) -> Result<Found> {
    let mut needed = None;
    let taken = context.services.drives.reservations.try_take(context.id, &mut |taken| {
        let mut conn = context.conn()?;
        let drives = lifecycle::drives(&mut conn, taken)?;
        let failed = |drive: i32| context.failed_drives.contains(drive);
        let (mut labels, mut first, mut elsewhere) = (Vec::new(), None, None);
        for tape_id in wish.tapes {
            let tape = db::tapes::find(&mut conn, *tape_id)?;
            let place = lifecycle::place(&mut conn, &tape)?;
            let way = choose((&tape.label, *tape_id), place, &drives, wish, (taken, &failed))?;
            match way {
                Way::Take { drive, why } => {
                    return Ok::<_, Error>(Wanted::Take { drive, tape: Some(*tape_id), choice: (why, None) });
                }
                Way::PutAway { drive, library, why } => {
                    elsewhere.get_or_insert((drive, *tape_id, (why, Some(library))));
                }
                way => first = first.or(Some((way, *tape_id))),
            }
            labels.push(tape.label);
        }
        if let Some((drive, tape, choice)) = elsewhere {
            return Ok(Wanted::Take { drive, tape: Some(tape), choice });
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
        Ok((lease, (why, library))) => {
            context.why(&[why])?;
            context.note_lease(&lease)?;
            return Ok(match library {
                None => Found::Tape(lease),
                Some(library) => Found::ElsewhereIn(lease, library),
            });
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
    /// It is in this drive, which is not to be used; the robot of the library puts it into a slot.
    PutAway { drive: i32, library: i32, why: String },
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
    (taken, failed): (&Taken, &dyn Fn(i32) -> bool),
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
    if let Some(way) = out_of_another(label, place, drives, &candidates, failed) {
        return Ok(way);
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
    suitable.sort_by_key(|drive| (failed(drive.id), drive.loaded, drive.id));
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

/// A tape in a drive that is not to be used, because another one was named or it has failed: if both are in one library,
/// the robot takes it out of there.
fn out_of_another(
    label: &str,
    place: Place,
    drives: &[DriveFacts],
    candidates: &[DriveFacts],
    failed: &dyn Fn(i32) -> bool,
) -> Option<Way> {
    let Place::Drive(holder) = place else { return None };
    if candidates.iter().any(|drive| drive.id == holder) && !failed(holder) {
        return None;
    }
    let holder = drives.iter().find(|drive| drive.id == holder)?;
    let library = holder.library?;
    let wanted =
        candidates.iter().find(|drive| drive.library == Some(library) && drive.id != holder.id && !failed(drive.id))?;
    Some(match holder.taken_by {
        Some(by) => Way::Wait(format!("drive {}, which has tape {label}, is used by execution {by}", holder.name)),
        None => Way::PutAway {
            drive: holder.id,
            library,
            why: format!("Tape {label} is in drive {}: the library brings it to drive {}.", holder.name, wanted.name),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drive(id: i32, library: Option<i32>, taken_by: Option<i32>) -> DriveFacts {
        DriveFacts { id, name: format!("D{id}"), library, taken_by, loaded: false, tape: None }
    }

    fn chosen(place: Place, drives: &[DriveFacts], named: Option<i32>) -> Result<Option<i32>> {
        let wish = Wish { tapes: &[7], later: &[], drive: named };
        Ok(match choose(("T", 7), place, drives, &wish, (&Taken::default(), &|_| false))? {
            Way::Take { drive, .. } | Way::PutAway { drive, .. } => Some(drive),
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
    fn the_robot_takes_a_tape_out_of_a_drive_that_is_not_to_be_used() {
        let drives = [drive(1, Some(1), None), drive(2, Some(1), None), drive(3, None, None)];
        let way = |named: Option<i32>, failed: &[i32], drives: &[DriveFacts]| {
            let wish = Wish { tapes: &[7], later: &[], drive: named };
            let failed = |drive: i32| failed.contains(&drive);
            choose(("T", 7), Place::Drive(1), drives, &wish, (&Taken::default(), &failed)).unwrap()
        };
        assert!(matches!(way(Some(2), &[], &drives), Way::PutAway { drive: 1, library: 1, .. }));
        assert!(matches!(way(None, &[1], &drives), Way::PutAway { drive: 1, library: 1, .. }));
        assert!(matches!(way(None, &[1, 2], &drives), Way::Take { drive: 1, .. }), "no other can have it");
        assert!(matches!(way(Some(3), &[], &drives), Way::Ask(..)), "that takes a person");
        let busy = [drive(1, Some(1), Some(9)), drive(2, Some(1), None)];
        assert!(matches!(way(Some(2), &[], &busy), Way::Wait(why) if why.contains("execution 9")));
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
        let wanted = choose(("T", 7), Place::Shelf, &[drive(1, None, None)], &wish, (&taken, &|_| false)).unwrap();
        assert!(matches!(wanted, Way::Wait(why) if why.contains("execution 3")));
    }
}
