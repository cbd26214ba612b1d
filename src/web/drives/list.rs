//! Drives as they are listed: their rows, and what is known of them now.

use crate::Result;
use crate::actors::drive::DriveSnapshot;
use crate::app::App;
use crate::db::DriveStatus;
use crate::db::drives::{self, DriveListed};
use crate::db::tapes;
use crate::web::query;
use actix_web::{get, web};
use serde::Serialize;
use utoipa::ToSchema;

/// A drive, and what is known of it now.
#[derive(Debug, Serialize, ToSchema)]
pub struct DriveView {
    #[serde(flatten)]
    row: DriveListed,
    /// The execution that uses it.
    execution_id: Option<i32>,
    /// Whether there is a cartridge in it, as last seen; null when it was not looked at yet.
    loaded: Option<bool>,
}

impl DriveView {
    /// The row with what its actor knows laid over it.
    fn new(mut row: DriveListed, seen: Option<&DriveSnapshot>) -> DriveView {
        let execution_id = seen.and_then(|seen| seen.execution_id);
        if execution_id.is_some() {
            row.drive.status = DriveStatus::Busy;
        }
        let loaded = seen.and_then(|seen| seen.status).map(|known| known.state != tape_drive::DriveState::Empty);
        DriveView { row, execution_id, loaded }
    }
}

/// All drives with the tapes in them. Asking moves no tape.
#[utoipa::path(operation_id = "list_drives", tag = "drives", responses((status = 200, body = [DriveView])))]
#[get("/drives")]
pub async fn list(app: web::Data<App>) -> Result<web::Json<Vec<DriveView>>> {
    let rows = query(&app.services.db, drives::list).await?;
    let seen = app.services.drives.snapshots().await;
    let view = |row: DriveListed| {
        let seen = seen.iter().find(|seen| seen.drive_id == row.drive.id);
        DriveView::new(row, seen)
    };
    Ok(web::Json(rows.into_iter().map(view).collect()))
}

/// One drive.
#[utoipa::path(operation_id = "get_drive", tag = "drives", params(("id" = i32, Path)),
    responses((status = 200, body = DriveView), (status = 404)))]
#[get("/drives/{id}")]
pub async fn find(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<DriveView>> {
    let id = id.into_inner();
    let row = query(&app.services.db, move |conn| {
        let drive = drives::find(conn, id)?;
        let tape = drive.current_tape_id.and_then(|tape| tapes::find(conn, tape).ok());
        Ok(DriveListed { current_tape: tape.map(|tape| tape.label), drive })
    })
    .await?;
    let seen = app.services.drives.snapshot(id).await.ok();
    Ok(web::Json(DriveView::new(row, seen.as_ref())))
}
