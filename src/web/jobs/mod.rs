//! `/jobs`: what is backed up where and when, and its runs.

mod active;
mod change;
mod control;
mod history;
mod list;
mod request;
mod run;
mod schedule;
mod tape;

use super::Routes;
pub use schedule::parse as parse_schedule;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .add(list::list)
        .add(list::find)
        .add(change::create)
        .add(change::update)
        .add(change::remove)
        .add(run::run)
        .add(run::retry)
        .add(control::cancel)
        .add(control::pause)
        .add(control::resume)
        .add(active::active)
        .add(active::resumable)
        .add(history::history)
        .add(tape::recommend_tape)
        .add(schedule::next_runs)
        .add(schedule::preview_schedule)
}
