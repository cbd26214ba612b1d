//! Copies of the database on tape.

use crate::app::App;
use crate::auth::Identity;
use crate::db::database_backups::{self, DatabaseBackupListed};
use crate::db::{DatabaseBackupStatus, Page, encryption_keys, tapes};
use crate::executions::{DatabaseBackupRequest, DatabaseRestoreRequest, Request};
use crate::media::choose::Place;
use crate::media::lifecycle;
use crate::web::fields::{existing, invalid};
use crate::web::query;
use crate::web::work::{Started, Unsaid, WaitQuery, Work};
use crate::{Error, Result};
use actix_web::{HttpResponse, get, post, web};
use serde::Deserialize;
use serde_json::json;
use std::path::Path;
use utoipa::ToSchema;

/// The last 50 copies, newest first.
#[utoipa::path(operation_id = "list_database_backups", tag = "database-backup", responses((status = 200, body = [DatabaseBackupListed])))]
#[get("/database-backup")]
pub async fn list(app: web::Data<App>) -> Result<web::Json<Vec<DatabaseBackupListed>>> {
    query(&app.services.db, |conn| database_backups::list(conn, Page::first(50))).await.map(web::Json)
}

/// Where a copy goes.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct BackupBody {
    /// The tape. Required.
    tape_id: Option<i32>,
    /// The key it is encrypted with; none: the newest one.
    encryption_key_id: Option<i32>,
}

/// Writes a copy of the database to a tape, encrypted.
#[utoipa::path(operation_id = "backup_database", tag = "database-backup", params(WaitQuery), request_body = BackupBody,
    responses((status = 202, body = Started), (status = 400), (status = 409)))]
#[post("/database-backup/backup")]
pub async fn backup(
    app: web::Data<App>,
    caller: Identity,
    wait: web::Query<WaitQuery>,
    body: web::Json<BackupBody>,
) -> Result<HttpResponse> {
    let body = body.into_inner();
    let work = query(&app.services.db, move |conn| {
        let tape_id = body.tape_id.ok_or_else(|| invalid("tape_id", "tape_id is required"))?;
        let tape = existing("tape_id", tapes::find(conn, tape_id))?;
        if lifecycle::place(conn, &tape)? == Place::Shelf {
            return Err(invalid("tape_id", "tape not loaded in any drive"));
        }
        if let Some(key) = body.encryption_key_id {
            existing("encryption_key_id", encryption_keys::find(conn, key))?;
        } else if encryption_keys::list(conn)?.is_empty() {
            let message = "a database backup is always encrypted, and there is no encryption key yet; create one first";
            return Err(Error::conflict("no_key", message));
        }
        let row = database_backups::insert(conn, tape.id)?;
        let request = DatabaseBackupRequest {
            tape_id: tape.id,
            encryption_key_id: body.encryption_key_id,
            database_backup_id: Some(row.id),
        };
        let title = format!("Database backup to tape {}", tape.label);
        let message = format!("{title} started");
        Ok(Work::new(Request::DatabaseBackup(request), title, message).with(json!({"id": row.id})))
    });
    work.await?.answer(&app, &caller, *wait, Unsaid::Start).await
}

/// What is brought back, and where to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct RestoreBody {
    /// The copy. Required.
    backup_id: Option<i32>,
    /// The file it becomes; none: one in the data folder named after the copy.
    dest_path: Option<String>,
}

/// Reads a copy of the database back from tape into a file beside the one in use. To run the server with it, upload it.
#[utoipa::path(operation_id = "restore_database", tag = "database-backup", params(WaitQuery), request_body = RestoreBody,
    responses((status = 202, body = Started), (status = 400), (status = 404), (status = 409)))]
#[post("/database-backup/restore")]
pub async fn restore(
    app: web::Data<App>,
    caller: Identity,
    wait: web::Query<WaitQuery>,
    body: web::Json<RestoreBody>,
) -> Result<HttpResponse> {
    let body = body.into_inner();
    let data_dir = app.services.config.data_dir.clone();
    let work = query(&app.services.db, move |conn| {
        let id = body.backup_id.ok_or_else(|| invalid("backup_id", "backup_id is required"))?;
        let copy = database_backups::find(conn, id)?;
        if copy.status != DatabaseBackupStatus::Completed {
            let message = format!("database backup {id} is {}; only a completed one can be restored", copy.status);
            return Err(Error::conflict("database_backup_state", message));
        }
        let default = data_dir.join(format!("restored-{}-{id}.db", copy.backup_time.format("%Y%m%d-%H%M%S")));
        let dest_path = match body.dest_path.as_deref().map(str::trim).filter(|path| !path.is_empty()) {
            Some(path) if Path::new(path).is_absolute() => path.to_string(),
            Some(path) => return Err(invalid("dest_path", format!("dest_path must be absolute: '{path}'"))),
            None => default.display().to_string(),
        };
        if Path::new(&dest_path).exists() {
            let message = format!("{dest_path} exists already; name another file");
            return Err(Error::conflict("already_exists", message));
        }
        let tape = tapes::find(conn, copy.tape_id)?;
        let title = format!("Restore of database backup {id} from tape {}", tape.label);
        let message = format!("{title} started");
        let fields = json!({"dest_path": dest_path});
        let request = DatabaseRestoreRequest { database_backup_id: id, dest_path };
        Ok(Work::new(Request::DatabaseRestore(request), title, message).with(fields))
    });
    work.await?.answer(&app, &caller, *wait, Unsaid::Start).await
}
