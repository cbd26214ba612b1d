//! `/libraries`: robots, their slots, and moves.

mod change;
mod create;
mod create_virtual;
mod list;
mod moves;

use super::Routes;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .add(list::list)
        .add(list::find)
        .add(list::slots)
        .add(list::scan)
        .add(create::create)
        .add(create_virtual::create_virtual)
        .add(change::update)
        .add(change::remove)
        .add(moves::inventory)
        .add(moves::load)
        .add(moves::unload)
        .add(moves::transfer)
}
