//! Which drives there are.

use crate::Result;
use crate::app::App;
use crate::db::drives::{self, Drive};
use crate::web::query::{block, query};
use actix_web::{get, web};
use serde::Serialize;
use std::path::Path;
use tape_drive::{DeviceKind, FoundDevice};
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
        if !found.iter().any(|device| device.device_path == drive.device_path) {
            found.push(of_row(drive));
        }
    }
    Ok(web::Json(found))
}

fn of_device(device: FoundDevice, known: &[Drive]) -> FoundDrive {
    let row = known.iter().find(|drive| drive.device_path == device.device_path);
    FoundDrive {
        status: if row.is_some() { "online" } else { "detected" },
        vendor: device.vendor,
        model: device.product,
        serial_number: device.serial,
        known: row.is_some(),
        drive_id: row.map(|drive| drive.id),
        device_path: device.device_path,
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
        device_path: drive.device_path,
    }
}

/// All devices in the folder of virtual libraries; a library that cannot be read hides no other.
pub async fn devices(app: &App) -> Result<Vec<FoundDevice>> {
    let folder = app.services.config.virtual_dir();
    block(move || Ok(of_folder(&folder))).await
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
