//! What goes where, and when.

use crate::Result;
use crate::db::notification_rules::{self as rules, Rule, RuleFields, RuleListed};
use crate::db::{Conn, DbPool, Weight, jobs, notification_channels, pools, write_transaction};
use crate::notify::{quiet, topics};
use crate::schedule::{Schedule, parse_time_zone};
use crate::web::responses::Status;
use crate::web::{AuditNote, fields, query};
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, delete, get, post, put};
use serde::Deserialize;

/// A rule; what is not named stays as it is, or is left open in a new one.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct RuleRequest {
    /// Its name, unique. Required of a new one.
    name: Option<String>,
    /// Whether it sends anything; `true` unless said otherwise.
    enabled: Option<bool>,
    /// The channels it sends to.
    channel_ids: Option<Vec<i32>>,
    /// Only these topics; empty (the default): all.
    topics: Option<Vec<String>>,
    /// `info` (the default), `warning` or `error`: only what matters at least so much.
    #[schema(value_type = Option<Weight>)]
    min_severity: Option<String>,
    /// Only what is about these jobs; empty (the default): all.
    job_ids: Option<Vec<i32>>,
    /// Only what is about these pools; empty (the default): all.
    pool_ids: Option<Vec<i32>>,
    /// IANA name of the zone of its times; `UTC` unless said otherwise.
    time_zone: Option<String>,
    /// Quiet from this time of day (`22:00`); empty (the default): never.
    quiet_from: Option<String>,
    /// Quiet until this time of day.
    quiet_until: Option<String>,
    /// Whether errors are sent in quiet hours; `true` unless said otherwise.
    errors_break_quiet: Option<bool>,
    /// Cron expression: gathered and sent together then; empty (the default): at once.
    digest_cron: Option<String>,
    /// Reminds after so many minutes while something waits for a person; 0 (the default): never.
    reminder_minutes: Option<i32>,
    /// Whether it tells that a problem it told of is over; `true` unless said otherwise.
    recovery: Option<bool>,
}

/// All rules.
#[utoipa::path(operation_id = "list_notification_rules", tag = "notifications",
    responses((status = 200, body = [RuleListed])))]
#[get("/notifications/rules")]
pub async fn list(pool: Data<DbPool>) -> Result<Json<Vec<RuleListed>>> {
    query(&pool, rules::list).await.map(Json)
}

/// Makes a rule.
#[utoipa::path(operation_id = "create_notification_rule", tag = "notifications", request_body = RuleRequest,
    responses((status = 201, body = RuleListed), (status = 400, description = "What is wrong, by field"), (status = 409)))]
#[post("/notifications/rules")]
pub async fn create(pool: Data<DbPool>, note: AuditNote, body: Json<RuleRequest>) -> Result<HttpResponse> {
    let request = body.into_inner();
    let work = move |conn: &mut Conn| {
        write_transaction(conn, |conn| {
            let (fields, channels) = request.over(conn, None)?;
            rules::insert(conn, &fields, &channels)
        })
    };
    let rule = query(&pool, work).await?;
    note.id(rule.rule.id).detail("name", rule.rule.name.as_str());
    Ok(HttpResponse::Created().json(rule))
}

/// One rule.
#[utoipa::path(operation_id = "get_notification_rule", tag = "notifications", params(("id" = i32, Path)),
    responses((status = 200, body = RuleListed), (status = 404)))]
#[get("/notifications/rules/{id}")]
pub async fn find(pool: Data<DbPool>, id: Path<i32>) -> Result<Json<RuleListed>> {
    query(&pool, move |conn| rules::find(conn, *id)).await.map(Json)
}

/// Changes what is named of a rule.
#[utoipa::path(operation_id = "update_notification_rule", tag = "notifications", params(("id" = i32, Path)),
    request_body = RuleRequest,
    responses((status = 200, body = RuleListed), (status = 400), (status = 404), (status = 409)))]
#[put("/notifications/rules/{id}")]
pub async fn update(pool: Data<DbPool>, id: Path<i32>, body: Json<RuleRequest>) -> Result<Json<RuleListed>> {
    let request = body.into_inner();
    let work = move |conn: &mut Conn| {
        write_transaction(conn, |conn| {
            let known = rules::find(conn, *id)?;
            let (fields, channels) = request.over(conn, Some(known))?;
            rules::update(conn, *id, &fields, &channels)
        })
    };
    query(&pool, work).await.map(Json)
}

