//! Libraries as they are listed, what is in their slots, and which there are.

use crate::Result;
use crate::app::App;
use crate::db::libraries::{self, Library};
use crate::db::library_slots::{self, SlotListed};
use crate::web::drives::scan::devices;
use crate::web::query;
use actix_web::{get, web};
use serde::Serialize;
use tape_drive::DeviceKind;
use utoipa::ToSchema;

/// All libraries.
#[utoipa::path(operation_id = "list_libraries", tag = "libraries", responses((status = 200, body = [Library])))]
#[get("/libraries")]
pub async fn list(app: web::Data<App>) -> Result<web::Json<Vec<Library>>> {
    query(&app.services.db, libraries::list).await.map(web::Json)
}

/// One library.
#[utoipa::path(operation_id = "get_library", tag = "libraries", params(("id" = i32, Path)),
    responses((status = 200, body = Library), (status = 404)))]
#[get("/libraries/{id}")]
pub async fn find(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Library>> {
    query(&app.services.db, move |conn| libraries::find(conn, *id)).await.map(web::Json)
}

/// What is in each slot, bay and mail slot, as the last inventory said. Slot numbers are element addresses.
#[utoipa::path(operation_id = "library_slots", tag = "libraries", params(("id" = i32, Path)),
    responses((status = 200, body = [SlotListed]), (status = 404)))]
#[get("/libraries/{id}/slots")]
pub async fn slots(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Vec<SlotListed>>> {
    let slots = query(&app.services.db, move |conn| {
        libraries::find(conn, *id)?;
        library_slots::list(conn, *id)
    });
    slots.await.map(web::Json)
}

/// A changer that was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundLibrary {
    /// Its device.
    device_path: String,
    /// `medium_changer`
    #[serde(rename = "type")]
    kind: &'static str,
    /// What it says of itself.
    vendor: String,
    /// What it says of itself.
    model: String,
    /// What it says of itself.
    serial_number: String,
    /// Its firmware, if it was found.
    firmware: Option<String>,
    /// The drives that were found in it.
    drives: Vec<String>,
    /// The id of the library, if it is known already.
    library_id: Option<i32>,
    /// Why it cannot be used as things are, and what to do.
    problem: Option<String>,
}

/// Changers of this machine and of the virtual libraries in the configured folder, known or not.
#[utoipa::path(operation_id = "scan_libraries", tag = "libraries", responses((status = 200, body = [FoundLibrary])))]
#[get("/libraries/scan")]
pub async fn scan(app: web::Data<App>) -> Result<web::Json<Vec<FoundLibrary>>> {
    let known = query(&app.services.db, libraries::list).await?;
    let (changers, drives): (Vec<_>, Vec<_>) =
        devices(&app).await?.into_iter().partition(|device| device.kind == DeviceKind::Changer);
    let drives_of = |serial: &str| {
        let within = drives.iter().filter(|drive| drive.changer_serial.as_deref() == Some(serial));
        within.map(|drive| drive.device_path.clone()).collect()
    };
    let mut found: Vec<FoundLibrary> = changers
        .into_iter()
        .map(|device| FoundLibrary {
            library_id: known
                .iter()
                .find(|row| device.is(&row.device_path, Some(&row.serial_number)))
                .map(|row| row.id),
            firmware: Some(device.revision),
            drives: drives_of(&device.serial),
            problem: device.problem,
            kind: "medium_changer",
            vendor: device.vendor,
            model: device.product,
            serial_number: device.serial,
            device_path: device.device_path,
        })
        .collect();
    for row in known {
        if !found.iter().any(|device| device.library_id == Some(row.id)) {
            found.push(FoundLibrary {
                device_path: row.device_path,
                kind: "medium_changer",
                vendor: row.vendor,
                model: row.model,
                serial_number: row.serial_number,
                firmware: None,
                drives: Vec::new(),
                problem: None,
                library_id: Some(row.id),
            });
        }
    }
    Ok(web::Json(found))
}
