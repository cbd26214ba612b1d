//! Making, changing and deleting sources.

use super::request::SourceRequest;
use crate::Result;
use crate::app::App;
use crate::db::sources;
use crate::db::write_transaction;
use crate::events::{Category, Event};
use crate::web::query::block;
use crate::web::responses::{Created, Status};
use crate::web::{AuditNote, query};
use actix_web::{HttpResponse, delete, post, put, web};

/// Makes a source. A path that is not there, or not mounted, is refused unless `allow_missing` is said.
#[utoipa::path(operation_id = "create_source", tag = "sources", request_body = SourceRequest,
    responses((status = 201, body = Created), (status = 400), (status = 409)))]
#[post("/sources")]
pub async fn create(app: web::Data<App>, note: AuditNote, body: web::Json<SourceRequest>) -> Result<HttpResponse> {
    let request = body.into_inner();
    // a network file system that hangs must not hold a database connection
    let new = block(move || request.check_new()).await?;
    let source = query(&app.services.db, move |conn| sources::insert(conn, &new)).await?;
    note.id(source.id).detail("name", source.name.as_str());
    let message = format!("Source {} ({}) was made", source.name, source.path);
    let event = Event::info(Category::Source, "Source Created", message);
    app.services.bus.publish(event.details(serde_json::json!({"source_id": source.id})));
    Ok(HttpResponse::Created().json(Created { id: source.id }))
}

/// Changes what is named of a source.
#[utoipa::path(operation_id = "update_source", tag = "sources", params(("id" = i32, Path)), request_body = SourceRequest,
    responses((status = 200, body = Status), (status = 400), (status = 404), (status = 409)))]
#[put("/sources/{id}")]
pub async fn update(
    app: web::Data<App>,
    id: web::Path<i32>,
    body: web::Json<SourceRequest>,
) -> Result<web::Json<Status>> {
    let (id, request) = (id.into_inner(), body.into_inner());
    let known = query(&app.services.db, move |conn| sources::find(conn, id)).await?;
    let changes = block(move || request.check_changes(&known)).await?;
    query(&app.services.db, move |conn| sources::update(conn, id, &changes)).await?;
    Ok(web::Json(Status::new("updated")))
}

/// Deletes a source that no job uses.
#[utoipa::path(operation_id = "delete_source", tag = "sources", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 404), (status = 409)))]
#[delete("/sources/{id}")]
pub async fn remove(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Status>> {
    let id = id.into_inner();
    let source = query(&app.services.db, move |conn| {
        write_transaction(conn, |conn| {
            let source = sources::find(conn, id)?;
            sources::delete(conn, id)?;
            Ok(source)
        })
    })
    .await?;
    let event = Event::info(Category::Source, "Source Deleted", format!("Source {} was deleted", source.name));
    app.services.bus.publish(event.details(serde_json::json!({"source_id": id})));
    Ok(web::Json(Status::new("deleted")))
}
