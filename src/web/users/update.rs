//! Changing a user: another role, another password. Both end all logins of the user.

use crate::Result;
use crate::auth::Auth;
use crate::db::users::{self, User};
use crate::db::{DbPool, Role};
use crate::web::{AuditNote, query};
use actix_web::put;
use actix_web::web::{Data, Json, Path};
use serde::Deserialize;

/// A new role.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct SetRole {
    /// What the user may do from now on.
    role: Role,
}

/// A new password, given by an administrator.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct ResetPassword {
    /// 8 to 72 bytes.
    password: String,
}

/// Give a user another role. Refused for the last administrator.
#[utoipa::path(tag = "users", responses((status = 200, body = User), (status = 409, description = "The last administrator")))]
#[put("/users/{id}/role")]
pub async fn set_role(pool: Data<DbPool>, note: AuditNote, id: Path<i32>, body: Json<SetRole>) -> Result<Json<User>> {
    note.detail("role", body.role.as_str());
    Ok(Json(query(&pool, move |conn| users::set_role(conn, *id, body.role)).await?))
}

/// Give a user another password.
#[utoipa::path(tag = "users", responses((status = 200, body = User), (status = 400, description = "Too short or too long")))]
#[put("/users/{id}/password")]
pub async fn reset_password(
    pool: Data<DbPool>,
    auth: Data<Auth>,
    id: Path<i32>,
    body: Json<ResetPassword>,
) -> Result<Json<User>> {
    let change = move |conn: &mut _| users::set_password(conn, *id, &auth.hasher.hash(&body.password)?);
    Ok(Json(query(&pool, change).await?))
}
