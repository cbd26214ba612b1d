//! `/import`: taking over from version 1, the Go program.

mod v1_database;
mod v1_tape;

use super::Routes;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes.add(v1_database::v1_database).add(v1_tape::v1_tape)
}
