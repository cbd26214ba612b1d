//! Reading the audit log.

use crate::Result;
use crate::db::audit::{self, AuditEntry, AuditFilter};
use crate::db::{AuditOutcome, DbPool, Page};
use crate::web::query;
use actix_web::get;
use actix_web::web::{Data, Json, Query};
use serde::Deserialize;

/// Which lines.
#[derive(Deserialize, utoipa::IntoParams)]
pub struct AuditQuery {
    /// At most so many; 100 if absent.
    limit: Option<i64>,
    /// Skip so many.
    offset: Option<i64>,
    /// Only by this name.
    username: Option<String>,
    /// Only this action.
    action: Option<String>,
    /// Only this kind of object.
    resource_type: Option<String>,
    /// Only those that ended so.
    outcome: Option<AuditOutcome>,
}

/// Who did what, newest first.
#[utoipa::path(tag = "logs", params(AuditQuery), responses((status = 200, body = Vec<AuditEntry>)))]
#[get("/logs/audit")]
pub async fn list_audit(pool: Data<DbPool>, wanted: Query<AuditQuery>) -> Result<Json<Vec<AuditEntry>>> {
    let wanted = wanted.into_inner();
    let page = Page::new(wanted.limit, wanted.offset, 100);
    let filter = AuditFilter {
        username: wanted.username,
        action: wanted.action,
        resource_type: wanted.resource_type,
        outcome: wanted.outcome,
        ..AuditFilter::default()
    };
    Ok(Json(query(&pool, move |conn| audit::list(conn, &filter, page)).await?))
}
