//! `/tapes`: cartridges, their life, and what is done to them.

mod batch;
mod change;
mod create;
mod health;
mod label;
mod list;
mod location;
mod lost;
mod status;

use super::Routes;
pub use batch::{BatchLabelBody, start_batch};
pub use label::confirmed;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .add(list::list)
        .add(list::lto_types)
        .add(list::find)
        .add(list::contents)
        .add(health::health)
        .add(health::wear)
        .add(create::create)
        .add(change::update)
        .add(change::remove)
        .add(change::batch_update)
        .add(location::export)
        .add(location::import)
        .add(location::read_label)
        .add(lost::lose)
        .add(lost::found)
        .add(label::label)
        .add(label::format)
        .add(label::verify)
        .add(label::copy)
        .add(batch::batch_label)
        .add(batch::status)
        .add(batch::cancel)
        .add(status::operation_status)
}
