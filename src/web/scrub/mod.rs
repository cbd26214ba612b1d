//! `/scrub`: whole tapes are read back.

use super::Routes;
use super::optional_body::OptionalBody;
use super::work::{Started, Unsaid, WaitQuery, Work};
use crate::Result;
use crate::app::App;
use crate::auth::Identity;
use crate::executions::{Request, ScrubRequest};
use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes.add(run)
}

/// How much is to be read back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ScrubBody {
    /// So many tapes; none: as the settings say. 0: all.
    tapes: Option<u32>,
    /// The drive; none: any.
    drive_id: Option<i32>,
}

/// Reads the tapes back that were not verified for the longest time. One tape: `POST /tapes/{id}/verify`.
#[utoipa::path(operation_id = "run_scrub", tag = "maintenance", params(WaitQuery), request_body = ScrubBody,
    responses((status = 202, body = Started), (status = 400), (status = 409)))]
#[post("/scrub")]
async fn run(
    app: web::Data<App>,
    caller: Identity,
    wait: web::Query<WaitQuery>,
    body: OptionalBody<ScrubBody>,
) -> Result<HttpResponse> {
    let ScrubBody { tapes, drive_id } = body.0;
    let request = Request::Scrub(ScrubRequest { tape_ids: Vec::new(), tapes, drive_id });
    Work::new(request, "Scrub", "Scrub started").answer(&app, &caller, *wait, Unsaid::Start).await
}
