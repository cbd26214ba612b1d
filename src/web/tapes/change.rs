//! Changing and forgetting tapes.

use super::create::{barcode, free_label, label_name};
use crate::app::App;
use crate::db::tapes::{self, Tape, TapeChanges};
use crate::db::{Conn, TapeStatus, pools, tape_lifecycle, write_transaction};
use crate::media::lifecycle;
use crate::web::responses::Status;
use crate::web::{fields, query};
use crate::{Error, Result};
use actix_web::{delete, post, put, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to change of a tape; what is not named stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct TapeRequest {
    /// A new name; only before its label is written.
    label: Option<String>,
    /// What is printed on the cartridge; null or empty: nothing.
    #[serde(deserialize_with = "fields::given")]
    #[schema(value_type = Option<String>)]
    barcode: Option<Option<String>>,
    /// Another pool; null: none. Not while it holds data.
    #[serde(deserialize_with = "fields::given")]
    #[schema(value_type = Option<i32>)]
    pool_id: Option<Option<i32>>,
    /// Another state, where life allows it.
    #[schema(value_type = Option<TapeStatus>)]
    status: Option<String>,
    /// Where it is when it is out of the house.
    #[serde(deserialize_with = "fields::given")]
    #[schema(value_type = Option<String>)]
    offsite_location: Option<Option<String>>,
    /// Why it may not be written at the moment; null: it may.
    #[serde(deserialize_with = "fields::given")]
    #[schema(value_type = Option<String>)]
    hold_reason: Option<Option<String>>,
}

/// Changes what is named of a tape.
#[utoipa::path(operation_id = "update_tape", tag = "tapes", params(("id" = i32, Path)), request_body = TapeRequest,
    responses((status = 200, body = Status), (status = 400), (status = 404), (status = 409)))]
#[put("/tapes/{id}")]
pub async fn update(
    app: web::Data<App>,
    id: web::Path<i32>,
    body: web::Json<TapeRequest>,
) -> Result<web::Json<Status>> {
    let request = body.into_inner();
    query(&app.services.db, move |conn| write_transaction(conn, |conn| apply(conn, *id, request))).await?;
    Ok(web::Json(Status::new("updated")))
}

fn apply(conn: &mut Conn, id: i32, request: TapeRequest) -> Result<()> {
    let tape = tapes::find(conn, id)?;
    let status: Option<TapeStatus> = fields::optional_word("status", request.status.as_deref())?;
    let mut changes = TapeChanges::default();
    let mut changed = status.is_some();
    if let Some(label) = request.label {
        changes.label = new_label(conn, &tape, &label)?;
        changed = true;
    }
    if let Some(code) = request.barcode {
        changes.barcode = Some(barcode("barcode", code)?);
        changed = true;
    }
    if let Some(pool) = request.pool_id {
        may_change_pool(conn, &tape, pool)?;
        changes.pool_id = Some(pool);
        changed = true;
    }
    if let Some(location) = request.offsite_location {
        changes.offsite_location = Some(fields::text(location));
        changed = true;
    }
    if let Some(reason) = request.hold_reason {
        changes.hold_reason = Some(fields::text(reason));
        changed = true;
    }
    if !changed {
        return Err(Error::bad_request("no fields to update"));
    }
    if status == Some(TapeStatus::Expired) {
        lifecycle::may_expire(conn, &tape)?;
    }
    tapes::update(conn, id, &changes)?;
    if let Some(status) = status {
        tape_lifecycle::set_status(conn, id, status)?;
    }
    Ok(())
}

fn new_label(conn: &mut Conn, tape: &Tape, label: &str) -> Result<Option<String>> {
    let label = label_name("label", Some(label))?;
    if label == tape.label {
        return Ok(None);
    }
    if tape.labeled_at.is_some() {
        return Err(Error::conflict(
            "already_labelled",
            format!(
                "the label '{}' is written on the tape; to rename it, label the cartridge again with force",
                tape.label
            ),
        ));
    }
    free_label(conn, &label, tape.id)?;
    Ok(Some(label))
}

fn may_change_pool(conn: &mut Conn, tape: &Tape, pool: Option<i32>) -> Result<()> {
    if let Some(pool) = pool {
        fields::existing("pool_id", pools::find(conn, pool))?;
    }
    if pool != tape.pool_id && matches!(tape.status, TapeStatus::Active | TapeStatus::Full) {
        return Err(Error::conflict(
            "tape_in_use",
            format!("tape '{}' is {}: it stays in its pool as long as it holds data", tape.label, tape.status),
        ));
    }
    Ok(())
}

/// Forgets a tape that holds nothing on record.
#[utoipa::path(operation_id = "delete_tape", tag = "tapes", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 404), (status = 409)))]
#[delete("/tapes/{id}")]
pub async fn remove(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Status>> {
    let taken = app.services.drives.reservations.taken().tapes.get(&id).copied();
    if let Some(execution) = taken {
        let message = format!("tape {id} is used by execution {execution}; wait for its end, or cancel it");
        return Err(Error::conflict("tape_in_use", message));
    }
    query(&app.services.db, move |conn| tapes::delete(conn, *id)).await?;
    Ok(web::Json(Status::new("deleted")))
}

/// The same change for many tapes.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct BatchUpdate {
    /// The tapes.
    tape_ids: Vec<i32>,
    /// Another state.
    #[schema(value_type = Option<TapeStatus>)]
    status: Option<String>,
    /// Another pool.
    pool_id: Option<i32>,
}

/// What became of the tapes.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct BatchUpdated {
    /// How many were changed.
    updated: usize,
    /// How many stayed as they were.
    skipped: usize,
    /// Why.
    errors: Vec<Skipped>,
}

/// A tape that stayed as it was.
#[derive(Debug, Serialize, ToSchema)]
pub struct Skipped {
    /// The tape.
    tape_id: i32,
    /// Why.
    error: String,
}

/// Changes state or pool of many tapes; those for which that is not allowed stay as they are, and are named.
#[utoipa::path(operation_id = "batch_update_tapes", tag = "tapes", request_body = BatchUpdate,
    responses((status = 200, body = BatchUpdated), (status = 400)))]
#[post("/tapes/batch-update")]
pub async fn batch_update(app: web::Data<App>, body: web::Json<BatchUpdate>) -> Result<web::Json<BatchUpdated>> {
    let request = body.into_inner();
    if request.tape_ids.is_empty() {
        return Err(fields::invalid("tape_ids", "tape_ids is required"));
    }
    let status: Option<TapeStatus> = fields::optional_word("status", request.status.as_deref())?;
    if status.is_none() && request.pool_id.is_none() {
        return Err(Error::bad_request("no fields to update"));
    }
    let done = query(&app.services.db, move |conn| {
        let mut done = BatchUpdated::default();
        for id in request.tape_ids {
            let change = TapeRequest {
                status: status.map(|status| status.as_str().to_string()),
                pool_id: request.pool_id.map(Some),
                ..TapeRequest::default()
            };
            match write_transaction(conn, |conn| apply(conn, id, change)) {
                Ok(()) => done.updated += 1,
                Err(error) => {
                    done.skipped += 1;
                    done.errors.push(Skipped { tape_id: id, error: error.message });
                }
            }
        }
        Ok(done)
    });
    done.await.map(web::Json)
}
