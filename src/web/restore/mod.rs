//! `/restore`: from tape back to disk.

mod keys;
mod operations;
mod raw_read;
mod request;
mod run;

use super::Routes;
pub use request::moment;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes.add(run::plan).add(run::run).add(raw_read::raw_read).add(operations::operations)
}
