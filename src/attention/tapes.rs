//! Tapes on hold, tapes near the end of their life, and pools without a tape that can be written.

use super::{Attention, Topic, Urgency};
use crate::Result;
use crate::db::tapes::Tape;
use crate::db::whereabouts::{self, PlaceKind};
use crate::db::{Conn, TapeStatus, events, jobs, pools, tapes};
use chrono::{Duration, NaiveDateTime};
use std::collections::BTreeMap;

/// TapeAlert flags about the life of the cartridge: 7 media life, 8 not data grade, 19 nearing media life. Some of them, and
/// figures of the cartridge, are told of as `Media Wear`.
const WORN: &[i32] = &[7, 8, 19];
/// What a drive said of a tape is remembered for so long.
const REMEMBERED: Duration = Duration::days(90);

/// What tapes and pools need.
pub fn look(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Attention>> {
    let tapes = tapes::all(conn)?;
    let mut all: Vec<Attention> = tapes.iter().filter_map(held).collect();
    for tape in tapes.iter().filter(|tape| tape.lost_at.is_some()) {
        all.extend(found(conn, tape)?);
    }
    let mut worn: BTreeMap<i32, events::Event> = BTreeMap::new();
    for event in events::titled(conn, &["TapeAlert", "Media Wear"], now - REMEMBERED)? {
        let says_so = event.title == "Media Wear" || event.detail("flag").is_some_and(|flag| WORN.contains(&flag));
        if says_so && let Some(tape) = event.detail("tape_id") {
            worn.insert(tape, event);
        }
    }
    for tape in tapes.iter().filter(|tape| tape.status != TapeStatus::Retired && tape.lost_at.is_none()) {
        if let Some(event) = worn.get(&tape.id) {
            let title = format!("Tape {} is worn", tape.label);
            let about = format!("{} Copy what is on it to another tape, then retire it.", event.message);
            let item = Attention::new(Topic::WornTape, Urgency::Warning, tape.id, title, about).since(event.created_at);
            all.push(of_tape(tape, item));
        }
    }
    all.extend(full_pools(conn, &tapes)?);
    Ok(all)
}

fn of_tape(tape: &Tape, item: Attention) -> Attention {
    let mut item = item.at(format!("/tapes/{}", tape.id), "Look");
    item.tape_id = Some(tape.id);
    item
}

fn held(tape: &Tape) -> Option<Attention> {
    let reason = tape.hold_reason.as_ref().filter(|_| tape.status != TapeStatus::Retired && tape.lost_at.is_none())?;
    let title = format!("Tape {} is on hold", tape.label);
    let item = Attention::new(Topic::TapeOnHold, Urgency::Warning, tape.id, title, reason);
    Some(of_tape(tape, item))
}

/// A tape that was given up is in a drive or a library.
fn found(conn: &mut Conn, tape: &Tape) -> Result<Option<Attention>> {
    let place = whereabouts::of(conn, tape)?;
    if !matches!(place.kind, PlaceKind::Drive | PlaceKind::Slot) {
        return Ok(None);
    }
    let title = format!("Tape {} was lost and is there", tape.label);
    let about = format!("It is {}. Say that it was found, and what is on it counts again.", place.text);
    let item = Attention::new(Topic::TapeOnHold, Urgency::Warning, tape.id, title, about);
    Ok(Some(of_tape(tape, item)))
}

/// Pools to which an enabled job writes, and that have no tape left for it.
fn full_pools(conn: &mut Conn, tapes: &[Tape]) -> Result<Vec<Attention>> {
    let mut used: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for job in jobs::list(conn)?.into_iter().filter(|job| job.job.enabled) {
        used.entry(job.job.pool_id).or_default().push(job.job.name);
    }
    let mut all = Vec::new();
    for (id, names) in used {
        let pool = pools::find(conn, id)?;
        let writable = |tape: &&Tape| {
            tape.blocked().is_none()
                && match tape.status {
                    TapeStatus::Blank | TapeStatus::Active => true,
                    TapeStatus::Expired => pool.allow_reuse != 0,
                    _ => false,
                }
        };
        if tapes.iter().filter(|tape| tape.pool_id == Some(id)).any(|tape| writable(&tape)) {
            continue;
        }
        let title = format!("Pool {} has no tape that can be written", pool.name);
        let jobs = names.join(", ");
        let about = format!("{jobs} will ask for one. Label new tapes for the pool, or bring one back.");
        let mut item =
            Attention::new(Topic::PoolFull, Urgency::Warning, id, title, about).at(format!("/pools/{id}"), "Open pool");
        item.pool_id = Some(id);
        all.push(item);
    }
    Ok(all)
}
