//! Logging in and out.

use super::{LoggedIn, device};
use crate::auth::second_factor::Shown;
use crate::auth::token::By;
use crate::auth::{Auth, Identity, Who};
use crate::config::Config;
use crate::db::{DbPool, Role, sessions, users};
use crate::events::{Bus, Category, Event};
use crate::keys::KeyStore;
use crate::web::query::block;
use crate::web::responses::Status;
use crate::web::{AuditNote, ClientAddress, query, session_cookie};
use crate::{Error, Result};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::net::IpAddr;

/// Name and password, and a code where the user has a second factor.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct LogIn {
    username: String,
    password: String,
    /// A code of the app, or a recovery code: if the answer without it was 401 `totp_required`.
    code: Option<String>,
    /// For browsers: keep the login in a cookie that no script can read, and do not answer with the token.
    #[serde(default)]
    cookie: bool,
}

/// Log in. Wrong guesses are slowed down per name and per address. Where the user has a second factor the answer to name and
/// password is 401 `totp_required`: ask for a code, and send all three.
#[utoipa::path(
    tag = "auth",
    responses(
        (status = 200, body = LoggedIn),
        (status = 401, description = "Wrong name or password (`invalid_credentials`); a code is needed (`totp_required`); it is wrong or was used (`totp_wrong`)"),
        (status = 403, description = "All is right, but the user is disabled (`user_disabled`), or passwords are not taken (`password_login_off`)"),
        (status = 429, description = "Too many wrong guesses; `Retry-After` says how long to wait"),
    )
)]
#[post("/auth/login")]
pub async fn log_in(
    (pool, keys): (Data<DbPool>, Data<KeyStore>),
    auth: Data<Auth>,
    bus: Data<Bus>,
    address: ClientAddress,
    note: AuditNote,
    request: HttpRequest,
    body: Json<LogIn>,
) -> Result<HttpResponse> {
    note.username(&body.username);
    let bus = bus.into_inner();
    let (cookie, device, tokens) = (body.cookie, device(&request), auth.clone());
    let _slot = auth.hashing_slot().await?;
    let work = move || {
        let told = |name: &str, from| bus.publish(locked(name, from));
        let given = (body.username.as_str(), body.password.as_str(), body.code.as_deref());
        let (user, shown) = auth.log_in(&pool, &keys, given, address.0, told)?;
        if let Shown::Recovery(left) = shown {
            bus.publish(recovered(&user.username, left));
        }
        let missing = shown == Shown::Nothing && auth.required.of(user.role);
        let token = auth.tokens.log_in(&mut *pool.get()?, &user, device, By::Password)?;
        Ok((LoggedIn { second_factor_missing: missing, ..LoggedIn::new(token, user) }, shown))
    };
    let (login, shown) = block(work).await?;
    note.id(login.user.id);
    if shown != Shown::Nothing {
        note.detail("second_factor", if shown == Shown::Code { "code" } else { "recovery_code" });
    }
    Ok(login.answer(StatusCode::OK, cookie, &request, &tokens))
}

/// What people are told when a code on paper opened the door.
fn recovered(name: &str, left: i64) -> Event {
    let message = format!(
        "'{name}' logged in with a recovery code; {left} are left. If that was somebody else, end the logins of this user."
    );
    Event::warning(Category::System, "Recovery Code Used", message).details(json!({"username": name, "left": left}))
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

/// How much of it.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogOut {
    /// Also every other login of the user, on all devices.
    everywhere: Option<bool>,
}

/// Log out: end this login, or every login of the user.
#[utoipa::path(tag = "auth", params(LogOut), responses((status = 200, body = Status)))]
#[post("/auth/logout")]
pub async fn log_out(
    pool: Data<DbPool>,
    config: Data<Config>,
    identity: Identity,
    request: HttpRequest,
    wanted: Query<LogOut>,
) -> Result<HttpResponse> {
    let id = identity.user_id().ok_or_else(|| Error::bad_request("an API key has no login to end: delete the key"))?;
    let this = identity.session.filter(|_| wanted.everywhere != Some(true));
    let work = move |conn: &mut _| match this {
        Some(session) => sessions::end(conn, id, &session),
        None => users::end_logins(conn, id),
    };
    query(&pool, work).await?;
    let gone = session_cookie::set(&request, &config, "", 0);
    Ok(HttpResponse::Ok().insert_header(gone).json(Status::new("logged out")))
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
    /// Whether there is a password to log in with; not for API keys, and for whom only the OpenID provider lets in.
    password: bool,
}

/// Who am I?
#[utoipa::path(tag = "auth", responses((status = 200, body = Me)))]
#[get("/auth/me")]
pub async fn me(pool: Data<DbPool>, identity: Identity) -> Result<Json<Me>> {
    let id = identity.user_id();
    let work =
        move |conn: &mut _| Ok(id.map(|id| users::find(conn, id)).transpose()?.is_some_and(|user| user.has_password()));
    let password = query(&pool, work).await?;
    let (username, kind) = match &identity.who {
        Who::User { username, .. } => (username.clone(), "user"),
        Who::ApiKey { name, .. } => (name.clone(), "api-key"),
    };
    Ok(Json(Me { id, username, role: identity.role, kind, password }))
}
