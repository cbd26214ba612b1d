//! Applies the rules of retention: marks what they let go, and the tapes that are free by that.
//!
//! A set that has expired stays in the catalog and can be restored until its tape is written anew. Whoever does that
//! decides again ([`crate::media::lifecycle`]): the marks are for people and for the choice of a tape.

use crate::Result;
use crate::db::retention::{self as rows, Mark};
use crate::db::tape_briefs::{self, TapeBrief};
use crate::db::{self, SetStatus, TapeStatus, tape_lifecycle};
use crate::events::{Category, Event};
use crate::executions::{Context, Wanted};
use crate::media::choose::MIN_FREE;
use crate::media::retention::Evaluation;
use crate::media::retention::tapes::Outlook;
use serde_json::{Value, json};

/// Applies the rules as of now.
pub fn run(context: &Context) -> Result<Value> {
    context.phase("expiring", "Looking at what the rules of retention keep.")?;
    let evaluation = Evaluation::read_now(&mut *context.conn()?)?;
    let now = evaluation.at;
    let (mut expired, mut kept_again) = (Vec::new(), Vec::new());
    let mut marks = Vec::new();
    for set in evaluation.sets.iter().filter(|set| set.row.status == SetStatus::Completed) {
        let expired_at = (!set.verdict.kept).then(|| set.row.expired_at.unwrap_or(now));
        match (set.verdict.kept, set.row.expired_at) {
            (false, None) => expired.push(set.row.id),
            (true, Some(_)) => kept_again.push(set.row.id),
            _ => {}
        }
        let mark = Mark { set_id: set.row.id, expires_at: set.verdict.until, expired_at };
        if (expired_at.or(mark.expires_at), expired_at) != (set.row.expires_at, set.row.expired_at) {
            marks.push(mark);
        }
    }
    context.check()?;
    rows::mark(&mut *context.conn()?, &marks)?;
    for id in expired.iter().take(100) {
        let why = evaluation.verdict(*id).map(|verdict| words(&verdict.reasons)).unwrap_or_default();
        context.log(&format!("Backup set {id} has expired: {why}."));
    }
    for id in kept_again.iter().take(100) {
        let why = evaluation.verdict(*id).map(|verdict| words(&verdict.reasons)).unwrap_or_default();
        context.log(&format!("Backup set {id} is kept again: {why}."));
    }
    let (freed, taken_back) = tapes(context)?;
    context.log(&format!(
        "{} sets have expired, {} are kept again; {} tapes are free, {} are needed again.",
        expired.len(),
        kept_again.len(),
        freed.len(),
        taken_back.len()
    ));
    Ok(json!({
        "sets_expired": expired, "sets_kept_again": kept_again, "tapes_expired": freed, "tapes_needed_again": taken_back,
    }))
}

fn words(reasons: &[crate::media::retention::Reason]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Marks tapes on which everything has expired, and takes back marks that are not true any more. Labels of both.
///
/// It is done while nobody can take a tape: a run that has chosen one must not find it changed under its hands.
fn tapes(context: &Context) -> Result<(Vec<String>, Vec<String>)> {
    let (mut freed, mut taken_back) = (Vec::new(), Vec::new());
    let mut mark = |taken: &crate::executions::Taken| -> Result<Wanted<()>> {
        let mut conn = context.conn()?;
        db::write_transaction(&mut conn, |conn| {
            let mut all = tape_briefs::not_blank(conn)?;
            all.sort_by(|a, b| a.label.cmp(&b.label));
            let evaluation = Evaluation::read_now(conn)?;
            for (tape, fact) in all.iter().zip(evaluation.tapes(conn, &all)?) {
                if taken.tapes.contains_key(&tape.id) {
                    continue;
                }
                match (tape.status, fact.outlook()) {
                    (TapeStatus::Active | TapeStatus::Full, Outlook::Free) => {
                        tape_lifecycle::set_status(conn, tape.id, TapeStatus::Expired)?;
                        freed.push(tape.label.clone());
                    }
                    (TapeStatus::Expired, Outlook::Stays { .. }) if fact.keeps_something() || fact.write_once => {
                        tape_lifecycle::set_status(conn, tape.id, what_it_was(tape))?;
                        taken_back.push(tape.label.clone());
                    }
                    _ => {}
                }
            }
            Ok(())
        })?;
        Ok(Wanted::Wait("nothing is wanted".into()))
    };
    context.services.drives.reservations.try_take(context.id, &mut mark)?.map(drop).unwrap_or_default();
    for (label, free) in freed.iter().map(|label| (label, true)).chain(taken_back.iter().map(|label| (label, false))) {
        let (title, message) = match free {
            true => ("Tape Expired", format!("Everything on tape {label} has expired.")),
            false => ("Tape Needed Again", format!("Tape {label} had expired; a rule keeps something on it again.")),
        };
        context.log(&message);
        let details = json!({"label": label, "execution_id": context.id});
        context.services.bus.publish(Event::info(Category::Tape, title, message).details(details));
    }
    Ok((freed, taken_back))
}

/// Whether there is room on a tape tells what it was before it expired.
fn what_it_was(tape: &TapeBrief) -> TapeStatus {
    match tape.capacity_bytes > 0 && tape.free_bytes() < MIN_FREE {
        true => TapeStatus::Full,
        false => TapeStatus::Active,
    }
}
