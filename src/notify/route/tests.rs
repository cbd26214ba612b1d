use super::*;
use crate::db::notification_channels::{NewChannel, insert as insert_channel};
use crate::db::notification_outbox::{Message, MessageFilter};
use crate::db::notification_rules::RuleFields;
use crate::db::{ChannelKind, EventType, Page, testing};
use crate::notify::testing::{event as stored, rule_fields};
use serde_json::json;

fn channel(conn: &mut Conn, name: &str) -> i32 {
    let new = NewChannel {
        name: name.into(),
        kind: ChannelKind::Webhook,
        enabled: true,
        config: "{}".into(),
        secrets: None,
        settings_slot: None,
    };
    insert_channel(conn, &new).unwrap().id
}

fn rule(conn: &mut Conn, fields: RuleFields, channels: &[i32]) -> i32 {
    rules::insert(conn, &fields, channels).unwrap().rule.id
}

fn send(conn: &mut Conn, one: &StoredEvent) -> usize {
    event(conn, one, &Limits::default(), Utc::now()).unwrap()
}

/// What is in the outbox, oldest first.
fn outbox_of(conn: &mut Conn) -> Vec<Message> {
    let mut rows = outbox::list(conn, &MessageFilter::default(), Page::first(100)).unwrap();
    rows.reverse();
    rows
}

#[test]
fn rules_choose_by_topic_weight_job_and_pool() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let nightly = testing::job(conn, "nightly");
    let (a, b, c) = (channel(conn, "a"), channel(conn, "b"), channel(conn, "c"));
    rule(conn, RuleFields { min_severity: Weight::Error, ..rule_fields("errors") }, &[a]);
    rule(conn, RuleFields { topics: r#"["tape_full"]"#.into(), ..rule_fields("full") }, &[b]);
    rule(conn, RuleFields { job_ids: format!("[{}]", nightly.id), ..rule_fields("nightly") }, &[c]);
    rule(conn, RuleFields { pool_ids: "[4]".into(), ..rule_fields("archive") }, &[c]);

    assert_eq!(send(conn, &stored(EventType::Info, "Tape Full", json!({}))), 1);
    assert_eq!(outbox_of(conn)[0].channel_id, b);
    assert_eq!(send(conn, &stored(EventType::Error, "Backup Failed", json!({"job_id": nightly.id}))), 2);
    let rows = outbox_of(conn);
    assert_eq!((rows[1].channel_id, rows[2].channel_id), (a, c));
    let notice: Notice = serde_json::from_str(&rows[1].notice).unwrap();
    assert_eq!((notice.job.as_deref(), notice.pool.as_deref()), (Some("nightly"), Some("DAILY")));
    assert_eq!(notice.link.as_deref(), Some(format!("https://tapes.example/jobs/{}", nightly.id).as_str()));
    assert_eq!(send(conn, &stored(EventType::Warning, "Tape Loaded", json!({"pool_id": 4}))), 1);
    assert_eq!(send(conn, &stored(EventType::Warning, "Tape Loaded", json!({"pool_id": 3}))), 0);
}

#[test]
fn two_rules_send_once_and_the_earlier_counts() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let a = channel(conn, "a");
    rule(conn, RuleFields { digest_cron: "0 8 * * *".into(), ..rule_fields("digest") }, &[a]);
    assert_eq!(send(conn, &stored(EventType::Info, "Tape Full", json!({}))), 1);
    assert_eq!(outbox_of(conn)[0].status, OutboxStatus::Held);
    let at_once = rule(conn, rule_fields("at once"), &[a]);
    assert_eq!(send(conn, &stored(EventType::Info, "Tape Full", json!({}))), 1);
    let rows = outbox_of(conn);
    assert_eq!((rows[1].status, rows[1].rule_id), (OutboxStatus::Queued, Some(at_once)));
}

#[test]
fn whoever_heard_of_a_problem_hears_of_its_end_once() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let job = testing::job(conn, "nightly").id;
    let a = channel(conn, "a");
    rule(conn, RuleFields { topics: r#"["backup_failed"]"#.into(), ..rule_fields("failures") }, &[a]);
    let good = stored(EventType::Success, "Backup Completed", json!({"job_id": job}));
    assert_eq!(send(conn, &good), 0, "nobody heard of a problem");
    send(conn, &stored(EventType::Error, "Backup Failed", json!({"job_id": job})));
    assert_eq!(send(conn, &stored(EventType::Success, "Backup Completed", json!({"job_id": job + 1}))), 0);
    assert_eq!(send(conn, &good), 1);
    let notice: Notice = serde_json::from_str(&outbox_of(conn)[1].notice).unwrap();
    assert_eq!(notice.purpose, Purpose::Recovery);
    assert!(notice.since.is_some());
    assert_eq!(notice.thread, format!("backup:{job}:1"), "the same thread as the failure");
    assert_eq!(send(conn, &good), 0, "it was told");
}

#[test]
fn a_dead_channel_is_not_told_of_itself_and_the_queue_is_bounded() {
    let db = testing::database();
    let conn = &mut *db.conn();
    let (a, b) = (channel(conn, "a"), channel(conn, "b"));
    rule(conn, rule_fields("all"), &[a, b]);
    assert_eq!(send(conn, &stored(EventType::Error, "Notification Failed", json!({"channel_id": a}))), 1);
    assert_eq!(outbox_of(conn)[0].channel_id, b);

    let few = Limits { most_waiting: 3, ..Limits::default() };
    for _ in 0..5 {
        event(conn, &stored(EventType::Info, "Tape Full", json!({})), &few, Utc::now()).unwrap();
    }
    let rows = outbox_of(conn);
    let waiting =
        |channel| rows.iter().filter(|row| row.channel_id == channel && row.status == OutboxStatus::Queued).count();
    assert_eq!((waiting(a), waiting(b)), (3, 3));
    assert!(rows[0].status == OutboxStatus::Discarded && rows[0].last_error.is_some());
}
