//! What notifications are about: a fixed list of words that rules and templates name, and which event is which.
//!
//! An event is recognised by its title (and, where the same title means good and bad, by its type). What is on no line of
//! the table is `other`, so nothing that is published is beyond the reach of rules.

use crate::db::{EventType, Weight};
use crate::events::StoredEvent;
use serde::Serialize;

/// Something that is wrong, or waits, until an event says that it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A job has no good run; of a job.
    Backup,
    /// A tape is to be brought; of a request.
    TapeChange,
    /// A drive asks for a cleaning cartridge; of a drive.
    Cleaning,
    /// A drive does not work; of a drive.
    Drive,
    /// The database is not copied to tape.
    DatabaseBackup,
    /// Restoring does not work.
    Drill,
    /// A channel takes nothing; of a channel.
    Channel,
}

impl Trouble {
    /// Its word, and the field of an event's details that says of what it is.
    pub fn key(self) -> (&'static str, Option<&'static str>) {
        match self {
            Trouble::Backup => ("backup", Some("job_id")),
            Trouble::TapeChange => ("tape_change", Some("tape_change_id")),
            Trouble::Cleaning => ("cleaning", Some("drive_id")),
            Trouble::Drive => ("drive", Some("drive_id")),
            Trouble::DatabaseBackup => ("database_backup", None),
            Trouble::Drill => ("drill", None),
            Trouble::Channel => ("channel", Some("channel_id")),
        }
    }

    /// Whether work waits for a person, who is reminded.
    pub fn waits(word: &str) -> bool {
        word.starts_with("tape_change:") || word.starts_with("cleaning:")
    }
}

/// What an event does to a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    Begins(Trouble),
    Ends(Trouble),
}

/// One topic.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Topic {
    /// The word that rules and templates name.
    pub word: &'static str,
    /// Under which heading lists show it.
    pub group: &'static str,
    /// What it is, for people.
    pub description: &'static str,
    #[serde(skip)]
    effect: Effect,
    #[serde(skip)]
    titles: &'static [&'static str],
    /// Only events of this type.
    #[serde(skip)]
    only: Option<EventType>,
}

const fn topic(
    group: &'static str,
    word: &'static str,
    description: &'static str,
    titles: &'static [&'static str],
) -> Topic {
    Topic { word, group, description, effect: Effect::None, titles, only: None }
}

impl Topic {
    /// The title of its events, or of the first kind of them.
    pub fn title(&self) -> &'static str {
        self.titles.first().copied().unwrap_or("Something Happened")
    }

    const fn begins(mut self, trouble: Trouble) -> Topic {
        self.effect = Effect::Begins(trouble);
        self
    }

    const fn ends(mut self, trouble: Trouble) -> Topic {
        self.effect = Effect::Ends(trouble);
        self
    }

    const fn only(mut self, event_type: EventType) -> Topic {
        self.only = Some(event_type);
        self
    }
}

const BACKUP: &str = "Backups";
const TAPES: &str = "Tapes";
const DRIVES: &str = "Drives and libraries";
const CHECKS: &str = "Restores and checks";
const SERVER: &str = "The server";

/// The topic of what is on no other line.
pub const OTHER: &str = "other";
/// The topic of a channel that was given up.
pub const FAILED: &str = "notification_failed";
/// The topic of test messages.
pub const TEST: &str = "test";
/// The topic of what was gathered.
pub const DIGEST: &str = "digest";

