//! The ends of executions, which are to be written down also when the disk of the database is full: then the room that was
//! reserved for that is given back, and what cannot be stored even so is tried again until it can.

use super::{Jobs, announce};
use crate::actors::catalog::Discard;
use crate::db::executions::{Execution, ExecutionChanges, ExecutionFilter};
use crate::db::reserve::Reserve;
use crate::db::{self, ExecutionStatus};
use crate::executions::Services;
use crate::executions::backup::left::{self, Left};
use crate::{Error, ErrorKind, Result};

/// How an execution ended.
#[derive(Debug)]
struct End {
    id: i32,
    status: ExecutionStatus,
    changes: ExecutionChanges,
}

/// Those that are not stored yet, and the room for them.
#[derive(Debug)]
pub(super) struct Ends {
    reserve: Reserve,
    waiting: Vec<End>,
}

impl Ends {
    pub fn new(services: &Services) -> Ends {
        let reserve = Reserve::beside(&services.config.database_path());
        reserve.hold();
        Ends { reserve, waiting: Vec::new() }
    }
}

impl End {
    fn of(id: i32, counted: ExecutionChanges, result: &Result<serde_json::Value>) -> End {
        let mut changes = counted;
        let status = match result {
            Ok(result) => {
                changes.result = Some(Some(result.to_string()));
                changes.phase = Some("completed".into());
                ExecutionStatus::Completed
            }
            Err(error) => {
                changes.error_message = Some(Some(error.message.clone()));
                changes.error_code = Some(Some(error.code.into()));
                changes.result = Some(error.details.as_ref().map(ToString::to_string));
                let cancelled = error.code == "cancelled";
                changes.phase = Some(if cancelled { "cancelled" } else { "failed" }.into());
                if cancelled { ExecutionStatus::Cancelled } else { ExecutionStatus::Failed }
            }
        };
        End { id, status, changes }
    }

    fn store(&self, services: &Services) -> Result<Execution> {
        let (row, left) = db::write_transaction(&mut *services.db.get()?, |conn| {
            let run = db::executions::find(conn, self.id)?;
            let left = left::end_set(conn, &run, self.status)?;
            let mut changes = self.changes.clone();
            if left == Some(Left::Resumable) {
                changes.can_resume = Some(true);
            }
            Ok((db::executions::finish(conn, self.id, self.status, &changes)?, left))
        })?;
        if let Some(Left::ForCatalog(set_id)) = left {
            services.catalog.do_send(Discard { set_id });
        }
        Ok(row)
    }
}

impl Jobs {
    /// Stores how an execution ended, now or as soon as that is possible.
    pub(super) fn ended(&mut self, id: i32, counted: ExecutionChanges, result: &Result<serde_json::Value>) {
        let end = End::of(id, counted, result);
        let stored = end.store(&self.services).or_else(|error| match passes(&error) && self.ends.reserve.give_back() {
            true => end.store(&self.services),
            false => Err(error),
        });
        match stored {
            Ok(row) => {
                self.is_stored(&row);
                self.ends.reserve.hold();
            }
            Err(error) => {
                tracing::error!(execution = id, %error, "the end of an execution could not be stored");
                if passes(&error) {
                    self.ends.waiting.push(end);
                }
            }
        }
    }

    /// Executions that wait cannot be begun because the disk is full: they have failed, and do not wait for ever.
    pub(super) fn end_pending(&mut self, why: &Error) {
        let pending = ExecutionFilter { statuses: Some(vec![ExecutionStatus::Pending]), ..ExecutionFilter::default() };
        let rows = self
            .services
            .db
            .get()
            .map_err(Error::from)
            .and_then(|mut conn| db::executions::list(&mut conn, &pending, db::Page::first(db::paging::MAX_LIMIT)));
        for row in rows.unwrap_or_default() {
            let id = row.execution.id;
            if !self.ends.waiting.iter().any(|end| end.id == id) {
                self.finish(id, Err(why.clone()));
            }
        }
    }

    fn is_stored(&self, row: &Execution) {
        announce::ended(&self.services.bus, row);
        self.follow(row);
    }

    /// Tries again to store what could not be stored; once nothing is left, reserves room for the next time.
    pub(super) fn store_ends(&mut self) {
        for end in std::mem::take(&mut self.ends.waiting) {
            match end.store(&self.services) {
                Ok(row) => self.is_stored(&row),
                Err(error) if passes(&error) => self.ends.waiting.push(end),
                Err(error) => {
                    tracing::error!(execution = end.id, %error, "the end of an execution could not be stored")
                }
            }
        }
        if self.ends.waiting.is_empty() {
            self.ends.reserve.hold();
        }
    }
}

/// Whether the database may take it later.
fn passes(error: &Error) -> bool {
    error.kind == ErrorKind::Unavailable
}
