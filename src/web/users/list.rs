//! Reading users.

use crate::Result;
use crate::db::DbPool;
use crate::db::users::{self, User};
use crate::web::query;
use actix_web::get;
use actix_web::web::{Data, Json, Path};

/// All users.
#[utoipa::path(tag = "users", responses((status = 200, body = Vec<User>)))]
#[get("/users")]
pub async fn list_users(pool: Data<DbPool>) -> Result<Json<Vec<User>>> {
    Ok(Json(query(&pool, users::list).await?))
}

/// One user.
#[utoipa::path(tag = "users", responses((status = 200, body = User), (status = 404)))]
#[get("/users/{id}")]
pub async fn get_user(pool: Data<DbPool>, id: Path<i32>) -> Result<Json<User>> {
    Ok(Json(query(&pool, move |conn| users::find(conn, *id)).await?))
}
