//! Tapes as they are listed and looked at.

use crate::Result;
use crate::app::App;
use crate::db::tape_list::{self, TapeFilter, TapeOrder};
use crate::db::tapes::{self, Tape, TapeListed};
use crate::db::{Page, TapeStatus, pools, set_parts, sets};
use crate::media::{choose::Place, lifecycle};
use crate::web::{fields, query, responses};
use actix_web::{HttpResponse, get, web};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tape_drive::lto;
use utoipa::{IntoParams, ToSchema};

/// Which tapes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct TapeQuery {
    /// Of this pool.
    pool_id: Option<i32>,
    /// In one of these states, with commas between them.
    status: Option<String>,
    /// `true`: only tapes that are recorded as lost; `false`: only those that are not.
    lost: Option<bool>,
    /// Label or bar code contains this.
    q: Option<String>,
    /// By `label` (the default), `barcode`, `pool`, `status`, `used`, `written`, `verified` or `writes`; with a `-` before
    /// it the largest first.
    sort: Option<String>,
    /// At most so many.
    limit: Option<i64>,
    /// After so many.
    offset: Option<i64>,
}

/// Tapes, a page at a time. `X-Total-Count` says how many there are.
#[utoipa::path(operation_id = "list_tapes", tag = "tapes", params(TapeQuery),
    responses((status = 200, body = [TapeListed], headers(("x-total-count" = i64, description = "How many fit"))),
        (status = 400)))]
#[get("/tapes")]
pub async fn list(app: web::Data<App>, wanted: web::Query<TapeQuery>) -> Result<HttpResponse> {
    let wanted = wanted.into_inner();
    let statuses = match wanted.status.as_deref().filter(|words| !words.is_empty()) {
        None => None,
        Some(words) => {
            Some(words.split(',').map(|word| fields::word("status", word)).collect::<Result<Vec<TapeStatus>>>()?)
        }
    };
    let (order, direction) = fields::sorting("sort", wanted.sort.as_deref(), TapeOrder::Label)?;
    let text = wanted.q.filter(|text| !text.is_empty());
    let filter = TapeFilter { pool_id: wanted.pool_id, statuses, lost: wanted.lost, text };
    let page = Page::new(wanted.limit, wanted.offset, crate::db::paging::MAX_LIMIT);
    let (rows, total) = query(&app.services.db, move |conn| {
        Ok((tape_list::list(conn, &filter, order, direction, page)?, tape_list::count(conn, &filter)?))
    })
    .await?;
    Ok(HttpResponse::Ok().insert_header((responses::TOTAL, total)).json(rows))
}

/// Names of LTO formats and their native capacities in bytes.
#[utoipa::path(operation_id = "lto_types", tag = "tapes",
    responses((status = 200, body = BTreeMap<String, u64>)))]
#[get("/tapes/lto-types")]
pub async fn lto_types() -> web::Json<BTreeMap<&'static str, u64>> {
    web::Json(lto::FORMATS.iter().map(|format| (format.name, format.capacity_bytes)).collect())
}

/// A tape, and where it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct TapeDetail {
    #[serde(flatten)]
    listed: TapeListed,
    /// Bytes left; 0 when the capacity is unknown.
    free_bytes: i64,
    /// `drive`, `slot`, `offsite` or `shelf`.
    place: &'static str,
    /// The drive it is in.
    drive_id: Option<i32>,
    /// The library whose slot it is in.
    library_id: Option<i32>,
    /// Element address of that slot.
    slot_number: Option<u16>,
}

/// One tape, and where it is.
#[utoipa::path(operation_id = "get_tape", tag = "tapes", params(("id" = i32, Path)),
    responses((status = 200, body = TapeDetail), (status = 404)))]
#[get("/tapes/{id}")]
pub async fn find(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<TapeDetail>> {
    let detail = query(&app.services.db, move |conn| {
        let tape = tapes::find(conn, *id)?;
        let pool_name = tape.pool_id.map(|pool| pools::find(conn, pool)).transpose()?.map(|pool| pool.name);
        let (place, drive_id, library_id, slot_number) = match lifecycle::place(conn, &tape)? {
            Place::Drive(drive) => ("drive", Some(drive), None, None),
            Place::Slot { library, slot } => ("slot", None, Some(library), Some(slot)),
            Place::Shelf if tape.status == TapeStatus::Exported => ("offsite", None, None, None),
            Place::Shelf => ("shelf", None, None, None),
        };
        let free_bytes = tape.free_bytes();
        let listed = TapeListed { tape, pool_name };
        Ok(TapeDetail { listed, free_bytes, place, drive_id, library_id, slot_number })
    });
    detail.await.map(web::Json)
}

/// What is on a tape.
#[derive(Debug, Serialize, ToSchema)]
pub struct Contents {
    /// The tape.
    tape: Tape,
    /// Parts of backup sets in the order they are on it.
    parts: Vec<PartOnTape>,
}

/// A part of a set on a tape.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartOnTape {
    #[serde(flatten)]
    set: sets::SetListed,
    /// Which part of the set, from 1.
    part_number: i32,
    /// Number of its data file on tape.
    tape_file: i64,
    /// Where its data begins.
    first_block: i64,
    /// Behind its table of contents.
    part_end_block: i64,
    /// Bytes of its data file.
    stream_bytes: i64,
}

/// The sets on a tape, in the order they are on it.
#[utoipa::path(operation_id = "tape_contents", tag = "tapes", params(("id" = i32, Path)),
    responses((status = 200, body = Contents), (status = 404)))]
#[get("/tapes/{id}/contents")]
pub async fn contents(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Contents>> {
    let contents = query(&app.services.db, move |conn| {
        let tape = tapes::find(conn, *id)?;
        let mut parts = Vec::new();
        for part in set_parts::of_tape(conn, tape.id)? {
            parts.push(PartOnTape {
                set: sets::find_listed(conn, part.backup_set_id)?,
                part_number: part.part_number,
                tape_file: part.tape_file,
                first_block: part.first_block,
                part_end_block: part.end_block,
                stream_bytes: part.stream_bytes,
            });
        }
        Ok(Contents { tape, parts })
    });
    contents.await.map(web::Json)
}
