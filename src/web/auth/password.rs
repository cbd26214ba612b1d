//! One's own password.

use crate::auth::{Auth, Identity};
use crate::db::DbPool;
use crate::web::responses::Status;
use crate::web::{ClientAddress, query};
use crate::{Error, Result};
use actix_web::post;
use actix_web::web::{Data, Json};
use serde::Deserialize;

/// The present password and the next.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct ChangePassword {
    old_password: String,
    /// 8 to 72 bytes.
    new_password: String,
}

/// Change one's own password. Ends every login of the user.
#[utoipa::path(
    tag = "auth",
    responses(
        (status = 200, body = Status),
        (status = 400, description = "The new password is too short or too long"),
        (status = 401, description = "The present password is wrong"),
    )
)]
#[post("/auth/change-password")]
pub async fn change_password(
    pool: Data<DbPool>,
    auth: Data<Auth>,
    identity: Identity,
    address: ClientAddress,
    body: Json<ChangePassword>,
) -> Result<Json<Status>> {
    let id = identity.user_id().ok_or_else(|| Error::bad_request("an API key has no password"))?;
    let change = move |conn: &mut _| auth.change_password(conn, id, &body.old_password, &body.new_password, address.0);
    query(&pool, change).await?;
    Ok(Json(Status::new("password changed")))
}
