//! Chooses the tape and the drive for a backup. Pure: facts in, decision and reasons out.
//!
//! Order: a tape that is loaded in a free drive (at the end of a tape: hand-off), then one that the library can fetch, then
//! one that a person has to bring. Among equals: one that can be appended to, blank before expired, and the tape written
//! last before others of its kind, so that tapes fill one after the other. Every choice says why.

use super::refusals::{Refused, refusals};
use crate::db::{AllocationPolicy, TapeStatus, WriteOnce};

/// Where a tape is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Threaded in a drive.
    Drive(i32),
    /// In a slot of a library.
    Slot {
        /// The library.
        library: i32,
        /// Element address.
        slot: u16,
    },
    /// Nowhere that a machine can reach.
    Shelf,
}

/// A tape of the pool, with all that the choice depends on.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its row.
    pub id: i32,
    /// Its label.
    pub label: String,
    /// Its state.
    pub status: TapeStatus,
    /// It carries a label of ours.
    pub labelled: bool,
    /// It takes every block only once.
    pub write_once: bool,
    /// Why it may not be written, if so: `lost since …`, `on hold: …`, what on it is kept.
    pub hold: Option<String>,
    /// Native capacity, 0 if unknown.
    pub capacity_bytes: i64,
    /// Bytes on it.
    pub used_bytes: i64,
    /// When it was last written.
    pub last_written: Option<chrono::NaiveDateTime>,
    /// Where it is.
    pub place: Place,
    /// The execution that uses it.
    pub taken_by: Option<i32>,
}

/// A drive, with all that the choice depends on.
#[derive(Debug, Clone)]
pub struct DriveFacts {
    /// Its row.
    pub id: i32,
    /// Name for people.
    pub name: String,
    /// The library it sits in.
    pub library: Option<i32>,
    /// The execution that uses it.
    pub taken_by: Option<i32>,
    /// Holds a tape.
    pub loaded: bool,
    /// The known tape in it.
    pub tape: Option<i32>,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Write to this tape in this drive.
    Use {
        /// The tape.
        tape: i32,
        /// The drive.
        drive: i32,
        /// Why this one, in words.
        why: Vec<String>,
    },
    /// Something suitable exists but is in use; ask again later.
    Wait(String),
    /// A person has to bring this tape (or any blank one) to a drive.
    Fetch {
        /// The tape that would be used.
        tape: i32,
        /// Why, and what to do.
        what: String,
    },
    /// The pool has no tape that can be written; this is why, tape by tape.
    None(String),
    /// No drive can be used; this is why.
    NoDrive(String),
}

/// A tape that a run has filled, or found useless, and why: it is not chosen again.
pub type Spent = (i32, String);

/// Least free room, in bytes, for which a tape is worth loading.
pub const MIN_FREE: i64 = 1 << 20;

/// By what rules a pool chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Whether tapes are filled one after the other.
    pub policy: AllocationPolicy,
    /// Whether expired tapes are written again.
    pub reuse: Reuse,
    /// Whether it has write-once tapes.
    pub write_once: WriteOnce,
}

/// Whether a tape may be written, and if not why.
pub fn writable(tape: &Candidate, rules: Rules) -> Result<(), String> {
    match (rules.write_once, tape.write_once) {
        (WriteOnce::Require, false) => return Err("not write-once, and the pool takes no other".into()),
        (WriteOnce::Refuse, true) => return Err("write-once, which the pool does not take".into()),
        _ => {}
    }
    if let Some(hold) = &tape.hold {
        return Err(hold.clone());
    }
    if !tape.labelled {
        return Err("not labelled yet".into());
    }
    match tape.status {
        TapeStatus::Blank => Ok(()),
        TapeStatus::Active if rules.policy == AllocationPolicy::AlwaysNew => {
            Err("already written, and the pool starts a new tape every time".into())
        }
        TapeStatus::Active => {
            let free = tape.capacity_bytes - tape.used_bytes;
            if tape.capacity_bytes > 0 && free < MIN_FREE { Err("full".into()) } else { Ok(()) }
        }
        TapeStatus::Expired if tape.write_once => Err("write-once: it is never written anew".into()),
        TapeStatus::Expired if rules.reuse == Reuse::Allowed => Ok(()),
        TapeStatus::Expired => Err("expired, but the pool does not allow reuse".into()),
        TapeStatus::Full => Err("full".into()),
        TapeStatus::Retired => Err("retired".into()),
        TapeStatus::Exported => Err("exported; import it first".into()),
    }
}

