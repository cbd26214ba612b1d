//! Users: who may log in. For administrators.

mod create;
mod delete;
mod identity;
mod list;
mod update;

use super::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(list::list_users)
        .add(list::get_user)
        .add(create::create_user)
        .add(update::set_role)
        .add(update::reset_password)
        .add(update::set_disabled)
        .add(identity::link_user)
        .add(identity::unlink_user)
        .add(delete::delete_user)
}
