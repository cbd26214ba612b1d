//! The database as a file.

use crate::app::App;
use crate::web::query::query;
use crate::{Error, Result};
use actix_files::NamedFile;
use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::{get, web};

/// A consistent copy of the database, made while it is in use. It holds password hashes and wrapped keys.
#[utoipa::path(operation_id = "download_database", tag = "database-backup",
    responses((status = 200, description = "The database", content_type = "application/octet-stream")))]
#[get("/database-backup/download")]
pub async fn download(app: web::Data<App>) -> Result<NamedFile> {
    let folder = app.services.config.data_dir.clone();
    let file = query(&app.services.db, move |conn| {
        let folder = tempfile::Builder::new().prefix("download-").tempdir_in(folder)?;
        let path = folder.path().join("tapebackarr.db");
        crate::db::copy_to(conn, &path)?;
        // opened, it stays readable when the folder is gone at the end of this
        Ok(std::fs::File::open(path)?)
    })
    .await?;
    let name = format!("tapebackarr-backup-{}.db", chrono::Utc::now().format("%Y%m%d-%H%M%S"));
    let file =
        NamedFile::from_file(file, &name).map_err(|error| Error::from(error).context("the copy of the database"))?;
    let disposition = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(name)],
    };
    Ok(file
        .set_content_disposition(disposition)
        .set_content_type(actix_web::mime::APPLICATION_OCTET_STREAM)
        .use_etag(false)
        .use_last_modified(false))
}
