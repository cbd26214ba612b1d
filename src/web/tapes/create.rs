//! Making a tape known, and labelling it in the same request.

use crate::app::App;
use crate::auth::Identity;
use crate::db::tapes::{self, NewTape};
use crate::db::{Conn, FormatType, drives, pools};
use crate::events::{Category, Event};
use crate::executions::{Afterwards, Destroy, LabelRequest, Request};
use crate::web::fields::{self, invalid};
use crate::web::work::{WaitQuery, finished};
use crate::web::{AuditNote, query};
use crate::{Error, Result};
use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tape_drive::lto::{self, Format};
use tape_format::Label;
use utoipa::ToSchema;
use uuid::Uuid;

/// A tape to be made known.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(default)]
pub struct NewTapeRequest {
    /// Its name, unique. Required.
    pub label: Option<String>,
    /// What is printed on the cartridge, unique.
    pub barcode: Option<String>,
    /// The pool it joins.
    pub pool_id: Option<i32>,
    /// `LTO-9` …; if missing: from the bar code, or from the tape in the drive.
    pub lto_type: Option<String>,
    /// Native capacity; 0: that of the type.
    pub capacity_bytes: i64,
    /// The drive its cartridge is in.
    pub drive_id: Option<i32>,
    /// Write the label onto the cartridge in that drive.
    pub write_label: bool,
    /// Eject it then.
    pub auto_eject: bool,
    /// `raw`; LTFS volumes are made elsewhere.
    #[schema(value_type = Option<FormatType>)]
    pub format_type: Option<String>,
}

/// The tape that was made known.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedTape {
    /// Its id.
    id: i32,
    /// The identity that its label gets.
    uuid: String,
    /// The execution that writes the label.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_id: Option<i32>,
}

/// Makes a tape known. With `write_label`, its label is written by an execution; with `?wait=true` the answer comes
/// when that is done, and if it fails the tape is not made known.
#[utoipa::path(operation_id = "create_tape", tag = "tapes", params(WaitQuery), request_body = NewTapeRequest,
    responses((status = 201, body = CreatedTape), (status = 400), (status = 409)))]
#[post("/tapes")]
pub async fn create(
    app: web::Data<App>,
    caller: Identity,
    note: AuditNote,
    wait: web::Query<WaitQuery>,
    body: web::Json<NewTapeRequest>,
) -> Result<HttpResponse> {
    let body = body.into_inner();
    let loaded = match (body.write_label, body.drive_id) {
        (true, Some(drive)) => app.services.drives.snapshot(drive).await.ok().and_then(|seen| seen.medium),
        _ => None,
    };
    let density = loaded.map(|medium| medium.density);
    let request = body.clone();
    let tape = query(&app.services.db, move |conn| {
        let new = check(conn, &request, density)?;
        tapes::insert(conn, &new)
    })
    .await?;
    note.id(tape.id).detail("label", tape.label.as_str());
    let event = Event::info(Category::Tape, "Tape Added", format!("Tape {} was added", tape.label));
    app.services.bus.publish(event.details(json!({"tape_id": tape.id, "label": tape.label, "uuid": tape.uuid})));
    let mut created = CreatedTape { id: tape.id, uuid: tape.uuid.unwrap_or_default(), execution_id: None };
    if body.write_label {
        created.execution_id = Some(write_label(&app, &caller, &body, tape.id, &tape.label, *wait).await?);
    }
    Ok(HttpResponse::Created().json(created))
}

async fn write_label(
    app: &web::Data<App>,
    caller: &Identity,
    body: &NewTapeRequest,
    tape_id: i32,
    label: &str,
    wait: WaitQuery,
) -> Result<i32> {
    let request = Request::Label(LabelRequest {
        tape_id,
        label: None,
        drive_id: body.drive_id,
        destroy: Destroy::Never,
        afterwards: if body.auto_eject { Afterwards::Eject } else { Afterwards::Leave },
    });
    let id = app.submit(request, format!("Label of tape {label}"), caller.user_id()).await?;
    if wait.wait == Some(true)
        && let Err(error) = finished(app, id).await
    {
        query(&app.services.db, move |conn| tapes::delete(conn, tape_id)).await?;
        return Err(error);
    }
    Ok(id)
}

