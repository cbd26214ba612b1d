//! `/catalog`: what is where: search, browse, versions; and rebuilding it from tapes.

mod browse;
mod rebuild;
mod search;

use super::Routes;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .add(search::search)
        .add(search::find)
        .add(search::versions)
        .add(browse::browse)
        .add(browse::tree)
        .add(rebuild::rebuild)
}
