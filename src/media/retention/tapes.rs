//! What the verdicts on sets mean for a tape.

use crate::db::TapeStatus;
use chrono::NaiveDateTime;

/// A tape, with all that depends on it.
#[derive(Debug, Clone)]
pub struct TapeFact {
    /// Its row.
    pub id: i32,
    /// Its label.
    pub label: String,
    /// Where it is in its life.
    pub status: TapeStatus,
    /// It takes every block only once.
    pub write_once: bool,
    /// Why it may not be written, if so: `lost since …`, `on hold: …`.
    pub hold: Option<String>,
    /// A set that was cut off while it was written to this tape, and may be whole there.
    pub cut_off: Option<i32>,
    /// How many sets, and copies of the database, are recorded on it.
    pub recorded: usize,
    /// The sets on it that are kept, and until when (none: nobody can say).
    pub kept: Vec<(i32, Option<NaiveDateTime>)>,
    /// The copies of the database on it that are kept, and until when.
    pub copies: Vec<(i32, Option<NaiveDateTime>)>,
}

/// Whether everything on a tape has expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outlook {
    /// Yes: it may be written anew, if its pool allows that.
    Free,
    /// There is nothing to expire on it: it is blank, or nothing is recorded on it.
    Nothing,
    /// No, for this reason.
    Stays {
        /// In words.
        why: String,
        /// When it is free if nothing else happens; none if that cannot be said.
        until: Option<NaiveDateTime>,
    },
}

fn stays(why: impl Into<String>) -> Outlook {
    Outlook::Stays { why: why.into(), until: None }
}

impl TapeFact {
    /// Whether anything on it is kept.
    pub fn keeps_something(&self) -> bool {
        !self.kept.is_empty() || !self.copies.is_empty()
    }

    /// What is kept on it, in words.
    pub fn kept_in_words(&self) -> String {
        let list = |what: &str, ids: &[(i32, Option<NaiveDateTime>)]| {
            let shown: Vec<String> = ids.iter().take(5).map(|(id, _)| format!("{what} {id}")).collect();
            let more = if ids.len() > 5 { format!(" and {} more", ids.len() - 5) } else { String::new() };
            format!("{}{more}", shown.join(", "))
        };
        match (self.kept.is_empty(), self.copies.is_empty()) {
            (false, true) => list("set", &self.kept),
            (true, false) => list("database backup", &self.copies),
            _ => format!("{}, {}", list("set", &self.kept), list("database backup", &self.copies)),
        }
    }

    /// Whether everything on it has expired.
    pub fn outlook(&self) -> Outlook {
        match self.status {
            TapeStatus::Blank => return Outlook::Nothing,
            TapeStatus::Retired => return stays("retired: never written again"),
            TapeStatus::Exported => return stays("exported: not in the house"),
            TapeStatus::Active | TapeStatus::Full | TapeStatus::Expired => {}
        }
        if self.keeps_something() {
            let ends: Option<Vec<NaiveDateTime>> = self.kept.iter().chain(&self.copies).map(|(_, end)| *end).collect();
            let until = ends.and_then(|ends| ends.into_iter().max());
            return Outlook::Stays { why: format!("{} on it is kept", self.kept_in_words()), until };
        }
        if self.write_once {
            return stays("write-once: what is on it stays there, and it is never written anew");
        }
        if let Some(hold) = &self.hold {
            return stays(hold.as_str());
        }
        if let Some(set) = self.cut_off {
            return stays(format!(
                "set {set} was cut off while it was written to this tape and may be whole there: the next run onto it \
                 finds out, or delete the set"
            ));
        }
        match (self.recorded, self.status) {
            (_, TapeStatus::Expired) => Outlook::Free,
            (0, _) => Outlook::Nothing,
            _ => Outlook::Free,
        }
    }
}
