//! What the robot does. Slot and drive numbers are element addresses, as in the list of slots.

use crate::app::App;
use crate::auth::Identity;
use crate::db::element_names::ElementNames;
use crate::db::libraries;
use crate::executions::{LibraryAction, LibraryRequest, Request};
use crate::web::fields::invalid;
use crate::web::query;
use crate::web::work::{Started, Unsaid, WaitQuery, Work};
use crate::{Error, Result};
use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use tape_drive::ElementAddress;
use utoipa::ToSchema;

/// From where to where.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct SlotAndDrive {
    /// Element address of the slot. Required to load; to unload, none: where the tape came from.
    slot_number: Option<i64>,
    /// Element address of the drive's bay. Required.
    drive_number: Option<i64>,
}

/// From slot to slot.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct SlotToSlot {
    /// Element address of the full one. Required.
    source_slot: Option<i64>,
    /// Element address of the empty one. Required.
    dest_slot: Option<i64>,
}

fn address(field: &str, number: Option<i64>) -> Result<u16> {
    let number = number.ok_or_else(|| invalid(field, format!("{field} is required")))?;
    u16::try_from(number).map_err(|_| invalid(field, format!("{field}: {number} is no element address (0 to 65535)")))
}

async fn act(
    app: &App,
    caller: &Identity,
    id: i32,
    action: LibraryAction,
    wait: WaitQuery,
    unsaid: Unsaid,
) -> Result<HttpResponse> {
    let (library, names) =
        query(&app.services.db, move |conn| Ok((libraries::find(conn, id)?, ElementNames::read(conn, id)?))).await?;
    if !library.enabled {
        let message = format!("library {} is disabled; enable it first", library.name);
        return Err(Error::conflict("library_disabled", message));
    }
    let name = |address| names.name(ElementAddress(address));
    let what = match action {
        LibraryAction::Inventory => "inventory".to_string(),
        LibraryAction::Load { slot, drive } => format!("{} into {}", name(slot), name(drive)),
        LibraryAction::Unload { slot: Some(slot), drive } => format!("{} into {}", name(drive), name(slot)),
        LibraryAction::Unload { slot: None, drive } => format!("{} back to its slot", name(drive)),
        LibraryAction::Transfer { from, to } => format!("{} into {}", name(from), name(to)),
    };
    let title = format!("Library {}: {what}", library.name);
    let message = format!("{title}: started");
    let request = Request::Library(LibraryRequest { library_id: id, action });
    Work::new(request, title, message).answer(app, caller, wait, unsaid).await
}

/// The robot looks at everything and reads all bar codes. Answers when done, with what it saw.
#[utoipa::path(operation_id = "inventory_library", tag = "libraries", params(("id" = i32, Path), WaitQuery),
    responses((status = 200, description = "What is where"), (status = 202, body = Started), (status = 404)))]
#[post("/libraries/{id}/inventory")]
pub async fn inventory(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
) -> Result<HttpResponse> {
    act(&app, &caller, *id, LibraryAction::Inventory, *wait, Unsaid::Await).await
}

/// Moves a tape from a slot into a drive and threads it.
#[utoipa::path(operation_id = "load_from_slot", tag = "libraries", params(("id" = i32, Path), WaitQuery), request_body = SlotAndDrive,
    responses((status = 202, body = Started), (status = 400), (status = 404), (status = 409)))]
#[post("/libraries/{id}/load")]
pub async fn load(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: web::Json<SlotAndDrive>,
) -> Result<HttpResponse> {
    let action = LibraryAction::Load {
        slot: address("slot_number", body.slot_number)?,
        drive: address("drive_number", body.drive_number)?,
    };
    act(&app, &caller, *id, action, *wait, Unsaid::Start).await
}

/// Ejects the tape in a drive and puts it into a slot.
#[utoipa::path(operation_id = "unload_to_slot", tag = "libraries", params(("id" = i32, Path), WaitQuery), request_body = SlotAndDrive,
    responses((status = 202, body = Started), (status = 400), (status = 404), (status = 409)))]
#[post("/libraries/{id}/unload")]
pub async fn unload(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: web::Json<SlotAndDrive>,
) -> Result<HttpResponse> {
    let slot = body.slot_number.map(|number| address("slot_number", Some(number))).transpose()?;
    let action = LibraryAction::Unload { slot, drive: address("drive_number", body.drive_number)? };
    act(&app, &caller, *id, action, *wait, Unsaid::Start).await
}

/// Moves a tape from slot to slot.
#[utoipa::path(operation_id = "transfer_slot", tag = "libraries", params(("id" = i32, Path), WaitQuery), request_body = SlotToSlot,
    responses((status = 202, body = Started), (status = 400), (status = 404), (status = 409)))]
#[post("/libraries/{id}/transfer")]
pub async fn transfer(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: web::Json<SlotToSlot>,
) -> Result<HttpResponse> {
    let action = LibraryAction::Transfer {
        from: address("source_slot", body.source_slot)?,
        to: address("dest_slot", body.dest_slot)?,
    };
    act(&app, &caller, *id, action, *wait, Unsaid::Start).await
}
