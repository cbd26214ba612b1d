//! A tape that is lost for good, and one that is found again.

use crate::app::App;
use crate::db::tapes::{self, Tape};
use crate::db::whereabouts::{self, PlaceKind};
use crate::db::{Conn, lost, sets};
use crate::events::{Category, Event};
use crate::executions::Taken;
use crate::web::optional_body::OptionalBody;
use crate::web::responses::Status;
use crate::web::{AuditNote, fields, query};
use crate::{Error, Result};
use actix_web::{post, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashSet;
use utoipa::ToSchema;

/// What became of a tape.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct Lose {
    /// In words, for those who look later.
    reason: Option<String>,
    /// Also if it lies in a drive or a library as far as the server knows: it cannot be used any more.
    force: bool,
}

/// What is lost with a tape.
#[derive(Debug, Serialize, ToSchema)]
pub struct Lost {
    /// `lost`
    status: &'static str,
    /// Sets whose state could be restored in full before, and cannot any more.
    lost_sets: Vec<i32>,
    /// Sets that have parts on it, but can be restored from copies on other tapes.
    from_copies: Vec<i32>,
    /// Names of the jobs whose next run is a full backup because of it.
    full_next: Vec<String>,
}

/// A person gives a tape up for lost. Nothing asks for it any more: restores use copies, or say what is missing; what is on
/// it counts as no copy; and an incremental backup that would build on it becomes a full one. `found` undoes it.
#[utoipa::path(operation_id = "lose_tape", tag = "tapes", params(("id" = i32, Path)), request_body = Lose,
    responses((status = 200, body = Lost), (status = 404), (status = 409)))]
#[post("/tapes/{id}/lost")]
pub async fn lose(
    app: web::Data<App>,
    note: AuditNote,
    id: web::Path<i32>,
    body: OptionalBody<Lose>,
) -> Result<web::Json<Lost>> {
    let (id, reason, force) = (id.into_inner(), fields::text(body.0.reason), body.0.force);
    let taken = app.services.drives.reservations.taken();
    let words = reason.clone();
    let (tape, answer) =
        query(&app.services.db, move |conn| give_up(conn, id, words.as_deref(), force, &taken)).await?;
    note.detail("label", tape.label.clone()).detail("lost_sets", answer.lost_sets.clone());
    if let Some(reason) = reason {
        note.detail("reason", reason);
    }
    let cost = match answer.lost_sets.len() {
        0 => "everything on it is on other tapes too".to_owned(),
        count => format!("{count} backup sets cannot be restored in full any more"),
    };
    let message = format!("Tape {} is lost{}: {cost}.", tape.label, tape.why_lost());
    app.services.bus.publish(Event::warning(Category::Tape, "Tape Lost", message).details(json!({
        "tape_id": id, "label": tape.label, "lost_sets": answer.lost_sets, "from_copies": answer.from_copies,
    })));
    Ok(web::Json(answer))
}

fn give_up(conn: &mut Conn, id: i32, reason: Option<&str>, force: bool, taken: &Taken) -> Result<(Tape, Lost)> {
    let tape = tapes::find(conn, id)?;
    if let Some(execution) = taken.tapes.get(&id) {
        let message = format!("tape '{}' is used by execution {execution}: cancel that first", tape.label);
        return Err(Error::conflict("tape_in_use", message));
    }
    let place = whereabouts::of(conn, &tape)?;
    if matches!(place.kind, PlaceKind::Drive | PlaceKind::Slot) && !force {
        let message = format!(
            "tape '{}' is {}: take an inventory, or say with force that it can never be read again",
            tape.label, place.text
        );
        return Err(Error::conflict("tape_present", message));
    }
    let before = lost::sets(conn)?;
    let tape = lost::lose(conn, id, reason)?;
    let after = lost::sets(conn)?;
    let mut lost_sets: Vec<i32> = after.difference(&before).copied().collect();
    lost_sets.sort_unstable();
    let from_copies = sets::on_tape(conn, id)?.iter().map(|set| set.id).filter(|set| !after.contains(set)).collect();
    let full_next = full_next(conn, &after.difference(&before).copied().collect())?;
    Ok((tape, Lost { status: "lost", lost_sets, from_copies, full_next }))
}

/// Names of the jobs whose newest set is among those that were lost.
fn full_next(conn: &mut Conn, gone: &HashSet<i32>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for job in crate::db::jobs::list(conn)? {
        if sets::latest_completed(conn, job.job.id)?.is_some_and(|set| gone.contains(&set.id)) {
            names.push(job.job.name);
        }
    }
    Ok(names)
}

/// A tape that was lost is there again: everything on it counts as before.
#[utoipa::path(operation_id = "find_tape_again", tag = "tapes", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 404), (status = 409)))]
#[post("/tapes/{id}/found")]
pub async fn found(app: web::Data<App>, note: AuditNote, id: web::Path<i32>) -> Result<web::Json<Status>> {
    let id = id.into_inner();
    let tape = query(&app.services.db, move |conn| lost::find_again(conn, id)).await?;
    note.detail("label", tape.label.clone());
    let message = format!("Tape {} was lost and is there again. Verify it before you rely on it.", tape.label);
    let details = json!({"tape_id": id, "label": tape.label});
    app.services.bus.publish(Event::success(Category::Tape, "Tape Found", message).details(details));
    Ok(web::Json(Status::new("found")))
}
