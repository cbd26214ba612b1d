//! The audit log as a file.

use super::audit::AuditConditions;
use crate::Result;
use crate::db::{DbPool, audit, time};
use crate::web::export::{Export, FileFormat};
use crate::web::query;
use actix_web::web::{Data, Query};
use actix_web::{HttpResponse, get};
use serde::Deserialize;

/// As what.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `json` (the default) or `csv`.
    #[param(inline)]
    format: Option<FileFormat>,
}

const TITLES: [&str; 10] =
    ["time", "user", "action", "object", "object id", "outcome", "address", "details", "line", "hash"];

/// The audit log as a file, oldest first.
#[utoipa::path(tag = "logs", params(ExportQuery, AuditConditions), responses((status = 200, body = Vec<audit::AuditEntry>)))]
#[get("/logs/export")]
pub async fn export_audit(
    pool: Data<DbPool>,
    wanted: Query<ExportQuery>,
    conditions: Query<AuditConditions>,
) -> Result<HttpResponse> {
    let (format, filter) = (wanted.format.unwrap_or_default(), conditions.into_inner().filter()?);
    let file = query(&pool, move |conn| {
        let mut file = Export::new(format, &TITLES);
        audit::export(conn, &filter, |line| {
            let when = time::to_rfc3339(&line.created_at);
            let id = line.resource_id.map(|id| id.to_string()).unwrap_or_default();
            let number = line.id.to_string();
            let (details, address) = (line.details.as_deref(), line.ip_address.as_deref());
            let fields = [
                when.as_str(),
                &line.username,
                &line.action,
                &line.resource_type,
                &id,
                line.outcome.as_str(),
                address.unwrap_or_default(),
                details.unwrap_or_default(),
                &number,
                &line.hash,
            ];
            file.add(&line, &fields)
        })?;
        Ok(file)
    });
    Ok(file.await?.answer("audit_logs"))
}
