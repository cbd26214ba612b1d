//! What a set has, and how a source was at a moment.

use crate::Result;
use crate::app::App;
use crate::catalog::browse::{Listing, list};
use crate::catalog::files::FileRow;
use crate::db::{Conn, Page};
use crate::restore::select;
use crate::web::fields::invalid;
use crate::web::query;
use crate::web::restore::moment;
use crate::web::sets::{FilesQuery, page_of};
use actix_web::{get, web};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The files that a set has itself, as one flat list.
#[utoipa::path(operation_id = "browse_catalog", tag = "catalog", params(("backupSetId" = i32, Path), FilesQuery),
    responses((status = 200, body = [FileRow]), (status = 404)))]
#[get("/catalog/browse/{backupSetId}")]
pub async fn browse(
    app: web::Data<App>,
    id: web::Path<i32>,
    wanted: web::Query<FilesQuery>,
) -> Result<web::Json<Vec<FileRow>>> {
    page_of(&app, *id, wanted.into_inner()).await
}

/// Which directory, in which state.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct TreeQuery {
    /// The state as of this set, with the sets it builds on.
    set_id: Option<i32>,
    /// Or: of this job …
    job_id: Option<i32>,
    /// … as of this moment (RFC 3339): the newest set that was complete by then. Without it: the newest.
    as_of: Option<String>,
    /// Only what the set itself has, without the sets it builds on: the only way to look into an incomplete one.
    only_this_set: bool,
    /// The directory; empty: the root.
    path: String,
    /// At most so many entries; 1000 unless said otherwise.
    limit: Option<i64>,
    /// After so many.
    offset: Option<i64>,
}

/// A directory in a state.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tree {
    /// The set whose state it is.
    set_id: i32,
    /// That set and those it builds on, newest first.
    chain: Vec<i32>,
    #[serde(flatten)]
    listing: Listing,
}

/// The entries of one directory as of a set, or of a job at a moment; deletions are honoured.
#[utoipa::path(operation_id = "catalog_tree", tag = "catalog", params(TreeQuery),
    responses((status = 200, body = Tree), (status = 400), (status = 404)))]
#[get("/catalog/tree")]
pub async fn tree(app: web::Data<App>, wanted: web::Query<TreeQuery>) -> Result<web::Json<Tree>> {
    let wanted = wanted.into_inner();
    let as_of = moment("as_of", wanted.as_of.as_deref())?;
    let page = Page::new(wanted.limit, wanted.offset, 1000);
    let tree = query(&app.services.db, move |conn| {
        let set_id = set_of(conn, wanted.set_id, wanted.job_id, as_of)?;
        let chain = if wanted.only_this_set { select::alone(conn, set_id)? } else { select::state_of(conn, set_id)? };
        let listing = list(conn, &chain, &wanted.path, page)?;
        Ok(Tree { set_id, chain, listing })
    });
    tree.await.map(web::Json)
}

fn set_of(conn: &mut Conn, set: Option<i32>, job: Option<i32>, as_of: Option<NaiveDateTime>) -> Result<i32> {
    match (set, job) {
        (Some(set), _) => Ok(set),
        (None, Some(job)) => select::set_as_of(conn, job, as_of),
        (None, None) => Err(invalid("set_id", "set_id or job_id is required")),
    }
}
