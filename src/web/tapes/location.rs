//! Where a tape is: out of the house, back again, and what the label of a loaded one says.

use crate::actors::drive::DriveSnapshot;
use crate::app::App;
use crate::db::tapes::Tape;
use crate::db::{TapeStatus, drives, tape_lifecycle, tapes};
use crate::web::optional_body::OptionalBody;
use crate::web::responses::Status;
use crate::web::{fields, query};
use crate::{Error, Result};
use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Where a tape goes.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct Export {
    /// Where it is kept: a safe, a bank, another house.
    offsite_location: Option<String>,
}

/// The tape leaves the house.
#[utoipa::path(operation_id = "export_tape", tag = "tapes", params(("id" = i32, Path)),
    request_body = Export, responses((status = 200, body = Status), (status = 404), (status = 409)))]
#[post("/tapes/{id}/export")]
pub async fn export(app: web::Data<App>, id: web::Path<i32>, body: OptionalBody<Export>) -> Result<web::Json<Status>> {
    let location = fields::text(body.0.offsite_location);
    query(&app.services.db, move |conn| tape_lifecycle::export(conn, *id, location.as_deref())).await?;
    Ok(web::Json(Status::new("exported")))
}

/// How a tape comes back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct Import {
    /// The drive it has been put into: its label is compared first.
    drive_id: Option<i32>,
}

/// The tape is back.
#[derive(Debug, Serialize, ToSchema)]
pub struct Imported {
    /// `imported`
    status: &'static str,
    /// What it is now: `full`, or `retired` or `expired` if it was that before.
    new_status: TapeStatus,
}

/// The tape is back. It takes no more data, since it was kept elsewhere.
#[utoipa::path(operation_id = "import_tape", tag = "tapes", params(("id" = i32, Path)),
    request_body = Import, responses((status = 200, body = Imported), (status = 404), (status = 409)))]
#[post("/tapes/{id}/import")]
pub async fn import(
    app: web::Data<App>,
    id: web::Path<i32>,
    body: OptionalBody<Import>,
) -> Result<web::Json<Imported>> {
    let id = id.into_inner();
    if let Some(drive) = body.0.drive_id {
        let (tape, row) =
            query(&app.services.db, move |conn| Ok((tapes::find(conn, id)?, drives::find(conn, drive)?))).await?;
        check_label(&tape, row.name(), &app.services.drives.refresh(drive).await?)?;
    }
    let tape = query(&app.services.db, move |conn| tape_lifecycle::import(conn, id)).await?;
    Ok(web::Json(Imported { status: "imported", new_status: tape.status }))
}

fn check_label(tape: &Tape, drive: &str, seen: &DriveSnapshot) -> Result<()> {
    let label = seen.label.as_ref();
    if label.is_some_and(|label| Some(&label.uuid) == tape.uuid.as_ref()) {
        return Ok(());
    }
    let found = match label {
        Some(label) => format!("is '{}' (UUID {})", label.label, label.uuid),
        None => "carries no label that can be read".into(),
    };
    let wanted = tape.uuid.as_deref().unwrap_or("none");
    Err(Error::conflict(
        "wrong_tape",
        format!("the tape in drive {drive} {found}, not '{}' (UUID {wanted})", tape.label),
    ))
}

/// Which drive.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InDrive {
    /// The drive the tape is in; none: the one it was last seen in.
    drive_id: Option<i32>,
}

/// What the label of the loaded tape says.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ReadLabel {
    /// The tape that was asked about.
    tape_id: i32,
    /// The drive that was looked into.
    drive_id: i32,
    /// Whether there is a label of ours.
    labeled: bool,
    /// Whether it is that of the tape that was asked about.
    matches: bool,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// Its identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<String>,
    /// Its pool's name when it was labelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<String>,
    /// When, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// What the label of the tape in a drive says. A drive at work is not disturbed: its last known label is told.
#[utoipa::path(operation_id = "read_tape_label", tag = "tapes", params(("id" = i32, Path), InDrive),
    responses((status = 200, body = ReadLabel), (status = 404), (status = 409)))]
#[get("/tapes/{id}/read-label")]
pub async fn read_label(
    app: web::Data<App>,
    id: web::Path<i32>,
    asked: web::Query<InDrive>,
) -> Result<web::Json<ReadLabel>> {
    let (tape, seen_in) = query(&app.services.db, move |conn| {
        let tape = tapes::find(conn, *id)?;
        let seen_in = drives::holding(conn, tape.id)?.map(|drive| drive.id);
        Ok((tape, seen_in))
    })
    .await?;
    let drive_id = asked.drive_id.or(seen_in).ok_or_else(|| {
        let message = format!("tape '{}' is in no drive; name the drive it is in (drive_id)", tape.label);
        Error::conflict("tape_not_loaded", message).with_details(serde_json::json!({"field": "drive_id"}))
    })?;
    let seen = app.services.drives.refresh(drive_id).await?;
    let mut answer = ReadLabel { tape_id: tape.id, drive_id, ..ReadLabel::default() };
    match seen.label {
        Some(label) => {
            answer.labeled = true;
            answer.matches = Some(&label.uuid) == tape.uuid.as_ref();
            answer.label = Some(label.label);
            answer.uuid = Some(label.uuid);
            answer.pool = Some(label.pool);
            answer.timestamp = Some(label.timestamp);
        }
        None => {
            let drive = query(&app.services.db, move |conn| drives::find(conn, drive_id)).await?;
            answer.message = Some(nothing_to_read(drive.name(), &seen));
        }
    }
    Ok(web::Json(answer))
}

fn nothing_to_read(drive: &str, seen: &DriveSnapshot) -> String {
    match (&seen.error, &seen.medium) {
        (Some(error), _) => error.clone(),
        (None, None) => format!("there is no tape in drive {drive}"),
        (None, Some(_)) => "the tape carries no label of TapeBackarr".into(),
    }
}
