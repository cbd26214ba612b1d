//! Whether somebody changed the audit log.

use crate::db::DbPool;
use crate::db::audit_chain::{self, AuditCheck, Noted};
use crate::web::query;
use crate::{Error, Result};
use actix_web::get;
use actix_web::web::{Data, Json, Query};
use serde::Deserialize;

/// What was noted elsewhere.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VerifyQuery {
    /// A line and its hash (`last_id` and `last_hash` of an earlier answer) as `ID:HASH`: shows whether the log was written
    /// anew as a whole.
    noted: Option<String>,
}

/// Verify the chain of hashes through the audit log: was a line changed, deleted, inserted or moved?
#[utoipa::path(tag = "logs", params(VerifyQuery), responses((status = 200, body = AuditCheck)))]
#[get("/logs/audit/verify")]
pub async fn verify_audit(pool: Data<DbPool>, wanted: Query<VerifyQuery>) -> Result<Json<AuditCheck>> {
    let noted = wanted.noted.as_deref().map(noted).transpose()?;
    Ok(Json(query(&pool, move |conn| audit_chain::verify(conn, noted.as_ref())).await?))
}

fn noted(text: &str) -> Result<Noted> {
    let parts = text.split_once(':').and_then(|(id, hash)| Some((id.trim().parse().ok()?, hash.trim())));
    match parts {
        Some((id, hash)) if hash.len() == 64 && hash.chars().all(|c| c.is_ascii_hexdigit()) => {
            Ok(Noted { id, hash: hash.to_owned() })
        }
        _ => Err(Error::bad_request("noted: expected ID:HASH, such as 17: and the 64 hexadecimal digits of its hash")),
    }
}
