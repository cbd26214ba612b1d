//! The files of a set as one flat list.

use crate::Result;
use crate::app::App;
use crate::catalog::files::{FileRow, Members, Wish, of_set};
use crate::db::{Conn, Page};
use crate::web::query;
use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which files.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct FilesQuery {
    /// Their paths begin with this, letter by letter.
    prefix: Option<String>,
    /// With directories.
    directories: bool,
    /// At most so many; 1000 unless said otherwise.
    limit: Option<i64>,
    /// After so many. They are all looked at: `after` costs nothing.
    offset: Option<i64>,
    /// Behind this path, the last of the page before.
    after: Option<String>,
}

/// A page of the files of a set.
pub async fn page_of(app: &App, set_id: i32, wanted: FilesQuery) -> Result<web::Json<Vec<FileRow>>> {
    let page = Page::new(wanted.limit, wanted.offset, 1000);
    let members = if wanted.directories { Members::All } else { Members::Files };
    let prefix = wanted.prefix.unwrap_or_default();
    let list = move |conn: &mut Conn| {
        let wish = Wish { prefix: &prefix, after: wanted.after.as_deref(), members };
        of_set(conn, set_id, &wish, page)
    };
    query(&app.services.db, list).await.map(web::Json)
}

/// The files that a set has itself, without those of the sets it builds on.
#[utoipa::path(operation_id = "backup_set_files", tag = "backup-sets", params(("id" = i32, Path), FilesQuery),
    responses((status = 200, body = [FileRow]), (status = 404)))]
#[get("/backup-sets/{id}/files")]
pub async fn files(
    app: web::Data<App>,
    id: web::Path<i32>,
    wanted: web::Query<FilesQuery>,
) -> Result<web::Json<Vec<FileRow>>> {
    page_of(&app, *id, wanted.into_inner()).await
}
