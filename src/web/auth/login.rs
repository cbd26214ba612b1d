//! Logging in and out.

use super::LoggedIn;
use crate::auth::{Auth, Identity, Who};
use crate::db::{DbPool, Role, users};
use crate::events::{Bus, Category, Event};
use crate::web::query::block;
use crate::web::responses::Status;
use crate::web::{AuditNote, ClientAddress, query};
use crate::{Error, Result};
use actix_web::web::{Data, Json};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::net::IpAddr;

/// Name and password.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct LogIn {
    username: String,
    password: String,
}

/// Log in. Wrong guesses are slowed down per name and per address.
#[utoipa::path(
    tag = "auth",
    responses(
        (status = 200, body = LoggedIn),
        (status = 401, description = "Wrong name or password"),
        (status = 429, description = "Too many wrong guesses; `Retry-After` says how long to wait"),
    )
)]
#[post("/auth/login")]
pub async fn log_in(
    pool: Data<DbPool>,
    auth: Data<Auth>,
    bus: Data<Bus>,
    address: ClientAddress,
    note: AuditNote,
    body: Json<LogIn>,
) -> Result<Json<LoggedIn>> {
    note.username(&body.username);
    let bus = bus.into_inner();
    let _slot = auth.hashing_slot().await?;
    let work = move || {
        let told = |name: &str, from| bus.publish(locked(name, from));
        let user = auth.log_in(&pool, &body.username, &body.password, address.0, told)?;
        Ok(LoggedIn::new(auth.tokens.issue(&user)?, user))
    };
    let login = block(work).await?;
    note.id(login.user.id);
    Ok(Json(login))
}

/// What people are told of somebody who guesses.
fn locked(name: &str, from: Option<IpAddr>) -> Event {
    // what somebody typed who is not known
    let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    let place = from.map(|address| format!(" from {address}")).unwrap_or_default();
    let message = format!(
        "Too many wrong passwords for the user name \"{name}\"{place}: further logins are locked for a while, longer with \
         every further guess."
    );
    let details = json!({"username": name, "address": from});
    Event::warning(Category::System, "Login Locked", message).details(details)
}

/// Log out. Ends every login of the user, on all devices.
#[utoipa::path(tag = "auth", responses((status = 200, body = Status)))]
#[post("/auth/logout")]
pub async fn log_out(pool: Data<DbPool>, identity: Identity) -> Result<Json<Status>> {
    let id = identity.user_id().ok_or_else(|| Error::bad_request("an API key has no login to end: delete the key"))?;
    query(&pool, move |conn| users::end_logins(conn, id)).await?;
    Ok(Json(Status::new("logged out")))
}

/// Who is asking.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Me {
    /// The user's id; null for API keys.
    id: Option<i32>,
    /// The user's name, or the API key's.
    username: String,
    /// What they may do.
    role: Role,
    /// `user` or `api-key`.
    kind: &'static str,
}

/// Who am I?
#[utoipa::path(tag = "auth", responses((status = 200, body = Me)))]
#[get("/auth/me")]
pub async fn me(identity: Identity) -> Json<Me> {
    let (username, kind) = match &identity.who {
        Who::User { username, .. } => (username.clone(), "user"),
        Who::ApiKey { name, .. } => (name.clone(), "api-key"),
    };
    Json(Me { id: identity.user_id(), username, role: identity.role, kind })
}
