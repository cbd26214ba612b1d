//! Planning and running restores.

use super::keys::{self, NeededKey};
use super::request::{RestoreBody, chain, destination};
use crate::app::App;
use crate::auth::Identity;
use crate::db::{lost, sets};
use crate::executions::Request;
use crate::restore::required::{self, RequiredTape};
use crate::restore::select;
use crate::web::query;
use crate::web::work::{Started, Unsaid, WaitQuery, Work};
use crate::{Error, Result};
use actix_web::{HttpResponse, post, web};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What a restore would need.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanView {
    /// Tapes in the order in which they are needed.
    required_tapes: Vec<RequiredTape>,
    /// One sentence.
    message: String,
    /// The set whose state it is.
    backup_set_id: Option<i32>,
    /// That set and those it builds on, newest first.
    chain: Vec<i32>,
    /// Why copies are read in place of sets of the chain.
    why: Vec<String>,
    /// Files that would be brought back.
    file_count: u64,
    /// Their bytes.
    total_bytes: u64,
    /// Paths that are wanted and are not in this state.
    missing: Vec<String>,
    /// Members that cannot be brought back, and why.
    broken: Vec<BrokenMember>,
    /// Labels of the lost tapes that would be needed for all of it.
    lost_tapes: Vec<String>,
    /// Keys with which what is to be read is encrypted.
    keys: Vec<NeededKey>,
}

/// A member that cannot be brought back.
#[derive(Debug, Serialize, ToSchema)]
pub struct BrokenMember {
    /// Its path.
    path: String,
    /// Why.
    reason: String,
}

/// Which tapes and keys a restore needs, in which order, where they are, and what is missing. Nothing moves.
#[utoipa::path(operation_id = "plan_restore", tag = "restore", request_body = RestoreBody,
    responses((status = 200, body = PlanView), (status = 400), (status = 404), (status = 409)))]
#[post("/restore/plan")]
pub async fn plan(app: web::Data<App>, body: web::Json<RestoreBody>) -> Result<web::Json<PlanView>> {
    let (body, store) = (body.into_inner(), app.services.keys.clone());
    let plan = query(&app.services.db, move |conn| {
        let request = body.check(conn)?;
        let (chain, why) = chain(conn, &request)?;
        let paths = request.file_paths.iter().chain(&request.folder_paths).cloned().collect();
        let selection = select::Selection { chain: chain.clone(), paths };
        let selected = select::plan_without(conn, &selection, &request.exclude_paths)?;
        let required_tapes = required::tapes(conn, &selected.plan)?;
        let lost: BTreeSet<String> = lost::tapes_of_sets(conn, &chain)?.into_values().flatten().collect();
        let lost_tapes: Vec<String> = if selected.broken.is_empty() { Vec::new() } else { lost.into_iter().collect() };
        let message = match (required_tapes.is_empty(), lost_tapes.is_empty()) {
            (true, true) => "Nothing of what is wanted is in this state".into(),
            (false, true) => "Insert the tapes in the order shown to begin restore".into(),
            (nothing, false) => format!(
                "{} files cannot be brought back, for tape {} is lost{}",
                selected.broken.len(),
                lost_tapes.join(", "),
                if nothing { "" } else { "; insert the tapes in the order shown for the others" }
            ),
        };
        let broken = selected.broken.into_iter().map(|(path, reason)| BrokenMember { path, reason });
        Ok(PlanView {
            keys: keys::needed(conn, &store, &selected.plan)?,
            required_tapes,
            message,
            backup_set_id: request.backup_set_id,
            chain,
            why,
            file_count: selected.plan.file_count(),
            total_bytes: selected.plan.total_bytes(),
            missing: selected.missing,
            broken: broken.collect(),
            lost_tapes,
        })
    });
    plan.await.map(web::Json)
}

/// Brings files back. Answers 202 at once; with `?wait=true` when it is done, with `files_restored`,
/// `bytes_restored`, `errors` …
#[utoipa::path(operation_id = "run_restore", tag = "restore", params(WaitQuery), request_body = RestoreBody,
    responses((status = 200, description = "What was restored"), (status = 202, body = Started), (status = 400),
        (status = 404), (status = 409)))]
#[post("/restore/run")]
pub async fn run(
    app: web::Data<App>,
    caller: Identity,
    wait: web::Query<WaitQuery>,
    body: web::Json<RestoreBody>,
) -> Result<HttpResponse> {
    let body = body.into_inner();
    let work = query(&app.services.db, move |conn| {
        let dest_path = destination("dest_path", body.dest_path.as_deref())?;
        let request = body.check(conn)?;
        chain(conn, &request)?;
        let set = request.backup_set_id.ok_or_else(|| Error::internal("a checked restore names a set"))?;
        let set = sets::find_listed(conn, set)?;
        let title = format!("Restore of set {} of job {} to {dest_path}", set.set.id, set.job_name);
        let message = format!("{title} started");
        let fields = json!({"backup_set_id": set.set.id, "dest_path": dest_path});
        Ok(Work::new(Request::Restore(request), title, message).with(fields))
    });
    work.await?.answer(&app, &caller, *wait, Unsaid::Start).await
}
