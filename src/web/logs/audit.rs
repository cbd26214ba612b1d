//! Reading the audit log.

use crate::Result;
use crate::db::audit::{self, AuditEntry, AuditFilter};
use crate::db::{AuditOutcome, DbPool, Page};
use crate::web::moment::{Day, moment};
use crate::web::{query, responses};
use actix_web::web::{Data, Query};
use actix_web::{HttpResponse, get};
use serde::Deserialize;

/// Which lines there are.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditConditions {
    /// Only by this name.
    username: Option<String>,
    /// Only this action.
    action: Option<String>,
    /// Only this kind of object.
    resource_type: Option<String>,
    /// Only those that ended so.
    outcome: Option<AuditOutcome>,
    /// First moment (RFC 3339) or first day (`2026-11-20`, UTC).
    start: Option<String>,
    /// Moment before which to stop (RFC 3339), or last day (`2026-11-20`, UTC).
    end: Option<String>,
}

impl AuditConditions {
    /// As the database understands them.
    pub fn filter(self) -> Result<AuditFilter> {
        Ok(AuditFilter {
            username: self.username,
            action: self.action,
            resource_type: self.resource_type,
            outcome: self.outcome,
            from: moment("start", self.start.as_deref(), Day::Begin)?,
            until: moment("end", self.end.as_deref(), Day::End)?,
        })
    }
}

/// How many of them.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditPage {
    /// At most so many; 100 if absent.
    limit: Option<i64>,
    /// Skip so many.
    offset: Option<i64>,
}

/// Who did what, newest first. `X-Total-Count` says how many lines there are.
#[utoipa::path(tag = "logs", params(AuditPage, AuditConditions),
    responses((status = 200, body = Vec<AuditEntry>, headers(("x-total-count" = i64, description = "How many fit")))))]
#[get("/logs/audit")]
pub async fn list_audit(
    pool: Data<DbPool>,
    page: Query<AuditPage>,
    conditions: Query<AuditConditions>,
) -> Result<HttpResponse> {
    let page = Page::new(page.limit, page.offset, 100);
    let filter = conditions.into_inner().filter()?;
    let work = move |conn: &mut _| Ok((audit::list(conn, &filter, page)?, audit::count(conn, &filter)?));
    let (rows, total) = query(&pool, work).await?;
    Ok(HttpResponse::Ok().insert_header((responses::TOTAL, total)).json(rows))
}
