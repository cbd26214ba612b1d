//! The subsystems that own something while the server runs. Nothing else touches what they own.
//!
//! | actor | owns |
//! | --- | --- |
//! | [`drive::DriveActor`], one per drive | the device handle, through a thread of its own |
//! | [`library::LibraryActor`], one per changer | the robot, through a thread of its own |
//! | [`jobs::Jobs`] | the executions: queue, workers, control |
//! | [`scheduler::Scheduler`] | the clock |
//! | [`catalog::CatalogActor`] | the only connection that writes catalog tables |
//! | [`notifier`] | the stored events and those who listen to them |

pub mod catalog;
pub mod device_thread;
pub mod drive;
pub mod jobs;
pub mod library;
pub mod notifier;
pub mod scheduler;

use crate::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Supervision: runs what an actor does for one message or tick. A panic fails that one and leaves the actor at work
/// (actix's own supervisor starts an actor again when it stops, but a panic takes the supervisor with it).
pub(crate) fn supervised<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!(what, "a program error was caught; the subsystem goes on");
        Err(Error::internal(format!(
            "{what} met a program error; the subsystem goes on, this request was not carried out"
        )))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_of_one_message() {
        let mut count = 0;
        assert_eq!(supervised("counting", || Ok(7)).expect("no panic"), 7);
        let failed = supervised::<()>("counting", || {
            count += 1;
            panic!("a bug")
        });
        assert_eq!(count, 1);
        assert!(failed.expect_err("a panic").message.contains("counting met a program error"));
    }
}
