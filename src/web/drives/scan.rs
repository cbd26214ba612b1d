//! Which drives there are.

use crate::Result;
use crate::actors::library::Scan;
use crate::app::App;
use crate::db::drives::{self, Drive};
use crate::db::libraries;
use crate::web::query::{block, query};
use actix_web::{get, web};
use serde::Serialize;
use std::path::Path;
use tape_drive::hardware::{self, Roots};
use tape_drive::{DeviceKind, FoundDevice, Inventory};
use utoipa::ToSchema;

/// A drive that was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundDrive {
    /// Its device.
    device_path: String,
    /// `detected`, or `online` when it is known and answers.
    status: &'static str,
    /// What it says of itself.
    vendor: String,
    /// What it says of itself.
    model: String,
    /// What it says of itself.
    serial_number: String,
    /// Its firmware, if it was found.
    firmware: Option<String>,
    /// Its LTO generation, where its name tells.
    generation: Option<u8>,
    /// All paths that lead to it.
    paths: Vec<String>,
    /// Serial number of the library that it sits in.
    library_serial: Option<String>,
    /// Element address of its bay there.
    library_drive_number: Option<u16>,
    /// Why it cannot be used as things are, and what to do.
    problem: Option<String>,
    /// Whether it is known already.
    known: bool,
    /// Then: its id.
    drive_id: Option<i32>,
}

/// Drives of this machine and of the virtual libraries in the configured folder, known or not.
#[utoipa::path(operation_id = "scan_drives", tag = "drives", responses((status = 200, body = [FoundDrive])))]
#[get("/drives/scan")]
pub async fn scan(app: web::Data<App>) -> Result<web::Json<Vec<FoundDrive>>> {
    let known = query(&app.services.db, drives::all).await?;
    let devices = devices(&app).await?.into_iter().filter(|device| device.kind == DeviceKind::Drive);
    let mut found: Vec<FoundDrive> = devices.map(|device| of_device(device, &known)).collect();
    for drive in known {
        if !found.iter().any(|device| device.drive_id == Some(drive.id)) {
            found.push(of_row(drive));
        }
    }
    Ok(web::Json(found))
}

fn of_device(device: FoundDevice, known: &[Drive]) -> FoundDrive {
    let row = known.iter().find(|drive| device.is(&drive.device_path, drive.serial_number.as_deref()));
    FoundDrive {
        status: if row.is_some() { "online" } else { "detected" },
        vendor: device.vendor,
        model: device.product,
        serial_number: device.serial,
        known: row.is_some(),
        drive_id: row.map(|drive| drive.id),
        device_path: row.map_or(device.device_path, |drive| drive.device_path.clone()),
        firmware: Some(device.revision),
        generation: device.generation.map(|generation| generation.number()),
        paths: device.paths,
        library_serial: device.changer_serial,
        library_drive_number: device.element.map(|element| element.0),
        problem: device.problem,
    }
}

fn of_row(drive: Drive) -> FoundDrive {
    let answers = matches!(drive.status, crate::db::DriveStatus::Ready | crate::db::DriveStatus::Busy);
    FoundDrive {
        status: if answers { "online" } else { "detected" },
        vendor: drive.vendor,
        model: drive.model.unwrap_or_default(),
        serial_number: drive.serial_number.unwrap_or_default(),
        known: true,
        drive_id: Some(drive.id),
        firmware: None,
        generation: None,
        paths: vec![drive.device_path.clone()],
        library_serial: None,
        library_drive_number: drive.library_drive_number.and_then(|number| u16::try_from(number).ok()),
        problem: None,
        device_path: drive.device_path,
    }
}

/// All drives and changers: those of this machine, and those in the folder of virtual libraries. Of drives in a library it
/// says in which bay; a library that cannot be asked hides nothing else.
pub async fn devices(app: &App) -> Result<Vec<FoundDevice>> {
    let folder = app.services.config.virtual_dir();
    let mut found = block(move || {
        let mut found = hardware::scan(&Roots::default());
        found.extend(of_folder(&folder));
        Ok(found)
    })
    .await?;
    let changers: Vec<FoundDevice> = found
        .iter()
        .filter(|device| device.kind == DeviceKind::Changer && device.target.is_some() && device.problem.is_none())
        .cloned()
        .collect();
    for changer in changers {
        match inventory(app, &changer).await {
            Ok(inventory) => tape_drive::place(&mut found, &changer, &inventory),
            Err(error) => {
                if let Some(device) = found.iter_mut().find(|device| device.device_path == changer.device_path) {
                    device.problem = Some(error.message);
                }
            }
        }
    }
    Ok(found)
}

/// What is where in a library: from its actor if it is known, so that nothing the library tells is lost on the way.
async fn inventory(app: &App, changer: &FoundDevice) -> Result<Inventory> {
    let known = query(&app.services.db, libraries::list).await?;
    let row = known.into_iter().find(|row| row.enabled && changer.is(&row.device_path, Some(&row.serial_number)));
    if let Some(row) = row {
        return app.services.libraries.inventory(row.id, Scan::Remembered).await;
    }
    let path = changer.device_path.clone();
    block(move || Ok(tape_drive::open_changer(&path)?.inventory()?)).await
}

fn of_folder(folder: &Path) -> Vec<FoundDevice> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut libraries: Vec<_> = entries
        .filter_map(Result::<_, std::io::Error>::ok)
        .map(|entry| entry.path())
        .filter(|path| path.join("library.json").exists())
        .collect();
    libraries.sort();
    let mut found = Vec::new();
    for library in libraries {
        match tape_drive::virt::scan(&library) {
            Ok(devices) => found.extend(devices),
            Err(error) => tracing::warn!(library = %library.display(), %error, "a virtual library cannot be read"),
        }
    }
    found
}
