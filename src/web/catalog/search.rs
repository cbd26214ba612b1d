//! Searching all paths of all sets.

use crate::Result;
use crate::app::App;
use crate::catalog::lookup::{self, Version};
use crate::catalog::search::{self as index, Found, Hit, MOST_HITS};
use crate::db::time::rfc3339;
use crate::db::{Page, jobs, sources};
use crate::web::fields::invalid;
use crate::web::query;
use actix_web::{HttpResponse, get, web};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Header with the place where a search goes on.
const NEXT: &str = "X-Next";

/// What is searched for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct SearchQuery {
    /// What occurs in the path; with `*` or `?`: a pattern for the path or its name.
    q: Option<String>,
    /// At most so many paths; 100 unless said otherwise. A path that several sources have is a hit for each of them.
    limit: Option<i64>,
    /// Where the page before stopped (`next`, or the header `X-Next`).
    from: Option<String>,
}

impl SearchQuery {
    async fn run(self, app: &App) -> Result<Found> {
        let text = self.q.filter(|text| !text.trim().is_empty());
        let text = text.ok_or_else(|| invalid("q", "search pattern required"))?;
        let limit = usize::try_from(Page::new(self.limit, None, 100).limit).unwrap_or(MOST_HITS);
        query(&app.services.db, move |conn| index::search(conn, &text, self.from.as_deref(), limit)).await
    }
}

/// A version of a path that was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundFile {
    /// A name of its own in the answer: its source, its set and its path.
    id: String,
    /// The set that has it.
    backup_set_id: i32,
    /// The path.
    file_path: String,
    /// `file`, `directory`, `symlink` …
    kind: &'static str,
    /// Content bytes.
    file_size: i64,
    /// Permission bits.
    file_mode: i32,
    /// When its content last changed.
    #[serde(serialize_with = "rfc3339")]
    mod_time: NaiveDateTime,
    /// Hex SHA-256 of a file's content; empty for what has none.
    checksum: String,
    /// The block in which its frame begins.
    block_offset: i64,
    /// When its set began.
    #[serde(serialize_with = "rfc3339")]
    created_at: NaiveDateTime,
    /// The tape it begins on.
    tape_id: i32,
    /// Its label.
    tape_label: String,
    /// The job of the set.
    job_id: i32,
    /// Its name.
    job_name: String,
    /// The source of the job: the same path in another source is another file.
    source_id: i32,
    /// Its name.
    source_name: String,
}

fn flat(hit: Hit) -> impl Iterator<Item = FoundFile> {
    let path = hit.path;
    hit.versions.into_iter().filter(|version| version.kind != "deleted").map(move |version| FoundFile {
        id: format!("{}:{}:{path}", version.source_id, version.backup_set_id),
        backup_set_id: version.backup_set_id,
        file_path: path.clone(),
        kind: version.kind,
        file_size: version.size,
        file_mode: version.mode,
        mod_time: version.mod_time,
        checksum: version.checksum.unwrap_or_default(),
        block_offset: version.block_offset,
        created_at: version.start_time,
        tape_id: version.tape_id,
        tape_label: version.tape_label,
        job_id: version.job_id,
        job_name: version.job_name,
        source_id: version.source_id,
        source_name: version.source_name,
    })
}

/// Paths that match, one row for each version. If there is more, the header `X-Next` says where to go on.
#[utoipa::path(operation_id = "search_catalog", tag = "catalog", params(SearchQuery), responses((status = 200, body = [FoundFile]), (status = 400)))]
#[get("/catalog/search")]
pub async fn search(app: web::Data<App>, wanted: web::Query<SearchQuery>) -> Result<HttpResponse> {
    let found = wanted.into_inner().run(&app).await?;
    let mut answer = HttpResponse::Ok();
    // a name can hold what a header cannot; it travels percent-encoded, as it goes back into the query
    if let Some(next) = &found.next {
        answer.insert_header((NEXT, percent(next)));
    }
    Ok(answer.json(found.hits.into_iter().flat_map(flat).collect::<Vec<_>>()))
}

fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Paths that match, each with its newest versions and where to go on.
#[utoipa::path(operation_id = "find_in_catalog", tag = "catalog", params(SearchQuery), responses((status = 200, body = Found), (status = 400)))]
#[get("/catalog/find")]
pub async fn find(app: web::Data<App>, wanted: web::Query<SearchQuery>) -> Result<web::Json<Found>> {
    wanted.into_inner().run(&app).await.map(web::Json)
}

/// Of which path.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct VersionsQuery {
    /// The path in the source.
    path: String,
    /// Only those of this job.
    job_id: Option<i32>,
    /// Only those of this source.
    source_id: Option<i32>,
    /// At most so many; 100 unless said otherwise.
    limit: Option<i64>,
}

/// All versions of a path, newest first, with their sets and tapes.
#[utoipa::path(operation_id = "catalog_versions", tag = "catalog", params(VersionsQuery),
    responses((status = 200, body = [Version]), (status = 400), (status = 404)))]
#[get("/catalog/versions")]
pub async fn versions(app: web::Data<App>, wanted: web::Query<VersionsQuery>) -> Result<web::Json<Vec<Version>>> {
    let wanted = wanted.into_inner();
    let limit = Page::new(wanted.limit, None, 100).limit;
    let versions = query(&app.services.db, move |conn| {
        if let Some(job) = wanted.job_id {
            jobs::find(conn, job)?;
        }
        if let Some(source) = wanted.source_id {
            sources::find(conn, source)?;
        }
        let most = if wanted.job_id.is_some() { crate::db::paging::MAX_LIMIT } else { limit };
        let mut versions = lookup::versions(conn, &wanted.path, most)?;
        versions.retain(|version| {
            wanted.job_id.is_none_or(|job| job == version.job_id)
                && wanted.source_id.is_none_or(|source| source == version.source_id)
        });
        versions.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(versions)
    });
    versions.await.map(web::Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_a_header() {
        assert_eq!(percent("17:a b/ü\n"), "17%3Aa%20b%2F%C3%BC%0A");
    }
}
