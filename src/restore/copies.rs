//! Which of several sets with the same content is read: the set itself, or a copy of it on other tapes.

use crate::Result;
use crate::db::{self, Conn, TapeStatus, copies};
use crate::media::choose::Place;
use crate::media::lifecycle;

/// How hard it is to read a tape; smaller is easier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effort {
    /// It is in a drive or in a library.
    Loadable,
    /// The same, but it may be damaged: it is on hold or retired.
    Doubtful,
    /// A person has to bring it.
    Shelf,
    /// It is out of the house.
    Exported,
    /// It is lost.
    Lost,
}

fn effort(status: TapeStatus, held: bool, place: Place) -> Effort {
    match (status, place) {
        (TapeStatus::Exported, _) => Effort::Exported,
        (_, Place::Shelf) => Effort::Shelf,
        (TapeStatus::Retired, _) => Effort::Doubtful,
        _ if held => Effort::Doubtful,
        _ => Effort::Loadable,
    }
}

/// The tape of a set that is the hardest to read, and how hard.
fn of_set(conn: &mut Conn, set_id: i32) -> Result<(Effort, String)> {
    let mut worst = (Effort::Loadable, String::new());
    for part in db::set_parts::of_set(conn, set_id)? {
        let tape = db::tapes::find(conn, part.tape_id)?;
        let place = lifecycle::place(conn, &tape)?;
        let effort = match tape.lost_at {
            Some(_) => Effort::Lost,
            None => effort(tape.status, tape.hold_reason.is_some(), place),
        };
        if worst.1.is_empty() || effort > worst.0 {
            let why = match (effort, tape.hold_reason) {
                (Effort::Loadable, _) => "is at hand".into(),
                (Effort::Doubtful, Some(reason)) => format!("is on hold ({reason})"),
                (Effort::Doubtful, None) => "is retired".into(),
                (Effort::Shelf, _) => "is in no drive and in no library".into(),
                (Effort::Exported, _) => "is exported".into(),
                (Effort::Lost, _) => "is lost".into(),
            };
            worst = (effort, format!("tape {} {why}", tape.label));
        }
    }
    Ok(worst)
}

/// The sets of a chain, each replaced by a copy that is easier to read if there is one; and why, in words.
pub fn best(conn: &mut Conn, chain: &[i32]) -> Result<(Vec<i32>, Vec<String>)> {
    let (mut best, mut why) = (Vec::with_capacity(chain.len()), Vec::new());
    for id in chain {
        let (own, reason) = of_set(conn, *id)?;
        let other = match own {
            Effort::Loadable => None,
            _ => easiest(conn, *id, &[*id])?.filter(|(_, (effort, _))| *effort < own),
        };
        best.push(match other {
            None => *id,
            Some((other, (_, its))) => {
                why.push(format!(
                    "Backup set {other} is read instead of set {id}, which has the same content: {reason}; {its}."
                ));
                other
            }
        });
    }
    Ok((best, why))
}

/// The same chain with the next best set for each, where there is one that was not tried; none if there is no other.
pub fn next(conn: &mut Conn, chain: &[i32], tried: &[i32]) -> Result<Option<Vec<i32>>> {
    let mut next = Vec::with_capacity(chain.len());
    for id in chain {
        next.push(easiest(conn, *id, tried)?.map_or(*id, |(other, _)| other));
    }
    Ok(Some(next).filter(|next| next != chain))
}

/// The easiest set with the same content besides those in `not`; the original before copies that are as easy.
fn easiest(conn: &mut Conn, set_id: i32, not: &[i32]) -> Result<Option<(i32, (Effort, String))>> {
    let set = db::sets::find(conn, set_id)?;
    let mut found: Option<(i32, (Effort, String))> = None;
    for other in copies::family(conn, &set)?.into_iter().filter(|other| !not.contains(other)) {
        let its = of_set(conn, other)?;
        if found.as_ref().is_none_or(|(_, (effort, _))| its.0 < *effort) {
            found = Some((other, its));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_loaded_comes_before_what_has_to_be_brought() {
        const SLOT: Place = Place::Slot { library: 1, slot: 5 };
        let efforts = [
            effort(TapeStatus::Active, false, SLOT),
            effort(TapeStatus::Full, true, Place::Drive(1)),
            effort(TapeStatus::Full, false, Place::Shelf),
            effort(TapeStatus::Exported, false, SLOT),
        ];
        assert!(efforts.is_sorted_by(|one, next| one < next), "{efforts:?}");
        assert_eq!(effort(TapeStatus::Retired, false, SLOT), Effort::Doubtful);
    }
}
