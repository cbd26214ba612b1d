//! Reading users.

use crate::Result;
use crate::db::users::{self, User};
use crate::db::{DbPool, second_factors};
use crate::web::query;
use actix_web::get;
use actix_web::web::{Data, Json, Path};
use serde::Serialize;

/// A user, and how they prove who they are.
#[derive(Serialize, utoipa::ToSchema)]
pub struct UserView {
    #[serde(flatten)]
    user: User,
    /// Whether a code is asked for beside the password.
    second_factor: bool,
}

/// All users.
#[utoipa::path(tag = "users", responses((status = 200, body = Vec<UserView>)))]
#[get("/users")]
pub async fn list_users(pool: Data<DbPool>) -> Result<Json<Vec<UserView>>> {
    let work = |conn: &mut _| {
        let with = second_factors::users(conn)?;
        let view = |user: User| UserView { second_factor: with.contains(&user.id), user };
        Ok(users::list(conn)?.into_iter().map(view).collect())
    };
    Ok(Json(query(&pool, work).await?))
}

/// One user.
#[utoipa::path(tag = "users", responses((status = 200, body = UserView), (status = 404)))]
#[get("/users/{id}")]
pub async fn get_user(pool: Data<DbPool>, id: Path<i32>) -> Result<Json<UserView>> {
    let work = move |conn: &mut _| {
        let user = users::find(conn, *id)?;
        Ok(UserView { second_factor: second_factors::confirmed(conn, user.id)?.is_some(), user })
    };
    Ok(Json(query(&pool, work).await?))
}
