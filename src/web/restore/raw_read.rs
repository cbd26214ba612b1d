//! Reading whatever archive a tape holds, without the catalog.

use super::request::{destination, policy};
use crate::Result;
use crate::app::App;
use crate::auth::Identity;
use crate::db::{drives, encryption_keys};
use crate::executions::{ExistingPolicy, RawReadRequest, Request};
use crate::web::fields::{existing, invalid};
use crate::web::query;
use crate::web::work::{Started, Unsaid, WaitQuery, Work};
use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

/// What is to be read, and where it goes.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct RawReadBody {
    /// The drive the tape is in. Required.
    drive_id: Option<i32>,
    /// Directory that receives the files, absolute. Required.
    dest_path: Option<String>,
    /// Replace files that exist.
    overwrite: bool,
    /// What happens to files that exist: `keep` (the default), `overwrite`, `newer`, `rename`.
    #[schema(value_type = Option<ExistingPolicy>)]
    policy: Option<String>,
    /// Key for encrypted sets; none: all known keys are tried.
    encryption_key_id: Option<i32>,
}

/// Extracts whatever archive the tape in a drive holds. Answers 202 at once; with `?wait=true` when it is done.
#[utoipa::path(operation_id = "raw_read", tag = "restore", params(WaitQuery), request_body = RawReadBody,
    responses((status = 200, description = "What was found"), (status = 202, body = Started), (status = 400)))]
#[post("/restore/raw-read")]
pub async fn raw_read(
    app: web::Data<App>,
    caller: Identity,
    wait: web::Query<WaitQuery>,
    body: web::Json<RawReadBody>,
) -> Result<HttpResponse> {
    let body = body.into_inner();
    let work = query(&app.services.db, move |conn| {
        let drive_id = body.drive_id.ok_or_else(|| invalid("drive_id", "drive_id is required"))?;
        let drive = existing("drive_id", drives::find(conn, drive_id))?;
        let dest_path = destination("dest_path", body.dest_path.as_deref())?;
        if let Some(key) = body.encryption_key_id {
            existing("encryption_key_id", encryption_keys::find(conn, key))?;
        }
        let unsaid = if body.overwrite { ExistingPolicy::Overwrite } else { ExistingPolicy::Keep };
        let title = format!("Raw read of the tape in drive {} to {dest_path}", drive.name());
        let message = format!("{title} started");
        let request = RawReadRequest {
            drive_id,
            dest_path,
            policy: policy(body.policy.as_deref())?.unwrap_or(unsaid),
            encryption_key_id: body.encryption_key_id,
        };
        Ok(Work::new(Request::RawRead(request), title, message))
    });
    work.await?.answer(&app, &caller, *wait, Unsaid::Start).await
}
