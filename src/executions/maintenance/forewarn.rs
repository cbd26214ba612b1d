//! Tells ahead of what nears its end: tapes that are worn or old, tapes and sets that expire, API keys that will not be
//! taken any more. Each is told once for as long as it lasts; what is over and comes again is told again.

use crate::Result;
use crate::config::Maintenance;
use crate::db::tape_briefs::TapeBrief;
use crate::db::tape_health::{self, Life};
use crate::db::tapes::Tape;
use crate::db::{self, Conn, SetStatus, TapeStatus, forewarnings};
use crate::events::{Category, Event};
use crate::executions::Context;
use crate::media::retention::Evaluation;
use crate::media::retention::tapes::Outlook;
use crate::media::wear::{self, Limits, Passed};
use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// How many sets are named in one event.
const NAMED: usize = 10;
/// How long it waits until its events are on disk.
const PATIENCE: Duration = Duration::from_secs(20);

/// Something that nears its end.
struct Warning {
    /// Stays the same for as long as it lasts.
    subjects: Vec<String>,
    event: Event,
}

/// Looks, and tells what is new.
pub fn run(context: &Context) -> Result<Value> {
    context.phase("forewarning", "Looking at what nears its end.")?;
    let known = forewarnings::told(&mut *context.conn()?)?;
    let (subjects, warnings) = look(&mut *context.conn()?, &context.services.config.maintenance, &known, db::now())?;
    let told: Vec<String> = warnings.iter().map(|warning| warning.event.message.clone()).collect();
    for warning in warnings {
        context.log(&warning.event.message);
        context.services.bus.publish(warning.event);
    }
    // it counts as told when it is on disk: rather twice than never
    if context.services.bus.flush(PATIENCE) {
        forewarnings::replace(&mut *context.conn()?, &subjects)?;
    }
    Ok(json!({"told": told, "near_their_end": subjects.len()}))
}

/// Everything that nears its end, and of it what is not `known` yet.
fn look(
    conn: &mut Conn,
    config: &Maintenance,
    known: &HashSet<String>,
    now: NaiveDateTime,
) -> Result<(HashSet<String>, Vec<Warning>)> {
    let here = |tape: &Tape| tape.status != TapeStatus::Retired && tape.lost_at.is_none();
    let tapes: Vec<Tape> = db::tapes::all(conn)?.into_iter().filter(here).collect();
    let mut all = worn(conn, &tapes, config, now)?;
    all.extend(expiring_keys(conn, config, now)?);
    all.extend(expiring_encryption_keys(conn, config, now)?);
    let evaluation = Evaluation::read(conn, now)?;
    all.extend(expiring_tapes(conn, &tapes, &evaluation, config, now)?);
    let sets = expiring_sets(&evaluation, config, now);

    let mut subjects: HashSet<String> = all.iter().flat_map(|warning| warning.subjects.clone()).collect();
    all.retain(|warning| warning.subjects.iter().any(|subject| !known.contains(subject)));
    subjects.extend(sets.iter().map(|set| set.subject.clone()));
    let new: Vec<&Expiring> = sets.iter().filter(|set| !known.contains(&set.subject)).collect();
    all.extend(told_together(&new));
    Ok((subjects, all))
}

/// Tapes whose cartridge was used or has lain longer than the settings say. Zero: that does not matter.
fn worn(conn: &mut Conn, tapes: &[Tape], config: &Maintenance, now: NaiveDateTime) -> Result<Vec<Warning>> {
    let used: BTreeMap<i32, Life> = tape_health::lives(conn)?.into_iter().collect();
    let mut all = Vec::new();
    for tape in tapes {
        let mut reasons: Vec<(&str, String)> = Vec::new();
        if let Some(life) = used.get(&tape.id) {
            reasons.extend(wear::passed(tape, life, Limits::from(config)).into_iter().map(|limit| match limit {
                Passed::Loads(loads) => ("mounts", format!("was loaded {loads} times")),
                Passed::FullWrites(writes) => ("fills", format!("was written full {writes} times over")),
            }));
        }
        let years = (now - tape.labeled_at.unwrap_or(tape.created_at)).num_days() / 365;
        if config.warn_years > 0 && years >= i64::from(config.warn_years) {
            reasons.push(("years", format!("is {years} years old")));
        }
        for (what, reason) in reasons {
            let message = format!(
                "Tape {} {reason}. Copy what is on it to another tape before it fails, then retire it.",
                tape.label
            );
            let details = json!({"tape_id": tape.id, "pool_id": tape.pool_id, "wear": what});
            all.push(Warning {
                subjects: vec![format!("tape:{}:{what}", tape.id)],
                event: Event::warning(Category::Tape, "Media Wear", message).details(details),
            });
        }
    }
    Ok(all)
}

