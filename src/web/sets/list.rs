//! Sets as they are listed and looked at.

use crate::Result;
use crate::app::App;
use crate::db::Page;
use crate::db::set_parts::{self, SetPartListed};
use crate::db::sets::{self, BackupSet, SetFilter, SetListed};
use crate::db::spanning::{self, Spanning};
use crate::web::{fields, query};
use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which sets.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct SetQuery {
    /// Of this job.
    job_id: Option<i32>,
    /// With their first part on this tape.
    tape_id: Option<i32>,
    /// In this state.
    status: Option<String>,
    /// At most so many; 50 unless said otherwise.
    limit: Option<i64>,
    /// After so many.
    offset: Option<i64>,
}

/// Sets, newest first.
#[utoipa::path(operation_id = "list_backup_sets", tag = "backup-sets", params(SetQuery), responses((status = 200, body = [SetListed]), (status = 400)))]
#[get("/backup-sets")]
pub async fn list(app: web::Data<App>, wanted: web::Query<SetQuery>) -> Result<web::Json<Vec<SetListed>>> {
    let filter = SetFilter {
        job_id: wanted.job_id,
        tape_id: wanted.tape_id,
        status: fields::optional_word("status", wanted.status.as_deref())?,
    };
    let page = Page::new(wanted.limit, wanted.offset, 50);
    query(&app.services.db, move |conn| sets::list(conn, &filter, page)).await.map(web::Json)
}

/// A set, its parts and the tapes they are on.
#[derive(Debug, Serialize, ToSchema)]
pub struct SetDetail {
    #[serde(flatten)]
    set: SetListed,
    /// Its parts in order.
    parts: Vec<SetPartListed>,
    /// How a set in several parts goes over tapes; null if it is in one part.
    spanning: Option<Spanning>,
    /// Labels of the tapes that hold them, in the order they are needed.
    tapes: Vec<String>,
    /// The sets it builds on: its parent, the parent of that … up to the full one.
    chain: Vec<i32>,
    /// The sets that are increments of it.
    children: Vec<BackupSet>,
}

/// One set with its parts and tapes.
#[utoipa::path(operation_id = "get_backup_set", tag = "backup-sets", params(("id" = i32, Path)),
    responses((status = 200, body = SetDetail), (status = 404)))]
#[get("/backup-sets/{id}")]
pub async fn find(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<SetDetail>> {
    let detail = query(&app.services.db, move |conn| {
        let set = sets::find_listed(conn, *id)?;
        let parts = set_parts::of_set_listed(conn, *id)?;
        let mut tapes: Vec<String> = parts.iter().map(|part| part.tape_label.clone()).collect();
        tapes.dedup();
        let mut chain = Vec::new();
        let mut next = set.set.parent_set_id;
        while let Some(parent) = next.filter(|parent| !chain.contains(parent)) {
            chain.push(parent);
            next = sets::find(conn, parent)?.parent_set_id;
        }
        let spanning = spanning::of_set(conn, *id)?;
        Ok(SetDetail { children: sets::children(conn, *id)?, spanning, set, parts, tapes, chain })
    });
    detail.await.map(web::Json)
}
