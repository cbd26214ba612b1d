//! Letting go what no rule keeps, now.

use crate::Result;
use crate::app::App;
use crate::auth::Identity;
use crate::executions::{Chore, MaintenanceRequest, Request};
use crate::web::work::{Started, Unsaid, WaitQuery, Work};
use actix_web::{HttpResponse, post, web};

/// Applies the rules now, as the daily maintenance does: marks sets that no rule keeps as expired, and tapes on which
/// everything has expired. Nothing is written to a tape.
#[utoipa::path(operation_id = "run_retention", tag = "retention", params(WaitQuery),
    responses((status = 202, body = Started), (status = 409)))]
#[post("/retention/run")]
pub async fn run(app: web::Data<App>, caller: Identity, wait: web::Query<WaitQuery>) -> Result<HttpResponse> {
    let request = Request::Maintenance(MaintenanceRequest { chores: vec![Chore::Retention] });
    Work::new(request, "Retention", "Applying the rules of retention").answer(&app, &caller, *wait, Unsaid::Start).await
}
