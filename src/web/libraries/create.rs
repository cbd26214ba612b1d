//! Making a library known.

use crate::actors::library::Scan;
use crate::app::App;
use crate::db::drives;
use crate::db::libraries::{self, NewLibrary};
use crate::web::AuditNote;
use crate::web::drives::place_in_library;
use crate::web::fields::{self, invalid};
use crate::web::query::{block, query};
use crate::{Error, Result};
use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use tape_drive::{ChangerIdentity, ElementKind, Inventory};
use utoipa::ToSchema;

/// A library to be made known.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct NewLibraryRequest {
    /// What people call it. Required.
    name: Option<String>,
    /// `virtual:DIR#changer`, `/dev/sg3` … Required.
    device_path: Option<String>,
    /// Its vendor; none: what it says of itself.
    vendor: Option<String>,
    /// Its model; none: what it says of itself.
    model: Option<String>,
    /// Its serial number; none: what it says of itself.
    serial_number: Option<String>,
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
}

/// Makes a library known. It is opened to learn who it is, and its slots are read at once.
#[utoipa::path(operation_id = "create_library", tag = "libraries", request_body = NewLibraryRequest,
    responses((status = 201, body = CreatedLibrary), (status = 400), (status = 409)))]
#[post("/libraries")]
pub async fn create(app: web::Data<App>, note: AuditNote, body: web::Json<NewLibraryRequest>) -> Result<HttpResponse> {
    let request = body.into_inner();
    let name = fields::name("name", request.name.as_deref())?;
    let device_path = fields::name("device_path", request.device_path.as_deref())?;
    let (db, libraries) = (&app.services.db, &app.services.libraries);
    let path = device_path.clone();
    query(db, move |conn| match libraries::list(conn)?.into_iter().find(|row| row.device_path == path) {
        Some(known) => {
            let message = format!("{path} is known already, as library {} ({})", known.id, known.name);
            Err(Error::conflict("already_exists", message))
        }
        None => Ok(()),
    })
    .await?;
    let identity = identify(device_path.clone()).await?;
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
        place_in_library(&app, &drive).await?;
    }
    Ok(HttpResponse::Created().json(created(library.id, &library.name, &inventory)))
}

fn created(id: i32, name: &str, inventory: &Inventory) -> CreatedLibrary {
    let count = |kind| inventory.of(kind).count();
    let (slots, drives, mail) =
        (count(ElementKind::Storage), count(ElementKind::Drive), count(ElementKind::ImportExport));
    CreatedLibrary {
        id,
        message: format!("Library {name} added: {slots} slots, {drives} drives, {mail} mail slots"),
        num_storage: slots,
        num_drives: drives,
        num_import_export: mail,
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
