//! What a rebuild found.

use crate::executions::Context;
use crate::{Error, ErrorKind, Result};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Problems kept by name; the figure counts all.
const MAX_LISTED: usize = 10_000;
/// Problems that the error message names.
const NAMED: usize = 3;

/// What became of a part that a tape names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was taken in, and its set is complete.
    Added,
    /// It was taken in, and other parts of its set are missing.
    Incomplete,
    /// The database had it, and says the same.
    Known,
    /// The database had it, and says something else. Nothing was changed.
    Differs,
    /// Its key is not known: only that it is there was recorded.
    Locked,
    /// Its contents cannot be read: it was taken from its data.
    Salvaged,
    /// Its contents cannot be read: only that it is there was recorded.
    Lost,
    /// It belongs to a run that did not come to its end.
    Unfinished,
    /// A dry run: it would be taken in.
    New,
    /// It could not be taken in, for a reason that is among the problems.
    Refused,
}

/// A part of a set on a tape.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// What became of it.
    pub outcome: Outcome,
    /// The set's row, if it has one.
    pub set_id: Option<i32>,
    /// Its name on tape.
    pub uuid: String,
    /// Its job; empty if that is locked.
    pub job: String,
    /// `full`, `incremental`, `database`; empty if that is locked.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it began, Unix seconds.
    pub start: i64,
    /// Number of the part.
    pub part: u32,
    /// Whether the set ends with it.
    pub last: bool,
    /// Files that end in the part.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Number of its data file.
    pub tape_file: u64,
    /// What there is to say about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A tape that was read.
#[derive(Debug, Serialize)]
pub struct TapeLine {
    /// Its row; none in a dry run if it is not known.
    pub tape_id: Option<i32>,
    /// Its name.
    pub label: String,
    /// Its identity.
    pub uuid: String,
    /// The cartridge it was read from.
    pub cartridge: String,
    /// Whether its row was made (or would be).
    pub new: bool,
    /// What is on it.
    pub sets: Vec<Line>,
    /// What there is to say about it.
    pub notes: Vec<String>,
}

/// All of it.
pub struct Report {
    dry_run: bool,
    tapes: Vec<TapeLine>,
    skipped: Vec<String>,
    problems: Vec<String>,
    problem_count: u64,
}

impl Report {
    /// Nothing yet.
    pub fn new(dry_run: bool) -> Report {
        Report { dry_run, tapes: Vec::new(), skipped: Vec::new(), problems: Vec::new(), problem_count: 0 }
    }

    /// Whether nothing must be changed.
    pub fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// A tape was read.
    pub fn tape(&mut self, tape: TapeLine) {
        self.tapes.push(tape);
    }

    /// The cartridge of this run that carried this identity.
    pub fn cartridge_of(&self, uuid: &str) -> Option<&str> {
        self.tapes.iter().find(|tape| tape.uuid == uuid).map(|tape| tape.cartridge.as_str())
    }

    /// A cartridge that holds nothing of ours.
    pub fn skipped(&mut self, context: &Context, what: String) {
        context.log(&what);
        self.skipped.push(what);
    }

    /// Something that is not as it should be: the run goes on, and does not end as a success.
    pub fn problem(&mut self, context: &Context, what: String) {
        context.warn(None, &what);
        self.problem_count += 1;
        if self.problems.len() < MAX_LISTED {
            self.problems.push(what);
        }
    }

    fn to_json(&self) -> Value {
        let mut figures: BTreeMap<Outcome, u64> = BTreeMap::new();
        for line in self.tapes.iter().flat_map(|tape| &tape.sets) {
            *figures.entry(line.outcome).or_default() += 1;
        }
        let figures: serde_json::Map<String, Value> = figures
            .into_iter()
            .filter_map(|(outcome, count)| Some((json!(outcome).as_str()?.to_string(), json!(count))))
            .collect();
        json!({
            "dry_run": self.dry_run, "tapes_read": self.tapes.len(), "parts": figures, "tapes": self.tapes,
            "skipped": self.skipped, "problem_count": self.problem_count, "problems": self.problems,
        })
    }

    /// The result.
    ///
    /// # Errors
    /// `rebuild_incomplete` if there were problems; what was taken in stays.
    pub fn outcome(self) -> Result<Value> {
        let value = self.to_json();
        if self.problem_count == 0 {
            return Ok(value);
        }
        let named: Vec<&str> = self.problems.iter().take(NAMED).map(String::as_str).collect();
        let more = self.problem_count.saturating_sub(named.len() as u64);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let message = format!("not everything could be taken from the tapes: {}{more}", named.join("; "));
        Err(Error::new(ErrorKind::Unprocessable, "rebuild_incomplete", message).with_details(value))
    }
}
