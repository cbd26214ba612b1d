//! Cancelling, pausing and resuming an execution.

use super::Jobs;
use crate::actors::catalog::GiveUp;
use crate::actors::supervised;
use crate::db::{self, ExecutionStatus};
use crate::executions::{Stop, after_a_shutdown};
use crate::{Error, Result};
use actix::prelude::*;

/// What to do with an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// End it at the next safe place.
    Cancel,
    /// Let it wait at the next safe place.
    Pause,
    /// Let it go on.
    Resume,
}

/// Controls one execution.
#[derive(Message)]
#[rtype(result = "Result<()>")]
pub struct Control {
    /// Which.
    pub execution_id: i32,
    /// How.
    pub command: Command,
}

impl Handler<Control> for Jobs {
    type Result = Result<()>;

    fn handle(&mut self, message: Control, context: &mut Self::Context) -> Self::Result {
        supervised("the queue", || self.control(message, context))
    }
}

impl Jobs {
    fn control(&mut self, message: Control, context: &mut Context<Self>) -> Result<()> {
        let mut conn = self.services.db.get()?;
        let row = db::executions::find(&mut conn, message.execution_id)?;
        if let Some(running) = self.running.get(&row.id) {
            let status = match message.command {
                Command::Cancel => {
                    running.control.stop(Stop::Cancelled);
                    None
                }
                Command::Pause => {
                    running.control.pause();
                    Some(ExecutionStatus::Paused)
                }
                Command::Resume => {
                    running.control.resume();
                    Some(ExecutionStatus::Running)
                }
            };
            if let Some(status) = status {
                db::executions::set_status(&mut conn, row.id, status)?;
                self.show_status(row.id, status);
            }
            return Ok(());
        }
        drop(conn);
        match (row.status, message.command) {
            (ExecutionStatus::Pending, Command::Cancel) => {
                if let Some(set_id) = row.backup_set_id {
                    self.services.catalog.do_send(GiveUp { set_id });
                }
                self.finish(row.id, Err(Error::conflict("cancelled", "cancelled before it began")));
                self.start_pending(context);
                Ok(())
            }
            (ExecutionStatus::Paused, Command::Resume) => {
                // it was paused when the server stopped
                let mut conn = self.services.db.get()?;
                match after_a_shutdown(&row)? {
                    Some((request, state)) => db::executions::requeue(&mut conn, row.id, &request, &state).map(drop)?,
                    None => db::executions::set_status(&mut conn, row.id, ExecutionStatus::Pending).map(drop)?,
                }
                drop(conn);
                self.show_status(row.id, ExecutionStatus::Pending);
                self.start_pending(context);
                Ok(())
            }
            (ExecutionStatus::Paused, Command::Cancel) => {
                let cancelled = Error::conflict("cancelled", "cancelled while it was paused");
                if let Some(set_id) = row.backup_set_id {
                    self.services.catalog.do_send(GiveUp { set_id });
                }
                self.finish(row.id, Err(cancelled));
                Ok(())
            }
            _ => Err(Error::conflict(
                "not_running",
                format!("execution {} is {}; only running or waiting work can be controlled", row.id, row.status),
            )),
        }
    }

    /// Tells those who watch.
    fn show_status(&self, id: i32, status: ExecutionStatus) {
        self.services.bus.transient("execution", serde_json::json!({"execution_id": id, "status": status}));
    }
}
