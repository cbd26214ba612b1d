//! Letting go what was held: one message as it is, several to the same channel by the same rule as one digest.

use super::limits::Limits;
use super::notice::Notice;
use crate::Result;
use crate::db::notification_outbox::{self as outbox, Message, NewMessage};
use crate::db::{Conn, OutboxStatus, now, write_transaction};
use chrono::NaiveDateTime;

/// Lets go whatever is ripe at `time`. How many messages there are to be sent now.
pub fn let_go(conn: &mut Conn, limits: &Limits, time: NaiveDateTime) -> Result<usize> {
    write_transaction(conn, |conn| {
        let rows = outbox::ripe(conn, time)?;
        let groups = rows.chunk_by(|a, b| (a.channel_id, a.rule_id) == (b.channel_id, b.rule_id));
        let mut count = 0;
        for group in groups {
            match group {
                [one] => outbox::let_go(conn, one.id, now() + limits.give_up)?,
                several => digest(conn, several, limits)?,
            }
            count += 1;
        }
        Ok(count)
    })
}

fn digest(conn: &mut Conn, rows: &[Message], limits: &Limits) -> Result<()> {
    let items = rows.iter().map(|row| Ok(serde_json::from_str(&row.notice)?)).collect::<Result<Vec<Notice>>>()?;
    let Some(first) = rows.first() else { return Ok(()) };
    let mut notice = Notice::digest(items);
    let base = limits.public_url.trim_end_matches('/');
    notice.link = (!base.is_empty()).then(|| format!("{base}/events"));
    let new = NewMessage {
        channel_id: first.channel_id,
        rule_id: first.rule_id,
        event_id: None,
        uid: uuid::Uuid::new_v4().to_string(),
        topic: notice.topic.clone(),
        severity: notice.weight(),
        title: notice.title.clone(),
        notice: serde_json::to_string(&notice)?,
        status: OutboxStatus::Queued,
        next_attempt_at: now(),
        give_up_at: now() + limits.give_up,
    };
    let into = outbox::insert(conn, &new)?.id;
    let ids: Vec<i32> = rows.iter().map(|row| row.id).collect();
    outbox::merge(conn, &ids, into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::notification_channels::{NewChannel, insert as insert_channel};
    use crate::db::notification_outbox::MessageFilter;
    use crate::db::{ChannelKind, EventType, Page, Weight, notification_rules, testing};
    use crate::notify::notice::Purpose;
    use crate::notify::testing::{event, rule_fields};
    use chrono::TimeDelta;
    use serde_json::json;

    #[test]
    fn what_was_held_together_goes_as_one() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let new = NewChannel {
            name: "a".into(),
            kind: ChannelKind::Ntfy,
            enabled: true,
            config: "{}".into(),
            secrets: None,
            settings_slot: None,
        };
        let channel = insert_channel(conn, &new).unwrap().id;
        let fields = notification_rules::RuleFields { digest_cron: "0 8 * * *".into(), ..rule_fields("daily") };
        notification_rules::insert(conn, &fields, &[channel]).unwrap();
        let limits = Limits::default();
        for title in ["Tape Full", "Tape Loaded"] {
            let event = event(EventType::Warning, title, json!({}));
            crate::notify::route::event(conn, &event, &limits, chrono::Utc::now()).unwrap();
        }
        assert_eq!(let_go(conn, &limits, now()).unwrap(), 0, "not yet");
        assert_eq!(let_go(conn, &limits, now() + TimeDelta::days(2)).unwrap(), 1);
        let rows = outbox::list(conn, &MessageFilter::default(), Page::first(10)).unwrap();
        assert_eq!(
            rows.iter().map(|row| row.status).collect::<Vec<_>>(),
            [OutboxStatus::Queued, OutboxStatus::Merged, OutboxStatus::Merged]
        );
        assert_eq!(rows[1].merged_into, Some(rows[0].id));
        let notice: Notice = serde_json::from_str(&rows[0].notice).unwrap();
        assert_eq!((notice.purpose, notice.items.len(), notice.weight()), (Purpose::Digest, 2, Weight::Warning));
        assert_eq!(let_go(conn, &limits, now() + TimeDelta::days(2)).unwrap(), 0, "once");
    }
}
