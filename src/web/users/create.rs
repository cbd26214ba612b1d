//! Making a user.

use crate::Result;
use crate::auth::{Auth, username};
use crate::db::users::{self, User};
use crate::db::{DbPool, Role};
use crate::web::{AuditNote, query};
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, post};
use serde::Deserialize;

/// A user to be made.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct CreateUser {
    /// Unique, whatever the case.
    username: String,
    /// 8 to 72 bytes.
    password: String,
    /// What the user may do.
    role: Role,
}

/// Make a user.
#[utoipa::path(tag = "users", responses((status = 201, body = User), (status = 409, description = "The name is taken")))]
#[post("/users")]
pub async fn create_user(
    pool: Data<DbPool>,
    auth: Data<Auth>,
    note: AuditNote,
    body: Json<CreateUser>,
) -> Result<HttpResponse> {
    let CreateUser { username, password, role } = body.into_inner();
    note.detail("username", username.as_str()).detail("role", role.as_str());
    username::check(&username)?;
    let make = move |conn: &mut _| users::insert(conn, &username, &auth.hasher.hash(&password)?, role);
    let user = query(&pool, make).await?;
    note.id(user.id);
    Ok(HttpResponse::Created().json(user))
}
