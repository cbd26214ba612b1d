//! Logging in and out, one's own password, and the first administrator.

mod login;
mod password;
mod setup;

use super::Routes;
use crate::db::Role;
use crate::db::users::User;
use serde::Serialize;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(login::log_in)
        .add(login::log_out)
        .add(login::me)
        .add(password::change_password)
        .add(setup::setup_state)
        .add(setup::set_up)
}

/// A login.
#[derive(Serialize, utoipa::ToSchema)]
pub struct LoggedIn {
    /// To be sent as `Authorization: Bearer …`.
    token: String,
    /// Who logged in.
    user: LoginUser,
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
        LoggedIn { token, user: LoginUser { id: user.id, username: user.username, role: user.role } }
    }
}
