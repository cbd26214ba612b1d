//! Events and rules to hang tests on.

use crate::db::notification_rules::{Rule, RuleFields};
use crate::db::{EventType, Weight, now};
use crate::events::StoredEvent;
use serde_json::Value;

/// An event as the notifier stores it.
pub fn event(event_type: EventType, title: &str, details: Value) -> StoredEvent {
    StoredEvent {
        id: "1".into(),
        event_type,
        category: "tape".into(),
        title: title.into(),
        message: format!("{title} happened"),
        details: Some(details),
        timestamp: now(),
    }
}

/// A rule that lets everything pass at once.
pub fn rule() -> Rule {
    let fields = rule_fields("all");
    Rule {
        id: 1,
        name: fields.name,
        enabled: fields.enabled,
        topics: fields.topics,
        min_severity: fields.min_severity,
        job_ids: fields.job_ids,
        pool_ids: fields.pool_ids,
        time_zone: fields.time_zone,
        quiet_from: fields.quiet_from,
        quiet_until: fields.quiet_until,
        errors_break_quiet: fields.errors_break_quiet,
        digest_cron: fields.digest_cron,
        reminder_minutes: fields.reminder_minutes,
        recovery: fields.recovery,
        created_at: now(),
        updated_at: now(),
    }
}

/// The fields of a rule that lets everything pass at once.
pub fn rule_fields(name: &str) -> RuleFields {
    RuleFields {
        name: name.into(),
        enabled: true,
        topics: "[]".into(),
        min_severity: Weight::Info,
        job_ids: "[]".into(),
        pool_ids: "[]".into(),
        time_zone: "UTC".into(),
        quiet_from: String::new(),
        quiet_until: String::new(),
        errors_break_quiet: true,
        digest_cron: String::new(),
        reminder_minutes: 0,
        recovery: true,
    }
}
