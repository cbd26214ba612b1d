//! `/drives`: the drives, what they do, and what is done with them.

mod change;
mod create;
mod encryption;
mod health;
mod list;
pub mod scan;
mod state;
mod work;

use super::Routes;
pub use create::{add, place_in_library};

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .add(list::list)
        .add(list::find)
        .add(create::create)
        .add(change::update)
        .add(change::remove)
        .add(change::select)
        .add(scan::scan)
        .add(state::status)
        .add(state::detect_tape)
        .add(health::statistics)
        .add(health::alerts)
        .add(health::tapes)
        .add(encryption::show)
        .add(encryption::set)
        .add(encryption::clear)
        .add(work::eject)
        .add(work::load_tape)
        .add(work::rewind)
        .add(work::retension)
        .add(work::clean)
        .add(work::test)
        .add(work::format_tape)
        .add(work::batch_label)
        .add(work::inspect_tape)
        .add(work::scan_for_db_backup)
}
