//! Logging in and out, one's own password, and the first administrator.

mod login;
mod password;
mod provider;
mod second_factor;
mod sessions;
mod setup;

use super::{ClientAddress, Routes, session_cookie};
use crate::auth::Auth;
use crate::auth::token::Device;
use crate::config::Config;
use crate::db::Role;
use crate::db::users::User;
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(login::log_in)
        .add(login::log_out)
        .add(login::me)
        .add(password::change_password)
        .add(provider::list_providers)
        .add(provider::start_provider_login)
        .add(provider::finish_provider_login)
        .add(setup::setup_state)
        .add(setup::set_up)
        .add(second_factor::second_factor_state)
        .add(second_factor::begin_second_factor)
        .add(second_factor::confirm_second_factor)
        .add(second_factor::new_recovery_codes)
        .add(second_factor::disable_second_factor)
        .add(second_factor::reset_second_factor)
        .add(sessions::list_sessions)
        .add(sessions::end_session)
        .add(sessions::list_sessions_of_user)
        .add(sessions::end_sessions_of_user)
}

/// A login.
#[derive(Serialize, utoipa::ToSchema)]
pub struct LoggedIn {
    /// To be sent as `Authorization: Bearer …`; absent if a cookie was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// Who logged in.
    user: LoginUser,
    /// The role of the user must have a second factor, and there is none: nothing else can be done before it is set up.
    second_factor_missing: bool,
}

/// Who logged in.
#[derive(Serialize, utoipa::ToSchema)]
pub struct LoginUser {
    id: i32,
    username: String,
    role: Role,
}

impl LoggedIn {
    fn new(token: String, user: User) -> LoggedIn {
        let user = LoginUser { id: user.id, username: user.username, role: user.role };
        LoggedIn { token: Some(token), user, second_factor_missing: false }
    }

    /// The answer; if `cookie`, the token goes into a cookie that no script can read, and nowhere else.
    fn answer(mut self, status: StatusCode, cookie: bool, request: &HttpRequest, auth: &Auth) -> HttpResponse {
        let mut response = HttpResponse::build(status);
        if let (true, Some(config)) = (cookie, request.app_data::<Data<Config>>()) {
            let token = self.token.take().unwrap_or_default();
            response.insert_header(session_cookie::set(request, config, &token, auth.tokens.life_seconds()));
        }
        response.json(self)
    }
}

/// Who wants to log in.
fn device(request: &HttpRequest) -> Device {
    let client = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Device { client: client.unwrap_or_default().to_owned(), address: ClientAddress::of(request).0 }
}
