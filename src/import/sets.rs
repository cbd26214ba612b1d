//! Which backup sets of the old database are still on tape, and what they are here.
//!
//! Version 1 went back to the label before every backup, so a tape holds what was written to it last and nothing else,
//! whatever its database says (LTFS volumes aside). A backup over several tapes was one set for each tape there; here it is
//! one set with several parts.

use super::old::Row;
use super::{Ids, Old, Report};
use crate::Result;
use crate::db::{self, BackupType, Conn, FormatType, PartFormat, SetStatus};
use chrono::NaiveDateTime;
use std::collections::{HashMap, HashSet};

const WHAT: &str = "backup_sets";

/// What the old database says about who wrote what to which tape.
#[derive(Debug, Default)]
pub struct History {
    sets: Vec<OldRow>,
    /// The old sets of each backup over several tapes, in order.
    spanning: Vec<Vec<i64>>,
    /// When a tape was labelled last; nothing from before is on it.
    labelled: HashMap<i64, NaiveDateTime>,
    blank: HashSet<i64>,
    jobs: HashMap<i64, String>,
}

#[derive(Debug, Clone)]
struct OldRow {
    id: i64,
    job: i64,
    tape: i64,
    start: Option<NaiveDateTime>,
    completed: bool,
    /// It was not written behind the label but behind other data.
    appended: bool,
    format: FormatType,
    row: Row,
}

/// A set that is to be taken over.
#[derive(Debug, Clone)]
pub struct OldSet {
    /// Its name here, the same at every import.
    pub uuid: String,
    /// For people: job and time.
    pub name: String,
    /// The job here.
    pub job_id: i32,
    /// Everything, or what had changed.
    pub backup_type: BackupType,
    /// When it began.
    pub start_time: NaiveDateTime,
    /// When it ended.
    pub end_time: Option<NaiveDateTime>,
    /// Whether it was encrypted in software.
    pub encrypted: bool,
    /// With this key here, if it is known.
    pub key_id: Option<i32>,
    /// Whether the drive encrypted it.
    pub hw_encrypted: bool,
    /// With this key here, if it is known.
    pub hw_key_id: Option<i32>,
    /// How it was compressed.
    pub compression: String,
    /// Raw or LTFS.
    pub format: FormatType,
    /// Its parts in order.
    pub parts: Vec<OldPart>,
    /// Names of the sets that its state is made of besides itself, the best first.
    pub parents: Vec<String>,
    /// A row that an import that was cut off left here.
    pub leftover: Option<i32>,
}

/// What of a set is on one tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldPart {
    /// The set in the old database that lists its files.
    pub old_set: i64,
    /// The tape here.
    pub tape_id: i32,
}

impl History {
    /// Reads it.
    pub fn read(old: &mut Old) -> Result<History> {
        let columns = [
            "id",
            "job_id",
            "tape_id",
            "backup_type",
            "start_time",
            "end_time",
            "status",
            "start_block",
            "encrypted",
            "encryption_key_id",
            "hw_encrypted",
            "hw_encryption_key_id",
            "compressed",
            "compression_type",
            "format_type",
            "parent_set_id",
        ];
        let sets = old.rows("backup_sets", &columns)?.into_iter().map(OldRow::new).collect();
        let mut members: HashMap<i64, Vec<(i64, i64)>> = HashMap::new();
        for row in old.rows("tape_spanning_members", &["id", "spanning_set_id", "backup_set_id", "sequence_number"])? {
            let place = (row.count("sequence_number"), row.count("backup_set_id"));
            members.entry(row.count("spanning_set_id")).or_default().push(place);
        }
        let mut spanning = Vec::new();
        for mut places in members.into_values() {
            places.sort_unstable();
            let mut ids: Vec<i64> = places.into_iter().map(|(_, set)| set).collect();
            ids.dedup();
            spanning.push(ids);
        }
        let mut history = History { sets, spanning, ..History::default() };
        for row in old.rows("tapes", &["id", "status", "labeled_at"])? {
            history.labelled.extend(row.time("labeled_at").map(|time| (row.id(), time)));
            if row.text("status") == Some("blank") {
                history.blank.insert(row.id());
            }
        }
        for row in old.rows("backup_jobs", &["id", "name"])? {
            history.jobs.insert(row.id(), row.text_or_empty("name"));
        }
        Ok(history)
    }

