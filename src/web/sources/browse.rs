//! The folders of the server, for choosing the path of a source, and whether it would do as one.

use super::request::{absolute, reachable};
use crate::Result;
use crate::app::App;
use crate::backup::folders::{self, Folder};
use crate::backup::mounts::Mount;
use crate::db::{Page, SourceType};
use crate::web::fields::{self, invalid};
use crate::web::query::block_within;
use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use std::path::{Component, Path};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// A folder that is not read by then lies on something that hangs.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Which folder.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct BrowseQuery {
    /// The folder, absolute; `/` unless said otherwise.
    path: Option<String>,
    /// Say whether it would do as a source of this type.
    #[param(value_type = Option<SourceType>)]
    source_type: Option<String>,
    /// Only folders with this in their name.
    q: Option<String>,
    /// At most so many folders; 500 unless said otherwise.
    limit: Option<i64>,
    /// After so many.
    offset: Option<i64>,
}

/// A file system that is mounted.
#[derive(Debug, Serialize, ToSchema)]
pub struct MountView {
    /// Where.
    point: String,
    /// Its type: `ext4`, `nfs4`, `cifs`.
    fs_type: String,
    /// A device, or `server:/export`.
    source: String,
}

impl From<&Mount> for MountView {
    fn from(mount: &Mount) -> MountView {
        MountView {
            point: mount.point.to_string_lossy().into_owned(),
            fs_type: mount.fs_type.clone(),
            source: mount.source.clone(),
        }
    }
}

/// A folder of the server.
#[derive(Debug, Serialize, ToSchema)]
pub struct FolderEntry {
    /// Its name.
    name: String,
    /// Its path.
    path: String,
    /// Whether it is a symbolic link to a folder.
    link: bool,
    /// What is mounted at it.
    mount: Option<MountView>,
}

/// What is in a folder of the server.
#[derive(Debug, Serialize, ToSchema)]
pub struct FolderView {
    /// The folder.
    path: String,
    /// The folder around it.
    parent: Option<String>,
    /// What it lies on.
    mount: Option<MountView>,
    /// Why it will not do as a source of the type that was asked about; null if it will.
    problem: Option<String>,
    /// Folders in it, by name.
    folders: Vec<FolderEntry>,
    /// How many there are, whatever the page.
    total: usize,
    /// What is in it beside folders.
    others: usize,
    /// Folders whose names are not UTF-8; no source can name them.
    unnamed: usize,
    /// Whether everything in it was looked at.
    complete: bool,
}

/// The folders in a folder of the server. Names of files are not told.
#[utoipa::path(operation_id = "browse_folders", tag = "sources", params(BrowseQuery),
    responses((status = 200, body = FolderView), (status = 400), (status = 503)))]
#[get("/sources/browse")]
pub async fn browse(_app: web::Data<App>, wanted: web::Query<BrowseQuery>) -> Result<web::Json<FolderView>> {
    let wanted = wanted.into_inner();
    let path = absolute(wanted.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/"))?;
    if Path::new(&path).components().any(|part| part == Component::ParentDir) {
        return Err(invalid("path", format!("path must not contain ..: '{path}'")));
    }
    let source_type = fields::optional_word("source_type", wanted.source_type.as_deref())?;
    let what = format!("the folder {path}");
    block_within(PATIENCE, what, move || look(path, source_type, &wanted)).await.map(web::Json)
}

fn look(path: String, source_type: Option<SourceType>, wanted: &BrowseQuery) -> Result<FolderView> {
    let listing = match folders::list(Path::new(&path)) {
        Ok(listing) => listing,
        // what is wrong with it is told as for a source
        Err(error) => {
            reachable(SourceType::Local, &path)?;
            return Err(error.context(format_args!("list the folder {path}")));
        }
    };
    let problem = source_type.and_then(|kind| reachable(kind, &path).err()).map(|error| error.message);
    let part = wanted.q.as_deref().unwrap_or_default().to_lowercase();
    let fitting: Vec<&Folder> =
        listing.folders.iter().filter(|folder| folder.name.to_lowercase().contains(&part)).collect();
    let page = Page::new(wanted.limit, wanted.offset, 500);
    let (skip, take) = (usize::try_from(page.offset).unwrap_or(0), usize::try_from(page.limit).unwrap_or(0));
    let around = if path == "/" { "" } else { path.as_str() };
    let entry = |folder: &&Folder| FolderEntry {
        name: folder.name.clone(),
        path: format!("{around}/{}", folder.name),
        link: folder.link,
        mount: folder.mount.as_ref().map(MountView::from),
    };
    Ok(FolderView {
        parent: Path::new(&path).parent().and_then(Path::to_str).map(str::to_owned),
        mount: listing.mount.as_ref().map(MountView::from),
        problem,
        total: fitting.len(),
        folders: fitting.iter().skip(skip).take(take).map(entry).collect(),
        others: listing.others,
        unnamed: listing.unnamed,
        complete: listing.complete,
        path,
    })
}
