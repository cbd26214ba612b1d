//! `/drills`: restoring is rehearsed. What came of it: `GET /executions?kind=drill`.

use super::Routes;
use super::optional_body::OptionalBody;
use super::query;
use super::work::{Started, Unsaid, WaitQuery, Work};
use crate::app::App;
use crate::auth::Identity;
use crate::db::jobs;
use crate::executions::{DrillRequest, Request};
use crate::{Error, Result};
use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

/// Most files of one drill.
const MOST_FILES: u32 = 10_000;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes.add(run)
}

/// What is to be rehearsed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct DrillBody {
    /// So many files, 1 to 10000; none: as the settings say.
    files: Option<u32>,
    /// Only of this job.
    job_id: Option<i32>,
    /// Repeat the choice of an earlier drill.
    seed: Option<u32>,
}

/// Restores files chosen at random into a temporary folder, compares them with the catalog and their source, and deletes
/// them.
#[utoipa::path(operation_id = "run_drill", tag = "maintenance", params(WaitQuery), request_body = DrillBody,
    responses((status = 202, body = Started), (status = 400), (status = 404), (status = 409)))]
#[post("/drills")]
async fn run(
    app: web::Data<App>,
    caller: Identity,
    wait: web::Query<WaitQuery>,
    body: OptionalBody<DrillBody>,
) -> Result<HttpResponse> {
    let DrillBody { files, job_id, seed } = body.0;
    if files.is_some_and(|files| !(1..=MOST_FILES).contains(&files)) {
        return Err(Error::bad_request(format!("files must be 1 to {MOST_FILES}")));
    }
    if let Some(id) = job_id {
        query(&app.services.db, move |conn| jobs::find(conn, id)).await?;
    }
    let request = Request::Drill(DrillRequest { files, job_id, seed });
    Work::new(request, "Restore drill", "Restore drill started").answer(&app, &caller, *wait, Unsaid::Start).await
}
