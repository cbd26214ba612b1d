//! API keys: what programs show instead of a password. For administrators.

mod create;
mod delete;
mod list;

use super::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(list::list_api_keys).add(create::create_api_key).add(delete::delete_api_key)
}
