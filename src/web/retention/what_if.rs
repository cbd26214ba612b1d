//! What another rule for a job, or one for a job that is not made yet, would keep and let go. Nothing is changed.

use super::KeepFields;
use crate::Result;
use crate::app::App;
use crate::db::jobs::Job;
use crate::db::pools::Pool;
use crate::db::time::{rfc3339, rfc3339_option};
use crate::db::{BackupType, Conn, SetStatus, jobs, now, pools};
use crate::media::retention::decide::Owner;
use crate::media::retention::forecast::{Forecast, forecast};
use crate::media::retention::{Days, Evaluation, Rule};
use crate::schedule::{ScheduleError, parse_time_zone};
use crate::web::fields::{self, existing, invalid};
use crate::web::jobs::parse_schedule;
use crate::web::query;
use actix_web::{post, web};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Sets that are told one by one, at most.
const MOST_SETS: usize = 200;

/// The rule. What is absent is as the job has it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct WhatIfRequest {
    /// A job that is there; none: one that is not made yet.
    job_id: Option<i32>,
    /// Its pool. Required without a job.
    pool_id: Option<i32>,
    /// `full` or `incremental`.
    #[schema(value_type = Option<BackupType>)]
    backup_type: Option<String>,
    /// When it runs; empty: only by hand.
    schedule_cron: Option<String>,
    /// In which zone.
    time_zone: Option<String>,
    /// Days a set is kept; 0: as the pool says.
    retention_days: Option<i32>,
    /// Beside those.
    #[serde(flatten)]
    keep: KeepFields,
}

/// What a rule would come to.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhatIf {
    /// The rule, with what comes from the pool: `30 days, monthly 12`.
    rule: String,
    /// Whether sets are kept for ever.
    forever: bool,
    /// Sets of the job that are kept now.
    kept_now: usize,
    /// Sets of the job that would be kept.
    kept_then: usize,
    /// Sets that are kept now and would not be any more, newest first, at most 200.
    expiring: Vec<ExpiringSet>,
    /// Sets that are not kept now and would be again.
    returning: usize,
    /// What a job that has always run by this schedule would hold; null: no schedule, kept for ever, or increments, which
    /// are all kept until a full run begins a new chain.
    forecast: Option<ForecastView>,
}

/// A set that would expire.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExpiringSet {
    /// Its id.
    id: i32,
    /// When it began.
    #[serde(serialize_with = "rfc3339")]
    start_time: NaiveDateTime,
    /// Why it would not be kept.
    reasons: Vec<String>,
}

/// What would be there after a long time.
#[derive(Debug, Serialize, ToSchema)]
pub struct ForecastView {
    /// Sets that would be kept.
    kept: usize,
    /// Runs that were thought of.
    runs: usize,
    /// When the oldest kept set would have begun.
    #[serde(serialize_with = "rfc3339_option")]
    oldest: Option<NaiveDateTime>,
    /// The kept sets, newest first, at most 200.
    sets: Vec<ForecastSet>,
}

/// A set that would be kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct ForecastSet {
    /// When it would have begun.
    #[serde(serialize_with = "rfc3339")]
    start_time: NaiveDateTime,
    /// Why it would be kept.
    reasons: Vec<String>,
}

impl From<Forecast> for ForecastView {
    fn from(forecast: Forecast) -> ForecastView {
        let set = |set: crate::media::retention::forecast::Expected| ForecastSet {
            start_time: set.start,
            reasons: set.reasons.iter().map(ToString::to_string).collect(),
        };
        ForecastView {
            kept: forecast.kept.len(),
            runs: forecast.runs,
            oldest: forecast.kept.last().map(|set| set.start),
            sets: forecast.kept.into_iter().take(MOST_SETS).map(set).collect(),
        }
    }
}

/// What a rule would keep and let go.
#[utoipa::path(operation_id = "retention_what_if", tag = "retention", request_body = WhatIfRequest,
    responses((status = 200, body = WhatIf), (status = 400)))]
