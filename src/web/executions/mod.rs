//! `/executions`: all long work: what it is, how far it is, what it said, and how to stop it.

mod control;
mod list;
mod logs;
mod throughput;
mod view;

use super::Routes;
pub use view::{ExecutionDetail, ExecutionView};

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .add(list::list)
        .add(list::find)
        .add(logs::logs)
        .add(throughput::throughput)
        .add(control::cancel)
        .add(control::pause)
        .add(control::resume)
}