fn soon(until: Option<NaiveDateTime>, days: u32, now: NaiveDateTime) -> Option<NaiveDateTime> {
    until.filter(|until| days > 0 && *until > now && *until <= now + TimeDelta::days(i64::from(days)))
}

fn day(time: NaiveDateTime) -> String {
    time.format("%Y-%m-%d").to_string()
}

fn expiring_keys(conn: &mut Conn, config: &Maintenance, now: NaiveDateTime) -> Result<Vec<Warning>> {
    let mut all = Vec::new();
    for key in db::api_keys::list(conn)? {
        let Some(until) = soon(key.expires_at, config.warn_api_key_days, now) else { continue };
        let message = format!(
            "The API key \"{}\" ({}…) is not taken any more after {}. Make a new one for whatever uses it.",
            key.name,
            key.key_prefix,
            day(until)
        );
        all.push(Warning {
            subjects: vec![format!("api_key:{}:{}", key.id, day(until))],
            event: Event::warning(Category::System, "API Key Expiring", message)
                .details(json!({"api_key_id": key.id, "expires_at": db::time::to_rfc3339(&until)})),
        });
    }
    Ok(all)
}

/// Encryption keys that expire, and that nothing replaces by itself.
fn expiring_encryption_keys(conn: &mut Conn, config: &Maintenance, now: NaiveDateTime) -> Result<Vec<Warning>> {
    let mut all = Vec::new();
    for key in db::encryption_keys::list(conn)? {
        let stays = key.retired_at.is_none() && key.rotate_after_days.is_none();
        let Some(until) = soon(key.expires_at.filter(|_| stays), config.warn_key_days, now) else { continue };
        let message = format!(
            "The encryption key '{}' expires on {}: runs that encrypt with it fail from then on. Rotate it, and print a new \
             key sheet.",
            key.name,
            day(until)
        );
        all.push(Warning {
            subjects: vec![format!("encryption_key:{}:{}", key.id, day(until))],
            event: Event::warning(Category::Encryption, "Encryption Key Expiring", message)
                .details(json!({"encryption_key_id": key.id, "expires_at": db::time::to_rfc3339(&until)})),
        });
    }
    Ok(all)
}

/// Tapes on which everything expires soon: afterwards they may be written anew.
fn expiring_tapes(
    conn: &mut Conn,
    tapes: &[Tape],
    evaluation: &Evaluation,
    config: &Maintenance,
    now: NaiveDateTime,
) -> Result<Vec<Warning>> {
    let mut all = Vec::new();
    let tapes: Vec<TapeBrief> = tapes.iter().map(TapeBrief::from).collect();
    for (tape, fact) in tapes.iter().zip(evaluation.tapes(conn, &tapes)?) {
        let Outlook::Stays { until, .. } = fact.outlook() else { continue };
        let Some(until) = soon(until, config.warn_expiry_days, now) else { continue };
        let message = format!(
            "Everything on tape {} expires by {}: then it may be written anew. Protect the sets that are to stay.",
            tape.label,
            day(until)
        );
        all.push(Warning {
            subjects: vec![format!("tape:{}:{}", tape.id, day(until))],
            event: Event::info(Category::Tape, "Tape Expiring", message).details(
                json!({"tape_id": tape.id, "pool_id": tape.pool_id, "expires_at": db::time::to_rfc3339(&until)}),
            ),
        });
    }
    Ok(all)
}

/// A set that expires soon.
struct Expiring {
    subject: String,
    id: i32,
    until: NaiveDateTime,
}

fn expiring_sets(evaluation: &Evaluation, config: &Maintenance, now: NaiveDateTime) -> Vec<Expiring> {
    let kept = evaluation.sets.iter().filter(|set| set.row.status == SetStatus::Completed && set.verdict.kept);
    kept.filter_map(|set| {
        let until = soon(set.verdict.until, config.warn_expiry_days, now)?;
        Some(Expiring { subject: format!("set:{}:{}", set.row.id, day(until)), id: set.row.id, until })
    })
    .collect()
}

