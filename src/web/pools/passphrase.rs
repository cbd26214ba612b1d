//! The passphrase with which keys are closed on the tapes of a pool.

use crate::Result;
use crate::app::App;
use crate::db::{locked_keys, pools};
use crate::keys::locks::PoolLock;
use crate::web::responses::Status;
use crate::web::{AuditNote, query};
use actix_web::{delete, put, web};
use serde::Deserialize;
use zeroize::Zeroizing;

/// A passphrase.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = PoolPassphrase)]
pub struct Passphrase {
    /// At least 16 characters, 8 different ones among them, no space at its ends. It is kept nowhere.
    passphrase: String,
}

/// Write the keys of encrypted sets onto the tapes of the pool as well, closed with this passphrase. Sets that are on tape
/// already stay as they are; what is written from now on has the new passphrase.
#[utoipa::path(operation_id = "set_pool_passphrase", tag = "pools", params(("id" = i32, Path)), request_body = Passphrase,
    responses((status = 200, body = Status), (status = 400, description = "It is too weak"), (status = 404)))]
#[put("/pools/{id}/passphrase")]
pub async fn set(
    app: web::Data<App>,
    id: web::Path<i32>,
    note: AuditNote,
    body: web::Json<Passphrase>,
) -> Result<web::Json<Status>> {
    let passphrase = Zeroizing::new(body.into_inner().passphrase);
    let (db, id) = (&app.services.db, *id);
    note.detail("name", query(db, move |conn| pools::find(conn, id)).await?.name);
    let lock = query::block(move || PoolLock::new(&passphrase)).await?;
    let keys = app.services.keys.clone();
    query(db, move |conn| lock.set(&keys, conn, id)).await?;
    Ok(web::Json(Status::new("updated")))
}

/// Write no more keys onto the tapes of the pool. Those that are on tape already stay there.
#[utoipa::path(operation_id = "remove_pool_passphrase", tag = "pools", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 404)))]
#[delete("/pools/{id}/passphrase")]
pub async fn remove(app: web::Data<App>, id: web::Path<i32>, note: AuditNote) -> Result<web::Json<Status>> {
    let id = *id;
    let remove = move |conn: &mut _| {
        let name = pools::find(conn, id)?.name;
        locked_keys::set_of_pool(conn, id, None)?;
        Ok(name)
    };
    note.detail("name", query(&app.services.db, remove).await?);
    Ok(web::Json(Status::new("updated")))
}