/// Whether a run may go on with a tape, and if not why.
pub fn suitable(tape: &Candidate, rules: Rules, not: &[Spent]) -> Result<(), String> {
    match not.iter().find(|(id, _)| *id == tape.id) {
        Some((_, why)) => Err(why.clone()),
        None => writable(tape, rules),
    }
}

/// Whether expired tapes may be written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// Yes.
    Allowed,
    /// No.
    Forbidden,
}

fn rank(tape: &Candidate) -> (u8, u8, std::cmp::Reverse<Option<chrono::NaiveDateTime>>, i32) {
    let place = match tape.place {
        Place::Drive(_) => 0,
        Place::Slot { .. } => 1,
        Place::Shelf => 2,
    };
    let state = match tape.status {
        TapeStatus::Active => 0,
        TapeStatus::Blank => 1,
        _ => 2,
    };
    (place, state, std::cmp::Reverse(tape.last_written), tape.id)
}

/// Chooses among the tapes of a pool. `only` restricts the choice to one tape that a person named, and `not` leaves out
/// tapes that this run has filled already, or found useless.
pub fn choose(
    pool: &str,
    tapes: &[Candidate],
    drives: &[DriveFacts],
    rules: Rules,
    only: Option<i32>,
    not: &[Spent],
) -> Choice {
    let mut refused = Vec::new();
    let mut good: Vec<&Candidate> = Vec::new();
    for tape in tapes.iter().filter(|tape| only.is_none_or(|id| id == tape.id)) {
        // naming a tape overrides the pool's wish for new ones, nothing else
        let policy = if only.is_some() { AllocationPolicy::Continue } else { rules.policy };
        match suitable(tape, Rules { policy, ..rules }, not) {
            Ok(()) => good.push(tape),
            Err(reason) => refused.push((tape.label.as_str(), reason)),
        }
    }
    if drives.is_empty() {
        return Choice::NoDrive("no drive is enabled; add one, or enable it".into());
    }
    if good.is_empty() {
        return Choice::None(match refused.is_empty() {
            true => format!("pool {pool} has no tape; add and label one"),
            false => format!("no tape of pool {pool} can be written ({})", refusals(&refused)),
        });
    }
    good.sort_by_key(|tape| rank(tape));
    let mut busy = Vec::new();
    for tape in &good {
        if let Some(execution) = tape.taken_by {
            busy.push(format!("tape {} is used by execution {execution}", tape.label));
            continue;
        }
        let fits = |drive: &&DriveFacts| match tape.place {
            Place::Drive(id) => drive.id == id,
            Place::Slot { library, .. } => drive.library == Some(library),
            Place::Shelf => false,
        };
        let mut possible: Vec<&DriveFacts> = drives.iter().filter(fits).collect();
        possible.sort_by_key(|drive| (drive.loaded, drive.id));
        for drive in &possible {
            if let Some(execution) = drive.taken_by {
                busy.push(format!("drive {} is used by execution {execution}", drive.name));
            }
        }
        if let Some(drive) = possible.iter().find(|drive| drive.taken_by.is_none()) {
            return Choice::Use { tape: tape.id, drive: drive.id, why: reasons(tape, drive, only.is_some(), &refused) };
        }
    }
    if !busy.is_empty() {
        busy.dedup();
        return Choice::Wait(busy.join("; "));
    }
    let tape = good[0];
    Choice::Fetch { tape: tape.id, what: format!("tape {} is in no drive and no library; insert it", tape.label) }
}

