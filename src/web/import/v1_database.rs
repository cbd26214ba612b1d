//! The database of version 1.

use crate::app::App;
use crate::auth::Identity;
use crate::executions::{ImportV1DatabaseRequest, Request, v1_uploads};
use crate::web::query::block;
use crate::web::work::{Started, Unsaid, WaitQuery, Work};
use crate::{Error, ErrorKind, Result};
use actix_web::{HttpResponse, post, web};
use futures_util::StreamExt;
use serde::Deserialize;
use std::io::Write;
use tempfile::NamedTempFile;
use utoipa::IntoParams;

/// Largest database in bytes: some hundred million files.
const MAX_BYTES: u64 = 64 << 30;

/// How it is imported.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// `true`: only say what would be taken over.
    #[serde(default)]
    pub dry_run: bool,
    /// `true`: answer when it is done, with the report. `false`: answer 202 with an execution.
    pub wait: Option<bool>,
}

/// Takes the database file of version 1 over: users, keys, pools, tapes, sources, jobs, backup sets with all their files.
/// What is here already stays as it is, so it may be repeated. The body is the file; it is deleted afterwards. The result of
/// the execution says what was taken over, what was not and why, and what needs attention.
#[utoipa::path(operation_id = "import_v1_database", tag = "import", params(ImportQuery),
    request_body(content_type = "application/octet-stream", content = Vec<u8>, description = "The database file"),
    responses((status = 200, description = "The report"), (status = 202, body = Started), (status = 400), (status = 413),
        (status = 422)))]
#[post("/import/v1-database")]
pub async fn v1_database(
    app: web::Data<App>,
    caller: Identity,
    query: web::Query<ImportQuery>,
    mut body: web::Payload,
) -> Result<HttpResponse> {
    let folder = app.services.config.data_dir.clone();
    let mut file = block(move || v1_uploads::fresh(&folder)).await?;
    let mut size = 0u64;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| Error::bad_request(format!("the upload broke off: {error}")))?;
        size += chunk.len() as u64;
        if size > MAX_BYTES {
            let message = format!("the database is larger than {} GiB", MAX_BYTES >> 30);
            return Err(Error::new(ErrorKind::TooLarge, "body_too_large", message));
        }
        file = block(move || {
            file.write_all(&chunk)?;
            Ok(file)
        })
        .await?;
    }
    if size == 0 {
        return Err(Error::bad_request("the body is empty: send the database file of version 1"));
    }
    let path = block(move || keep(file)).await?;
    let request = ImportV1DatabaseRequest { file: path.clone(), dry_run: query.dry_run };
    let title = match query.dry_run {
        true => "Trial import of a database of version 1",
        false => "Import of a database of version 1",
    };
    let work = Work::new(Request::ImportV1Database(request), title, format!("{title} started"));
    let answer = work.answer(&app, &caller, WaitQuery { wait: query.wait }, Unsaid::Start).await;
    if answer.is_err() {
        // refused, or run and failed: in both cases nobody needs it any more
        let _ = block(move || Ok(std::fs::remove_file(path)?)).await;
    }
    answer
}

fn keep(file: NamedTempFile) -> Result<String> {
    let (_, path) = file.keep().map_err(|error| Error::from(error.error).context("the uploaded database"))?;
    path.to_str().map(str::to_owned).ok_or_else(|| Error::internal("the data folder has a name that is not text"))
}
