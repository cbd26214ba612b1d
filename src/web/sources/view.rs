//! Sources as they are listed. Patterns are JSON text in the fields that the old program had, and lists beside them.

use crate::Result;
use crate::app::App;
use crate::db::sources::{self, Source};
use crate::web::query;
use actix_web::{get, web};
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
    /// What may be wrong with it at the moment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl SourceView {
    /// The row with its patterns as lists.
    pub fn new(row: Source) -> Result<SourceView> {
        Ok(SourceView { include: row.includes()?, exclude: row.excludes()?, warnings: Vec::new(), row })
    }
}

/// All sources by name.
#[utoipa::path(operation_id = "list_sources", tag = "sources", responses((status = 200, body = [SourceView])))]
#[get("/sources")]
pub async fn list(app: web::Data<App>) -> Result<web::Json<Vec<SourceView>>> {
    let views = query(&app.services.db, |conn| sources::list(conn)?.into_iter().map(SourceView::new).collect());
    views.await.map(web::Json)
}

/// One source, and whether it is there now.
#[utoipa::path(operation_id = "get_source", tag = "sources", params(("id" = i32, Path)),
    responses((status = 200, body = SourceView), (status = 404)))]
#[get("/sources/{id}")]
pub async fn find(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<SourceView>> {
    let view = query(&app.services.db, move |conn| {
        let mut view = SourceView::new(sources::find(conn, *id)?)?;
        if let Err(error) = super::request::reachable(view.row.source_type, &view.row.path) {
            view.warnings.push(error.message);
        }
        Ok(view)
    });
    view.await.map(web::Json)
}
