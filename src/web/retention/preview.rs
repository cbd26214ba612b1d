//! What the rules keep at a moment, until when and why, and which tapes are free then.

use crate::app::App;
use crate::db::tapes::{self, Tape};
use crate::db::time::{rfc3339, rfc3339_option};
use crate::db::{Conn, Page, SetStatus, TapeStatus, jobs, now, pools, retention as rows};
use crate::media::retention::Evaluation;
use crate::media::retention::tapes::Outlook;
use crate::web::fields::{existing, invalid};
use crate::web::query;
use crate::{Result, db};
use actix_web::{get, web};
use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use utoipa::{IntoParams, ToSchema};

/// At what moment, and of what.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct PreviewQuery {
    /// The moment (RFC 3339, not before now), if nothing is written until then; without it: now.
    at: Option<DateTime<Utc>>,
    /// Only sets of this job.
    job_id: Option<i32>,
    /// Only sets of jobs of this pool, and its tapes.
    pool_id: Option<i32>,
    /// Only this tape and the sets on it.
    tape_id: Option<i32>,
    /// `true`: only sets that are kept; `false`: only those that are not.
    kept: Option<bool>,
    /// At most so many sets; 1000 unless said otherwise.
    limit: Option<i64>,
    /// After so many.
    offset: Option<i64>,
}

/// What the rules say.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// The moment.
    #[serde(serialize_with = "rfc3339")]
    at: NaiveDateTime,
    /// Complete sets that are kept, whatever the page.
    sets_kept: usize,
    /// Complete sets that are not.
    sets_expired: usize,
    /// Of those, such as the last maintenance did not find expired.
    sets_expiring: usize,
    /// Tapes on which everything has expired.
    tapes_free: usize,
    /// Sets: those that are not kept first, then in the order in which they expire, then those of which nobody can say
    /// when.
    sets: Vec<PreviewSet>,
    /// Tapes that hold something.
    tapes: Vec<PreviewTape>,
}

/// A set.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewSet {
    /// Its id.
    id: i32,
    /// Its job.
    job_id: i32,
    /// The name of that.
    job_name: String,
    /// When it began.
    #[serde(serialize_with = "rfc3339")]
    start_time: NaiveDateTime,
    /// What it is an increment of.
    parent_set_id: Option<i32>,
    /// Label of the tape that it begins on.
    tape_label: String,
    /// Whether it is kept at the moment.
    kept: bool,
    /// When it expires if nothing else happens; absent: that cannot be said, or it has.
    #[serde(serialize_with = "rfc3339_option")]
    until: Option<NaiveDateTime>,
    /// Why it is kept, or is not.
    reasons: Vec<String>,
    /// Kept by hand.
    protected: bool,
}

/// A tape.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewTape {
    /// Its id.
    id: i32,
    /// Its label.
    label: String,
    /// Its pool.
    pool_name: Option<String>,
    /// Its state now.
    status: TapeStatus,
    /// Whether everything on it has expired at the moment.
    free: bool,
    /// Whether its pool lets it be written anew then.
    reusable: bool,
    /// Why it is not free.
    why: Option<String>,
    /// When it is free if nothing else happens; absent: that cannot be said, or it is.
    #[serde(serialize_with = "rfc3339_option")]
    until: Option<NaiveDateTime>,
    /// The sets on it that are kept.
    kept_sets: Vec<i32>,
    /// Bytes on it.
    used_bytes: i64,
}

/// What the rules keep at a moment, until when and why, and which tapes are free then. Nothing is changed.
#[utoipa::path(operation_id = "preview_retention", tag = "retention", params(PreviewQuery),
    responses((status = 200, body = Preview), (status = 400)))]
#[get("/retention/preview")]
pub async fn preview(app: web::Data<App>, wanted: web::Query<PreviewQuery>) -> Result<web::Json<Preview>> {
    query(&app.services.db, move |conn| look(conn, &wanted)).await.map(web::Json)
}

