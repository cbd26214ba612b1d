//! What an execution said, line by line.

use crate::Result;
use crate::app::App;
use crate::db::execution_logs::{self, LogLine};
use crate::db::{LogLevel, Page, executions};
use crate::web::{fields, query};
use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which lines.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct LogQuery {
    /// Behind the line with this id; 0: from the beginning.
    after: i32,
    /// Only `info`, `warning` or `error`, with commas between them.
    level: Option<String>,
    /// At most so many; 1000 unless said otherwise.
    limit: Option<i64>,
}

/// The log of an execution, oldest line first.
#[utoipa::path(operation_id = "execution_logs", tag = "executions", params(("id" = i32, Path), LogQuery),
    responses((status = 200, body = [LogLine]), (status = 400), (status = 404)))]
#[get("/executions/{id}/logs")]
pub async fn logs(
    app: web::Data<App>,
    id: web::Path<i32>,
    wanted: web::Query<LogQuery>,
) -> Result<web::Json<Vec<LogLine>>> {
    let words = wanted.level.as_deref().unwrap_or_default().split(',').filter(|word| !word.is_empty());
    let levels = words.map(|word| fields::word("level", word)).collect::<Result<Vec<LogLevel>>>()?;
    let (after, limit) = (wanted.after, Page::new(wanted.limit, None, 1000).limit);
    let lines = query(&app.services.db, move |conn| {
        executions::find(conn, *id)?;
        execution_logs::after(conn, *id, after, &levels, limit)
    });
    lines.await.map(web::Json)
}
