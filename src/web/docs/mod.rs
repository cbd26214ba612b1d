//! The documentation, for reading inside the UI.

mod list;

use super::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(list::list_docs).add(list::get_doc)
}
