//! Reading users.

use crate::Result;
use crate::db::identities::ProviderIdentity;
use crate::db::users::{self, User};
use crate::db::{Conn, DbPool, identities, second_factors};
use crate::web::query;
use actix_web::get;
use actix_web::web::{Data, Json, Path};
use serde::Serialize;
use std::collections::HashMap;

/// A user, and how they prove who they are.
#[derive(Serialize, utoipa::ToSchema)]
pub struct UserView {
    #[serde(flatten)]
    user: User,
    /// Whether a code is asked for beside the password.
    second_factor: bool,
    /// Whether there is a password to log in with.
    password: bool,
    /// What the OpenID provider calls the user, if it lets them in.
    identity: Option<ProviderIdentity>,
}

/// All users.
#[utoipa::path(tag = "users", responses((status = 200, body = Vec<UserView>)))]
#[get("/users")]
pub async fn list_users(pool: Data<DbPool>) -> Result<Json<Vec<UserView>>> {
    let work = |conn: &mut Conn| {
        let with = second_factors::users(conn)?;
        let mut known: HashMap<i32, ProviderIdentity> =
            identities::list(conn)?.into_iter().map(|identity| (identity.user_id, identity)).collect();
        let view = |user: User| UserView {
            second_factor: with.contains(&user.id),
            password: user.has_password(),
            identity: known.remove(&user.id),
            user,
        };
        Ok(users::list(conn)?.into_iter().map(view).collect())
    };
    Ok(Json(query(&pool, work).await?))
}

/// How a user is shown.
pub(super) fn view(conn: &mut Conn, id: i32) -> Result<UserView> {
    let user = users::find(conn, id)?;
    Ok(UserView {
        second_factor: second_factors::confirmed(conn, id)?.is_some(),
        password: user.has_password(),
        identity: identities::of_user(conn, id)?,
        user,
    })
}

/// One user.
#[utoipa::path(tag = "users", responses((status = 200, body = UserView), (status = 404)))]
#[get("/users/{id}")]
pub async fn get_user(pool: Data<DbPool>, id: Path<i32>) -> Result<Json<UserView>> {
    let work = move |conn: &mut Conn| view(conn, *id);
    Ok(Json(query(&pool, work).await?))
}
