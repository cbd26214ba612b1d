//! A tape of version 1.

use crate::Result;
use crate::app::App;
use crate::auth::Identity;
use crate::db::{drives, encryption_keys};
use crate::executions::{ImportV1TapeRequest, Request};
use crate::web::fields::{existing, invalid};
use crate::web::query;
use crate::web::work::{Started, Unsaid, WaitQuery, Work};
use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

/// Which tape.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ImportTapeBody {
    /// The drive the tape is in. Required.
    drive_id: Option<i32>,
    /// Key for encrypted data; none: all known keys are tried.
    encryption_key_id: Option<i32>,
    /// List the files from the data itself, even if there is a table of contents: it takes as long as reading the tape.
    read_data: bool,
}

/// Makes a tape that version 1 wrote known, and puts its files into the catalog: from its table of contents, or without one
/// from its data. Nothing is written to the tape, now or later.
#[utoipa::path(operation_id = "import_v1_tape", tag = "import", params(WaitQuery), request_body = ImportTapeBody,
    responses((status = 200, description = "The report"), (status = 202, body = Started), (status = 400)))]
#[post("/import/v1-tape")]
pub async fn v1_tape(
    app: web::Data<App>,
    caller: Identity,
    wait: web::Query<WaitQuery>,
    body: web::Json<ImportTapeBody>,
) -> Result<HttpResponse> {
    let body = body.into_inner();
    let work = query(&app.services.db, move |conn| {
        let drive_id = body.drive_id.ok_or_else(|| invalid("drive_id", "drive_id is required"))?;
        let drive = existing("drive_id", drives::find(conn, drive_id))?;
        if let Some(key) = body.encryption_key_id {
            existing("encryption_key_id", encryption_keys::find(conn, key))?;
        }
        let title = format!("Import of the tape of version 1 in drive {}", drive.name());
        let message = format!("{title} started");
        let request =
            ImportV1TapeRequest { drive_id, encryption_key_id: body.encryption_key_id, read_data: body.read_data };
        Ok(Work::new(Request::ImportV1Tape(request), title, message))
    });
    work.await?.answer(&app, &caller, *wait, Unsaid::Start).await
}
