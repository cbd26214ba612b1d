//! From an event to the outbox: which rules want it, which channels get it, and when.
//!
//! Runs in the transaction that stores the event, so that an event that is in the table is in the outbox too, whatever
//! happens to the server. An event goes to a channel once, however many rules want it; the rule that lets it go first
//! counts.

use super::limits::Limits;
use super::notice::{Notice, Purpose};
use super::{facts, quiet, topics};
use crate::Result;
use crate::db::notification_outbox::{self as outbox, NewMessage};
use crate::db::notification_problems as problems;
use crate::db::notification_rules::{self as rules, Rule, RuleListed};
use crate::db::{Conn, OutboxStatus, Weight};
use crate::events::StoredEvent;
use chrono::{DateTime, NaiveDateTime, Utc};
use std::collections::BTreeMap;

/// When, and by which rule, a channel gets it.
type Deliveries = BTreeMap<i32, (Option<DateTime<Utc>>, i32)>;

/// Puts into the outbox what `event` makes rules send. How many messages.
pub fn event(conn: &mut Conn, event: &StoredEvent, limits: &Limits, now: DateTime<Utc>) -> Result<usize> {
    let begun = topics::begun_by(event);
    let over = match topics::ended_by(event) {
        Some(trouble) => problems::close(conn, &trouble)?,
        None => Vec::new(),
    };
    let rules: Vec<RuleListed> = rules::list(conn)?.into_iter().filter(|rule| rule.rule.enabled).collect();
    if rules.is_empty() {
        return Ok(0);
    }
    let mut notice = Notice::of_event(event);
    facts::add(conn, &mut notice, &limits.public_url)?;
    if let Some(trouble) = begun.as_deref().or(topics::ended_by(event).as_deref()) {
        // one thread from the first word of a problem to the last
        let first = match over.first() {
            Some(problem) => problem.event_id,
            None => problems::first_event(conn, trouble)?,
        };
        let first = first.map_or_else(|| event.id.clone(), |id| id.to_string());
        notice.thread = format!("{trouble}:{first}");
    }

    let (mut news, mut recovery) = (Deliveries::new(), Deliveries::new());
    for rule in &rules {
        let told = over.iter().any(|problem| problem.rule_id == rule.rule.id);
        if told && rule.rule.recovery {
            // Whoever heard of the problem hears of its end, also if that alone would not be worth a word.
            add(&mut recovery, rule, Weight::Info, now);
        } else if wants(&rule.rule, &notice) {
            add(&mut news, rule, notice.weight(), now);
            if let Some(trouble) = &begun {
                let text = serde_json::to_string(&notice)?;
                problems::open(conn, rule.rule.id, trouble, event.id.parse().ok(), &text)?;
            }
        }
    }
    // A channel that cannot be reached is not told that it cannot be reached.
    if let Some(channel) = dead_channel(&notice) {
        news.remove(&channel);
    }
    news.retain(|channel, _| !recovery.contains_key(channel));
    let count = news.len() + recovery.len();
    for (channel, delivery) in news {
        put(conn, channel, &notice, delivery, limits)?;
    }
    if !recovery.is_empty() {
        notice.purpose = Purpose::Recovery;
        notice.since = over.iter().map(|problem| crate::db::time::to_rfc3339(&problem.opened_at)).min();
        for (channel, delivery) in recovery {
            put(conn, channel, &notice, delivery, limits)?;
        }
    }
    Ok(count)
}

/// Puts a reminder into the outbox of every channel of `rule`.
pub fn reminder(conn: &mut Conn, rule: &RuleListed, notice: &Notice, limits: &Limits) -> Result<()> {
    let mut deliveries = Deliveries::new();
    add(&mut deliveries, rule, notice.weight(), Utc::now());
    for (channel, delivery) in deliveries {
        put(conn, channel, notice, delivery, limits)?;
    }
    Ok(())
}

/// The channel that a notice says is dead.
fn dead_channel(notice: &Notice) -> Option<i32> {
    let id = notice.details.get("channel_id").filter(|_| notice.topic == topics::FAILED)?;
    id.as_i64().and_then(|id| i32::try_from(id).ok())
}

fn wants(rule: &Rule, notice: &Notice) -> bool {
    let (wanted, jobs, pools) = (rule.topics(), rule.job_ids(), rule.pool_ids());
    notice.weight() >= rule.min_severity
        && (wanted.is_empty() || wanted.contains(&notice.topic))
        && (jobs.is_empty() || notice.job_id.is_some_and(|id| jobs.contains(&id)))
        && (pools.is_empty() || notice.pool_id.is_some_and(|id| pools.contains(&id)))
}

fn add(deliveries: &mut Deliveries, rule: &RuleListed, weight: Weight, now: DateTime<Utc>) {
    let until = quiet::held_until(&rule.rule, weight, now);
    for channel in &rule.channel_ids {
        let known = deliveries.entry(*channel).or_insert((until, rule.rule.id));
        // none is at once, and before any time
        if until < known.0 {
            *known = (until, rule.rule.id);
        }
    }
}

fn put(
    conn: &mut Conn,
    channel: i32,
    notice: &Notice,
    (until, rule): (Option<DateTime<Utc>>, i32),
    limits: &Limits,
) -> Result<()> {
    let now: NaiveDateTime = crate::db::now();
    let new = NewMessage {
        channel_id: channel,
        rule_id: Some(rule),
        event_id: notice.event_id.and_then(|id| i32::try_from(id).ok()),
        uid: uuid::Uuid::new_v4().to_string(),
        topic: notice.topic.clone(),
        severity: notice.weight(),
        title: notice.title.clone(),
        notice: serde_json::to_string(notice)?,
        status: if until.is_some() { OutboxStatus::Held } else { OutboxStatus::Queued },
        next_attempt_at: until.map_or(now, |until| until.naive_utc()),
        give_up_at: until.map_or(now, |until| until.naive_utc()) + limits.give_up,
    };
    outbox::insert(conn, &new)?;
    outbox::limit(conn, channel, limits.most_waiting)?;
    Ok(())
}

#[cfg(test)]
mod tests;
