//! Rebuilding the catalog from tapes.

use crate::Result;
use crate::app::App;
use crate::auth::Identity;
use crate::db::{Conn, drives, libraries, tapes};
use crate::executions::{RebuildRequest, Request};
use crate::web::fields::{existing, invalid};
use crate::web::query;
use crate::web::work::{Started, Unsaid, WaitQuery, Work};
use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

/// Most tapes of one request.
const MAX_TAPES: usize = 10_000;

/// Which tapes are to be read: those of a library, those of a list, or the one in a drive.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct RebuildBody {
    /// All data cartridges of this library, one after the other.
    library_id: Option<i32>,
    /// These tapes, which the database knows.
    tape_ids: Option<Vec<i32>>,
    /// Whatever tape is in this drive; with a library or a list: the drive to use.
    drive_id: Option<i32>,
    /// Change nothing; only say what would be taken in.
    dry_run: bool,
}

/// Takes into the catalog what tapes say of themselves: tapes, pools, jobs, sets, files. What is there already stays as
/// it is. Answers 202 at once; with `?wait=true` when it is done.
#[utoipa::path(operation_id = "rebuild_catalog", tag = "catalog", params(WaitQuery), request_body = RebuildBody,
    responses((status = 200, description = "What was found"), (status = 202, body = Started), (status = 400),
        (status = 422, description = "Not everything could be taken in; what could is there")))]
#[post("/catalog/rebuild")]
pub async fn rebuild(
    app: web::Data<App>,
    caller: Identity,
    wait: web::Query<WaitQuery>,
    body: web::Json<RebuildBody>,
) -> Result<HttpResponse> {
    let body = body.into_inner();
    let work = query(&app.services.db, move |conn| work(conn, body));
    work.await?.answer(&app, &caller, *wait, Unsaid::Start).await
}

fn work(conn: &mut Conn, body: RebuildBody) -> Result<Work> {
    let tape_ids = body.tape_ids.unwrap_or_default();
    if tape_ids.len() > MAX_TAPES {
        return Err(invalid("tape_ids", format!("tape_ids has more than {MAX_TAPES} entries")));
    }
    let drive = match body.drive_id {
        Some(id) => Some(existing("drive_id", drives::find(conn, id))?),
        None => None,
    };
    let what = match (body.library_id, tape_ids.as_slice(), &drive) {
        (Some(_), [_, ..], _) => return Err(invalid("tape_ids", "name a library or a list of tapes, not both")),
        (Some(id), [], _) => {
            format!("the tapes of library {}", existing("library_id", libraries::find(conn, id))?.name)
        }
        (None, tapes @ [_, ..], _) => {
            for id in tapes {
                existing("tape_ids", tapes::find(conn, *id))?;
            }
            format!("{} tapes", tapes.len())
        }
        (None, [], Some(drive)) => format!("the tape in drive {}", drive.name()),
        (None, [], None) => return Err(invalid("library_id", "library_id, tape_ids or drive_id is required")),
    };
    let title = match body.dry_run {
        true => format!("What a rebuild of the catalog from {what} would find"),
        false => format!("Rebuild of the catalog from {what}"),
    };
    let request =
        RebuildRequest { drive_id: body.drive_id, library_id: body.library_id, tape_ids, dry_run: body.dry_run };
    let message = format!("{title} started");
    Ok(Work::new(Request::Rebuild(request), title, message))
}
