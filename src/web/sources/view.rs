//! Sources as they are listed. Patterns are JSON text in the fields that the old program had, and lists beside them.

use super::browse::PATIENCE;
use super::request::reachable;
use crate::Result;
use crate::app::App;
use crate::db::sources::{self, Source};
use crate::db::time::rfc3339_option;
use crate::web::query::{block_within, query};
use actix_web::{get, web};
use chrono::NaiveDateTime;
use serde::Serialize;
use utoipa::ToSchema;

/// A source.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceView {
    #[serde(flatten)]
    row: Source,
    /// The include patterns.
    include: Vec<String>,
    /// The exclude patterns.
    exclude: Vec<String>,
    /// When a backup of it was last completed.
    #[serde(serialize_with = "rfc3339_option")]
    last_backup_at: Option<NaiveDateTime>,
    /// What may be wrong with it at the moment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl SourceView {
    fn new(row: Source, last_backup_at: Option<NaiveDateTime>) -> Result<SourceView> {
        let (include, exclude) = (row.includes()?, row.excludes()?);
        Ok(SourceView { include, exclude, last_backup_at, warnings: Vec::new(), row })
    }
}

/// All sources by name.
#[utoipa::path(operation_id = "list_sources", tag = "sources", responses((status = 200, body = [SourceView])))]
#[get("/sources")]
pub async fn list(app: web::Data<App>) -> Result<web::Json<Vec<SourceView>>> {
    let views = query(&app.services.db, |conn| {
        let last = sources::last_backups(conn)?;
        let view = |row: Source| {
            let last = last.get(&row.id).copied();
            SourceView::new(row, last)
        };
        sources::list(conn)?.into_iter().map(view).collect()
    });
    views.await.map(web::Json)
}

/// One source, and whether it is there now.
#[utoipa::path(operation_id = "get_source", tag = "sources", params(("id" = i32, Path)),
    responses((status = 200, body = SourceView), (status = 404)))]
#[get("/sources/{id}")]
pub async fn find(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<SourceView>> {
    let mut view = query(&app.services.db, move |conn| {
        let row = sources::find(conn, *id)?;
        let last = sources::last_backups(conn)?.remove(&row.id);
        SourceView::new(row, last)
    })
    .await?;
    // a share that hangs must neither hold a database connection nor this answer
    let (kind, path) = (view.row.source_type, view.row.path.clone());
    let what = format!("the source {path}");
    if let Err(error) = block_within(PATIENCE, what, move || reachable(kind, &path)).await {
        view.warnings.push(error.message);
    }
    Ok(web::Json(view))
}
