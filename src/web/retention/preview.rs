//! What the rules keep at a moment, until when and why, and which tapes are free then.

use super::fates::{self, Blank, Fate, FateOrder, PreviewTape};
use crate::app::App;
use crate::db::time::{rfc3339, rfc3339_option};
use crate::db::{Conn, Page, SetStatus, jobs, now, pools, retention as rows, tape_briefs, tapes};
use crate::media::retention::Evaluation;
use crate::web::fields::{self, existing, invalid};
use crate::web::query;
use crate::{Result, db};
use actix_web::{get, web};
use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use utoipa::{IntoParams, ToSchema};

/// Most sets, and most tapes, unless more are asked for.
const MOST_ROWS: i64 = 1000;

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
    /// `true`: only tapes on which everything has expired; `false`: only those that hold something that is kept.
    tape_free: Option<bool>,
    /// Tapes by `until` (the default: those that are free first, then in the order in which they will be, then those of which
    /// nobody can say when), `label`, `status` or `used`; with a `-` before it the other way round.
    tape_sort: Option<String>,
    /// At most so many tapes; 1000 unless said otherwise.
    tape_limit: Option<i64>,
    /// After so many.
    tape_offset: Option<i64>,
}

/// What the rules say. Counts are of everything that was asked for, whatever the page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// The moment.
    #[serde(serialize_with = "rfc3339")]
    at: NaiveDateTime,
    /// Complete sets that are kept.
    sets_kept: usize,
    /// Complete sets that are not.
    sets_expired: usize,
    /// Of those, such as the last maintenance did not find expired.
    sets_expiring: usize,
    /// Tapes that hold something.
    tapes_total: usize,
    /// Of those, on which everything has expired.
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

/// What the rules keep at a moment, until when and why, and which tapes are free then. Nothing is changed.
#[utoipa::path(operation_id = "preview_retention", tag = "retention", params(PreviewQuery),
    responses((status = 200, body = Preview), (status = 400)))]
#[get("/retention/preview")]
pub async fn preview(app: web::Data<App>, wanted: web::Query<PreviewQuery>) -> Result<web::Json<Preview>> {
    query(&app.services.db, move |conn| look(conn, &wanted)).await.map(web::Json)
}

fn look(conn: &mut Conn, wanted: &PreviewQuery) -> Result<Preview> {
    let order = fields::sorting("tape_sort", wanted.tape_sort.as_deref(), FateOrder::Until)?;
    let time = now();
    let at = match wanted.at.map(|at| at.naive_utc()) {
        Some(at) if at < time - chrono::TimeDelta::minutes(1) => {
            return Err(invalid("at", format!("at must not be before now: {}", db::time::to_rfc3339(&at))));
        }
        Some(at) => at.max(time),
        None => crate::clock::for_expiry(conn)?,
    };
    if let Some(job) = wanted.job_id {
        existing("job_id", jobs::find(conn, job))?;
    }
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
    let chosen = Page::new(wanted.limit, wanted.offset, MOST_ROWS).of(chosen);
    let on: Vec<i32> = chosen.iter().map(|set| set.row.tape_id).collect();
    let labels = tapes::labels(conn, &on)?;
    let sets = chosen.into_iter().map(|set| PreviewSet {
        id: set.row.id,
        job_id: set.row.job_id,
        job_name: evaluation.jobs.get(&set.row.job_id).map(|job| job.name.clone()).unwrap_or_default(),
        start_time: set.row.start_time,
        parent_set_id: set.row.parent_set_id,
        tape_label: labels.get(&set.row.tape_id).cloned().unwrap_or_default(),
        kept: set.verdict.kept,
        until: set.verdict.until,
        reasons: set.verdict.reasons.iter().map(ToString::to_string).collect(),
        protected: set.row.protected,
    });
    let sets: Vec<PreviewSet> = sets.collect();

    let shown = tapes(conn, wanted, &evaluation)?;
    let tapes_free = shown.iter().filter(|tape| tape.free()).count();
    let tapes_total = shown.len();
    let page = Page::new(wanted.tape_limit, wanted.tape_offset, MOST_ROWS);
    let tapes = fates::page(conn, shown, wanted.tape_free, order, page)?;
    Ok(Preview { at, sets_kept, sets_expired, sets_expiring, tapes_total, tapes_free, sets, tapes })
}

