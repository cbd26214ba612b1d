//! Changing a user: another role, another password, in or out. Each ends all logins of the user.

use crate::auth::Auth;
use crate::db::users::{self, Admission, User};
use crate::db::{DbPool, Role, identities};
use crate::web::{AuditNote, query};
use crate::{Error, Result};
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

/// Whether a user may log in.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct SetDisabled {
    /// True: not for the time being, neither with a password nor by the OpenID provider.
    disabled: bool,
}

/// Keep a user out for the time being, or let them in again. Ends all logins of the user. Refused for the last administrator.
#[utoipa::path(tag = "users", responses((status = 200, body = User), (status = 409, description = "The last administrator")))]
#[put("/users/{id}/disabled")]
pub async fn set_disabled(
    pool: Data<DbPool>,
    note: AuditNote,
    id: Path<i32>,
    body: Json<SetDisabled>,
) -> Result<Json<User>> {
    note.detail("disabled", body.disabled);
    let admission = if body.disabled { Admission::Disabled } else { Admission::Enabled };
    Ok(Json(query(&pool, move |conn| users::set_admission(conn, *id, admission)).await?))
}

/// Give a user another password.
#[utoipa::path(
    tag = "users",
    responses(
        (status = 200, body = User),
        (status = 400, description = "Too short or too long"),
        (status = 409, description = "The user logs in with the OpenID provider (`provider_user`): unlink it first"),
    )
)]
#[put("/users/{id}/password")]
pub async fn reset_password(
    pool: Data<DbPool>,
    auth: Data<Auth>,
    id: Path<i32>,
    body: Json<ResetPassword>,
) -> Result<Json<User>> {
    let change = move |conn: &mut _| {
        let user = users::find(conn, *id)?;
        if !user.has_password() && identities::of_user(conn, user.id)?.is_some() {
            let message = format!(
                "'{0}' logs in with the provider, and would get another way in: unlink first (`tapebackarr user unlink {0}`)",
                user.username
            );
            return Err(Error::conflict("provider_user", message));
        }
        users::set_password(conn, *id, &auth.hasher.hash(&body.password)?)
    };
    Ok(Json(query(&pool, change).await?))
}