/// Every topic, in the order that lists show. The first line that fits an event is its topic.
#[rustfmt::skip]
pub const TOPICS: &[Topic] = &[
    topic(BACKUP, "backup_started", "A backup began", &["Backup Started"]),
    topic(BACKUP, "backup_warnings", "A backup is complete, but with warnings", &["Backup Completed"])
        .only(EventType::Warning).ends(Trouble::Backup),
    topic(BACKUP, "backup_completed", "A backup is complete", &["Backup Completed"]).ends(Trouble::Backup),
    topic(BACKUP, "backup_failed", "A backup failed", &["Backup Failed"]).begins(Trouble::Backup),
    topic(BACKUP, "backup_cancelled", "A backup was cancelled", &["Backup Cancelled"]),
    topic(BACKUP, "backup_missed", "A backup did not begin when it was due", &["Run Missed", "Run Skipped"])
        .begins(Trouble::Backup),
    topic(BACKUP, "source_silent", "The disk or server of a source does not answer", &["Source Silent"]),
    topic(BACKUP, "schedule_invalid", "The schedule of a job cannot be read", &["Schedule Invalid"]),

    topic(TAPES, "tape_required", "Work waits for a person to bring a tape", &["Tape Required"])
        .begins(Trouble::TapeChange),
    topic(TAPES, "wrong_tape", "The tape that was brought is not the one that is wanted", &["Wrong Tape"])
        .begins(Trouble::TapeChange),
    topic(TAPES, "tape_change_done", "The tape is there, the work goes on", &["Tape Change Done"])
        .ends(Trouble::TapeChange),
    topic(TAPES, "tape_full", "A tape is full", &["Tape Full"]),
    topic(TAPES, "tape_on_hold", "A tape is not written any more until a person looked at it", &["Tape On Hold"]),
    topic(TAPES, "tape_damaged", "A tape could not be read as it was written", &["Tape Damaged"]),
    topic(TAPES, "tape_lost", "A tape was given up for lost", &["Tape Lost"]),
    topic(TAPES, "tape_found", "A tape that was lost is there again", &["Tape Found"]),
    topic(TAPES, "media_wear", "A tape nears the end of its life", &["Media Wear"]),
    topic(TAPES, "media_expiry", "Everything on a tape has passed its retention", &["Tape Expired", "Tapes Expired"]),
    topic(TAPES, "expiry_near", "A tape, backup sets, an encryption key or an API key expire soon",
        &["Tape Expiring", "Sets Expiring", "API Key Expiring", "Encryption Key Expiring"]),
    topic(TAPES, "tape_unknown", "A tape that the database does not know is in a drive", &["Unknown Tape Detected"]),
    topic(TAPES, "tape_loaded", "A tape is in a drive", &["Tape Loaded"]),
    topic(TAPES, "tape_prepared", "A tape was added, labelled or formatted",
        &["Tape Added", "Label Completed", "Batch Label Completed", "Format Completed"]),
    topic(TAPES, "tape_work_failed", "A tape could not be labelled, formatted, inspected or positioned",
        &["Label Failed", "Batch Label Failed", "Format Failed", "Tape Inspection Failed", "Tape Positioning Failed"]),

    topic(DRIVES, "drive_error", "A drive does not work", &["Drive Error"]).begins(Trouble::Drive),
    topic(DRIVES, "drive_recovered", "A drive works again", &["Drive Recovered"]).ends(Trouble::Drive),
    topic(DRIVES, "drive_work_failed", "Work on a drive failed", &["Drive Operation Failed"]),
    topic(DRIVES, "tape_alert", "A drive raised a TapeAlert flag", &["TapeAlert"]),
    topic(DRIVES, "cleaning_needed", "A drive asks for a cleaning cartridge", &["Cleaning Needed"])
        .begins(Trouble::Cleaning),
    topic(DRIVES, "drive_cleaned", "A drive was cleaned", &["Drive Cleaned"]).ends(Trouble::Cleaning),
    topic(DRIVES, "library_failed", "A library could not move a tape",
        &["Library Move Failed", "Library Operation Failed"]),
    topic(DRIVES, "library_changed", "Somebody moved tapes in a library", &["Library Changed"]),

    topic(CHECKS, "restore_started", "A restore began", &["Restore Started"]),
    topic(CHECKS, "restore_completed", "A restore is complete", &["Restore Completed", "Raw Read Completed"]),
    topic(CHECKS, "restore_failed", "A restore failed", &["Restore Failed", "Raw Read Failed"]),
    topic(CHECKS, "verify_completed", "A verification found everything as it was written",
        &["Verification Completed", "Scrub Completed"]),
    topic(CHECKS, "verify_failed", "A verification found errors, or could not be made",
        &["Verification Failed", "Scrub Failed"]),
    topic(CHECKS, "drill_completed", "A restore drill went well", &["Restore Drill Completed"]).ends(Trouble::Drill),
    topic(CHECKS, "drill_failed", "A restore drill failed", &["Restore Drill Failed"]).begins(Trouble::Drill),
    topic(CHECKS, "copy_completed", "A copy of a set is complete", &["Copy Completed"]),
    topic(CHECKS, "copy_failed", "A copy of a set failed", &["Copy Failed"]),

    topic(SERVER, "database_backup_completed", "The database was copied to tape", &["Database Backup Completed"])
        .ends(Trouble::DatabaseBackup),
    topic(SERVER, "database_backup_failed", "The database could not be copied to tape", &["Database Backup Failed"])
        .begins(Trouble::DatabaseBackup),
    topic(SERVER, "database_restored", "The database was replaced", &["Database Uploaded", "Database Restore Completed"]),
    topic(SERVER, "clock", "The clock is too far ahead to be believed", &["Clock Not Believed"]),
    topic(SERVER, "database_damaged", "A check found the database damaged", &["Database Damaged"]),
    topic(SERVER, "maintenance_failed", "Maintenance failed", &["Maintenance Failed"]),
    topic(SERVER, "key_rotated", "Another encryption key took the place of one: print a new key sheet",
        &["Encryption Key Rotated"]),
    topic(SERVER, "interrupted", "The server stopped while something was running", &["Interrupted"]),
    topic(SERVER, "recovery_code_used", "Somebody logged in with a recovery code", &["Recovery Code Used"]),
    topic(
        SERVER,
        "certificate",
        "The server shows another certificate, or a new one cannot be used",
        &["Certificate Changed", "Certificate Refused"],
    ),
    topic(SERVER, "login_locked", "Somebody guessed at passwords and was locked out", &["Login Locked"]),
    topic(SERVER, FAILED, "A message was given up, because its channel does not take it", &["Notification Failed"])
        .begins(Trouble::Channel),
    topic(SERVER, "notification_recovered", "A channel takes messages again", &["Notification Recovered"])
        .ends(Trouble::Channel),
    topic(SERVER, OTHER, "Everything else", &[]),
];