/// One event for all sets: every night some expire.
fn told_together(sets: &[&Expiring]) -> Option<Warning> {
    let first = sets.iter().map(|set| set.until).min()?;
    let ids: Vec<i32> = sets.iter().map(|set| set.id).collect();
    let named: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if ids.len() > NAMED { format!(" and {} more", ids.len() - NAMED) } else { String::new() };
    let (what, verb) = if ids.len() == 1 { ("Backup set", "expires") } else { ("Backup sets", "expire") };
    let message =
        format!("{what} {}{more} {verb} soon, the first on {}. Protect what is to stay.", named.join(", "), day(first));
    Some(Warning {
        subjects: sets.iter().map(|set| set.subject.clone()).collect(),
        event: Event::info(Category::Backup, "Sets Expiring", message)
            .details(json!({"set_ids": ids, "expires_at": db::time::to_rfc3339(&first)})),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Role, testing};

    fn settings() -> Maintenance {
        Maintenance {
            schedule: String::new(),
            time_zone: "UTC".into(),
            executions_days: 0,
            logs_days: 0,
            events_days: 0,
            audit_days: 0,
            check_days: 0,
            warn_mounts: 5,
            warn_fills: 3,
            warn_years: 10,
            warn_expiry_days: 7,
            warn_api_key_days: 14,
            warn_key_days: 30,
        }
    }

    fn titles(warnings: &[Warning]) -> Vec<(&str, &str)> {
        warnings.iter().map(|one| (one.event.title.as_str(), one.event.message.as_str())).collect()
    }

    #[test]
    fn each_is_told_once_for_as_long_as_it_lasts() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let now = db::now();
        let tape = testing::tape(conn, "A00001");
        let mut figures = tape_health::Figures {
            tape_id: tape.id,
            mounts: Some(4),
            bytes_written: Some(3 * tape.capacity_bytes - 1),
            ..tape_health::Figures::default()
        };
        tape_health::record(conn, None, &figures).unwrap();
        let known = HashSet::new();
        assert_eq!(titles(&look(conn, &settings(), &known, now).unwrap().1), [], "not yet");

        (figures.mounts, figures.bytes_written) = (Some(5), Some(3 * tape.capacity_bytes));
        tape_health::record(conn, None, &figures).unwrap();
        let key = db::api_keys::NewApiKey {
            name: "script".into(),
            key_hash: "h".into(),
            key_prefix: "tb_ab".into(),
            role: Role::Operator,
            expires_at: Some(now + TimeDelta::days(13)),
        };
        db::api_keys::insert(conn, &key).unwrap();
        for (name, days, rotates) in [("soon", 29, None), ("later", 31, None), ("itself", 5, Some(90))] {
            let new = db::encryption_keys::NewEncryptionKey {
                name: name.into(),
                algorithm: "aes-256-gcm".into(),
                key_data: "sealed".into(),
                key_fingerprint: name.into(),
                description: None,
            };
            let id = db::encryption_keys::insert(conn, &new).unwrap().id;
            let changes = db::encryption_keys::KeyChanges {
                expires_at: Some(Some(now + TimeDelta::days(days))),
                rotate_after_days: Some(rotates),
                ..Default::default()
            };
            db::encryption_keys::update(conn, id, &changes).unwrap();
        }
        let (subjects, warnings) = look(conn, &settings(), &known, now).unwrap();
        let told = titles(&warnings);
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].1.starts_with("Tape A00001 was loaded 5 times."), "{told:?}");
        assert!(told[1].1.starts_with("Tape A00001 was written full 3 times over."), "{told:?}");
        assert!(told[2].0 == "API Key Expiring" && told[2].1.contains("\"script\" (tb_ab…)"), "{told:?}");
        assert!(told[3].0 == "Encryption Key Expiring" && told[3].1.contains("key 'soon' expires"), "{told:?}");

        forewarnings::replace(conn, &subjects).unwrap();
        let known = forewarnings::told(conn).unwrap();
        assert_eq!(known, subjects);
        let (same, warnings) = look(conn, &settings(), &known, now).unwrap();
        assert_eq!((same == subjects, titles(&warnings)), (true, vec![]));

        // years later it is old too, and the key is no news any more
        let later = now + TimeDelta::days(11 * 365 + 1);
        let (subjects, warnings) = look(conn, &settings(), &known, later).unwrap();
        assert_eq!(titles(&warnings).len(), 1);
        assert!(warnings[0].event.message.contains("is 11 years old"));
        assert!(!subjects.iter().any(|subject| subject.starts_with("api_key")), "{subjects:?}");
        forewarnings::replace(conn, &subjects).unwrap();
        assert_eq!(forewarnings::told(conn).unwrap(), subjects);

        let mut off = settings();
        (off.warn_mounts, off.warn_fills, off.warn_years) = (0, 0, 0);
        assert_eq!(titles(&look(conn, &off, &HashSet::new(), later).unwrap().1), []);
    }
}
