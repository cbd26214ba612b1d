//! `/tape-changes`: what a person has to do so that work can go on, and the answers to that.

mod answer;
mod list;

use super::Routes;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes.add(list::list).add(list::find).add(answer::complete).add(answer::cancel)
}
