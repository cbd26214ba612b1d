//! Which events go to which notification channels, and when.

use super::errors::{changed, found, stored};
use super::kinds::Weight;
use super::schema::{notification_rule_channels, notification_rules};
use super::time::{json_text, now, rfc3339};
use super::{Conn, write_transaction};
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A rule.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = notification_rules)]
pub struct Rule {
    /// Its id.
    pub id: i32,
    /// Its name, unique.
    pub name: String,
    /// Whether it sends anything.
    pub enabled: bool,
    /// Only these topics; empty: all.
    #[serde(serialize_with = "json_text")]
    #[schema(value_type = Vec<String>)]
    pub topics: String,
    /// Only what matters at least so much.
    pub min_severity: Weight,
    /// Only what is about these jobs; empty: all, and what is about none.
    #[serde(serialize_with = "json_text")]
    #[schema(value_type = Vec<i32>)]
    pub job_ids: String,
    /// Only what is about these pools; empty: all, and what is about none.
    #[serde(serialize_with = "json_text")]
    #[schema(value_type = Vec<i32>)]
    pub pool_ids: String,
    /// Zone of its times.
    pub time_zone: String,
    /// Quiet from this time of day (`22:00`); empty: never.
    pub quiet_from: String,
    /// Quiet until this time of day.
    pub quiet_until: String,
    /// Whether errors are sent in quiet hours.
    pub errors_break_quiet: bool,
    /// Gathered and sent together at these times; empty: at once.
    pub digest_cron: String,
    /// Reminds after so many minutes while something still waits; 0: never.
    pub reminder_minutes: i32,
    /// Whether it tells that a problem it told of is over.
    pub recovery: bool,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When it was changed last.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
}

impl Rule {
    /// Only these topics; empty: all.
    pub fn topics(&self) -> Vec<String> {
        serde_json::from_str(&self.topics).unwrap_or_default()
    }

    /// Only these jobs; empty: all.
    pub fn job_ids(&self) -> Vec<i32> {
        serde_json::from_str(&self.job_ids).unwrap_or_default()
    }

    /// Only these pools; empty: all.
    pub fn pool_ids(&self) -> Vec<i32> {
        serde_json::from_str(&self.pool_ids).unwrap_or_default()
    }
}

/// A rule with the channels it sends to.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RuleListed {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// The channels.
    pub channel_ids: Vec<i32>,
}

/// All of a rule that a person decides, to be made or put in place of what is there.
#[derive(Debug, Clone, Insertable, AsChangeset)]
#[diesel(table_name = notification_rules)]
pub struct RuleFields {
    /// Its name.
    pub name: String,
    /// Whether it sends anything.
    pub enabled: bool,
    /// JSON list.
    pub topics: String,
    /// Only what matters at least so much.
    pub min_severity: Weight,
    /// JSON list.
    pub job_ids: String,
    /// JSON list.
    pub pool_ids: String,
    /// Zone of its times.
    pub time_zone: String,
    /// Quiet from this time of day.
    pub quiet_from: String,
    /// Quiet until this time of day.
    pub quiet_until: String,
    /// Whether errors are sent in quiet hours.
    pub errors_break_quiet: bool,
    /// When it is gathered for.
    pub digest_cron: String,
    /// Minutes between reminders.
    pub reminder_minutes: i32,
    /// Whether it tells that a problem is over.
    pub recovery: bool,
}

/// The rule with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<RuleListed> {
    let row = notification_rules::table.find(id).select(Rule::as_select()).first(conn);
    let rule = found(row, format_args!("notification rule {id}"))?;
    Ok(RuleListed { channel_ids: channels_of(conn, id)?, rule })
}

/// All rules, in the order they were made.
pub fn list(conn: &mut Conn) -> Result<Vec<RuleListed>> {
    let rules: Vec<Rule> =
        notification_rules::table.order(notification_rules::id).select(Rule::as_select()).load(conn)?;
    rules.into_iter().map(|rule| Ok(RuleListed { channel_ids: channels_of(conn, rule.id)?, rule })).collect()
}

fn channels_of(conn: &mut Conn, id: i32) -> Result<Vec<i32>> {
    use notification_rule_channels::dsl;
    let query = notification_rule_channels::table.filter(dsl::rule_id.eq(id)).order(dsl::channel_id);
    Ok(query.select(dsl::channel_id).load(conn)?)
}

/// Makes a rule.
pub fn insert(conn: &mut Conn, fields: &RuleFields, channels: &[i32]) -> Result<RuleListed> {
    write_transaction(conn, |conn| {
        let time = now();
        let values = (fields, notification_rules::created_at.eq(time), notification_rules::updated_at.eq(time));
        let row = diesel::insert_into(notification_rules::table)
            .values(values)
            .returning(notification_rules::id)
            .returned(conn);
        let id = stored(row, format_args!("notification rule '{}'", fields.name))?;
        connect(conn, id, channels)?;
        find(conn, id)
    })
}

/// Puts all fields of a rule, and its channels, in place of what is there.
pub fn update(conn: &mut Conn, id: i32, fields: &RuleFields, channels: &[i32]) -> Result<RuleListed> {
    write_transaction(conn, |conn| {
        let row = diesel::update(notification_rules::table.find(id))
            .set((fields, notification_rules::updated_at.eq(now())))
            .returning(notification_rules::id)
            .returned::<i32>(conn);
        stored(row, format_args!("notification rule {id}"))?;
        diesel::delete(notification_rule_channels::table.filter(notification_rule_channels::rule_id.eq(id)))
            .execute(conn)?;
        connect(conn, id, channels)?;
        find(conn, id)
    })
}

fn connect(conn: &mut Conn, rule: i32, channels: &[i32]) -> Result<()> {
    use notification_rule_channels::dsl;
    for channel in channels {
        super::notification_channels::find(conn, *channel)?;
        diesel::insert_or_ignore_into(notification_rule_channels::table)
            .values((dsl::rule_id.eq(rule), dsl::channel_id.eq(channel)))
            .execute(conn)?;
    }
    Ok(())
}

/// Deletes a rule. What it has put into the outbox is sent all the same.
pub fn delete(conn: &mut Conn, id: i32) -> Result<()> {
    changed(diesel::delete(notification_rules::table.find(id)).execute(conn), format_args!("notification rule {id}"))
}
