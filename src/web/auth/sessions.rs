//! One's own logins, and those of others for administrators.

use crate::auth::{Auth, Identity};
use crate::db::DbPool;
use crate::db::sessions::{self, Session};
use crate::db::users;
use crate::web::query;
use crate::web::responses::Status;
use crate::{Error, Result};
use actix_web::web::{Data, Json, Path};
use actix_web::{delete, get};
use serde::Serialize;

/// A login that is good.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SessionView {
    #[serde(flatten)]
    session: Session,
    /// Whether it is the one that asks.
    current: bool,
}

fn views(sessions: Vec<Session>, identity: &Identity) -> Vec<SessionView> {
    let current = |session: &Session| identity.session.as_ref() == Some(&session.id);
    sessions.into_iter().map(|session| SessionView { current: current(&session), session }).collect()
}

fn own_id(identity: &Identity) -> Result<i32> {
    identity.user_id().ok_or_else(|| Error::bad_request("an API key has no logins"))
}

/// My logins that are good, the last used first.
#[utoipa::path(tag = "auth", responses((status = 200, body = Vec<SessionView>)))]
#[get("/auth/sessions")]
pub async fn list_sessions(pool: Data<DbPool>, auth: Data<Auth>, identity: Identity) -> Result<Json<Vec<SessionView>>> {
    let id = own_id(&identity)?;
    let idle = auth.tokens.idle();
    let found = query(&pool, move |conn| sessions::of_user(conn, id, idle)).await?;
    Ok(Json(views(found, &identity)))
}

/// End one of my logins.
#[utoipa::path(tag = "auth", responses((status = 200, body = Status), (status = 404, description = "No such login of mine")))]
#[delete("/auth/sessions/{id}")]
pub async fn end_session(pool: Data<DbPool>, identity: Identity, id: Path<String>) -> Result<Json<Status>> {
    let user = own_id(&identity)?;
    query(&pool, move |conn| sessions::end(conn, user, &id)).await?;
    Ok(Json(Status::new("ended")))
}

/// The logins of a user that are good, the last used first.
#[utoipa::path(tag = "users", responses((status = 200, body = Vec<SessionView>)))]
#[get("/users/{id}/sessions")]
pub async fn list_sessions_of_user(
    pool: Data<DbPool>,
    auth: Data<Auth>,
    identity: Identity,
    id: Path<i32>,
) -> Result<Json<Vec<SessionView>>> {
    let idle = auth.tokens.idle();
    let work = move |conn: &mut _| {
        let user = users::find(conn, *id)?;
        sessions::of_user(conn, user.id, idle)
    };
    Ok(Json(views(query(&pool, work).await?, &identity)))
}

/// End every login of a user.
#[utoipa::path(tag = "users", responses((status = 200, body = Status)))]
#[delete("/users/{id}/sessions")]
pub async fn end_sessions_of_user(pool: Data<DbPool>, id: Path<i32>) -> Result<Json<Status>> {
    query(&pool, move |conn| users::end_logins(conn, *id)).await?;
    Ok(Json(Status::new("ended")))
}
