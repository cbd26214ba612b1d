//! What is known of one drive now. Asking moves no tape.

use crate::actors::drive::DriveSnapshot;
use crate::app::App;
use crate::db::drives;
use crate::web::query;
use crate::{Error, ErrorKind, Result};
use actix_web::{get, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use tape_drive::{DriveState, lto};
use utoipa::ToSchema;

/// State of a drive.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct DriveStateView {
    /// The drive.
    drive_id: i32,
    /// Its device.
    device_path: String,
    /// There is a tape, and it is threaded.
    ready: bool,
    /// The drive answers.
    online: bool,
    /// An execution uses it.
    busy: bool,
    /// That execution.
    execution_id: Option<i32>,
    /// For how long it has been getting the tape ready: a new LTO-9 tape takes up to two hours.
    loading_seconds: Option<u64>,
    /// How far that is, if the drive tells.
    loading_percent: Option<u8>,
    /// There is a cartridge in it.
    loaded: bool,
    /// The cartridge refuses writes.
    write_protect: bool,
    /// At the beginning of the tape, as last seen.
    bot: bool,
    /// At the end of the tape; this server goes by blocks and does not ask.
    eot: bool,
    /// Behind a filemark; this server goes by blocks and does not ask.
    eof: bool,
    /// Number of the tape file, as last seen.
    file_number: u64,
    /// Logical object number, as last seen.
    block_number: u64,
    /// Density code in hex.
    density: String,
    /// 0: variable blocks.
    block_size: u32,
    /// The format of the cartridge: `LTO-9`.
    drive_type: String,
    /// Label of the tape.
    label: Option<String>,
    /// When the drive was looked at.
    #[schema(value_type = String, format = DateTime)]
    last_checked: Option<DateTime<Utc>>,
    /// Why the drive does not work; empty if it does.
    error: String,
}

impl From<DriveSnapshot> for DriveStateView {
    fn from(seen: DriveSnapshot) -> Self {
        let state = seen.status.map(|known| known.state);
        let busy = seen.execution_id.is_some();
        let medium = seen.medium.as_ref();
        DriveStateView {
            drive_id: seen.drive_id,
            device_path: seen.device_path,
            ready: busy || state == Some(DriveState::Ready),
            online: busy || (seen.status.is_some() && seen.error.is_none()),
            busy,
            execution_id: seen.execution_id,
            loading_seconds: seen.loading_seconds,
            loading_percent: match state {
                Some(DriveState::BecomingReady { percent }) => percent,
                _ => None,
            },
            loaded: state.is_some_and(|state| state != DriveState::Empty),
            write_protect: seen.status.is_some_and(|known| known.write_protected),
            bot: seen.beginning,
            file_number: seen.file.unwrap_or(0),
            block_number: seen.block.unwrap_or(0),
            density: medium.map_or_else(String::new, |medium| hex_density(medium.density)),
            drive_type: medium
                .and_then(|medium| lto::format_of_density(medium.density))
                .map_or_else(String::new, |format| format.name.into()),
            label: seen.label.map(|label| label.label),
            last_checked: Some(Utc::now()),
            error: seen.error.unwrap_or_default(),
            ..DriveStateView::default()
        }
    }
}

fn hex_density(density: u8) -> String {
    format!("0x{density:02x}")
}

/// State of this drive as last known, without touching it; a drive that was never looked at is looked at first.
#[utoipa::path(operation_id = "drive_status", tag = "drives", params(("id" = i32, Path)),
    responses((status = 200, body = DriveStateView), (status = 404)))]
#[get("/drives/{id}/status")]
pub async fn status(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<DriveStateView>> {
    let id = id.into_inner();
    let drive = query(&app.services.db, move |conn| drives::find(conn, id)).await?;
    if !drive.enabled {
        let error = "the drive is disabled".to_string();
        let view = DriveStateView { drive_id: id, device_path: drive.device_path, error, ..DriveStateView::default() };
        return Ok(web::Json(view));
    }
    let known = app.services.drives.snapshot(id).await?;
    let seen = if known.status.is_none() { looked_at(&app, id).await? } else { known };
    Ok(web::Json(seen.into()))
}

/// The drive's state after a look at it; a drive that cannot be looked at tells why in its state.
async fn looked_at(app: &App, id: i32) -> Result<DriveSnapshot> {
    match app.services.drives.refresh(id).await {
        Ok(seen) => Ok(seen),
        Err(error) if error.kind == ErrorKind::NotFound => Err(error),
        Err(error) => {
            let mut seen = app.services.drives.snapshot(id).await?;
            seen.error.get_or_insert(error.message);
            Ok(seen)
        }
    }
}

/// What cartridge is in a drive.
#[derive(Debug, Serialize, ToSchema)]
pub struct Detected {
    /// Whether there is one.
    loaded: bool,
    /// Its format: `LTO-9`; empty if unknown.
    lto_type: String,
    /// Density code in hex; empty if unknown.
    density: String,
    /// Native capacity.
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_bytes: Option<u64>,
    /// Its bar code, as its memory or the library knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    barcode: Option<String>,
    /// Its label.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

/// What cartridge is in this drive.
#[utoipa::path(operation_id = "detect_tape", tag = "drives", params(("id" = i32, Path)),
    responses((status = 200, body = Detected), (status = 404)))]
#[get("/drives/{id}/detect-tape")]
pub async fn detect_tape(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Detected>> {
    let id = id.into_inner();
    query(&app.services.db, move |conn| drives::find(conn, id)).await?;
    let seen = looked_at(&app, id).await?;
    if let (None, Some(error)) = (seen.status, &seen.error) {
        return Err(Error::conflict("drive_not_ready", error.clone()));
    }
    let format = seen.medium.as_ref().and_then(|medium| lto::format_of_density(medium.density));
    Ok(web::Json(Detected {
        loaded: seen.status.is_some_and(|known| known.state != DriveState::Empty),
        lto_type: format.map_or_else(String::new, |format| format.name.into()),
        density: seen.medium.as_ref().map_or_else(String::new, |medium| hex_density(medium.density)),
        capacity_bytes: seen.medium.as_ref().map(|medium| medium.capacity_bytes),
        barcode: seen.medium.and_then(|medium| medium.barcode),
        label: seen.label.map(|label| label.label),
    }))
}
