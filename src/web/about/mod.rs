//! `/about`: which program this is.

use super::{Lifecycle, Routes, query};
use crate::Result;
use crate::db::{DbPool, time, upkeep};
use crate::tls::{Facts, Keeper};
use actix_web::get;
use actix_web::web::{Data, Json};
use chrono::NaiveDateTime;
use serde::Serialize;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(about)
}

/// Which program this is.
#[derive(Serialize, utoipa::ToSchema)]
pub struct About {
    /// `0.1.0`
    version: &'static str,
    /// `release`, or `debug` where it also checks itself.
    build: &'static str,
    /// What it was built for: `linux x86_64`.
    platform: String,
    /// Of SQLite, which is part of it.
    sqlite_version: String,
    /// The licence.
    license: &'static str,
    /// When it was started, UTC.
    #[serde(serialize_with = "time::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    started_at: NaiveDateTime,
    /// The certificate that the server shows; null if it does not speak TLS itself.
    certificate: Option<Facts>,
}

/// Version and build of the program.
#[utoipa::path(tag = "system", responses((status = 200, body = About)))]
#[get("/about")]
pub async fn about(
    pool: Data<DbPool>,
    lifecycle: Data<Lifecycle>,
    keeper: Option<Data<Keeper>>,
) -> Result<Json<About>> {
    Ok(Json(About {
        version: env!("CARGO_PKG_VERSION"),
        build: if cfg!(debug_assertions) { "debug" } else { "release" },
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        sqlite_version: query(&pool, upkeep::sqlite_version).await?,
        license: env!("CARGO_PKG_LICENSE"),
        started_at: lifecycle.since(),
        certificate: keeper.map(|keeper| keeper.facts()),
    }))
}