#[post("/retention/what-if")]
pub async fn what_if(app: web::Data<App>, body: web::Json<WhatIfRequest>) -> Result<web::Json<WhatIf>> {
    query(&app.services.db, move |conn| look(conn, body.into_inner())).await.map(web::Json)
}

fn look(conn: &mut Conn, asked: WhatIfRequest) -> Result<WhatIf> {
    let known = asked.job_id.map(|id| existing("job_id", jobs::find(conn, id))).transpose()?;
    let pool_id = asked.pool_id.or(known.as_ref().map(|job| job.pool_id));
    let pool_id = pool_id.ok_or_else(|| invalid("pool_id", "pool_id is required"))?;
    let pool = existing("pool_id", pools::find(conn, pool_id))?;
    let zone_name = asked.time_zone.as_deref().or(known.as_ref().map(|job| job.time_zone.as_str())).unwrap_or_default();
    let zone = parse_time_zone(zone_name).map_err(|error: ScheduleError| invalid("time_zone", error.to_string()))?;
    let owner = Owner { rule: rule(&asked, known.as_ref(), &pool)?, zone };
    let cron = asked.schedule_cron.as_deref().or(known.as_ref().map(|job| job.schedule_cron.as_str()));
    let cron = cron.map(str::trim).unwrap_or_default();
    let kind = fields::optional_word("backup_type", asked.backup_type.as_deref())?;
    let kind = kind.or(known.as_ref().map(|job| job.backup_type)).unwrap_or(BackupType::Full);
    let at = now();
    let forever = owner.rule.days == Days::Forever;
    let predictable = !cron.is_empty() && !forever && kind == BackupType::Full;
    let forecast = predictable
        .then(|| parse_schedule(cron, zone_name))
        .transpose()?
        .map(|schedule| forecast(&schedule, &owner, at));
    let mut answer = WhatIf {
        rule: owner.rule.to_string(),
        forever,
        kept_now: 0,
        kept_then: 0,
        expiring: Vec::new(),
        returning: 0,
        forecast: forecast.map(ForecastView::from),
    };
    if let Some(job) = known {
        compare(conn, job.id, owner, at, &mut answer)?;
    }
    Ok(answer)
}

fn rule(asked: &WhatIfRequest, known: Option<&Job>, pool: &Pool) -> Result<Rule> {
    let days = asked.retention_days.map(|days| fields::days("retention_days", days)).transpose()?;
    let days = days.or(known.map(|job| job.retention_days)).unwrap_or(0);
    let keep = asked.keep.clone().check(None)?;
    let of = |given: Option<Option<i32>>, own: fn(&Job) -> Option<i32>| given.unwrap_or_else(|| known.and_then(own));
    let numbers = [
        of(keep.keep_last, |job| job.keep_last),
        of(keep.keep_daily, |job| job.keep_daily),
        of(keep.keep_weekly, |job| job.keep_weekly),
        of(keep.keep_monthly, |job| job.keep_monthly),
        of(keep.keep_yearly, |job| job.keep_yearly),
    ];
    Ok(Rule::beside(pool, days, numbers))
}

/// What becomes of the sets that the job has.
fn compare(conn: &mut Conn, job: i32, owner: Owner, at: NaiveDateTime, answer: &mut WhatIf) -> Result<()> {
    let present = Evaluation::read(conn, at)?;
    let other = Evaluation::read_if(conn, at, Some((job, owner)))?;
    let of_job = other.sets.iter().filter(|set| set.row.job_id == job && set.row.status == SetStatus::Completed);
    for set in of_job.rev() {
        let (kept_now, kept_then) = (present.keeps(set.row.id), set.verdict.kept);
        answer.kept_now += usize::from(kept_now);
        answer.kept_then += usize::from(kept_then);
        answer.returning += usize::from(!kept_now && kept_then);
        if kept_now && !kept_then && answer.expiring.len() < MOST_SETS {
            let reasons = set.verdict.reasons.iter().map(ToString::to_string).collect();
            answer.expiring.push(ExpiringSet { id: set.row.id, start_time: set.row.start_time, reasons });
        }
    }
    Ok(())
}
