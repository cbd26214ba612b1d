//! Changing and forgetting libraries.

use crate::app::App;
use crate::db::drives;
use crate::db::libraries::{self, LibraryChanges};
use crate::web::responses::Status;
use crate::web::{fields, query};
use crate::{Error, Result};
use actix_web::{delete, put, web};
use serde::Deserialize;
use utoipa::ToSchema;

/// What to change of a library; what is not named stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct LibraryRequest {
    /// What people call it.
    name: Option<String>,
    /// Whether it is used at all.
    enabled: Option<bool>,
}

/// Changes what is named of a library.
#[utoipa::path(operation_id = "update_library", tag = "libraries", params(("id" = i32, Path)), request_body = LibraryRequest,
    responses((status = 200, body = Status), (status = 400), (status = 404)))]
#[put("/libraries/{id}")]
pub async fn update(
    app: web::Data<App>,
    id: web::Path<i32>,
    body: web::Json<LibraryRequest>,
) -> Result<web::Json<Status>> {
    let request = body.into_inner();
    if request.name.is_none() && request.enabled.is_none() {
        return Err(Error::bad_request("no fields to update"));
    }
    let changes = LibraryChanges {
        name: request.name.map(|name| fields::name("name", Some(&name))).transpose()?,
        enabled: request.enabled,
        ..LibraryChanges::default()
    };
    query(&app.services.db, move |conn| libraries::update(conn, *id, &changes)).await?;
    app.services.libraries.reload().await?;
    Ok(web::Json(Status::new("updated")))
}

/// Forgets a library; its drives stay, as drives of their own. Refused while one of them is used.
#[utoipa::path(operation_id = "delete_library", tag = "libraries", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 404), (status = 409)))]
#[delete("/libraries/{id}")]
pub async fn remove(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Status>> {
    let taken = app.services.drives.reservations.taken().drives;
    query(&app.services.db, move |conn| {
        let library = libraries::find(conn, *id)?;
        let busy = drives::of_library(conn, *id)?.into_iter().find(|drive| taken.contains_key(&drive.id));
        if let Some(drive) = busy {
            let message = format!("library {}: its drive {} is used by an execution", library.name, drive.name());
            return Err(Error::conflict("in_use", message));
        }
        libraries::delete(conn, *id)
    })
    .await?;
    app.services.libraries.reload().await?;
    Ok(web::Json(Status::new("deleted")))
}
