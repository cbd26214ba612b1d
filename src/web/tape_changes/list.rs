//! Requests as they are listed and looked at.

use crate::Result;
use crate::app::App;
use crate::db::tape_changes::{self, OPEN, TapeChangeFilter, TapeChangeListed};
use crate::db::{Page, TapeChangeStatus};
use crate::web::{fields, query};
use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which requests.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct TapeChangeQuery {
    /// In one of these states, with commas between them; `open`: those that wait for somebody.
    status: Option<String>,
    /// Of this execution.
    execution_id: Option<i32>,
    /// At most so many; 50 unless said otherwise.
    limit: Option<i64>,
    /// After so many.
    offset: Option<i64>,
}

impl TapeChangeQuery {
    fn filter(&self) -> Result<TapeChangeFilter> {
        let mut statuses: Option<Vec<TapeChangeStatus>> = None;
        for word in self.status.as_deref().unwrap_or_default().split(',').filter(|word| !word.is_empty()) {
            let wanted = statuses.get_or_insert_default();
            match word {
                "open" => wanted.extend(OPEN),
                word => wanted.push(fields::word("status", word)?),
            }
        }
        Ok(TapeChangeFilter { statuses, execution_id: self.execution_id })
    }
}

/// Requests for tapes, newest first.
#[utoipa::path(operation_id = "list_tape_changes", tag = "tape-changes", params(TapeChangeQuery),
    responses((status = 200, body = [TapeChangeListed]), (status = 400)))]
#[get("/tape-changes")]
pub async fn list(
    app: web::Data<App>,
    wanted: web::Query<TapeChangeQuery>,
) -> Result<web::Json<Vec<TapeChangeListed>>> {
    let filter = wanted.filter()?;
    let page = Page::new(wanted.limit, wanted.offset, 50);
    query(&app.services.db, move |conn| tape_changes::list(conn, &filter, page)).await.map(web::Json)
}

/// One request for a tape.
#[utoipa::path(operation_id = "get_tape_change", tag = "tape-changes", params(("id" = i32, Path)),
    responses((status = 200, body = TapeChangeListed), (status = 404)))]
#[get("/tape-changes/{id}")]
pub async fn find(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<TapeChangeListed>> {
    query(&app.services.db, move |conn| tape_changes::find_listed(conn, *id)).await.map(web::Json)
}
