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
