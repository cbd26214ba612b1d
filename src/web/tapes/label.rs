//! Writing labels, formatting, verifying: work on one tape.

use super::create::{free_label, label_name};
use crate::app::App;
use crate::auth::Identity;
use crate::db::tapes::Tape;
use crate::db::{Conn, SetStatus, TapeStatus, drives, executions, pools, sets, tapes};
use crate::executions::{Afterwards, CopyRequest, Destroy, FormatRequest, LabelRequest, Request, ScrubRequest};
use crate::web::optional_body::OptionalBody;
use crate::web::sets::CopyBody;
use crate::web::work::{Started, Unsaid, WaitQuery, Work};
use crate::web::{fields, query};
use crate::{Error, Result};
use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

/// How a label is to be written.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct LabelBody {
    /// A new name for the tape; none: the one it has.
    label: Option<String>,
    /// The drive its cartridge is in, or is to be brought to; none: any.
    drive_id: Option<i32>,
    /// Overwrite what is on it. Sets that have not expired forbid even that.
    force: bool,
    /// Eject it then.
    auto_eject: bool,
}

/// Writes the label of a tape onto its cartridge.
#[utoipa::path(operation_id = "label_tape", tag = "tapes", params(("id" = i32, Path), WaitQuery),
    request_body = LabelBody,
    responses((status = 202, body = Started), (status = 400), (status = 404), (status = 409)))]
#[post("/tapes/{id}/label")]
pub async fn label(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: OptionalBody<LabelBody>,
) -> Result<HttpResponse> {
    let work = query(&app.services.db, move |conn| label_work(conn, *id, body.0)).await?;
    work.answer(&app, &caller, *wait, Unsaid::Start).await
}

fn label_work(conn: &mut Conn, id: i32, body: LabelBody) -> Result<Work> {
    let tape = tapes::find(conn, id)?;
    let name = body.label.filter(|name| !name.is_empty());
    let name = name.map(|name| label_name("label", Some(&name))).transpose()?;
    if let Some(name) = &name {
        free_label(conn, name, tape.id)?;
    }
    if let Some(drive) = body.drive_id {
        fields::existing("drive_id", drives::find(conn, drive))?;
    }
    tape.must_not_be_lost()?;
    if tape.status == TapeStatus::Exported {
        return Err(exported(&tape.label));
    }
    if tape.labeled_at.is_some() && !body.force {
        let message = format!("tape '{}' is labelled already; say force to write its label again", tape.label);
        return Err(Error::conflict("already_labelled", message));
    }
    no_other_work(conn, Some(tape.id), body.drive_id)?;
    let shown = name.clone().unwrap_or_else(|| tape.label.clone());
    let request = LabelRequest {
        tape_id: tape.id,
        label: name,
        drive_id: body.drive_id,
        destroy: if body.force { Destroy::Confirmed } else { Destroy::Never },
        afterwards: if body.auto_eject { Afterwards::Eject } else { Afterwards::Leave },
    };
    let message = format!("Label operation started for tape '{shown}'");
    Ok(Work::new(Request::Label(request), format!("Label of tape {shown}"), message))
}

fn exported(name: &str) -> Error {
    Error::conflict("tape_in_use", format!("tape '{name}' is exported; import it first"))
}

/// 409 while a label or format of the same tape, or in the same drive, is under way.
pub fn no_other_work(conn: &mut Conn, tape_id: Option<i32>, drive_id: Option<i32>) -> Result<()> {
    for open in executions::active(conn)? {
        let open = open.execution;
        if !matches!(open.kind.as_str(), "label" | "format" | "batch_label") {
            continue;
        }
        let asked: serde_json::Value = serde_json::from_str(&open.request).unwrap_or_default();
        let same = |field: &str, wanted: Option<i32>| {
            wanted.is_some() && asked.get(field).and_then(serde_json::Value::as_i64) == wanted.map(i64::from)
        };
        if same("tape_id", tape_id) || same("drive_id", drive_id) {
            let message = format!("a tape operation is already in progress: {} (execution {})", open.title, open.id);
            let details = serde_json::json!({"execution_id": open.id});
            return Err(Error::conflict("operation_in_progress", message).with_details(details));
        }
    }
    Ok(())
}

/// How a tape is to be formatted.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct FormatBody {
    /// The drive it is in; none: the one it was last seen in.
    drive_id: Option<i32>,
    /// Must be true: all data on the tape is lost.
    confirm: bool,
}

/// 400 unless a person has said that data may be lost.
pub fn confirmed(confirm: bool) -> Result<()> {
    match confirm {
        true => Ok(()),
        false => Err(fields::invalid("confirm", "destructive action requires confirm=true")),
    }
}