fn reasons(tape: &Candidate, drive: &DriveFacts, named: bool, refused: &[Refused]) -> Vec<String> {
    let mut why = Vec::new();
    if named {
        why.push(format!("Tape {} was named for this run.", tape.label));
    }
    why.push(match (tape.place, tape.status) {
        (Place::Drive(_), TapeStatus::Active) => format!(
            "Tape {} is already in drive {} and has room: appending to it needs no tape change.",
            tape.label, drive.name
        ),
        (Place::Drive(_), _) => format!("Tape {} is already in drive {} and empty.", tape.label, drive.name),
        (_, TapeStatus::Active) => format!(
            "No loaded tape of the pool can be appended to; tape {} has room, and the library can load it into drive {}.",
            tape.label, drive.name
        ),
        (_, TapeStatus::Blank) => format!(
            "No written tape of the pool can take more; blank tape {} is next, and the library can load it into drive {}.",
            tape.label, drive.name
        ),
        (_, _) => format!("Everything on tape {} has expired, and the pool allows reuse.", tape.label),
    });
    if !refused.is_empty() {
        why.push(format!("Not used: {}.", refusals(refused)));
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tape(id: i32, status: TapeStatus, place: Place) -> Candidate {
        Candidate {
            id,
            label: format!("T{id}"),
            status,
            labelled: true,
            write_once: false,
            hold: None,
            capacity_bytes: 100 << 20,
            used_bytes: 0,
            last_written: None,
            place,
            taken_by: None,
        }
    }

    fn drive(id: i32, taken_by: Option<i32>) -> DriveFacts {
        DriveFacts { id, name: format!("D{id}"), library: Some(1), taken_by, loaded: false, tape: None }
    }

    const SLOT: Place = Place::Slot { library: 1, slot: 1000 };

    const RULES: Rules =
        Rules { policy: AllocationPolicy::Continue, reuse: Reuse::Forbidden, write_once: WriteOnce::Allow };

    fn pick(tapes: &[Candidate], drives: &[DriveFacts]) -> Choice {
        choose("P", tapes, drives, RULES, None, &[])
    }

    #[test]
    fn the_loaded_appendable_tape_wins() {
        let tapes = [
            tape(1, TapeStatus::Blank, Place::Drive(1)),
            tape(2, TapeStatus::Active, Place::Drive(2)),
            tape(3, TapeStatus::Active, SLOT),
        ];
        let Choice::Use { tape, drive, why } = pick(&tapes, &[drive(1, None), drive(2, None)]) else { panic!() };
        assert_eq!((tape, drive), (2, 2));
        assert!(why[0].contains("already in drive D2"), "{why:?}");
    }

    #[test]
    fn a_second_job_takes_the_second_drive_and_another_tape() {
        let mut tapes = [
            tape(1, TapeStatus::Active, Place::Drive(1)),
            tape(2, TapeStatus::Blank, SLOT),
            tape(3, TapeStatus::Blank, SLOT),
        ];
        tapes[0].taken_by = Some(9);
        let Choice::Use { tape, drive, .. } = pick(&tapes, &[drive(1, Some(9)), drive(2, None)]) else { panic!() };
        assert_eq!((tape, drive), (2, 2));
    }

    #[test]
    fn when_all_drives_are_busy_it_waits_and_says_for_whom() {
        let tapes = [tape(1, TapeStatus::Blank, SLOT)];
        assert_eq!(pick(&tapes, &[drive(1, Some(9))]), Choice::Wait("drive D1 is used by execution 9".into()));
    }

    #[test]
    fn a_pool_without_a_usable_tape_says_what_is_wrong_with_each() {
        let mut held = tape(1, TapeStatus::Active, SLOT);
        held.hold = Some("on hold: written elsewhere".into());
        let tapes = [held, tape(2, TapeStatus::Full, SLOT), tape(3, TapeStatus::Expired, SLOT)];
        let Choice::None(why) = pick(&tapes, &[drive(1, None)]) else { panic!() };
        for part in ["T1: on hold: written elsewhere", "T2: full", "T3: expired"] {
            assert!(why.contains(part), "{why}");
        }
    }

    #[test]
    fn always_new_never_appends_unless_a_person_names_the_tape() {
        let tapes = [tape(1, TapeStatus::Active, Place::Drive(1)), tape(2, TapeStatus::Blank, SLOT)];
        let drives = [drive(1, None)];
        let rules = Rules { policy: AllocationPolicy::AlwaysNew, ..RULES };
        let new = choose("P", &tapes, &drives, rules, None, &[]);
        assert!(matches!(new, Choice::Use { tape: 2, .. }), "{new:?}");
        let named = choose("P", &tapes, &drives, rules, Some(1), &[]);
        assert!(matches!(named, Choice::Use { tape: 1, .. }), "{named:?}");
    }

    #[test]
    fn at_the_end_of_a_tape_it_is_another_drive_then_the_library_then_a_person() {
        let full = vec![(1, "filled by this run".to_string())];
        let filled = tape(1, TapeStatus::Full, Place::Drive(1));
        let (loaded, fetched) = (tape(2, TapeStatus::Blank, Place::Drive(2)), tape(3, TapeStatus::Active, SLOT));
        let shelf = tape(4, TapeStatus::Active, Place::Shelf);
        let drives = [DriveFacts { loaded: true, ..drive(1, None) }, DriveFacts { loaded: true, ..drive(2, None) }];
        let next = |tapes: &[Candidate], drives: &[DriveFacts]| choose("P", tapes, drives, RULES, None, &full);
        let all = [shelf.clone(), fetched.clone(), loaded.clone(), filled.clone()];
        assert!(matches!(next(&all, &drives), Choice::Use { tape: 2, drive: 2, .. }), "hand-off");
        // the other drive is at work: the robot changes the tape in this one
        let busy = [drives[0].clone(), DriveFacts { taken_by: Some(9), ..drives[1].clone() }];
        assert!(matches!(next(&all, &busy), Choice::Use { tape: 3, drive: 1, .. }), "the library");
        // an empty drive of the library is ready sooner than one that has to be emptied
        let empty = [drives[0].clone(), drive(2, None)];
        let without = [shelf.clone(), fetched, filled.clone()];
        assert!(matches!(next(&without, &empty), Choice::Use { tape: 3, drive: 2, .. }));
        assert!(matches!(next(&[shelf, filled.clone()], &drives), Choice::Fetch { tape: 4, .. }), "a person");
        let Choice::None(why) = next(&[filled], &drives) else { panic!() };
        assert!(why.contains("T1: filled by this run"), "{why}");
    }

    #[test]
    fn without_a_drive_nobody_is_asked_for_a_tape() {
        assert!(matches!(pick(&[tape(1, TapeStatus::Blank, Place::Shelf)], &[]), Choice::NoDrive(_)));
        assert!(matches!(pick(&[], &[]), Choice::NoDrive(_)));
    }

    #[test]
    fn a_tape_on_the_shelf_is_asked_for() {
        let tapes = [tape(1, TapeStatus::Blank, Place::Shelf)];
        assert!(matches!(pick(&tapes, &[drive(1, None)]), Choice::Fetch { tape: 1, .. }));
    }

    #[test]
    fn expired_tapes_are_used_last_and_only_if_the_pool_allows() {
        let tapes = [tape(1, TapeStatus::Expired, SLOT), tape(2, TapeStatus::Blank, SLOT)];
        let drives = [drive(1, None)];
        let rules = Rules { reuse: Reuse::Allowed, ..RULES };
        assert!(matches!(choose("P", &tapes, &drives, rules, None, &[]), Choice::Use { tape: 2, .. }));
        assert!(matches!(choose("P", &tapes[..1], &drives, rules, None, &[]), Choice::Use { tape: 1, .. }));
    }

    #[test]
    fn write_once_tapes_are_taken_as_the_pool_wants_and_never_anew() {
        let once = |id, status| Candidate { write_once: true, ..tape(id, status, SLOT) };
        let tapes = [once(1, TapeStatus::Active), tape(2, TapeStatus::Active, SLOT), once(3, TapeStatus::Expired)];
        let may = |rule, tape: &Candidate| {
            writable(tape, Rules { reuse: Reuse::Allowed, write_once: rule, ..RULES }).err().unwrap_or_default()
        };
        for (rule, first, second) in [
            (WriteOnce::Allow, "", ""),
            (WriteOnce::Require, "", "not write-once, and the pool takes no other"),
            (WriteOnce::Refuse, "write-once, which the pool does not take", ""),
        ] {
            assert_eq!((may(rule, &tapes[0]).as_str(), may(rule, &tapes[1]).as_str()), (first, second), "{rule}");
        }
        assert_eq!(may(WriteOnce::Allow, &tapes[2]), "write-once: it is never written anew");
    }
}
