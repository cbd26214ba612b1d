//! `/retention`: what the rules keep, and what they let go.

mod fates;
mod keep;
mod preview;
mod run;
mod what_if;

use super::Routes;
pub use keep::KeepFields;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes.add(preview::preview).add(run::run).add(what_if::what_if)
}
