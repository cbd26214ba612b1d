//! `/retention`: what the rules keep, and what they let go.

mod keep;
mod preview;
mod run;

use super::Routes;
pub use keep::KeepFields;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes.add(preview::preview).add(run::run)
}
