//! Tapes on hold, tapes near the end of their life or that have expired, and pools without a tape that can be written.

use super::{Attention, Topic, Urgency};
use crate::Result;
use crate::db::tapes::Tape;
use crate::db::whereabouts::{self, PlaceKind};
use crate::db::{Conn, TapeStatus, WriteOnce, events, jobs, pools, tapes};
use crate::media::wear::{self, Condition};
use chrono::{Duration, NaiveDateTime};
use std::collections::BTreeMap;

/// Title of the events that a tape is old.
const MEDIA_WEAR: &str = "Media Wear";
/// Titles of the events with which drives warn of a tape.
const ALERTS: &[&str] = &["TapeAlert", MEDIA_WEAR];
/// What a drive said of a tape is remembered for so long.
const REMEMBERED: Duration = Duration::days(90);

/// What tapes and pools need.
pub fn look(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Attention>> {
    let tapes = tapes::all(conn)?;
    let mut all: Vec<Attention> = tapes.iter().filter_map(held).collect();
    for tape in tapes.iter().filter(|tape| tape.lost_at.is_some()) {
        all.extend(found(conn, tape)?);
    }
    all.extend(worn(conn, &tapes, now)?);
    all.extend(expired(conn, &tapes)?);
    all.extend(full_pools(conn, &tapes)?);
    Ok(all)
}

/// Tapes near the end of their life, by what drives counted and by what they warned of.
fn worn(conn: &mut Conn, tapes: &[Tape], now: NaiveDateTime) -> Result<Vec<Attention>> {
    let mut warned: BTreeMap<i32, events::Event> = BTreeMap::new();
    for event in events::titled(conn, ALERTS, now - REMEMBERED)? {
        let flag = event.detail("flag").and_then(|flag| u8::try_from(flag).ok());
        let says_so = event.title == MEDIA_WEAR || flag.is_some_and(|flag| wear::WORN_FLAGS.contains(&flag));
        if says_so && let Some(tape) = event.detail("tape_id") {
            warned.insert(tape, event);
        }
    }
    let used: Vec<&Tape> =
        tapes.iter().filter(|tape| tape.status != TapeStatus::Retired && tape.lost_at.is_none()).collect();
    let counted = wear::of_tapes(conn, used.iter().copied(), now)?;
    let mut all = Vec::new();
    for tape in used {
        let wear = counted.get(&tape.id);
        let condition = wear.map_or(Condition::Unknown, |wear| wear.condition);
        let told = wear.map(|wear| wear.reasons.join(" ")).filter(|reasons| !reasons.is_empty());
        let event = warned.get(&tape.id);
        let Some(why) = told.or_else(|| event.map(|event| event.message.clone())) else { continue };
        let (topic, is) = match condition {
            Condition::Failing => (Topic::FailingTape, "loses data"),
            _ => (Topic::WornTape, "is worn"),
        };
        let about = format!("{why} Copy what is on it to another tape, then retire it.");
        let since = event.map(|event| event.created_at).or(wear.and_then(|wear| wear.counted_at));
        let item = Attention::new(topic, Urgency::Warning, tape.id, format!("Tape {} {is}", tape.label), about);
        all.push(of_tape(tape, item.since(since)));
    }
    Ok(all)
}

/// Tapes on which everything has expired, and whose pool does not let them be written anew: by pool.
fn expired(conn: &mut Conn, tapes: &[Tape]) -> Result<Vec<Attention>> {
    let mut expired: BTreeMap<i32, Vec<&str>> = BTreeMap::new();
    for tape in tapes.iter().filter(|tape| tape.status == TapeStatus::Expired && tape.hold_reason.is_none()) {
        if let Some(pool) = tape.pool_id {
            expired.entry(pool).or_default().push(&tape.label);
        }
    }
    let mut all = Vec::new();
    for (id, labels) in expired {
        let pool = pools::find(conn, id)?;
        if pool.allow_reuse != 0 {
            continue;
        }
        let title = match labels.len() {
            1 => format!("Tape {} of pool {} has expired", labels[0], pool.name),
            many => format!("{many} tapes of pool {} have expired", pool.name),
        };
        let more = if labels.len() > 5 { " …" } else { "" };
        let shown = labels.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        let about = format!(
            "{shown}{more}: nothing on them is kept any more, and the pool does not let runs write them anew. Format \
             those that are to be used again."
        );
        let item = Attention::new(Topic::ExpiredTapes, Urgency::Info, id, title, about);
        let mut item = item.at(format!("/tapes?pool={id}&status=expired"), "Show tapes");
        item.pool_id = Some(id);
        all.push(item);
    }
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
                    TapeStatus::Expired => pool.allow_reuse != 0 && !tape.write_once,
                    _ => false,
                }
                && match pool.write_once {
                    WriteOnce::Allow => true,
                    WriteOnce::Require => tape.write_once,
                    WriteOnce::Refuse => !tape.write_once,
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
