//! Copies of the database on tape.

use crate::app::App;
use crate::auth::Identity;
use crate::db::database_backups::{self, DatabaseBackupListed};
use crate::db::{self, DatabaseBackupStatus, Page, drives, encryption_keys, pools, tapes};
use crate::executions::{DatabaseBackupRequest, DatabaseRestoreRequest, Request};
use crate::keys::rotation;
use crate::media::choose::Place;
use crate::media::lifecycle;
use crate::web::fields::{about, existing, invalid};
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
pub struct BackupDatabaseBody {
    /// The tape; or …
    tape_id: Option<i32>,
    /// … the pool that a tape is chosen from. Without either: the pool that the settings name.
    pool_id: Option<i32>,
    /// The key it is encrypted with; none: the newest one.
    encryption_key_id: Option<i32>,
}

/// Writes a copy of the database to a tape, encrypted.
#[utoipa::path(operation_id = "backup_database", tag = "database-backup", params(WaitQuery), request_body = BackupDatabaseBody,
    responses((status = 202, body = Started), (status = 400), (status = 409)))]
#[post("/database-backup/backup")]
pub async fn backup(
    app: web::Data<App>,
    caller: Identity,
    wait: web::Query<WaitQuery>,
    body: web::Json<BackupDatabaseBody>,
) -> Result<HttpResponse> {
    let body = body.into_inner();
    let config = app.services.config.clone();
    let work = query(&app.services.db, move |conn| {
        let tape = body.tape_id.map(|id| existing("tape_id", tapes::find(conn, id))).transpose()?;
        let pool = match (&tape, body.pool_id, config.database_backup.pool.trim()) {
            (Some(_), _, _) => None,
            (None, Some(id), _) => Some(existing("pool_id", pools::find(conn, id))?),
            (None, None, "") => {
                let message = "tape_id or pool_id is required (or the setting database_backup.pool)";
                return Err(invalid("tape_id", message));
            }
            (None, None, name) => {
                let message =
                    || invalid("pool_id", format!("database_backup.pool names '{name}', which does not exist"));
                Some(pools::find_by_name(conn, name)?.ok_or_else(message)?)
            }
        };
        if let Some(tape) = &tape
            && lifecycle::place(conn, tape)? == Place::Shelf
        {
            return Err(invalid("tape_id", "tape not loaded in any drive"));
        }
        if let Some(key) = body.encryption_key_id {
            let key = existing("encryption_key_id", encryption_keys::find(conn, key))?;
            rotation::fit(conn, &key, db::now()).map_err(about("encryption_key_id"))?;
        } else if encryption_keys::list(conn)?.is_empty() {
            let message = "a database backup is always encrypted, and there is no encryption key yet; create one first";
            return Err(Error::conflict("no_key", message));
        }
        let row = tape.as_ref().map(|tape| database_backups::insert(conn, tape.id)).transpose()?.map(|row| row.id);
        let request = DatabaseBackupRequest {
            tape_id: tape.as_ref().map(|tape| tape.id),
            pool_id: pool.as_ref().map(|pool| pool.id),
            after_tape: None,
            encryption_key_id: body.encryption_key_id,
            database_backup_id: row,
        };
        let title = match (&tape, &pool) {
            (Some(tape), _) => format!("Database backup to tape {}", tape.label),
            (None, pool) => {
                let name = pool.as_ref().map_or("", |pool| pool.name.as_str());
                format!("Database backup to a tape of pool {name}")
            }
        };
        let message = format!("{title} started");
        let fields = row.map_or_else(|| json!({}), |id| json!({"id": id}));
        Ok(Work::new(Request::DatabaseBackup(request), title, message).with(fields))
    });
    work.await?.answer(&app, &caller, *wait, Unsaid::Start).await
}

/// What is brought back, and where to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct RestoreDatabaseBody {
    /// The copy, by its id in the list; or …
    backup_id: Option<i32>,
    /// … the drive with a tape that it is on, whether this server knows of it or not.
    drive_id: Option<i32>,
    /// With `drive_id`: the number of its tape file; none: the newest copy on the tape.
    tape_file: Option<u64>,
    /// The file it becomes; none: one in the data folder named after the copy.
    dest_path: Option<String>,
    /// `true`: it becomes no file, but the database of this server from the next start on. The one in use until then is
    /// kept beside it.
    use_at_next_start: bool,
}

/// Reads a copy of the database back from tape: into a file beside the one in use, or to run with from the next start on.
#[utoipa::path(operation_id = "restore_database", tag = "database-backup", params(WaitQuery), request_body = RestoreDatabaseBody,
    responses((status = 202, body = Started), (status = 400), (status = 404), (status = 409)))]
#[post("/database-backup/restore")]
pub async fn restore(
    app: web::Data<App>,
    caller: Identity,
    wait: web::Query<WaitQuery>,
    body: web::Json<RestoreDatabaseBody>,
) -> Result<HttpResponse> {
    let body = body.into_inner();
    let data_dir = app.services.config.data_dir.clone();
    let work = query(&app.services.db, move |conn| {
        let (title, name) = match (body.backup_id, body.drive_id) {
            (Some(id), _) => {
                let copy = database_backups::find(conn, id)?;
                if copy.status != DatabaseBackupStatus::Completed {
                    let message =
                        format!("database backup {id} is {}; only a completed one can be restored", copy.status);
                    return Err(Error::conflict("database_backup_state", message));
                }
                let tape = tapes::find(conn, copy.tape_id)?;
                let title = format!("Restore of database backup {id} from tape {}", tape.label);
                (title, format!("{}-{id}", copy.backup_time.format("%Y%m%d-%H%M%S")))
            }
            (None, Some(id)) => {
                let drive = existing("drive_id", drives::find(conn, id))?;
                let title = format!("Restore of a database backup from the tape in drive {}", drive.name());
                (title, format!("{}", db::now().format("%Y%m%d-%H%M%S")))
            }
            (None, None) => return Err(invalid("backup_id", "backup_id or drive_id is required")),
        };
        let dest_path = match body.dest_path.as_deref().map(str::trim).filter(|path| !path.is_empty()) {
            Some(_) if body.use_at_next_start => {
                return Err(invalid("dest_path", "with use_at_next_start the copy becomes no file"));
            }
            Some(path) if Path::new(path).is_absolute() => Some(path.to_string()),
            Some(path) => return Err(invalid("dest_path", format!("dest_path must be absolute: '{path}'"))),
            None if body.use_at_next_start => None,
            None => Some(data_dir.join(format!("restored-{name}.db")).display().to_string()),
        };
        if let Some(path) = dest_path.as_ref().filter(|path| Path::new(path).exists()) {
            let message = format!("{path} exists already; name another file");
            return Err(Error::conflict("already_exists", message));
        }
        let message = format!("{title} started");
        let fields = json!({"dest_path": dest_path});
        let request = DatabaseRestoreRequest {
            database_backup_id: body.backup_id,
            drive_id: body.drive_id,
            tape_file: body.tape_file,
            dest_path,
        };
        Ok(Work::new(Request::DatabaseRestore(request), title, message).with(fields))
    });
    work.await?.answer(&app, &caller, *wait, Unsaid::Start).await
}