    /// Whether something was written to an old tape, or may have been.
    pub fn wrote(&self, tape: i64) -> bool {
        !self.blank.contains(&tape) && self.sets.iter().any(|set| set.tape == tape)
    }

    fn name(&self, set: &OldRow) -> String {
        let job = self.jobs.get(&set.job).map_or("a job that is gone", String::as_str);
        match set.start {
            Some(start) => format!("{job}, {}", start.format("%Y-%m-%d %H:%M UTC")),
            None => format!("{job}, set {}", set.id),
        }
    }

    /// Why a completed set is not on its tape any more, if so.
    fn gone(&self, set: &OldRow) -> Option<String> {
        if set.format == FormatType::Ltfs {
            return None;
        }
        if self.blank.contains(&set.tape) {
            return Some("its tape was made blank afterwards".into());
        }
        if self.labelled.get(&set.tape).is_some_and(|labelled| set.start.is_some_and(|start| start < *labelled)) {
            return Some("its tape was labelled anew afterwards".into());
        }
        let later = self.sets.iter().find(|other| {
            other.completed
                && other.tape == set.tape
                && !other.appended
                && (other.start, other.id) > (set.start, set.id)
        })?;
        Some(format!(
            "it was written over by {}: version 1 began every backup right behind the label of the tape",
            self.name(later)
        ))
    }

    /// A later run on the same tape that did not complete, and may have written over a set.
    fn doubtful(&self, set: &OldRow) -> Option<String> {
        let later = |other: &&OldRow| !other.completed && other.tape == set.tape && other.start > set.start;
        let later = self.sets.iter().find(later).filter(|_| set.format == FormatType::Raw)?;
        Some(format!(
            "a later run on its tape did not complete ({}) and may have written over it: verify it",
            self.name(later)
        ))
    }

    /// The sets that belong together, by the time they began.
    fn groups(&self, report: &mut Report) -> Vec<Vec<&OldRow>> {
        let completed: HashMap<i64, &OldRow> =
            self.sets.iter().filter(|set| set.completed).map(|set| (set.id, set)).collect();
        let mut groups: Vec<Vec<&OldRow>> = Vec::new();
        let mut together: HashSet<i64> = HashSet::new();
        for ids in self.spanning.iter().filter(|ids| ids.len() > 1) {
            let group: Vec<&OldRow> = ids.iter().filter_map(|id| completed.get(id).copied()).collect();
            let Some(first) = group.first() else { continue };
            if group.len() < ids.len() {
                let reason =
                    format!("{} of its {} tapes were completed: the others are missing", group.len(), ids.len());
                report.attention(WHAT, &self.name(first), reason);
            }
            together.extend(ids);
            groups.push(group);
        }
        let alone = self.sets.iter().filter(|set| set.completed && !together.contains(&set.id));
        groups.extend(alone.map(|set| vec![set]));
        groups.sort_by_key(|group| group.first().map(|set| (set.start, set.id)));
        groups
    }
}

impl OldRow {
    fn new(row: Row) -> OldRow {
        OldRow {
            id: row.id(),
            job: row.count("job_id"),
            tape: row.count("tape_id"),
            start: row.time("start_time"),
            completed: row.text("status") == Some("completed"),
            appended: row.count("start_block") > 0,
            format: row.text_or_empty("format_type").parse().unwrap_or(FormatType::Raw),
            row,
        }
    }
}

/// Chooses the sets that are to be taken over, oldest first, and reports on the others.
pub fn choose(conn: &mut Conn, history: &History, ids: &Ids, report: &mut Report) -> Result<Vec<OldSet>> {
    let unfinished = history.sets.iter().filter(|set| !set.completed).count();
    if unfinished > 0 {
        report.skipped(WHAT, "failed, cancelled, unfinished", format!("{unfinished} sets that were never completed"));
    }
    let mut chosen: Vec<OldSet> = Vec::new();
    // names here of the old sets, also of those that are here already
    let mut names: HashMap<i64, String> = HashMap::new();
    let mut newest: HashMap<i64, String> = HashMap::new();
    for group in history.groups(report) {
        let Some(first) = group.first().copied() else { continue };
        let name = history.name(first);
        let Some(set) = one(conn, history, ids, &group, report)? else { continue };
        let parents = match set.backup_type {
            BackupType::Full => Vec::new(),
            BackupType::Incremental => {
                let named = first.row.number("parent_set_id").and_then(|id| names.get(&id));
                named.or(newest.get(&first.job)).cloned().into_iter().collect()
            }
        };
        for row in &group {
            names.insert(row.id, set.uuid.clone());
        }
        newest.insert(first.job, set.uuid.clone());
        match db::sets::find_by_uuid(conn, &set.uuid)? {
            Some(known) if known.status == SetStatus::Completed => {
                report.there(WHAT);
                continue;
            }
            leftover => {
                if set.backup_type == BackupType::Incremental && parents.is_empty() {
                    report.attention(
                        WHAT,
                        &name,
                        "what it is an increment of is not on tape any more: it has only what had changed",
                    );
                }
                chosen.push(OldSet { parents, leftover: leftover.map(|set| set.id), ..set });
            }
        }
    }
    Ok(chosen)
}