/// The tapes that are asked for, and what becomes of them.
fn tapes(conn: &mut Conn, wanted: &PreviewQuery, evaluation: &Evaluation) -> Result<Vec<Fate>> {
    let (mut shown, blank) = match (wanted.tape_id, wanted.job_id, wanted.pool_id) {
        (Some(id), ..) => (vec![(&tapes::find(conn, id)?).into()], Blank::Listed),
        (_, Some(job), _) => {
            let of_job: Vec<i32> = tapes_of_job(conn, evaluation, job)?.into_iter().collect();
            (tape_briefs::these(conn, &of_job)?, Blank::LeftOut)
        }
        (.., Some(pool)) => (tape_briefs::not_blank_of_pool(conn, pool)?, Blank::LeftOut),
        (None, None, None) => (tape_briefs::not_blank(conn)?, Blank::LeftOut),
    };
    shown.retain(|tape| wanted.pool_id.is_none_or(|pool| tape.pool_id == Some(pool)));
    if let (Some(_), Some(job)) = (wanted.tape_id, wanted.job_id) {
        let of_job = tapes_of_job(conn, evaluation, job)?;
        shown.retain(|tape| of_job.contains(&tape.id));
    }
    fates::of(conn, evaluation, shown, blank)
}

fn tapes_of_job(conn: &mut Conn, evaluation: &Evaluation, job: i32) -> Result<HashSet<i32>> {
    let begun = evaluation.sets.iter().filter(|set| set.row.job_id == job).map(|set| set.row.tape_id);
    Ok(rows::tapes_of_job(conn, job)?.into_iter().chain(begun).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{sets, tape_lifecycle, testing};
    use chrono::TimeDelta;

    /// A tape with a set on it that ended so many days ago; its id.
    fn written(conn: &mut Conn, job: &jobs::Job, label: &str, days: i64) -> i32 {
        use crate::db::schema::backup_sets;
        use diesel::prelude::*;
        let tape = testing::tape(conn, label);
        tape_lifecycle::begin_writing(conn, tape.id, "u").unwrap();
        let set = testing::set(conn, job, &tape, None);
        sets::complete(conn, set.id, &sets::SetChanges::default()).unwrap();
        let then = now() - TimeDelta::days(days);
        let times = (backup_sets::start_time.eq(then), backup_sets::end_time.eq(then));
        diesel::update(backup_sets::table.find(set.id)).set(times).execute(conn).unwrap();
        tape.id
    }

    fn labels(said: &Preview) -> Vec<&str> {
        said.tapes.iter().map(PreviewTape::label).collect()
    }

    #[test]
    fn tapes_are_counted_in_all_and_shown_by_the_page() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let job = testing::job(conn, "mail");
        let keep = jobs::JobChanges { retention_days: Some(10), ..Default::default() };
        let job = jobs::update(conn, job.id, &keep).unwrap();
        testing::tape(conn, "BLANK");
        for (label, days) in [("C", 1), ("A", 3), ("D", 20), ("B", 2), ("E", 30)] {
            written(conn, &job, label, days);
        }
        let mut ask = |query: PreviewQuery| look(conn, &query).unwrap();
        let all = ask(PreviewQuery::default());
        assert_eq!((all.tapes_total, all.tapes_free, all.sets_kept, all.sets_expired), (5, 2, 3, 2));
        assert_eq!(labels(&all), ["D", "E", "A", "B", "C"], "those that are free, then by the day");

        let second = PreviewQuery { tape_limit: Some(2), tape_offset: Some(1), limit: Some(1), ..Default::default() };
        let page = ask(second);
        assert_eq!((labels(&page), page.sets.len()), (vec!["E", "A"], 1));
        assert_eq!((page.tapes_total, page.tapes_free, page.sets_kept), (5, 2, 3), "counts are of all");
        let kept = ask(PreviewQuery { tape_free: Some(false), tape_limit: Some(2), ..Default::default() });
        assert_eq!((labels(&kept), kept.tapes_total), (vec!["A", "B"], 5));
        let free = ask(PreviewQuery { tape_free: Some(true), job_id: Some(job.id), ..Default::default() });
        assert_eq!(labels(&free), ["D", "E"]);

        for (sort, sorted) in [("label", ["A", "B", "C", "D", "E"]), ("-until", ["C", "B", "A", "D", "E"])] {
            let by = ask(PreviewQuery { tape_sort: Some(sort.into()), ..Default::default() });
            assert_eq!(labels(&by), sorted, "{sort}");
        }
        let wrong = PreviewQuery { tape_sort: Some("-colour".into()), ..Default::default() };
        assert!(look(conn, &wrong).is_err_and(|error| error.message.contains("tape_sort")));
    }
}
