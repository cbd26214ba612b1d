//! What a person does with a drive: always with the one that was named.

use crate::app::App;
use crate::auth::Identity;
use crate::db::drives;
use crate::executions::{DriveAction, DriveRequest, FormatRequest, InspectRequest, Request};
use crate::web::optional_body::OptionalBody;
use crate::web::query;
use crate::web::tapes::{BatchLabelBody, confirmed, start_batch};
use crate::web::work::{Started, Unsaid, WaitQuery, Work, finished};
use crate::{Error, Result};
use actix_web::{HttpResponse, get, post, web};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

type Answer = Result<HttpResponse>;

async fn enabled(app: &App, id: i32) -> Result<drives::Drive> {
    let drive = query(&app.services.db, move |conn| drives::find(conn, id)).await?;
    if !drive.enabled {
        return Err(Error::conflict("drive_disabled", format!("drive {} is disabled; enable it first", drive.name())));
    }
    Ok(drive)
}

async fn act(app: &App, caller: &Identity, id: i32, action: DriveAction, wait: WaitQuery, unsaid: Unsaid) -> Answer {
    let drive = enabled(app, id).await?;
    let what = match action {
        DriveAction::Load => "Load",
        DriveAction::Eject => "Eject",
        DriveAction::Rewind => "Rewind",
        DriveAction::Retension => "Retension",
        DriveAction::Clean => "Cleaning",
    };
    let title = format!("{what}: drive {}", drive.name());
    let message = format!("{what} of drive {} started", drive.name());
    let request = Request::Drive(DriveRequest { drive_id: id, action });
    let work = Work::new(request, title, message).with(json!({"drive_id": id}));
    work.answer(app, caller, wait, unsaid).await
}

/// Ejects the tape; in a library, the robot puts it back to its slot.
#[utoipa::path(operation_id = "eject_tape", tag = "drives", params(("id" = i32, Path), WaitQuery),
    responses((status = 200, description = "`{status: ejected}`"), (status = 202, body = Started), (status = 409)))]
#[post("/drives/{id}/eject")]
pub async fn eject(app: web::Data<App>, caller: Identity, id: web::Path<i32>, wait: web::Query<WaitQuery>) -> Answer {
    act(&app, &caller, *id, DriveAction::Eject, *wait, Unsaid::Await).await
}

/// Threads the cartridge that is in the drive, and reads its label.
#[utoipa::path(operation_id = "load_tape", tag = "drives", params(("id" = i32, Path), WaitQuery),
    responses((status = 200, description = "`{status: loaded}`"), (status = 202, body = Started), (status = 409)))]
#[post("/drives/{id}/load-tape")]
pub async fn load_tape(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
) -> Answer {
    act(&app, &caller, *id, DriveAction::Load, *wait, Unsaid::Await).await
}

/// Goes to the beginning of the tape.
#[utoipa::path(operation_id = "rewind_tape", tag = "drives", params(("id" = i32, Path), WaitQuery),
    responses((status = 200, description = "`{status: rewound}`"), (status = 202, body = Started), (status = 409)))]
#[post("/drives/{id}/rewind")]
pub async fn rewind(app: web::Data<App>, caller: Identity, id: web::Path<i32>, wait: web::Query<WaitQuery>) -> Answer {
    act(&app, &caller, *id, DriveAction::Rewind, *wait, Unsaid::Await).await
}

/// Winds the tape to its end and back.
#[utoipa::path(operation_id = "retension_tape", tag = "drives", params(("id" = i32, Path), WaitQuery),
    responses((status = 200, description = "`{status: retensioned}`"), (status = 202, body = Started), (status = 409)))]
#[post("/drives/{id}/retension")]
pub async fn retension(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
) -> Answer {
    act(&app, &caller, *id, DriveAction::Retension, *wait, Unsaid::Start).await
}

/// Runs a cleaning cartridge of the library through the drive.
#[utoipa::path(operation_id = "clean_drive", tag = "drives", params(("id" = i32, Path), WaitQuery),
    responses((status = 200, description = "`{status: cleaned}`"), (status = 202, body = Started), (status = 409)))]
#[post("/drives/{id}/clean")]
pub async fn clean(app: web::Data<App>, caller: Identity, id: web::Path<i32>, wait: web::Query<WaitQuery>) -> Answer {
    act(&app, &caller, *id, DriveAction::Clean, *wait, Unsaid::Start).await
}

/// That data may be lost.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct Confirm {
    /// Must be true: all data on the tape is lost.
    confirm: bool,
}

/// Erases the tape in the drive, whichever it is, and writes a fresh label if it is a known one.
#[utoipa::path(operation_id = "format_tape_in_drive", tag = "drives", params(("id" = i32, Path), WaitQuery), request_body = Confirm,
    responses((status = 202, body = Started), (status = 400), (status = 404), (status = 409)))]
