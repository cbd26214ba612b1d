//! Settings: what is in force, changing it, starting again.

mod actions;
mod get;
mod update;

use super::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    let routes = routes.add(get::get_settings).add(get::explain_settings);
    routes.add(update::update_settings).add(actions::restart).add(actions::test_telegram)
}