/// Deletes a rule. What it has put into the outbox is sent all the same.
#[utoipa::path(operation_id = "delete_notification_rule", tag = "notifications", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 404)))]
#[delete("/notifications/rules/{id}")]
pub async fn remove(pool: Data<DbPool>, id: Path<i32>) -> Result<Json<Status>> {
    query(&pool, move |conn| rules::delete(conn, *id)).await?;
    Ok(Json(Status::new("deleted")))
}

impl RuleRequest {
    /// The rule it asks for: what it does not name is as in `known`.
    fn over(self, conn: &mut Conn, known: Option<RuleListed>) -> Result<(RuleFields, Vec<i32>)> {
        let known_channels = known.as_ref().map(|rule| rule.channel_ids.clone()).unwrap_or_default();
        let mut fields = known.map_or_else(blank, |rule| of(rule.rule));
        if self.name.is_some() || fields.name.is_empty() {
            fields.name = fields::name("name", self.name.as_deref())?;
        }
        if let Some(topics) = self.topics {
            if let Some(unknown) = topics.iter().find(|topic| !topics::exists(topic)) {
                return Err(fields::invalid("topics", format!("topics: there is no topic '{unknown}'")));
            }
            fields.topics = serde_json::to_string(&topics)?;
        }
        if let Some(ids) = self.job_ids {
            for id in &ids {
                fields::existing("job_ids", jobs::find(conn, *id))?;
            }
            fields.job_ids = serde_json::to_string(&ids)?;
        }
        if let Some(ids) = self.pool_ids {
            for id in &ids {
                fields::existing("pool_ids", pools::find(conn, *id))?;
            }
            fields.pool_ids = serde_json::to_string(&ids)?;
        }
        let channels = self.channel_ids.unwrap_or(known_channels);
        for id in &channels {
            fields::existing("channel_ids", notification_channels::find(conn, *id))?;
        }
        if let Some(least) = fields::optional_word("min_severity", self.min_severity.as_deref())? {
            fields.min_severity = least;
        }
        put(&mut fields.enabled, self.enabled);
        put(&mut fields.time_zone, self.time_zone);
        put(&mut fields.quiet_from, self.quiet_from);
        put(&mut fields.quiet_until, self.quiet_until);
        put(&mut fields.errors_break_quiet, self.errors_break_quiet);
        put(&mut fields.digest_cron, self.digest_cron);
        put(&mut fields.reminder_minutes, self.reminder_minutes);
        put(&mut fields.recovery, self.recovery);
        check(&fields)?;
        Ok((fields, channels))
    }
}

fn put<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}

fn check(fields: &RuleFields) -> Result<()> {
    parse_time_zone(&fields.time_zone).map_err(|error| fields::invalid("time_zone", error.to_string()))?;
    let about = |field: &'static str| fields::about(field);
    let from = quiet::time_of_day(&fields.quiet_from).map_err(about("quiet_from"))?;
    let until = quiet::time_of_day(&fields.quiet_until).map_err(about("quiet_until"))?;
    if from.is_some() != until.is_some() {
        return Err(fields::invalid("quiet_until", "quiet hours need a beginning and an end"));
    }
    if !fields.digest_cron.trim().is_empty() {
        Schedule::parse(&fields.digest_cron, &fields.time_zone)
            .map_err(|error: crate::schedule::ScheduleError| fields::invalid("digest_cron", error.to_string()))?;
    }
    if !(0..=7 * 24 * 60).contains(&fields.reminder_minutes) {
        let message = "reminder_minutes must be between 0 (never) and 10080 (a week)";
        return Err(fields::invalid("reminder_minutes", message));
    }
    Ok(())
}

fn blank() -> RuleFields {
    RuleFields {
        name: String::new(),
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

fn of(rule: Rule) -> RuleFields {
    RuleFields {
        name: rule.name,
        enabled: rule.enabled,
        topics: rule.topics,
        min_severity: rule.min_severity,
        job_ids: rule.job_ids,
        pool_ids: rule.pool_ids,
        time_zone: rule.time_zone,
        quiet_from: rule.quiet_from,
        quiet_until: rule.quiet_until,
        errors_break_quiet: rule.errors_break_quiet,
        digest_cron: rule.digest_cron,
        reminder_minutes: rule.reminder_minutes,
        recovery: rule.recovery,
    }
}