/// The set that some old sets make; nothing if it cannot be taken over.
fn one(
    conn: &mut Conn,
    history: &History,
    ids: &Ids,
    group: &[&OldRow],
    report: &mut Report,
) -> Result<Option<OldSet>> {
    let Some(first) = group.first().copied() else { return Ok(None) };
    let name = history.name(first);
    let (Some(job_id), Some(start_time)) = (ids.jobs.get(&first.job).copied(), first.start) else {
        report.skipped(WHAT, &name, "its job was not taken over, or when it began cannot be read");
        return Ok(None);
    };
    let mut parts = Vec::new();
    let mut identity = String::new();
    for row in group {
        let Some(tape_id) = ids.tapes.get(&row.tape).copied() else {
            report.skipped(WHAT, &name, "its tape was not taken over");
            continue;
        };
        if let Some(why) = history.gone(row) {
            report.skipped(WHAT, &name, why);
            continue;
        }
        if let Some(why) = history.doubtful(row) {
            report.attention(WHAT, &name, why);
        }
        let tape = db::tapes::find(conn, tape_id)?;
        if identity.is_empty() {
            identity = tape.uuid.clone().unwrap_or_default();
        }
        parts.push((OldPart { old_set: row.id, tape_id }, tape.label));
    }
    if parts.is_empty() {
        return Ok(None);
    }
    let uuid = name_of(&identity, first.id, start_time);
    for (part, label) in &parts {
        for known in db::set_parts::of_tape(conn, part.tape_id)? {
            let set = db::sets::find(conn, known.backup_set_id)?;
            if known.layout == PartFormat::V1 && set.uuid != uuid && set.status == SetStatus::Completed {
                report.there(WHAT);
                let reason = format!("tape {label} was imported itself: it is backup set {} here", set.id);
                report.skipped(WHAT, &name, reason);
                return Ok(None);
            }
        }
    }
    let row = &first.row;
    let key = |column: &str| row.number(column).and_then(|id| ids.keys.get(&id)).copied();
    let set = OldSet {
        uuid,
        job_id,
        backup_type: row.text_or_empty("backup_type").parse().unwrap_or(BackupType::Full),
        start_time,
        end_time: group.last().and_then(|last| last.row.time("end_time")),
        encrypted: row.flag("encrypted"),
        key_id: key("encryption_key_id"),
        hw_encrypted: row.flag("hw_encrypted"),
        hw_key_id: key("hw_encryption_key_id"),
        compression: row.text("compression_type").unwrap_or("none").to_owned(),
        format: first.format,
        parts: parts.into_iter().map(|(part, _)| part).collect(),
        parents: Vec::new(),
        leftover: None,
        name,
    };
    if set.encrypted && set.key_id.is_none() {
        report.attention(WHAT, &set.name, "it is encrypted, and its key was not taken over: import the key to read it");
    }
    if set.hw_encrypted {
        report.attention(WHAT, &set.name, "the drive encrypted it: it can only be read while the drive has its key");
    }
    if set.format == FormatType::Ltfs {
        report.attention(
            WHAT,
            &set.name,
            "it is on an LTFS volume: it can be searched here, and restored with LTFS tools",
        );
    }
    Ok(Some(set))
}

/// The name of a set here: always the same for the same old set.
fn name_of(tape: &str, old_set: i64, start: NaiveDateTime) -> String {
    let mut hash = openssl::sha::Sha256::new();
    hash.update(format!("set of version 1: {tape} {old_set} {start}").as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash.finish()).for_each(|(to, from)| *to = from);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}
