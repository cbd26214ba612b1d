//! A database from outside, to be run with from the next start on.

use crate::app::App;
use crate::db::staged;
use crate::events::{Category, Event};
use crate::web::fields::invalid;
use crate::web::query::block;
use crate::{Error, ErrorKind, Result};
use actix_multipart::{Field, Multipart};
use actix_web::{post, web};
use futures_util::StreamExt;
use serde::Serialize;
use std::io::Write;
use tempfile::NamedTempFile;
use utoipa::ToSchema;

/// Largest database in bytes.
const MAX_BYTES: u64 = 500 << 20;

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Uploaded {
    /// `restored`
    status: &'static str,
    /// What to do now.
    message: String,
    /// Its size in bytes.
    size: u64,
    /// Whether the server must be started again before it counts: yes.
    restart_required: bool,
}

/// Takes a database (multipart field `database`, at most 500 MiB), checks it, and lays it beside the one in use: the
/// next start runs with it and keeps the old one.
#[utoipa::path(operation_id = "upload_database", tag = "database-backup",
    request_body(content_type = "multipart/form-data", content = Vec<u8>, description = "Field `database`"),
    responses((status = 200, body = Uploaded), (status = 400), (status = 409), (status = 413)))]
#[post("/database-backup/upload")]
pub async fn upload(app: web::Data<App>, mut parts: Multipart) -> Result<web::Json<Uploaded>> {
    let database = app.services.config.database_path();
    while let Some(part) = parts.next().await {
        let field = part.map_err(|error| Error::bad_request(format!("the upload cannot be read: {error}")))?;
        if field.name() != Some("database") {
            continue;
        }
        let folder = app.services.config.data_dir.clone();
        let file = block(move || Ok(NamedTempFile::with_prefix_in("upload-", folder)?)).await?;
        let (file, size) = receive(field, file).await?;
        block(move || staged::stage(file.path(), &database)).await?;
        let message = "The database is checked and laid ready. Restart the server to run with it; the one in use until \
                       then is kept beside it.";
        let event = Event::warning(Category::System, "Database Uploaded", message);
        app.services.bus.publish(event.details(serde_json::json!({"size": size})));
        return Ok(web::Json(Uploaded { status: "restored", message: message.into(), size, restart_required: true }));
    }
    Err(invalid("database", "the upload has no field 'database'"))
}

async fn receive(mut field: Field, mut file: NamedTempFile) -> Result<(NamedTempFile, u64)> {
    let mut size = 0u64;
    while let Some(chunk) = field.next().await {
        let chunk = chunk.map_err(|error| Error::bad_request(format!("the upload broke off: {error}")))?;
        size += chunk.len() as u64;
        if size > MAX_BYTES {
            let message = format!("the database is larger than {} MiB", MAX_BYTES >> 20);
            return Err(Error::new(ErrorKind::TooLarge, "body_too_large", message));
        }
        file = block(move || {
            file.write_all(&chunk)?;
            Ok(file)
        })
        .await?;
    }
    Ok((file, size))
}
