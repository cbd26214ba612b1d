//! What a person does with a drive: always with the one that was named.

use crate::app::App;
use crate::auth::Identity;
use crate::db::drives;
use crate::executions::{DriveAction, DriveRequest, FormatRequest, InspectRequest, Request};
use crate::restore::database::MEMBER;
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

pub(super) async fn enabled(app: &App, id: i32) -> Result<drives::Drive> {
    let drive = query(&app.services.db, move |conn| drives::find(conn, id)).await?;
    if !drive.enabled {
        return Err(Error::conflict("drive_disabled", format!("drive {} is disabled; enable it first", drive.name())));
    }
    Ok(drive)
}

pub(super) async fn act(
    app: &App,
    caller: &Identity,
    id: i32,
    action: DriveAction,
    wait: WaitQuery,
    unsaid: Unsaid,
) -> Answer {
    let drive = enabled(app, id).await?;
    let what = match action {
        DriveAction::Load => "Load",
        DriveAction::Eject => "Eject",
        DriveAction::Rewind => "Rewind",
        DriveAction::Retension => "Retension",
        DriveAction::Clean => "Cleaning",
        DriveAction::Encrypt { .. } | DriveAction::Decrypt => "Encryption",
        DriveAction::Test { .. } => "Test",
    };
    let title = format!("{what}: drive {}", drive.name());
    let message = format!("{what} of drive {} started", drive.name());
    let request = Request::Drive(DriveRequest { drive_id: id, action });
    let work = Work::new(request, title, message).with(json!({"drive_id": id}));
    work.answer(app, caller, wait, unsaid).await
}

/// How a drive is tested.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct TestBody {
    /// Overwrite the tape in it, which must be blank, and is blank again afterwards.
    destructive: bool,
    /// And write until it is full, which takes hours.
    fill: bool,
}

/// Sees whether the drive does what backups rely on, and whether the robot of its library takes the tape out and brings it
/// back. The result is the list of checks, each with what it saw; the execution fails if one does.
#[utoipa::path(operation_id = "test_drive", tag = "drives", params(("id" = i32, Path), WaitQuery), request_body = TestBody,
    responses((status = 202, body = Started), (status = 404), (status = 409), (status = 422)))]
#[post("/drives/{id}/test")]
pub async fn test(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: OptionalBody<TestBody>,
) -> Answer {
    let TestBody { destructive, fill } = body.0;
    if fill && !destructive {
        return Err(Error::bad_request("fill: only with destructive"));
    }
    act(&app, &caller, *id, DriveAction::Test { destructive, fill }, *wait, Unsaid::Start).await
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
    let request = Request::Inspect(InspectRequest { drive_id: drive.id, databases: false });
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

/// Looks for copies of the database on the tape in the drive. They are encrypted: those are found whose keys this server has.
/// `keys_missing` are the fingerprints of keys without which there may be more.
#[utoipa::path(operation_id = "scan_for_database_backup", tag = "drives", params(("id" = i32, Path)),
    responses((status = 200, description = "Copies of the database on the tape"), (status = 404)))]
#[get("/drives/{id}/scan-for-db-backup")]
pub async fn scan_for_db_backup(app: web::Data<App>, caller: Identity, id: web::Path<i32>) -> Answer {
    let drive = enabled(&app, *id).await?;
    let title = format!("Search for database backups in drive {}", drive.name());
    let request = Request::Inspect(InspectRequest { drive_id: drive.id, databases: true });
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
    let copies = seen.get("database_backups").and_then(Value::as_array).cloned().unwrap_or_default();
    let listed: Vec<Value> = copies
        .iter()
        .map(|copy| crate::web::work::merged(json!({"name": MEMBER, "entry": copy}), copy.clone()))
        .collect();
    let others = seen.get("other_parts").and_then(Value::as_u64).unwrap_or(0);
    let no_tape = seen.get("status") == Some(&json!("no_tape"));
    json!({
        "tape_label": seen.get("label"), "tape_uuid": seen.get("uuid"), "db_backups_found": !copies.is_empty(),
        "total_entries": others + copies.len() as u64, "db_backups": listed, "keys_missing": seen.get("keys_missing"),
        "scan_error": seen.get("message").filter(|_| no_tape).or_else(|| seen.get("label_message")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_the_database_are_told_in_the_words_of_the_contract() {
        let seen = json!({
            "label": "T1", "uuid": "u", "other_parts": 3, "keys_missing": ["ab"],
            "database_backups": [{"tape_file": 5, "size": 4096}],
        });
        let found = database_backups(&seen);
        assert_eq!((&found["db_backups_found"], &found["total_entries"]), (&json!(true), &json!(4)));
        let copy = &found["db_backups"][0];
        assert_eq!((&copy["name"], &copy["tape_file"]), (&json!("tapebackarr.db"), &json!(5)));
        assert_eq!(found["keys_missing"], json!(["ab"]));
        assert_eq!(database_backups(&json!({}))["db_backups_found"], json!(false));
    }
}