/// Erases a tape and writes a fresh label. The tape in the drive must be that tape.
#[utoipa::path(operation_id = "format_tape", tag = "tapes", params(("id" = i32, Path), WaitQuery),
    request_body = FormatBody,
    responses((status = 202, body = Started), (status = 400), (status = 404), (status = 409)))]
#[post("/tapes/{id}/format")]
pub async fn format(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: OptionalBody<FormatBody>,
) -> Result<HttpResponse> {
    let work = query(&app.services.db, move |conn| {
        let tape = tapes::find(conn, *id)?;
        confirmed(body.0.confirm)?;
        tape.must_not_be_lost()?;
        if let Some(drive) = body.0.drive_id {
            fields::existing("drive_id", drives::find(conn, drive))?;
        }
        if tape.status == TapeStatus::Exported {
            return Err(exported(&tape.label));
        }
        no_other_work(conn, Some(tape.id), body.0.drive_id)?;
        let request = Request::Format(FormatRequest { drive_id: body.0.drive_id, tape_id: Some(tape.id) });
        let message = format!("Format operation started for tape '{}'", tape.label);
        Ok(Work::new(request, format!("Format of tape {}", tape.label), message))
    });
    work.await?.answer(&app, &caller, *wait, Unsaid::Start).await
}

/// The complete sets of which a part is on a tape; 409 with this code if there are none.
fn complete_sets(conn: &mut Conn, tape: &Tape, code: &'static str) -> Result<Vec<i32>> {
    tape.must_not_be_lost()?;
    let sets = sets::on_tape(conn, tape.id)?;
    let ids: Vec<i32> = sets.iter().filter(|set| set.status == SetStatus::Completed).map(|set| set.id).collect();
    match ids.is_empty() {
        true => Err(Error::conflict(code, format!("there is no complete backup set on tape '{}'", tape.label))),
        false => Ok(ids),
    }
}

/// Where a tape is to be verified.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct VerifyTapeBody {
    /// The drive; none: any.
    drive_id: Option<i32>,
}

/// Reads back all complete sets on a tape (of those that go on on other tapes, the parts on this one) and compares every
/// hash.
#[utoipa::path(operation_id = "verify_tape", tag = "tapes", params(("id" = i32, Path), WaitQuery),
    request_body = VerifyTapeBody, responses((status = 202, body = Started), (status = 404), (status = 409)))]
#[post("/tapes/{id}/verify")]
pub async fn verify(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: OptionalBody<VerifyTapeBody>,
) -> Result<HttpResponse> {
    let work = query(&app.services.db, move |conn| {
        let tape = tapes::find(conn, *id)?;
        let set_ids = complete_sets(conn, &tape, "nothing_to_verify")?;
        let message = format!("Verification of {} sets of tape '{}' started", set_ids.len(), tape.label);
        let fields = serde_json::json!({"set_ids": set_ids});
        let request = Request::Scrub(ScrubRequest { tape_ids: vec![tape.id], drive_id: body.0.drive_id, tapes: None });
        Ok(Work::new(request, format!("Verification of tape {}", tape.label), message).with(fields))
    });
    work.await?.answer(&app, &caller, *wait, Unsaid::Start).await
}

/// Copies all complete sets of which a part is on a tape to tapes of another pool.
#[utoipa::path(operation_id = "copy_tape", tag = "tapes", params(("id" = i32, Path), WaitQuery),
    request_body = CopyBody,
    responses((status = 202, body = Started), (status = 400), (status = 404), (status = 409)))]
#[post("/tapes/{id}/copy")]
pub async fn copy(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: web::Json<CopyBody>,
) -> Result<HttpResponse> {
    let pool_id = body.pool_id;
    let work = query(&app.services.db, move |conn| {
        let tape = tapes::find(conn, *id)?;
        let pool = fields::existing("pool_id", pools::find(conn, pool_id))?;
        if tape.pool_id == Some(pool_id) {
            let message = format!("tape '{}' is in pool {} itself", tape.label, pool.name);
            return Err(Error::conflict("same_pool", message));
        }
        let set_ids = complete_sets(conn, &tape, "nothing_to_copy")?;
        let title = format!("Copy of tape {} to pool {}", tape.label, pool.name);
        let message = format!("Copy of {} sets of tape '{}' to pool {} started", set_ids.len(), tape.label, pool.name);
        let fields = serde_json::json!({"set_ids": set_ids});
        Ok(Work::new(Request::Copy(CopyRequest { set_ids, pool_id }), title, message).with(fields))
    });
    work.await?.answer(&app, &caller, *wait, Unsaid::Start).await
}
