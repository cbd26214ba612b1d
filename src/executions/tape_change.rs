//! Waits for a person to bring a tape.
//!
//! The request is a row of `tape_change_requests`, so that everybody sees it, anybody may answer it, and an execution
//! that comes back after a restart finds it again. While it waits an execution holds **no drive and no tape**: others may
//! use them, and a blank cartridge can be labelled in the very drive that is waited for. The execution itself decides
//! what it goes on with: again and again it makes its choice anew from what is in drives and libraries *now*, whether a
//! tape was inserted, labelled, imported, or somebody answered the request. [`Asking::ask`] is one round of that.

mod look;

use super::context::stopped;
use super::{Context, Stop};
use crate::actors::library::Scan;
use crate::db::tape_changes::{self, NewTapeChange, Opened, TapeChange};
use crate::db::{self, TapeChangeReason, TapeChangeStatus};
use crate::events::{Category, Event};
use crate::{Error, Result};
use chrono::TimeDelta;
use look::Look;
use serde_json::json;
use std::time::{Duration, Instant};

/// How often the drives are looked at.
const POLL: Duration = Duration::from_millis(500);
/// How often the libraries are asked what they have.
const INVENTORY: Duration = Duration::from_secs(10);

/// What it means when a person cancels the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The execution ends, at a safe place.
    EndsExecution,
    /// The execution goes on without this tape.
    SkipsTape,
}

/// What is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The tape that is wanted.
    pub tape: Option<i32>,
    /// Any writable tape of this pool will do.
    pub pool: Option<i32>,
    /// The drive that it should go into.
    pub drive: Option<i32>,
    /// What to do, for people.
    pub message: String,
}

/// Why the execution cannot go on with a tape that is in a drive; nothing if it can.
pub type Judge<'a> = &'a dyn Fn(i32) -> Result<Option<String>>;

/// An execution that may have to ask for a tape.
pub struct Asking<'a> {
    context: &'a Context,
    refusal: Refusal,
    reason: TapeChangeReason,
    current: Option<i32>,
    /// It has looked at all drives and libraries once.
    looked: bool,
    asked: Option<Asked>,
}

/// A request that is open.
struct Asked {
    need: Need,
    row: TapeChange,
    look: Look,
    inventory: Instant,
    /// Since when this server waits. A clock that jumps, or a server that was down, takes nobody's time away.
    since: Instant,
    /// A person has said that it is done, and the choice has been made again since.
    answered: bool,
}

