//! Making a library known.

use crate::actors::library::Scan;
use crate::app::App;
use crate::db::drives::{self, NewDrive};
use crate::db::libraries::{self, Library, NewLibrary};
use crate::web::AuditNote;
use crate::web::drives::scan::devices;
use crate::web::drives::{add as add_drive, place_in_library};
use crate::web::fields::{self, invalid};
use crate::web::query::{block, query};
use crate::{Error, Result};
use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tape_drive::{ChangerIdentity, DeviceKind, ElementKind, Inventory};
use utoipa::ToSchema;

/// A library to be made known.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct NewLibraryRequest {
    /// What people call it. Required.
    pub(super) name: Option<String>,
    /// `virtual:DIR#changer`, `/dev/sg3` … Required.
    pub(super) device_path: Option<String>,
    /// Its vendor; none: what it says of itself.
    pub(super) vendor: Option<String>,
    /// Its model; none: what it says of itself.
    pub(super) model: Option<String>,
    /// Its serial number; none: what it says of itself.
    pub(super) serial_number: Option<String>,
    /// Whether all drives that sit in it are made known with it.
    pub(super) with_drives: bool,
}

/// A drive that was made known with its library.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedDrive {
    /// Its id.
    id: i32,
    /// Its device.
    device_path: String,
    /// Its serial number.
    serial_number: Option<String>,
    /// Element address of its bay.
    library_drive_number: Option<i32>,
}

/// The library that was made known.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedLibrary {
    /// Its id.
    id: i32,
    /// One sentence.
    message: String,
    /// Slots for tapes, mail slots not included.
    num_storage: usize,
    /// Bays with drives.
    num_drives: usize,
    /// Mail slots.
    num_import_export: usize,
    /// The drives that were made known with it.
    drives: Vec<CreatedDrive>,
}

/// Makes a library known. It is opened to learn who it is, and its slots are read at once.
#[utoipa::path(operation_id = "create_library", tag = "libraries", request_body = NewLibraryRequest,
    responses((status = 201, body = CreatedLibrary), (status = 400), (status = 409)))]
#[post("/libraries")]
pub async fn create(app: web::Data<App>, note: AuditNote, body: web::Json<NewLibraryRequest>) -> Result<HttpResponse> {
    make_known(&app, &note, body.into_inner()).await
}

/// Makes a library known, and its drives if that is asked for.
pub(super) async fn make_known(
    app: &web::Data<App>,
    note: &AuditNote,
    request: NewLibraryRequest,
) -> Result<HttpResponse> {
    let name = fields::name("name", request.name.as_deref())?;
    let device_path = fields::name("device_path", request.device_path.as_deref())?;
    let (db, libraries) = (&app.services.db, &app.services.libraries);
    let known = query(db, libraries::list).await?;
    let refuse_known = |row: Option<&Library>| match row {
        Some(row) => {
            let message = format!("{device_path} is known already, as library {} ({})", row.id, row.name);
            Err(Error::conflict("already_exists", message))
        }
        None => Ok(()),
    };
    refuse_known(known.iter().find(|row| row.device_path == device_path))?;
    let identity = identify(device_path.clone()).await?;
    // the same library by another of its paths
    refuse_known(known.iter().find(|row| !identity.serial.is_empty() && row.serial_number == identity.serial))?;
    let new = NewLibrary {
        name,
        device_path,
        vendor: fields::text(request.vendor).unwrap_or(identity.vendor),
        model: fields::text(request.model).unwrap_or(identity.product),
        serial_number: fields::text(request.serial_number).unwrap_or(identity.serial),
    };
    let library = query(db, move |conn| libraries::insert(conn, &new)).await?;
    note.id(library.id).detail("name", library.name.as_str());
    libraries.reload().await?;
    let inventory = libraries.inventory(library.id, Scan::Remembered).await.map_err(|error| {
        error.context(format!("library {} was made known, but its slots cannot be read", library.name))
    })?;
    for drive in query(db, drives::all).await?.into_iter().filter(|drive| drive.library_id.is_none()) {
        place_in_library(app, &drive).await?;
    }
    let added = if request.with_drives { add_drives(app, &library).await? } else { Vec::new() };
    Ok(HttpResponse::Created().json(created(library.id, &library.name, &inventory, added)))
}

/// Makes all drives known that sit in a library and are not known yet.
async fn add_drives(app: &web::Data<App>, library: &Library) -> Result<Vec<CreatedDrive>> {
    let known = query(&app.services.db, drives::all).await?;
    let found = match tape_drive::virtual_directory(&library.device_path).map(Path::to_path_buf) {
        // it may lie anywhere, not only where the search looks
        Some(directory) => block(move || Ok(tape_drive::virt::scan(&directory)?)).await?,
        None => devices(app).await?,
    };
    let new = found.into_iter().filter(|device| {
        device.kind == DeviceKind::Drive
            && device.problem.is_none()
            && device.changer_serial.as_deref() == Some(library.serial_number.as_str())
            && !known.iter().any(|drive| device.is(&drive.device_path, drive.serial_number.as_deref()))
    });
    let mut added = Vec::new();
    for device in new.collect::<Vec<_>>() {
        let new = NewDrive {
            device_path: device.device_path,
            serial_number: fields::text(Some(device.serial)),
            model: fields::text(Some(device.product)),
            vendor: device.vendor,
            display_name: None,
            library_id: Some(library.id),
            library_drive_number: device.element.map(|element| i32::from(element.0)),
        };
        let drive = add_drive(app, new).await?;
        added.push(CreatedDrive {
            id: drive.id,
            device_path: drive.device_path,
            serial_number: drive.serial_number,
            library_drive_number: drive.library_drive_number,
        });
    }
    if !added.is_empty() {
        // the slots remember which drive is in which bay
        app.services.libraries.inventory(library.id, Scan::Remembered).await?;
    }
    Ok(added)
}

fn created(id: i32, name: &str, inventory: &Inventory, added: Vec<CreatedDrive>) -> CreatedLibrary {
    let count = |kind| inventory.of(kind).count();
    let (slots, drives, mail) =
        (count(ElementKind::Storage), count(ElementKind::Drive), count(ElementKind::ImportExport));
    CreatedLibrary {
        id,
        message: format!("Library {name} added: {slots} slots, {drives} drives, {mail} mail slots"),
        num_storage: slots,
        num_drives: drives,
        num_import_export: mail,
        drives: added,
    }
}

/// Opens a changer for a moment to learn who it is.
async fn identify(device_path: String) -> Result<ChangerIdentity> {
    let shown = device_path.clone();
    let opened = block(move || Ok(tape_drive::open_changer(&device_path)?.identity().clone()));
    opened.await.map_err(|error| {
        let details = serde_json::json!({"field": "device_path", "code": error.code});
        invalid("device_path", format!("{shown} cannot be opened: {}", error.message)).with_details(details)
    })
}
