//! Users: who may log in. For administrators.

mod create;
mod delete;
mod list;
mod update;

use super::Routes;
use crate::{Error, Result};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(list::list_users)
        .add(list::get_user)
        .add(create::create_user)
        .add(update::set_role)
        .add(update::reset_password)
        .add(delete::delete_user)
}

/// A name that can be typed, shown and told apart: 1 to 64 characters, no white space around it, none that cannot be seen.
pub(super) fn check_username(name: &str) -> Result<()> {
    let visible = name == name.trim() && !name.chars().any(char::is_control);
    if visible && (1..=64).contains(&name.chars().count()) {
        return Ok(());
    }
    Err(Error::bad_request("a user name has 1 to 64 characters, no spaces around it and no control characters"))
}
