//! What was brought back, to where, and whether it was right.

use crate::Result;
use crate::app::App;
use crate::db::Page;
use crate::db::restores::{self, RestoreOperation};
use crate::web::query;
use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which part of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct OperationsQuery {
    /// At most so many; 50 unless said otherwise.
    limit: Option<i64>,
    /// After so many.
    offset: Option<i64>,
}

/// Restores, newest first.
#[utoipa::path(operation_id = "list_restores", tag = "restore", params(OperationsQuery), responses((status = 200, body = [RestoreOperation])))]
#[get("/restore/operations")]
pub async fn operations(
    app: web::Data<App>,
    wanted: web::Query<OperationsQuery>,
) -> Result<web::Json<Vec<RestoreOperation>>> {
    let page = Page::new(wanted.limit, wanted.offset, 50);
    query(&app.services.db, move |conn| restores::list(conn, page)).await.map(web::Json)
}
