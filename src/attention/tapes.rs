//! Tapes on hold, tapes near the end of their life or that have expired, and pools without a tape that can be written.

use super::{Attention, Topic, Urgency};
use crate::Result;
use crate::db::tapes::Tape;
use crate::db::whereabouts::{Inventory, PlaceKind};
use crate::db::{Conn, TapeStatus, events, jobs, pools, tape_care, tapes};
use crate::media::wear::{self, Condition, Limits, Worn};
use chrono::{Duration, NaiveDateTime};
use std::collections::BTreeMap;

/// Title of the events that a tape is old.
const MEDIA_WEAR: &str = "Media Wear";
/// Titles of the events with which drives warn of a tape.
const ALERTS: &[&str] = &["TapeAlert", MEDIA_WEAR];
/// What a drive said of a tape is remembered for so long.
const REMEMBERED: Duration = Duration::days(90);

/// Tapes of one kind that are listed one by one; of the others it is told how many there are.
const MOST_LISTED: usize = 20;

/// What tapes and pools need.
pub fn look(conn: &mut Conn, limits: Limits, now: NaiveDateTime) -> Result<Vec<Attention>> {
    let mut all = first_few(tape_care::held(conn)?.iter().filter_map(held).collect(), "are on hold");
    let inventory = Inventory::read(conn)?;
    all.extend(tape_care::lost(conn)?.iter().filter_map(|tape| found(&inventory, tape)));
    let (failing, worn) = worn(conn, limits, now)?.into_iter().partition(|item| item.topic == Topic::FailingTape);
    all.extend(first_few(failing, "lose data"));
    all.extend(first_few(worn, "are worn"));
    all.extend(expired(conn)?);
    all.extend(full_pools(conn)?);
    Ok(all)
}

/// Thousands of lines help nobody: the first, and how many more there are.
fn first_few(mut items: Vec<Attention>, what: &str) -> Vec<Attention> {
    let Some(more) = items.len().checked_sub(MOST_LISTED + 1).map(|more| more + 1) else { return items };
    items.truncate(MOST_LISTED);
    if let Some(topic) = items.first().map(|item| item.topic) {
        let about = format!("The first {MOST_LISTED} are listed here. The coverage shows which of them hold data.");
        let item = Attention::new(topic, Urgency::Warning, 0, format!("{more} more tapes {what}"), about);
        items.push(item.at("/coverage".into(), "Open coverage"));
    }
    items
}

/// Tapes near the end of their life, by what drives counted and by what they warned of.
fn worn(conn: &mut Conn, limits: Limits, now: NaiveDateTime) -> Result<Vec<Attention>> {
    let mut warned: BTreeMap<i32, events::Event> = BTreeMap::new();
    for event in events::titled(conn, ALERTS, now - REMEMBERED)? {
        let flag = event.detail("flag").and_then(|flag| u8::try_from(flag).ok());
        let says_so = event.title == MEDIA_WEAR || flag.is_some_and(|flag| wear::WORN_FLAGS.contains(&flag));
        if says_so && let Some(tape) = event.detail("tape_id") {
            warned.insert(tape, event);
        }
    }
    let used = |tape: &Tape| tape.status != TapeStatus::Retired && tape.lost_at.is_none();
    let mut all = Vec::new();
    for Worn { tape, wear } in wear::worn(conn, limits, now)?.into_iter().filter(|worn| used(&worn.tape)) {
        let since = warned.remove(&tape.id).map(|event| event.created_at).or(wear.counted_at);
        let topic = if wear.condition == Condition::Failing { Topic::FailingTape } else { Topic::WornTape };
        all.push(wears_out(&tape, topic, &wear.reasons.join(" "), since));
    }
    let ids: Vec<i32> = warned.keys().copied().collect();
    for tape in tapes::these(conn, &ids)?.iter().filter(|tape| used(tape)) {
        if let Some(event) = warned.get(&tape.id) {
            all.push(wears_out(tape, Topic::WornTape, &event.message, Some(event.created_at)));
        }
    }
    Ok(all)
}

fn wears_out(tape: &Tape, topic: Topic, why: &str, since: Option<NaiveDateTime>) -> Attention {
    let is = if topic == Topic::FailingTape { "loses data" } else { "is worn" };
    let about = format!("{why} Copy what is on it to another tape, then retire it.");
    let item = Attention::new(topic, Urgency::Warning, tape.id, format!("Tape {} {is}", tape.label), about);
    of_tape(tape, item.since(since))
}

/// Tapes on which everything has expired, and whose pool does not let them be written anew: by pool.
fn expired(conn: &mut Conn) -> Result<Vec<Attention>> {
    const SHOWN: i64 = 5;
    let mut all = Vec::new();
    for (id, number) in tape_care::expired(conn)? {
        let pool = pools::find(conn, id)?;
        if pool.allow_reuse != 0 {
            continue;
        }
        let labels = tape_care::expired_of(conn, id, SHOWN)?;
        let shown = labels.join(", ");
        let title = match number {
            1 => format!("Tape {shown} of pool {} has expired", pool.name),
            many => format!("{many} tapes of pool {} have expired", pool.name),
        };
        let more = if number > SHOWN { " …" } else { "" };
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
fn found(inventory: &Inventory, tape: &Tape) -> Option<Attention> {
    let place = inventory.of(tape);
    if !matches!(place.kind, PlaceKind::Drive | PlaceKind::Slot) {
        return None;
    }
    let title = format!("Tape {} was lost and is there", tape.label);
    let about = format!("It is {}. Say that it was found, and what is on it counts again.", place.text);
    let item = Attention::new(Topic::TapeOnHold, Urgency::Warning, tape.id, title, about);
    Some(of_tape(tape, item))
}

/// Pools to which an enabled job writes, and that have no tape left for it.
fn full_pools(conn: &mut Conn) -> Result<Vec<Attention>> {
    let mut used: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for job in jobs::list(conn)?.into_iter().filter(|job| job.job.enabled) {
        used.entry(job.job.pool_id).or_default().push(job.job.name);
    }
    let mut all = Vec::new();
    for (id, names) in used {
        let pool = pools::find(conn, id)?;
        if tape_care::has_writable(conn, &pool)? {
            continue;
        }
        let title = format!("Pool {} has no tape that can be written", pool.name);
        let jobs = some_of(&names);
        let about = format!("{jobs} will ask for one. Label new tapes for the pool, or bring one back.");
        let mut item =
            Attention::new(Topic::PoolFull, Urgency::Warning, id, title, about).at(format!("/pools/{id}"), "Open pool");
        item.pool_id = Some(id);
        all.push(item);
    }
    Ok(all)
}

/// The first few names, and how many more there are.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