fn check(conn: &mut Conn, request: &NewTapeRequest, density: Option<u8>) -> Result<NewTape> {
    let label = label_name("label", request.label.as_deref())?;
    if request.format_type.as_deref().is_some_and(|word| !word.is_empty()) {
        match fields::word("format_type", request.format_type.as_deref().unwrap_or_default())? {
            FormatType::Raw => {}
            FormatType::Ltfs => {
                return Err(invalid(
                    "format_type",
                    "LTFS volumes are not made by this server; format_type must be raw",
                ));
            }
        }
    }
    if let Some(pool) = request.pool_id {
        fields::existing("pool_id", pools::find(conn, pool))?;
    }
    if request.write_label || request.drive_id.is_some() {
        let drive = request.drive_id.map(|drive| drives::find(conn, drive));
        match drive {
            Some(Ok(drive)) if drive.enabled => {}
            _ => return Err(invalid("drive_id", "drive not found or not enabled")),
        }
    }
    let barcode = barcode("barcode", request.barcode.clone())?;
    let format = format(request.lto_type.as_deref(), barcode.as_deref(), density)?;
    let capacity_bytes = match request.capacity_bytes {
        negative if negative < 0 => return Err(invalid("capacity_bytes", "capacity_bytes must not be negative")),
        0 => format.map_or(0, |format| i64::try_from(format.capacity_bytes).unwrap_or(i64::MAX)),
        bytes => bytes,
    };
    Ok(NewTape {
        uuid: Some(Uuid::new_v4().to_string()),
        barcode,
        label,
        pool_id: request.pool_id,
        lto_type: format.map_or_else(String::new, |format| format.name.to_string()),
        capacity_bytes,
        ..NewTape::default()
    })
}

/// A name that a label on tape can carry.
pub fn label_name(field: &'static str, value: Option<&str>) -> Result<String> {
    let name = fields::name(field, value)?;
    Label::validate_name(&name).map_err(|error| invalid(field, error.to_string()))?;
    Ok(name)
}

/// A bar code: up to 32 letters, digits and the signs that Code 39 has. Empty: none.
pub fn barcode(field: &'static str, value: Option<String>) -> Result<Option<String>> {
    let Some(code) = fields::text(value) else { return Ok(None) };
    let allowed = |sign: char| sign.is_ascii_alphanumeric() || "-. $/+%_".contains(sign);
    if code.len() > 32 || !code.chars().all(allowed) {
        return Err(invalid(field, format!("'{code}' is no bar code: up to 32 letters, digits and - . $ / + % _")));
    }
    Ok(Some(code))
}

/// The recording format: the one named, else what the bar code says, else that of the tape in the drive.
fn format(name: Option<&str>, barcode: Option<&str>, density: Option<u8>) -> Result<Option<&'static Format>> {
    match name.filter(|name| !name.is_empty()) {
        Some(name) => {
            let known = lto::FORMATS.iter().find(|format| format.name == name);
            let names = || lto::FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
            known.map(Some).ok_or_else(|| invalid("lto_type", format!("lto_type: '{name}' is none of: {}", names())))
        }
        None => Ok(barcode
            .and_then(lto::format_of_barcode)
            .map(|(format, _)| format)
            .or_else(|| density.and_then(lto::format_of_density))),
    }
}

/// 409 unless a name is free.
pub fn free_label(conn: &mut Conn, label: &str, except: i32) -> Result<()> {
    match tapes::find_by_label(conn, label)? {
        Some(other) if other.id != except => {
            Err(Error::conflict("already_exists", format!("tape '{label}': another one has the same label already")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn barcodes_are_what_a_scanner_reads() {
        assert_eq!(barcode("barcode", Some(" A00001L9 ".into())).expect("code").as_deref(), Some("A00001L9"));
        assert_eq!(barcode("barcode", Some("".into())).expect("none"), None);
        assert!(barcode("barcode", Some("ä".into())).is_err());
        assert!(barcode("barcode", Some("A".repeat(33))).is_err());
    }

    #[test]
    fn the_format_is_named_or_found_out() {
        let name = |named, code, density| format(named, code, density).expect("format").map(|format| format.name);
        assert_eq!(name(Some("LTO-8"), Some("A00001L9"), None), Some("LTO-8"));
        assert_eq!(name(None, Some("A00001L9"), Some(0x5e)), Some("LTO-9"));
        assert_eq!(name(None, None, Some(0x5e)), Some("LTO-8"));
        assert_eq!(name(None, None, None), None);
        assert!(format(Some("DDS"), None, None).expect_err("unknown").message.contains("LTO-1, LTO-2"));
    }
}
