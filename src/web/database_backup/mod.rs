//! `/database-backup`: copies of the server's own database, on tape and as a file.

mod download;
mod tape;
mod upload;

use super::Routes;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes.add(tape::list).add(tape::backup).add(tape::restore).add(download::download).add(upload::upload)
}