impl<'a> Asking<'a> {
    /// Nothing is asked yet.
    pub fn new(context: &'a Context, refusal: Refusal) -> Asking<'a> {
        Asking { context, refusal, reason: TapeChangeReason::TapeNeeded, current: None, looked: false, asked: None }
    }

    /// It is the tape behind this one, which cannot be gone on with for this reason.
    pub fn behind(&mut self, tape: i32, reason: TapeChangeReason) {
        self.reason = reason;
        self.current = Some(tape);
    }

    /// The tape that a person has named as an answer.
    pub fn answer(&self) -> Option<i32> {
        let asked = self.asked.as_ref()?;
        asked.row.new_tape_id.filter(|_| asked.row.status == TapeChangeStatus::Acknowledged)
    }

    /// Asks (once), looks what has changed, and waits a moment. The caller then makes its choice anew.
    ///
    /// # Errors
    /// `cancelled` or `tape_not_available` when a person cancels the request, `tape_not_inserted` when nobody did anything
    /// for too long; those of stopping.
    pub fn ask(&mut self, need: Need, judge: Judge<'_>) -> Result<()> {
        self.context.check()?;
        if !self.looked {
            // what somebody has brought already need not be asked for
            self.looked = true;
            look::draw_in(self.context)?;
            look::libraries(self.context, Scan::Remembered);
            look::drives(self.context);
            return Ok(());
        }
        match &self.asked {
            None => self.open(need)?,
            Some(asked) if asked.need != need => self.reopen(need)?,
            Some(_) => {}
        }
        let Some(mut asked) = self.asked.take() else { return Ok(()) };
        let round = self.round(&mut asked, judge);
        self.asked = Some(asked);
        round
    }

    fn round(&mut self, asked: &mut Asked, judge: Judge<'_>) -> Result<()> {
        let context = self.context;
        asked.row = tape_changes::find(&mut *context.conn()?, asked.row.id)?;
        match asked.row.status {
            TapeChangeStatus::Pending => {}
            TapeChangeStatus::Acknowledged if !asked.answered => {
                asked.answered = true;
                let by = asked.row.resolved_by.clone().unwrap_or_default();
                context.log(&format!("{by} says that it is done; looking at all drives and libraries."));
                look::draw_in(context)?;
                look::libraries(context, Scan::Fresh);
                asked.inventory = Instant::now();
                look::drives(context);
                return Ok(());
            }
            TapeChangeStatus::Acknowledged => self.not_done(asked, judge)?,
            TapeChangeStatus::Cancelled | TapeChangeStatus::Completed => return Err(self.refused(&asked.row)),
        }
        if asked.inventory.elapsed() >= INVENTORY {
            look::libraries(context, Scan::Remembered);
            asked.inventory = Instant::now();
        }
        look::drives(context);
        if let Some(seen) = asked.look.news(context, judge)? {
            self.tell(asked, seen)?;
        }
        let limit = context.services.config.tape.wait_for_tape();
        if asked.since.elapsed() > limit {
            let why = format!("nobody did it within {} minutes", limit.as_secs() / 60);
            tape_changes::give_up(&mut *context.conn()?, asked.row.id, &why)?;
            return Err(Error::conflict("tape_not_inserted", format!("{why}: {}", asked.need.message)));
        }
        context.control.sleep(POLL);
        Ok(())
    }

    fn new_row(&self, need: &Need) -> Result<NewTapeChange> {
        let mut conn = self.context.conn()?;
        let set = db::executions::find(&mut conn, self.context.id)?.backup_set_id;
        let spanning_set_id = match set {
            Some(set) if need.pool.is_some() => db::spanning::id_of(&mut conn, set)?,
            _ => None,
        };
        Ok(NewTapeChange {
            job_execution_id: self.context.id,
            spanning_set_id,
            current_tape_id: self.current,
            reason: self.reason,
            tape_id: need.tape,
            pool_id: need.pool,
            drive_id: need.drive,
            message: need.message.clone(),
        })
    }

    fn open(&mut self, need: Need) -> Result<()> {
        let context = self.context;
        if let Some(drive) = need.drive {
            look::make_room(context, drive)?;
        }
        context.phase("waiting", &need.message)?;
        let (row, opened) = tape_changes::open(&mut *context.conn()?, &self.new_row(&need)?)?;
        // a server that died may have asked without a word
        let told = opened != Opened::New
            && db::events::told(
                &mut *context.conn()?,
                &["Tape Required"],
                ("tape_change_id", row.id),
                row.requested_at - TimeDelta::minutes(1),
            )?;
        if !told {
            let details = json!({
                "execution_id": context.id, "tape_change_id": row.id, "drive_id": need.drive, "tape_id": need.tape,
                "pool_id": need.pool,
            });
            let event = Event::warning(Category::Tape, "Tape Required", &need.message).details(details);
            context.services.bus.publish(event);
        }
        self.show(&row);
        let look = Look::new(context, need.drive);
        let now = Instant::now();
        self.asked = Some(Asked { need, row, look, inventory: now, since: now, answered: false });
        Ok(())
    }

    /// What would be best has changed while it waits. Another drive for the same tape is shown and stored, and no line of the
    /// log: which one is best may change whenever a drive is taken or left.
    fn reopen(&mut self, need: Need) -> Result<()> {
        let (row, _) = tape_changes::open(&mut *self.context.conn()?, &self.new_row(&need)?)?;
        let same = |asked: &Asked| (asked.need.tape, asked.need.pool) == (need.tape, need.pool);
        match self.asked.as_ref().is_some_and(same) {
            true => self.context.phase_unlogged("waiting", &need.message)?,
            false => self.context.phase("waiting", &need.message)?,
        }
        self.show(&row);
        if let Some(asked) = &mut self.asked {
            asked.row = row;
            asked.need = need;
        }
        Ok(())
    }

    fn show(&self, row: &TapeChange) {
        self.context.services.bus.transient("tape_change", json!(row));
    }

    /// A person said that it was done, but there is still nothing to go on with.
    fn not_done(&mut self, asked: &mut Asked, judge: Judge<'_>) -> Result<()> {
        let context = self.context;
        asked.answered = false;
        if let Some(drive) = asked.need.drive {
            look::make_room(context, drive)?;
        }
        let named = match asked.row.new_tape_id {
            Some(id) => {
                let label = db::tapes::find(&mut *context.conn()?, id)?.label;
                let why = judge(id)?.unwrap_or_else(|| "in no free drive and no library".into());
                format!("tape {label} is {why}")
            }
            None => "no tape that fits is in a free drive or a library".into(),
        };
        self.tell(asked, Some(format!("It was said to be done, but {named}.")))
    }

    /// Says once, wherever people look, what is wrong; `None`: nothing is any more.
    fn tell(&mut self, asked: &mut Asked, notice: Option<String>) -> Result<()> {
        let context = self.context;
        asked.row = tape_changes::notice(&mut *context.conn()?, asked.row.id, notice.as_deref())?;
        match &notice {
            Some(notice) => {
                context.phase("waiting", format!("{} {notice}", asked.need.message))?;
                let details = json!({"execution_id": context.id, "tape_change_id": asked.row.id});
                let event = Event::warning(Category::Tape, "Wrong Tape", format!("{notice} {}", asked.need.message));
                context.services.bus.publish(event.details(details));
            }
            None => context.phase("waiting", &asked.need.message)?,
        }
        self.show(&asked.row);
        Ok(())
    }

    fn refused(&self, row: &TapeChange) -> Error {
        let by = row.resolved_by.clone().unwrap_or_else(|| "somebody".into());
        self.context.log(&format!("The request for a tape was cancelled by {by}."));
        match self.refusal {
            Refusal::EndsExecution => {
                self.context.control.stop(Stop::Cancelled);
                stopped(Stop::Cancelled)
            }
            Refusal::SkipsTape => Error::conflict(
                "tape_not_available",
                format!("it is not available, as {by} answered the request for it"),
            ),
        }
    }

    /// The execution has what it needs, most often a tape that the database knows: an open request is done. That may be one
    /// from before a restart of the server, which nobody had to be asked again.
    pub fn done(mut self, tape: Option<i32>) -> Result<()> {
        let context = self.context;
        let row = match (self.asked.take(), tape) {
            (Some(asked), _) => Some(asked.row),
            (None, Some(tape)) => tape_changes::open_for(&mut *context.conn()?, context.id, tape)?,
            (None, None) => None,
        };
        let Some(row) = row else { return Ok(()) };
        let mut conn = context.conn()?;
        let what = match tape {
            Some(tape) => format!("Tape {}", db::tapes::find(&mut conn, tape)?.label),
            None => "The tape".into(),
        };
        let answered = row.status == TapeChangeStatus::Acknowledged;
        let by = row.resolved_by.filter(|_| answered).unwrap_or_else(|| "the tape was found".into());
        tape_changes::complete(&mut conn, row.id, tape, &by)?;
        let row = tape_changes::find(&mut conn, row.id)?;
        let details =
            json!({"execution_id": context.id, "tape_change_id": row.id, "tape_id": tape, "drive_id": row.drive_id});
        let message = format!("{what} is there; the work goes on.");
        context.services.bus.publish(Event::info(Category::Tape, "Tape Change Done", message).details(details));
        self.show(&row);
        Ok(())
    }
}

impl Drop for Asking<'_> {
    /// Nobody has to bring what nobody waits for. A request stays open only over a restart of the server.
    fn drop(&mut self) {
        let Some(asked) = self.asked.take() else { return };
        if self.context.control.stopped() == Some(Stop::Shutdown) {
            return;
        }
        let given_up = self.context.conn().and_then(|mut conn| {
            tape_changes::give_up(&mut conn, asked.row.id, "the execution does not wait for it any more")?;
            tape_changes::find(&mut conn, asked.row.id)
        });
        match given_up {
            Ok(row) => self.show(&row),
            Err(error) => tracing::warn!(request = asked.row.id, %error, "a tape change request could not be closed"),
        }
    }
}
