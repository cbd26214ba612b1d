//! `/sources`: folders that are backed up, and what of them.

mod browse;
mod change;
mod preview;
mod request;
mod view;

use super::Routes;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .add(view::list)
        .add(view::find)
        .add(browse::browse)
        .add(change::create)
        .add(change::update)
        .add(change::remove)
        .add(preview::preview)
        .add(preview::preview_of)
}
