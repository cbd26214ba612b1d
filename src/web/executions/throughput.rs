//! How fast an execution was, over its whole length.

use crate::Result;
use crate::actors::jobs::ThroughputOf;
use crate::app::App;
use crate::db::{executions, throughput as stored};
use crate::executions::Throughput;
use crate::web::query;
use actix_web::{get, web};

/// How fast an execution is or was, over its whole length, in at most 721 stretches of time. Empty columns: it moved no
/// data. While it runs, the stream of events tells each new point as `throughput`.
#[utoipa::path(operation_id = "execution_throughput", tag = "executions", params(("id" = i32, Path)),
    responses((status = 200, body = Throughput), (status = 404)))]
#[get("/executions/{id}/throughput")]
pub async fn throughput(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Throughput>> {
    if let Some(running) = app.jobs.send(ThroughputOf(*id)).await? {
        return Ok(web::Json(running));
    }
    let series = query(&app.services.db, move |conn| {
        executions::find(conn, *id)?;
        stored::find(conn, *id)
    });
    Ok(web::Json(series.await?.map(|series| Throughput::read(&series)).unwrap_or_default()))
}
