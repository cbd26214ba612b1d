//! Sets whose contents cannot be read: what the tape says of them elsewhere.

use super::reader::{Found, Orphan};
use super::report::{Line, Outcome};
use crate::Result;
use crate::catalog::rebuild::set::{self, Unread};
use crate::db::{self, Conn, locked_keys, tapes::Tape};
use tape_format::toc::{SealedHead, SetKind, Summary};

/// The word for what a set is.
pub fn kind_word(kind: SetKind) -> &'static str {
    match kind {
        SetKind::Full => "full",
        SetKind::Incremental => "incremental",
        SetKind::Database => "database",
    }
}

/// A set that another table of contents names, and its line in the report.
fn line(summary: &Summary, outcome: Outcome, note: String) -> Line {
    Line {
        outcome,
        set_id: None,
        uuid: summary.set.to_string(),
        job: summary.job.clone(),
        kind: kind_word(summary.kind).into(),
        start: summary.start,
        part: summary.part,
        last: summary.last,
        files: summary.totals.files,
        bytes: summary.totals.bytes,
        tape_file: summary.tape_file,
        note,
    }
}

/// Sets whose key is not known. `tape` is none in a dry run.
pub fn locked(conn: &mut Conn, tape: Option<&Tape>, label: &str, found: &mut Found) -> Result<()> {
    for (head, first_block) in std::mem::take(&mut found.locked) {
        let summary = found.earlier.iter().find(|line| (line.set, line.part) == (head.set, head.part));
        let on_tape = head.locked_key();
        if let (Some(tape), Some(Ok(locked))) = (tape, &on_tape) {
            locked_keys::found(conn, &head.key_fingerprint, tape.id, &serde_json::to_string(locked)?)?;
        }
        let how = match on_tape {
            Some(Ok(_)) => {
                "import it from its key sheet, or unlock it with the passphrase of the tape (`tapebackarr key unlock`)"
                    .into()
            }
            Some(Err(error)) => format!("import it from its key sheet ({error})"),
            None => "import it from its key sheet".to_owned(),
        };
        let reason = format!(
            "it is encrypted with the key {}, which is not on this server: {how}, and rebuild the catalog from tape {label} again",
            head.key_fingerprint
        );
        let mut line = match summary {
            Some(summary) => line(summary, Outcome::Locked, reason.clone()),
            None => sealed_line(&head, reason.clone()),
        };
        tracing::debug!(set = %head.set, first_block, "locked");
        if let (Some(tape), false) = (tape, summary.is_some_and(|line| line.kind == SetKind::Database)) {
            let unread = Unread {
                uuid: head.set,
                tape,
                key_fingerprint: &head.key_fingerprint,
                summary,
                head: Some(&head),
                reason,
            };
            set::unread(conn, &unread)?;
        }
        line.set_id = db::sets::find_by_uuid(conn, &line.uuid)?.map(|set| set.id);
        found.lines.push(line);
    }
    Ok(())
}

fn sealed_line(head: &SealedHead, note: String) -> Line {
    Line {
        outcome: Outcome::Locked,
        set_id: None,
        uuid: head.set.to_string(),
        job: String::new(),
        kind: String::new(),
        start: 0,
        part: head.part,
        last: false,
        files: 0,
        bytes: 0,
        tape_file: head.tape_file,
        note,
    }
}

/// Parts that a table of contents names and that were not read, each with the reason.
pub fn lost(conn: &mut Conn, tape: Option<&Tape>, label: &str, found: &mut Found) -> Result<()> {
    let missing: Vec<Summary> =
        found.earlier.iter().filter(|line| !found.seen.contains(&line.tape_file)).cloned().collect();
    let orphans = std::mem::take(&mut found.orphans);
    for summary in &missing {
        let why = orphans
            .iter()
            .find(|orphan| orphan.file == summary.tape_file)
            .map_or_else(|| "the tape could not be read where it is".to_string(), |orphan| orphan.why.clone());
        let known = db::sets::find_by_uuid(conn, &summary.set.to_string())?;
        let has_it = match &known {
            Some(set) => db::set_parts::of_set(conn, set.id)?
                .iter()
                .any(|part| u32::try_from(part.part_number).is_ok_and(|number| number == summary.part)),
            None => false,
        };
        let consequence = match has_it {
            true => "the database has its list of files",
            false => "its files are not listed; recover the data with `recover`",
        };
        let note = format!("its contents cannot be read ({why}); {consequence}");
        found.problems.push(format!(
            "set {} of job '{}' (part {}, tape file {} of tape {label}, {} files): {note}",
            summary.set, summary.job, summary.part, summary.tape_file, summary.totals.files
        ));
        let mut line = line(summary, if has_it { Outcome::Known } else { Outcome::Lost }, note.clone());
        if let (Some(tape), false, true) = (tape, has_it, summary.kind != SetKind::Database) {
            let unread = Unread {
                uuid: summary.set,
                tape,
                key_fingerprint: &summary.key_fingerprint,
                summary: Some(summary),
                head: None,
                reason: note,
            };
            set::unread(conn, &unread)?;
        }
        line.set_id = db::sets::find_by_uuid(conn, &line.uuid)?.map(|set| set.id);
        found.lines.push(line);
    }
    let named = |orphan: &Orphan| missing.iter().any(|line| line.tape_file == orphan.file);
    for orphan in orphans.iter().filter(|orphan| !named(orphan)) {
        if orphan.has_contents {
            found.problems.push(format!(
                "tape file {} of tape {label} holds a set whose contents cannot be read ({}); nothing else names it: recover \
                 its data with `recover`",
                orphan.file, orphan.why
            ));
        }
    }
    found.orphans = orphans;
    Ok(())
}
