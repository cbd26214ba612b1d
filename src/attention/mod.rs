//! What needs a person: one list, for the first page, the command line, and whoever monitors the server.
//!
//! It is decided anew with every question, from what the database says: nothing has to be dismissed, and nothing stays
//! that is done. One file per kind of object.

mod clock;
mod drives;
mod jobs;
mod keys;
mod runs;
mod tapes;
#[cfg(test)]
mod tests;

use crate::Result;
use crate::db::Conn;
use crate::db::time::rfc3339_option;
use crate::media::wear::Limits;
use chrono::NaiveDateTime;
use serde::Serialize;
use utoipa::ToSchema;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Work stands still until somebody does something.
    Waiting,
    /// Something failed, or data is in danger.
    Critical,
    /// It will become serious if nobody looks.
    Warning,
    /// Good to know; something is left to do.
    Info,
}

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AttentionTopic)]
pub enum Topic {
    /// A tape has to be brought.
    TapeChange,
    /// A run is paused.
    PausedRun,
    /// The last run of something failed.
    FailedRun,
    /// A job has no recent good copy.
    NoRecentCopy,
    /// Runs of a job were left out.
    MissedRun,
    /// A drive does not answer, or reports an error.
    Drive,
    /// A drive complains (TapeAlert).
    DriveAlert,
    /// A drive wants to be cleaned.
    Cleaning,
    /// A tape in a drive is not known.
    UnknownTape,
    /// Cartridges in a library are not known.
    UnknownCartridges,
    /// A library has something that its robot cannot use.
    Library,
    /// A tape is on hold.
    TapeOnHold,
    /// A tape nears the end of its life.
    WornTape,
    /// Drives could not write or read everything on a tape lately.
    FailingTape,
    /// Everything on tapes has expired, and nothing but a person can use them again.
    ExpiredTapes,
    /// A pool has no tape left that can be written.
    PoolFull,
    /// A key that jobs encrypt with has expired.
    KeyExpired,
    /// A key that something is encrypted with is on no key sheet.
    KeyUnprinted,
    /// The clock is too far ahead to be believed.
    Clock,
}

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Attention {
    /// Stays the same as long as it is the same thing.
    pub id: String,
    /// What it is about.
    pub topic: Topic,
    /// How much it matters.
    pub severity: Urgency,
    /// What is the matter, in a few words.
    pub title: String,
    /// Why, and what to do.
    pub about: String,
    /// Since when.
    #[serde(serialize_with = "rfc3339_option")]
    pub since: Option<NaiveDateTime>,
    /// The page of the web interface where it is dealt with.
    pub link: String,
    /// What to do there, as on a button.
    pub action: &'static str,
    /// What the command line would do about it.
    pub command: Option<String>,
    /// The run it is about.
    pub execution_id: Option<i32>,
    /// The request for a tape.
    pub tape_change_id: Option<i32>,
    /// The job.
    pub job_id: Option<i32>,
    /// The drive.
    pub drive_id: Option<i32>,
    /// The library.
    pub library_id: Option<i32>,
    /// The tape.
    pub tape_id: Option<i32>,
    /// The pool.
    pub pool_id: Option<i32>,
}

impl Attention {
    fn new(topic: Topic, severity: Urgency, object: i32, title: impl Into<String>, about: impl Into<String>) -> Self {
        let word = serde_json::to_value(topic).ok();
        let word = word.as_ref().and_then(|word| word.as_str()).unwrap_or_default();
        Attention {
            id: format!("{word}-{object}"),
            topic,
            severity,
            title: title.into(),
            about: about.into(),
            since: None,
            link: "/".into(),
            action: "Look",
            command: None,
            execution_id: None,
            tape_change_id: None,
            job_id: None,
            drive_id: None,
            library_id: None,
            tape_id: None,
            pool_id: None,
        }
    }

    fn since(mut self, time: impl Into<Option<NaiveDateTime>>) -> Self {
        self.since = time.into();
        self
    }

    fn at(mut self, link: String, action: &'static str) -> Self {
        (self.link, self.action) = (link, action);
        self
    }

    fn command(mut self, line: impl Into<String>) -> Self {
        self.command = Some(line.into());
        self
    }
}

/// Everything that needs a person as of `now`, what is most urgent first. `limits`: from where on a tape is worn.
pub fn list(conn: &mut Conn, limits: Limits, now: NaiveDateTime) -> Result<Vec<Attention>> {
    let mut all = runs::waiting(conn)?;
    all.extend(runs::failed(conn, now)?);
    all.extend(jobs::look(conn, now)?);
    all.extend(drives::look(conn)?);
    all.extend(tapes::look(conn, limits, now)?);
    all.extend(keys::look(conn, now)?);
    all.extend(clock::look(conn)?);
    all.sort_by_key(|item| item.severity);
    Ok(all)
}