fn look(conn: &mut Conn, wanted: &PreviewQuery) -> Result<Preview> {
    let time = now();
    let at = match wanted.at.map(|at| at.naive_utc()) {
        Some(at) if at < time - chrono::TimeDelta::minutes(1) => {
            return Err(invalid("at", format!("at must not be before now: {}", db::time::to_rfc3339(&at))));
        }
        Some(at) => at.max(time),
        None => time,
    };
    if let Some(job) = wanted.job_id {
        existing("job_id", jobs::find(conn, job))?;
    }
    let pools: HashMap<i32, pools::Pool> = pools::list(conn)?.into_iter().map(|row| (row.pool.id, row.pool)).collect();
    if let Some(pool) = wanted.pool_id {
        existing("pool_id", pools::find(conn, pool))?;
    }
    let on_tape: Option<HashSet<i32>> = match wanted.tape_id {
        Some(tape) => {
            existing("tape_id", tapes::find(conn, tape))?;
            Some(rows::parts(conn, Some(tape))?.into_iter().map(|(_, set)| set).collect())
        }
        None => None,
    };
    let evaluation = Evaluation::read(conn, at)?;
    let all = tapes::all(conn)?;
    let labels: HashMap<i32, &str> = all.iter().map(|tape| (tape.id, tape.label.as_str())).collect();

    let of_tape = |set: &rows::SetRow| {
        on_tape.as_ref().is_none_or(|sets| sets.contains(&set.id) || wanted.tape_id == Some(set.tape_id))
    };
    let pool_of = |set: &rows::SetRow| evaluation.jobs.get(&set.job_id).map(|job| job.pool_id);
    let mut chosen: Vec<_> = evaluation
        .sets
        .iter()
        .filter(|set| wanted.job_id.is_none_or(|job| job == set.row.job_id))
        .filter(|set| wanted.pool_id.is_none_or(|pool| Some(pool) == pool_of(&set.row)))
        .filter(|set| of_tape(&set.row))
        .collect();
    let complete = |kept: bool| {
        let of = |set: &&&_| {
            let set: &crate::media::retention::facts::Judged<rows::SetRow> = set;
            set.row.status == SetStatus::Completed && set.verdict.kept == kept
        };
        chosen.iter().filter(of).count()
    };
    let (sets_kept, sets_expired) = (complete(true), complete(false));
    let sets_expiring = chosen
        .iter()
        .filter(|set| set.row.status == SetStatus::Completed && !set.verdict.kept && set.row.expired_at.is_none())
        .count();
    chosen.retain(|set| wanted.kept.is_none_or(|kept| kept == set.verdict.kept));
    chosen.sort_by_key(|set| (set.verdict.kept, set.verdict.until.is_none(), set.verdict.until, set.row.id));
    let page = Page::new(wanted.limit, wanted.offset, 1000);
    let (skip, take) = (usize::try_from(page.offset).unwrap_or(0), usize::try_from(page.limit).unwrap_or(0));
    let sets = chosen.into_iter().skip(skip).take(take).map(|set| PreviewSet {
        id: set.row.id,
        job_id: set.row.job_id,
        job_name: evaluation.jobs.get(&set.row.job_id).map(|job| job.name.clone()).unwrap_or_default(),
        start_time: set.row.start_time,
        parent_set_id: set.row.parent_set_id,
        tape_label: labels.get(&set.row.tape_id).copied().unwrap_or_default().to_owned(),
        kept: set.verdict.kept,
        until: set.verdict.until,
        reasons: set.verdict.reasons.iter().map(ToString::to_string).collect(),
        protected: set.row.protected,
    });
    let sets: Vec<PreviewSet> = sets.collect();

    let of_job: Option<HashSet<i32>> = match wanted.job_id {
        Some(job) => Some(tapes_of_job(conn, &evaluation, job)?),
        None => None,
    };
    let shown: Vec<Tape> = all
        .iter()
        .filter(|tape| wanted.tape_id.is_none_or(|id| id == tape.id))
        .filter(|tape| wanted.pool_id.is_none_or(|pool| tape.pool_id == Some(pool)))
        .filter(|tape| of_job.as_ref().is_none_or(|tapes| tapes.contains(&tape.id)))
        .cloned()
        .collect();
    let facts = evaluation.tapes(conn, &shown)?;
    let tapes: Vec<PreviewTape> = shown
        .iter()
        .zip(facts)
        .filter_map(|(tape, fact)| {
            let (free, why, until) = match fact.outlook() {
                Outlook::Nothing if wanted.tape_id.is_none() => return None,
                Outlook::Nothing => (false, Some("nothing is recorded on it".to_owned()), None),
                Outlook::Free => (true, None, None),
                Outlook::Stays { why, until } => (false, Some(why), until),
            };
            let pool = tape.pool_id.and_then(|id| pools.get(&id));
            Some(PreviewTape {
                id: tape.id,
                label: tape.label.clone(),
                pool_name: pool.map(|pool| pool.name.clone()),
                status: tape.status,
                free,
                reusable: free && pool.is_some_and(|pool| pool.allow_reuse != 0),
                why,
                until,
                kept_sets: fact.kept.iter().map(|(set, _)| *set).collect(),
                used_bytes: tape.used_bytes,
            })
        })
        .collect();
    let tapes_free = tapes.iter().filter(|tape| tape.free).count();
    Ok(Preview { at, sets_kept, sets_expired, sets_expiring, tapes_free, sets, tapes })
}

fn tapes_of_job(conn: &mut Conn, evaluation: &Evaluation, job: i32) -> Result<HashSet<i32>> {
    let of_job: HashMap<i32, i32> =
        evaluation.sets.iter().filter(|set| set.row.job_id == job).map(|set| (set.row.id, set.row.tape_id)).collect();
    let parts = rows::parts(conn, None)?.into_iter().filter(|(_, set)| of_job.contains_key(set)).map(|(tape, _)| tape);
    Ok(parts.chain(of_job.values().copied()).collect())
}
