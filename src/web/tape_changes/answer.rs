//! Answering a request for a tape. The execution that waits sees the answer within a moment, and decides.

use crate::app::App;
use crate::auth::Identity;
use crate::db::tape_changes::{self, TapeChange, TapeChangeListed};
use crate::db::{Conn, tapes};
use crate::executions::Taken;
use crate::media::facts::Facts;
use crate::web::optional_body::OptionalBody;
use crate::web::{AuditNote, fields, query};
use crate::{Error, Result};
use actix_web::{post, web};
use serde::Deserialize;
use utoipa::ToSchema;

/// What was done.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct CompleteBody {
    /// The tape that was brought, or that is to be taken; none: whichever is found and fits.
    tape_id: Option<i32>,
}

/// Says that what was asked for is done. The execution looks at all drives and libraries; if it finds nothing that fits,
/// the request is pending again, and its `notice` says why.
#[utoipa::path(operation_id = "complete_tape_change", tag = "tape-changes", params(("id" = i32, Path)),
    request_body = CompleteBody,
    responses((status = 200, body = TapeChangeListed), (status = 400), (status = 404), (status = 409)))]
#[post("/tape-changes/{id}/complete")]
pub async fn complete(
    app: web::Data<App>,
    caller: Identity,
    note: AuditNote,
    id: web::Path<i32>,
    body: OptionalBody<CompleteBody>,
) -> Result<web::Json<TapeChangeListed>> {
    let (id, tape) = (id.into_inner(), body.0.tape_id.filter(|tape| *tape != 0));
    let taken = app.services.drives.reservations.taken();
    let by = caller.name();
    let row = query(&app.services.db, move |conn| {
        let row = tape_changes::find(conn, id)?;
        if let Some(tape) = tape {
            must_fit(conn, &row, tape, &taken)?;
        }
        tape_changes::acknowledge(conn, id, tape, &by)?;
        tape_changes::find_listed(conn, id)
    })
    .await?;
    note.id(id).detail("execution_id", row.change.job_execution_id).detail("tape_id", tape);
    app.services.bus.transient("tape_change", serde_json::json!(row.change));
    Ok(web::Json(row))
}

/// Refuses a tape that the execution could not go on with.
fn must_fit(conn: &mut Conn, row: &TapeChange, tape: i32, taken: &Taken) -> Result<()> {
    let label = fields::existing("tape_id", tapes::find(conn, tape))?.label;
    let wrong = match row.pool_id {
        Some(pool) => {
            let full: Vec<(i32, String)> =
                row.current_tape_id.map(|id| (id, "filled by this run".to_owned())).into_iter().collect();
            Facts::read(conn, pool, None, taken)?.refusal(tape, &full)
        }
        None => (row.tape_id != Some(tape)).then(|| "not the tape that is wanted; no other will do".into()),
    };
    match wrong {
        None => Ok(()),
        Some(why) => Err(Error::conflict("tape_not_suitable", format!("tape {label} does not fit: {why}"))
            .with_details(serde_json::json!({"field": "tape_id"}))),
    }
}

/// Says that it will not be done. A backup ends then, behind its last complete part; a restore goes on without that tape
/// and names the files it could not bring.
#[utoipa::path(operation_id = "cancel_tape_change", tag = "tape-changes", params(("id" = i32, Path)),
    responses((status = 200, body = TapeChangeListed), (status = 404), (status = 409)))]
#[post("/tape-changes/{id}/cancel")]
pub async fn cancel(
    app: web::Data<App>,
    caller: Identity,
    note: AuditNote,
    id: web::Path<i32>,
) -> Result<web::Json<TapeChangeListed>> {
    let (id, by) = (id.into_inner(), caller.name());
    let row = query(&app.services.db, move |conn| {
        tape_changes::cancel(conn, id, &by)?;
        tape_changes::find_listed(conn, id)
    })
    .await?;
    note.id(id).detail("execution_id", row.change.job_execution_id);
    app.services.bus.transient("tape_change", serde_json::json!(row.change));
    Ok(web::Json(row))
}