#[post("/drives/{id}/format-tape")]
pub async fn format_tape(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: OptionalBody<Confirm>,
) -> Answer {
    let drive = enabled(&app, *id).await?;
    confirmed(body.0.confirm)?;
    let request = Request::Format(FormatRequest { drive_id: Some(drive.id), tape_id: None });
    let message = format!("Format of the tape in drive {} started", drive.name());
    let work = Work::new(request, format!("Format of the tape in drive {}", drive.name()), message);
    work.with(json!({"drive_id": drive.id})).answer(&app, &caller, *wait, Unsaid::Start).await
}

/// Labels the tapes that a person puts one after the other into this drive.
#[utoipa::path(operation_id = "batch_label_in_drive", tag = "drives", params(("id" = i32, Path), WaitQuery), request_body = BatchLabelBody,
    responses((status = 202, body = Started), (status = 400), (status = 404), (status = 409)))]
#[post("/drives/{id}/batch-label")]
pub async fn batch_label(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: web::Json<BatchLabelBody>,
) -> Answer {
    let drive = enabled(&app, *id).await?;
    start_batch(&app, &caller, *wait, BatchLabelBody { drive_id: Some(drive.id), ..body.into_inner() }).await
}

/// Reads what is on the tape in the drive. Answers when done, and always 200: what went wrong is in `status` and
/// `error`. With `?wait=false`: 202 and an execution.
#[utoipa::path(operation_id = "inspect_tape", tag = "drives", params(("id" = i32, Path), WaitQuery),
    responses((status = 200, description = "Label and contents"), (status = 202, body = Started), (status = 404)))]
#[get("/drives/{id}/inspect-tape")]
pub async fn inspect_tape(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
) -> Answer {
    let drive = enabled(&app, *id).await?;
    let title = format!("Inspection of the tape in drive {}", drive.name());
    let request = Request::Inspect(InspectRequest { drive_id: drive.id });
    if wait.wait == Some(false) {
        let message = format!("{title} started");
        return Work::new(request, title, message).answer(&app, &caller, *wait, Unsaid::Start).await;
    }
    let execution = app.submit(request, title, caller.user_id()).await?;
    let answer = finished(&app, execution).await.unwrap_or_else(|error| {
        json!({
            "drive_id": drive.id, "device_path": drive.device_path, "execution_id": execution, "status": "error",
            "error": error.message, "drive_online": error.code != "device_io", "has_tapebackarr_label": false,
            "contents": [],
        })
    });
    Ok(HttpResponse::Ok().json(answer))
}

/// Looks for copies of the database on the tape in the drive.
#[utoipa::path(operation_id = "scan_for_database_backup", tag = "drives", params(("id" = i32, Path)),
    responses((status = 200, description = "Copies of the database on the tape"), (status = 404)))]
#[get("/drives/{id}/scan-for-db-backup")]
pub async fn scan_for_db_backup(app: web::Data<App>, caller: Identity, id: web::Path<i32>) -> Answer {
    let drive = enabled(&app, *id).await?;
    let title = format!("Search for database backups in drive {}", drive.name());
    let request = Request::Inspect(InspectRequest { drive_id: drive.id });
    let execution = app.submit(request, title, caller.user_id()).await?;
    let base = json!({"drive_id": drive.id, "device_path": drive.device_path, "execution_id": execution});
    let found = match finished(&app, execution).await {
        Ok(seen) => database_backups(&seen),
        Err(error) => {
            json!({"db_backups_found": false, "db_backups": [], "total_entries": 0, "scan_error": error.message})
        }
    };
    Ok(HttpResponse::Ok().json(crate::web::work::merged(base, found)))
}

fn database_backups(seen: &Value) -> Value {
    let contents = seen.get("contents").and_then(Value::as_array).cloned().unwrap_or_default();
    let path_of = |entry: &Value| entry.get("path").and_then(Value::as_str).unwrap_or_default().to_string();
    let is_database = |path: &str| {
        path.ends_with(".db") && path.rsplit('/').next().is_some_and(|name| name.starts_with("tapebackarr"))
    };
    let copies: Vec<Value> = contents
        .iter()
        .map(|entry| (path_of(entry), entry))
        .filter(|(path, _)| is_database(path))
        .map(|(name, entry)| json!({"name": name, "entry": entry}))
        .collect();
    json!({
        "tape_label": seen.get("label"), "tape_uuid": seen.get("uuid"), "db_backups_found": !copies.is_empty(),
        "db_backups": copies, "total_entries": contents.len(),
        "scan_error": seen.get("contents_error").or_else(|| seen.get("message").filter(|_| seen.get("status") == Some(&json!("no_tape")))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_the_database_are_found_among_the_contents() {
        let seen =
            json!({"label": "T1", "uuid": "u", "contents": [{"path": "etc/passwd"}, {"path": "tapebackarr.db"}]});
        let found = database_backups(&seen);
        assert_eq!(found["db_backups_found"], json!(true));
        assert_eq!(found["db_backups"][0]["name"], json!("tapebackarr.db"));
        assert_eq!(found["total_entries"], json!(2));
        assert_eq!(database_backups(&json!({}))["db_backups_found"], json!(false));
    }
}
