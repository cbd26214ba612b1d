//! Making a drive known.

use crate::actors::library::Scan;
use crate::app::App;
use crate::db::drives::{self, Drive, DriveChanges, NewDrive};
use crate::db::libraries;
use crate::events::{Category, Event};
use crate::web::AuditNote;
use crate::web::drives::scan::devices;
use crate::web::fields::{self, invalid};
use crate::web::query::{block, query};
use crate::web::responses::Created;
use crate::{Error, Result};
use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use serde_json::json;
use tape_drive::{DriveIdentity, ElementKind};
use utoipa::ToSchema;

/// A drive to be made known.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct NewDriveRequest {
    /// `virtual:DIR#drive0`, `/dev/nst0` … Required.
    device_path: Option<String>,
    /// What people call it.
    display_name: Option<String>,
    /// Its vendor; none: what it says of itself.
    vendor: Option<String>,
    /// Its serial number; none: what it says of itself.
    serial_number: Option<String>,
    /// Its model; none: what it says of itself.
    model: Option<String>,
}

/// Makes a drive known. It is opened to learn who it is and in which library it sits.
#[utoipa::path(operation_id = "create_drive", tag = "drives", request_body = NewDriveRequest,
    responses((status = 201, body = Created), (status = 400), (status = 409), (status = 422)))]
#[post("/drives")]
pub async fn create(app: web::Data<App>, note: AuditNote, body: web::Json<NewDriveRequest>) -> Result<HttpResponse> {
    let request = body.into_inner();
    let device_path = fields::name("device_path", request.device_path.as_deref())?;
    let db = &app.services.db;
    let path = device_path.clone();
    query(db, move |conn| match drives::find_by_device(conn, &path)? {
        Some(known) => Err(Error::conflict(
            "already_exists",
            format!("{path} is known already, as drive {} ({})", known.id, known.name()),
        )),
        None => Ok(()),
    })
    .await?;
    let identity = identify(device_path.clone()).await?;
    // the same drive by another of its paths: two hands on one tape
    let (path, serial) = (device_path.clone(), identity.serial.clone());
    query(db, move |conn| {
        let same = |drive: &Drive| !serial.is_empty() && drive.serial_number.as_deref() == Some(serial.as_str());
        match drives::all(conn)?.iter().find(|drive| same(drive)) {
            Some(known) => {
                let message = format!(
                    "{path} is drive {} ({}), which is known already as {}: it has the same serial number, {serial}",
                    known.id,
                    known.name(),
                    known.device_path
                );
                Err(Error::conflict("already_exists", message))
            }
            None => Ok(()),
        }
    })
    .await?;
    let new = NewDrive {
        device_path,
        serial_number: fields::text(request.serial_number).or_else(|| fields::text(Some(identity.serial))),
        model: fields::text(request.model).or_else(|| fields::text(Some(identity.product))),
        vendor: fields::text(request.vendor).unwrap_or(identity.vendor),
        display_name: fields::text(request.display_name),
        library_id: None,
        library_drive_number: None,
    };
    let drive = add(&app, new).await?;
    note.id(drive.id).detail("device_path", drive.device_path.as_str());
    Ok(HttpResponse::Created().json(Created { id: drive.id }))
}

/// Makes a drive known and looks at it for the first time.
pub async fn add(app: &web::Data<App>, new: NewDrive) -> Result<Drive> {
    let drive = query(&app.services.db, move |conn| drives::insert(conn, &new)).await?;
    let event = Event::info(Category::Drive, "Drive Added", format!("Drive {} was added", drive.name()));
    app.services.bus.publish(event.details(json!({"drive_id": drive.id, "device": drive.device_path})));
    app.services.drives.reload().await?;
    if drive.library_id.is_none() {
        place_in_library(app, &drive).await?;
    }
    if let Err(error) = app.services.drives.refresh(drive.id).await {
        tracing::warn!(drive = drive.id, %error, "the new drive does not answer");
    }
    Ok(drive)
}

/// Opens a drive for a moment to learn who it is.
async fn identify(device_path: String) -> Result<DriveIdentity> {
    let shown = device_path.clone();
    let opened = block(move || Ok(tape_drive::open_drive(&device_path)?.identity().clone()));
    opened.await.map_err(|error| {
        let details = serde_json::json!({"field": "device_path", "code": error.code});
        invalid("device_path", format!("{shown} cannot be opened: {}", error.message)).with_details(details)
    })
}

/// Finds the library that has a bay with this drive, and notes both: by the drive's serial number, or, where the library
/// does not tell those, as a search for devices found it.
pub async fn place_in_library(app: &web::Data<App>, drive: &Drive) -> Result<()> {
    if let Some((library, bay)) = by_serial_or_search(app, drive).await? {
        let id = drive.id;
        query(&app.services.db, move |conn| {
            let changes = DriveChanges {
                library_id: Some(Some(library)),
                library_drive_number: Some(Some(bay)),
                ..DriveChanges::default()
            };
            drives::update(conn, id, &changes)
        })
        .await?;
        // the slots remember which drive is in which bay
        app.services.libraries.inventory(library, Scan::Remembered).await?;
    }
    Ok(())
}

/// The library and the bay of a drive, where either way finds one.
async fn by_serial_or_search(app: &App, drive: &Drive) -> Result<Option<(i32, i32)>> {
    match bay_with_serial(app, drive).await {
        Some(place) => Ok(Some(place)),
        None => bay_found(app, drive).await,
    }
}

/// The bay that a search for devices found a drive in, and its library, if that is known.
async fn bay_found(app: &App, drive: &Drive) -> Result<Option<(i32, i32)>> {
    let found = devices(app).await?;
    let device = found.into_iter().find(|device| device.is(&drive.device_path, drive.serial_number.as_deref()));
    let Some((element, serial)) = device.and_then(|device| device.element.zip(device.changer_serial)) else {
        return Ok(None);
    };
    let known = query(&app.services.db, libraries::list).await?;
    let row = known.into_iter().find(|row| row.enabled && !serial.is_empty() && row.serial_number == serial);
    Ok(row.map(|row| (row.id, i32::from(element.0))))
}

/// The bay whose drive has the serial number of this one, and its library.
async fn bay_with_serial(app: &App, drive: &Drive) -> Option<(i32, i32)> {
    let serial = drive.serial_number.clone().filter(|serial| !serial.is_empty())?;
    for library in app.services.libraries.ids() {
        let inventory = match app.services.libraries.inventory(library, Scan::Remembered).await {
            Ok(inventory) => inventory,
            Err(error) => {
                tracing::warn!(library, %error, "the library does not answer");
                continue;
            }
        };
        let bay = inventory.of(ElementKind::Drive).find(|bay| bay.drive_serial.as_deref() == Some(serial.as_str()));
        if let Some(bay) = bay {
            return Some((library, i32::from(bay.address.0)));
        }
    }
    None
}
