//! `/coverage`: how many copies there are of what, and which tapes need a look.

mod tapes;

use super::{Routes, query};
use crate::Result;
use crate::app::App;
use crate::coverage::counter::{self, Known};
use crate::coverage::judge::{Copies, Judge};
use crate::db::coverage::{ReadableSet, readable_sets};
use crate::db::time::rfc3339_option;
use crate::db::{Conn, SetStatus, jobs, sources};
use crate::media::wear::Limits;
use actix_web::{get, web};
use chrono::NaiveDateTime;
use serde::Serialize;
use std::collections::HashMap;
use tapes::TapesInView;
use utoipa::ToSchema;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes.add(show)
}

/// How well everything is covered.
#[derive(Debug, Serialize, ToSchema)]
pub struct CoverageView {
    /// All sources that have been counted together; null while none has.
    total: Option<Copies>,
    /// Each source.
    sources: Vec<SourceCoverage>,
    /// Tapes that need a look.
    tapes: TapesInView,
    /// Whether the catalog is being counted at the moment: ask again.
    counting: bool,
    /// Why the last counting failed.
    error: Option<String>,
}

/// How well a source is covered.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceCoverage {
    /// The source.
    id: i32,
    /// Its name.
    name: String,
    /// Its folder.
    path: String,
    /// Whether it may be backed up.
    enabled: bool,
    /// When its newest complete set ended; null: it was never backed up.
    #[serde(serialize_with = "rfc3339_option")]
    last_backup_at: Option<NaiveDateTime>,
    /// That set.
    newest_set_id: Option<i32>,
    /// Files that the run of that set left out, or that changed while they were read.
    warning_count: i64,
    /// The files of its newest state by how many tapes have them; null until counted.
    copies: Option<Copies>,
    /// As of when.
    #[serde(serialize_with = "rfc3339_option")]
    counted_at: Option<NaiveDateTime>,
    /// Whether there are sets that are not in this count yet.
    stale: bool,
    /// Its jobs.
    jobs: Vec<JobCoverage>,
}

/// What a job contributes.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobCoverage {
    /// The job.
    id: i32,
    /// Its name.
    name: String,
    /// The pool it writes to.
    pool_name: String,
    /// Whether the clock starts it.
    scheduled: bool,
    /// When its newest complete set ended.
    #[serde(serialize_with = "rfc3339_option")]
    last_backup_at: Option<NaiveDateTime>,
    /// When it is due next.
    #[serde(serialize_with = "rfc3339_option")]
    next_run_at: Option<NaiveDateTime>,
    /// The files of the source's newest state by how many tapes have them in sets of this job.
    copies: Option<Copies>,
}

/// How many copies there are of what. Counting goes on in the background, and only when there are new sets; the answer
/// comes at once with what is known.
#[utoipa::path(operation_id = "coverage", tag = "coverage", responses((status = 200, body = CoverageView)))]
#[get("/coverage")]
pub async fn show(app: web::Data<App>) -> Result<web::Json<CoverageView>> {
    let (counter, pool) = (app.coverage.clone(), app.services.db.clone());
    let limits = Limits::from(&app.services.config.maintenance);
    let view = query(&app.services.db, move |conn| {
        let sets = readable_sets(conn)?;
        let known = counter.known(&pool, &sets);
        view(conn, &sets, known, limits)
    });
    view.await.map(web::Json)
}

fn view(conn: &mut Conn, sets: &[ReadableSet], known: Known, limits: Limits) -> Result<CoverageView> {
    let judge = Judge::read(conn, sets)?;
    let newest = counter::newest(sets);
    let mut last_of_job: HashMap<i32, Option<NaiveDateTime>> = HashMap::new();
    for set in sets.iter().filter(|set| set.status == SetStatus::Completed) {
        let last = last_of_job.entry(set.job_id).or_default();
        *last = (*last).max(set.end_time);
    }
    let mut jobs_of: HashMap<i32, Vec<jobs::JobListed>> = HashMap::new();
    for job in jobs::list(conn)? {
        jobs_of.entry(job.job.source_id).or_default().push(job);
    }
    let mut total: Option<Copies> = None;
    let mut shown = Vec::new();
    for source in sources::list(conn)? {
        let newest = newest.get(&source.id);
        let count = newest.and_then(|_| known.of_source.get(&source.id));
        let copies = count.map(|count| judge.judge(count, None));
        if let Some(copies) = &copies {
            total.get_or_insert_default().add(copies);
        }
        let jobs = jobs_of.remove(&source.id).unwrap_or_default().into_iter().map(|listed| JobCoverage {
            id: listed.job.id,
            name: listed.job.name,
            pool_name: listed.pool_name,
            scheduled: listed.job.enabled && !listed.job.schedule_cron.is_empty(),
            last_backup_at: last_of_job.get(&listed.job.id).copied().flatten(),
            next_run_at: listed.job.next_run_at,
            copies: count.map(|count| judge.judge(count, Some(listed.job.id))),
        });
        shown.push(SourceCoverage {
            jobs: jobs.collect(),
            last_backup_at: newest.and_then(|set| set.end_time),
            newest_set_id: newest.map(|set| set.id),
            warning_count: newest.map_or(0, |set| set.warning_count),
            counted_at: count.map(|count| count.counted_at),
            stale: known.stale.contains(&source.id),
            copies,
            id: source.id,
            name: source.name,
            path: source.path,
            enabled: source.enabled,
        });
    }
    Ok(CoverageView {
        total,
        sources: shown,
        tapes: TapesInView::of(conn, limits)?,
        counting: known.counting,
        error: known.error,
    })
}
