//! `/backup-sets`: what runs have put on tape.

mod change;
mod files;
mod list;

use super::Routes;
pub use change::{CopyBody, discard_set};
pub use files::{FilesQuery, page_of};

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .add(list::list)
        .add(list::find)
        .add(files::files)
        .add(change::update)
        .add(change::remove)
        .add(change::cancel)
        .add(change::verify)
        .add(change::copy)
}
