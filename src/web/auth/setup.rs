//! The first administrator.

use super::{LoggedIn, device};
use crate::Result;
use crate::auth::setup::Setup;
use crate::auth::token::By;
use crate::auth::{Auth, username};
use crate::db::DbPool;
use crate::events::{Bus, Category, Event};
use crate::web::{AuditNote, ClientAddress, query};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};

/// Whether there is anybody.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SetupState {
    /// True until the first administrator is made.
    needed: bool,
}

/// Does the server still need its first administrator?
#[utoipa::path(tag = "auth", responses((status = 200, body = SetupState)))]
#[get("/auth/setup")]
pub async fn setup_state(pool: Data<DbPool>) -> Result<Json<SetupState>> {
    Ok(Json(SetupState { needed: query(&pool, Setup::is_needed).await? }))
}

/// The token that the server printed, and who is to be the first administrator.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct SetUp {
    token: String,
    username: String,
    /// 8 to 72 bytes.
    password: String,
    /// For browsers: keep the login in a cookie that no script can read, and do not answer with the token.
    #[serde(default)]
    cookie: bool,
}

/// Make the first administrator, with the token that the server printed. Works once.
#[utoipa::path(
    tag = "auth",
    responses(
        (status = 201, body = LoggedIn),
        (status = 401, description = "Wrong token"),
        (status = 409, description = "There is a user already"),
    )
)]
#[post("/auth/setup")]
pub async fn set_up(
    pool: Data<DbPool>,
    auth: Data<Auth>,
    bus: Data<Bus>,
    address: ClientAddress,
    note: AuditNote,
    request: HttpRequest,
    body: Json<SetUp>,
) -> Result<HttpResponse> {
    let SetUp { token, username, password, cookie } = body.into_inner();
    let (device, tokens) = (device(&request), auth.clone());
    note.username(&username);
    username::check(&username)?;
    let work = move |conn: &mut _| {
        auth.check_setup(conn, &token, address.0)?;
        let user = auth.setup.finish(conn, &token, &username, &auth.hasher.hash(&password)?)?;
        let (token, missing) = (auth.tokens.log_in(conn, &user, device, By::Password)?, auth.required.of(user.role));
        Ok(LoggedIn { second_factor_missing: missing, ..LoggedIn::new(token, user) })
    };
    let login = query(&pool, work).await?;
    note.id(login.user.id);
    let message = format!("'{}' is the first administrator", login.user.username);
    bus.publish(Event::success(Category::System, "Server Set Up", message));
    Ok(login.answer(StatusCode::CREATED, cookie, &request, &tokens))
}
