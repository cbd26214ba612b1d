//! Tapes on hold, tapes near the end of their life, and pools without a tape that can be written.

use super::{Attention, Topic, Urgency};
use crate::Result;
use crate::db::tapes::Tape;
use crate::db::{Conn, TapeStatus, WriteOnce, events, jobs, pools, tapes};
use chrono::{Duration, NaiveDateTime};
use std::collections::BTreeMap;

/// TapeAlert flags about the life of the cartridge: 7 media life, 8 not data grade, 19 nearing media life.
const WORN: &[i32] = &[7, 8, 19];
/// What a drive said of a tape is remembered for so long.
const REMEMBERED: Duration = Duration::days(90);

/// What tapes and pools need.
pub fn look(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Attention>> {
    let tapes = tapes::all(conn)?;
    let mut all: Vec<Attention> = tapes.iter().filter_map(held).collect();
    let mut worn: BTreeMap<i32, events::Event> = BTreeMap::new();
    for event in events::titled(conn, &["TapeAlert"], now - REMEMBERED)? {
        if event.detail("flag").is_some_and(|flag| WORN.contains(&flag))
            && let Some(tape) = event.detail("tape_id")
        {
            worn.insert(tape, event);
        }
    }
    for tape in tapes.iter().filter(|tape| tape.status != TapeStatus::Retired) {
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
    let reason = tape.hold_reason.as_ref().filter(|_| tape.status != TapeStatus::Retired)?;
    let title = format!("Tape {} is on hold", tape.label);
    let item = Attention::new(Topic::TapeOnHold, Urgency::Warning, tape.id, title, reason);
    Some(of_tape(tape, item))
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
            tape.hold_reason.is_none()
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