/// The topic of an event.
pub fn of(event: &StoredEvent) -> &'static Topic {
    let fits = |topic: &&Topic| {
        topic.titles.contains(&event.title.as_str()) && topic.only.is_none_or(|only| only == event.event_type)
    };
    // the last line is for what fits no other
    TOPICS.iter().find(fits).unwrap_or(&TOPICS[TOPICS.len() - 1])
}

/// Whether there is such a topic.
pub fn exists(word: &str) -> bool {
    TOPICS.iter().any(|topic| topic.word == word)
}

/// How much an event matters.
pub fn weight(event_type: EventType) -> Weight {
    match event_type {
        EventType::Info | EventType::Success => Weight::Info,
        EventType::Warning => Weight::Warning,
        EventType::Error => Weight::Error,
    }
}

/// The trouble that an event begins: `tape_change:7`.
pub fn begun_by(event: &StoredEvent) -> Option<String> {
    match of(event).effect {
        Effect::Begins(trouble) => named(trouble, event),
        _ => None,
    }
}

/// The trouble that an event ends.
pub fn ended_by(event: &StoredEvent) -> Option<String> {
    match of(event).effect {
        Effect::Ends(trouble) => named(trouble, event),
        _ => None,
    }
}

fn named(trouble: Trouble, event: &StoredEvent) -> Option<String> {
    let (word, field) = trouble.key();
    let Some(field) = field else { return Some(word.to_owned()) };
    let id = event.details.as_ref()?.get(field)?.as_i64()?;
    Some(format!("{word}:{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::event;
    use serde_json::json;
    use std::collections::HashSet;

    #[test]
    fn words_are_distinct_and_the_last_takes_the_rest() {
        let words: HashSet<_> = TOPICS.iter().map(|topic| topic.word).collect();
        assert_eq!(words.len(), TOPICS.len());
        assert_eq!(TOPICS[TOPICS.len() - 1].word, OTHER);
        assert_eq!(of(&event(EventType::Info, "Pool Painted", json!({}))).word, OTHER);
    }

    #[test]
    fn one_title_is_two_topics_by_its_type() {
        assert_eq!(of(&event(EventType::Warning, "Backup Completed", json!({}))).word, "backup_warnings");
        assert_eq!(of(&event(EventType::Success, "Backup Completed", json!({}))).word, "backup_completed");
    }

    #[test]
    fn troubles_begin_and_end_with_the_same_name() {
        let begun = begun_by(&event(EventType::Warning, "Tape Required", json!({"tape_change_id": 7})));
        let ended = ended_by(&event(EventType::Info, "Tape Change Done", json!({"tape_change_id": 7})));
        assert_eq!(begun.as_deref(), Some("tape_change:7"));
        assert_eq!(begun, ended);
        assert!(Trouble::waits("tape_change:7") && !Trouble::waits("backup:7"));
        assert_eq!(begun_by(&event(EventType::Error, "Backup Failed", json!({}))), None, "of no job: nothing ends it");
        assert_eq!(begun_by(&event(EventType::Error, "Restore Drill Failed", json!({}))).as_deref(), Some("drill"));
    }
}
