//! Changing and forgetting drives.

use crate::actors::library::Scan;
use crate::app::App;
use crate::db::drives::{self, DriveChanges};
use crate::db::libraries;
use crate::web::responses::Status;
use crate::web::{fields, query};
use crate::{Error, Result};
use actix_web::{delete, post, put, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to change of a drive; what is not named stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct DriveRequest {
    /// What people call it; null or empty: nothing.
    #[serde(deserialize_with = "fields::given")]
    #[schema(value_type = Option<String>)]
    display_name: Option<Option<String>>,
    /// Whether it is used at all.
    enabled: Option<bool>,
    /// The library it sits in, where the library does not tell by itself; null: none.
    #[serde(deserialize_with = "fields::given")]
    #[schema(value_type = Option<i32>)]
    library_id: Option<Option<i32>>,
    /// Element address of its bay there; null: none.
    #[serde(deserialize_with = "fields::given")]
    #[schema(value_type = Option<i32>)]
    library_drive_number: Option<Option<u16>>,
}

/// Changes what is named of a drive.
#[utoipa::path(operation_id = "update_drive", tag = "drives", params(("id" = i32, Path)), request_body = DriveRequest,
    responses((status = 200, body = Status), (status = 400), (status = 404), (status = 409)))]
#[put("/drives/{id}")]
pub async fn update(
    app: web::Data<App>,
    id: web::Path<i32>,
    body: web::Json<DriveRequest>,
) -> Result<web::Json<Status>> {
    let (id, request) = (id.into_inner(), body.into_inner());
    let placed = request.library_id.is_some() || request.library_drive_number.is_some();
    if request.display_name.is_none() && request.enabled.is_none() && !placed {
        return Err(Error::bad_request("no fields to update"));
    }
    if request.enabled == Some(false) || placed {
        must_be_free(&app, id).await?;
    }
    let changes = DriveChanges {
        display_name: request.display_name.map(fields::text),
        enabled: request.enabled,
        library_id: request.library_id,
        library_drive_number: request.library_drive_number.map(|bay| bay.map(i32::from)),
        ..DriveChanges::default()
    };
    let library = request.library_id.flatten();
    query(&app.services.db, move |conn| {
        library.map(|library| fields::existing("library_id", libraries::find(conn, library))).transpose()?;
        drives::update(conn, id, &changes)
    })
    .await?;
    app.services.drives.reload().await?;
    if let Some(library) = library {
        // the slots remember which drive is in which bay
        if let Err(error) = app.services.libraries.inventory(library, Scan::Remembered).await {
            tracing::warn!(library, %error, "the library of the drive does not answer");
        }
    }
    Ok(web::Json(Status::new("updated")))
}

async fn must_be_free(app: &App, id: i32) -> Result<()> {
    let Some(execution) = app.services.drives.reservations.holder_of_drive(id) else { return Ok(()) };
    let drive = query(&app.services.db, move |conn| drives::find(conn, id)).await?;
    let message = format!("drive {} is used by execution {execution}; wait for its end, or cancel it", drive.name());
    Err(Error::conflict("in_use", message).with_details(serde_json::json!({"execution_id": execution})))
}

/// Forgets a drive that nobody uses.
#[utoipa::path(operation_id = "delete_drive", tag = "drives", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 404), (status = 409)))]
#[delete("/drives/{id}")]
pub async fn remove(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Status>> {
    let id = id.into_inner();
    must_be_free(&app, id).await?;
    query(&app.services.db, move |conn| drives::delete(conn, id)).await?;
    app.services.drives.reload().await?;
    Ok(web::Json(Status::new("deleted")))
}

/// The drive that was selected.
#[derive(Debug, Serialize, ToSchema)]
pub struct Selected {
    /// `selected`
    status: &'static str,
    /// The drive.
    drive_id: i32,
    /// Its device.
    device_path: String,
}

/// Changes nothing: every request names its drive. Kept for clients of the old program.
#[utoipa::path(operation_id = "select_drive", tag = "drives", params(("id" = i32, Path)),
    responses((status = 200, body = Selected), (status = 404)))]
#[post("/drives/{id}/select")]
pub async fn select(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Selected>> {
    let drive = query(&app.services.db, move |conn| drives::find(conn, *id)).await?;
    Ok(web::Json(Selected { status: "selected", drive_id: drive.id, device_path: drive.device_path }))
}
