//! What of a source would be sent, without reading a file.

use super::request::{SourceRequest, filter, reachable};
use crate::Result;
use crate::app::App;
use crate::backup::preview::{self as walk, MAX_LISTED};
use crate::backup::walk::Mounts;
use crate::db::SourceType;
use crate::db::sources;
use crate::web::fields::{self, invalid};
use crate::web::optional_body::OptionalBody;
use crate::web::query::{block, query};
use actix_web::{post, web};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use utoipa::ToSchema;

/// Entries that a preview looks at, at most.
const MAX_ENTRIES: u64 = 2_000_000;
/// A preview ends after this time and says that it is not complete.
const MAX_TIME: Duration = Duration::from_secs(30);

/// What would be sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewView {
    /// Selected regular files.
    files: u64,
    /// Selected directories.
    directories: u64,
    /// Links, FIFOs and devices.
    others: u64,
    /// Apparent bytes of the files.
    bytes: u64,
    /// The first of them.
    first: Vec<PreviewFile>,
    /// Entries that could not be read.
    warning_count: u64,
    /// Whether everything was looked at; else it was too much for a preview.
    complete: bool,
}

/// One selected entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewFile {
    /// Path in the source.
    path: String,
    /// `file`, `directory`, `symlink` …
    kind: &'static str,
    /// Apparent size in bytes.
    size: u64,
}

/// What a request to make a source would send.
#[utoipa::path(operation_id = "preview_new_source", tag = "sources", request_body = SourceRequest,
    responses((status = 200, body = PreviewView), (status = 400)))]
#[post("/sources/preview")]
pub async fn preview(body: web::Json<SourceRequest>) -> Result<web::Json<PreviewView>> {
    let request = body.into_inner();
    let path = request.path.clone().ok_or_else(|| invalid("path", "path is required"))?;
    let kind = fields::optional_word("source_type", request.source_type.as_deref())?.unwrap_or(SourceType::Local);
    look(kind, path, request).await
}

/// What a source would send; with other patterns than its own, if some are given.
#[utoipa::path(operation_id = "preview_source", tag = "sources", params(("id" = i32, Path)), request_body = SourceRequest,
    responses((status = 200, body = PreviewView), (status = 400), (status = 404)))]
#[post("/sources/{id}/preview")]
pub async fn preview_of(
    app: web::Data<App>,
    id: web::Path<i32>,
    body: OptionalBody<SourceRequest>,
) -> Result<web::Json<PreviewView>> {
    let mut request = body.0;
    let source = query(&app.services.db, move |conn| sources::find(conn, *id)).await?;
    request.include_patterns = Some(request.include_patterns.map_or_else(|| source.includes(), Ok)?);
    request.exclude_patterns = Some(request.exclude_patterns.map_or_else(|| source.excludes(), Ok)?);
    request.case_insensitive.get_or_insert(source.case_insensitive);
    request.one_file_system.get_or_insert(source.one_file_system);
    let path = request.path.clone().unwrap_or(source.path);
    look(source.source_type, path, request).await
}

/// Tells the walk to stop when nobody waits for its answer any more.
struct StopWithMe(Arc<AtomicBool>);

impl Drop for StopWithMe {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn look(source_type: SourceType, path: String, request: SourceRequest) -> Result<web::Json<PreviewView>> {
    let include = request.include_patterns.unwrap_or_default();
    let exclude = request.exclude_patterns.unwrap_or_default();
    let filter = filter(&include, &exclude, request.case_insensitive.unwrap_or(false))?;
    let mounts = if request.one_file_system.unwrap_or(false) { Mounts::Stay } else { Mounts::Cross };
    let cancel = Arc::new(AtomicBool::new(false));
    let guard = StopWithMe(cancel.clone());
    let walking = block(move || {
        reachable(source_type, &path)?;
        walk::preview(Path::new(&path), filter, mounts, MAX_ENTRIES, cancel)
    });
    tokio::pin!(walking);
    let seen = match tokio::time::timeout(MAX_TIME, &mut walking).await {
        Ok(seen) => seen?,
        Err(_) => {
            drop(guard);
            walking.await?
        }
    };
    let first = seen.first.into_iter().take(MAX_LISTED);
    Ok(web::Json(PreviewView {
        files: seen.files,
        directories: seen.directories,
        others: seen.others,
        bytes: seen.bytes,
        first: first.map(|entry| PreviewFile { path: entry.path, kind: entry.kind, size: entry.size }).collect(),
        warning_count: seen.warnings.warnings(),
        complete: seen.complete,
    }))
}
