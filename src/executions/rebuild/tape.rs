//! One tape that is in a drive.

use super::reader::{Found, ReadTape, Reader};
use super::report::{Line, Outcome, Report, TapeLine};
use super::taking::{Reading, Tools};
use super::unread;
use crate::Result;
use crate::actors::drive::tasks::FirstBlock;
use crate::catalog::rebuild::tape::{self, Seen};
use crate::db::{self, tapes::Tape};
use crate::executions::{Context, Lease, TapeFill};
use crate::keys::KeyRing;
use tape_format::Label;

/// Reads it. What is wrong with it is told to the report; an error is one of stopping, of the drive, or of the server.
pub fn read(context: &Context, lease: &Lease, barcode: Option<String>, report: &mut Report) -> Result<()> {
    let label = match context.load(lease)? {
        FirstBlock::Ours(label) => label,
        FirstBlock::Blank => {
            report.skipped(context, format!("{}: blank", name(barcode.as_deref())));
            return Ok(());
        }
        FirstBlock::Foreign(what) => {
            report.skipped(context, format!("{}: not a tape of this program ({what})", name(barcode.as_deref())));
            return Ok(());
        }
    };
    let uuid = label.uuid.to_string();
    let cartridge = name(barcode.as_deref());
    if let Some(other) = report.cartridge_of(&uuid) {
        let message = format!(
            "{cartridge} carries the label of tape '{}' (UUID {uuid}), and so does {other}, which was read before it: one \
             is a copy of the other. Nothing of {cartridge} was taken in; if the other one is the wrong one, take that out \
             of the library",
            label.label
        );
        report.problem(context, message);
        return Ok(());
    }
    let seen = seen(context, lease, &label, barcode)?;
    let mut conn = context.conn()?;
    let row = match report.dry_run() {
        true => tape::lookup(&mut conn, &label).map(|known| (known.clone(), known.is_none())),
        false => tape::row(&mut conn, &seen).map(|(tape, made)| (Some(tape), made)),
    };
    let (row, new) = match row {
        Ok(row) => row,
        Err(error) if matches!(error.code, "tape_ambiguous" | "unlabelled_tape") => {
            report.problem(context, error.to_string());
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    context.phase("reading", format!("Reading the contents of tape {}.", label.label))?;
    show(context, lease, &label, row.as_ref())?;
    if let Some(tape) = row.as_ref().filter(|_| !report.dry_run()) {
        let known = db::drives::DriveChanges {
            current_tape_id: Some(Some(tape.id)),
            unknown_tape: Some(None),
            ..Default::default()
        };
        db::drives::update(&mut conn, lease.drive(), &known)?;
    }
    let tools = Tools {
        db: context.services.db.clone(),
        catalog: context.services.catalog.clone(),
        progress: context.progress.clone(),
        control: context.control.clone(),
    };
    let reading = Reading { label: label.clone(), tape: row.clone(), dry_run: report.dry_run() };
    let keys = KeyRing::open(&mut conn, &context.services.keys)?;
    let task = ReadTape(Box::new(Reader::new(tools, reading, keys)));
    let (result, reader) = context.perform(lease, task)?;
    let mut found = reader.found;
    context.check()?;
    let changed = row.as_ref().filter(|_| !report.dry_run());
    unread::locked(&mut conn, changed, &label.label, &mut found)?;
    unread::lost(&mut conn, changed, &label.label, &mut found)?;
    let mut notes = Vec::new();
    if found.version_1 > 0 {
        notes.push(format!(
            "{} sets on it were written by version 1 of the program: import them from that program's database or tapes.",
            found.version_1
        ));
    } else if let (Some(tape), Some(why)) = (changed, &found.ambiguous) {
        // where this cartridge ends says nothing of the other
        db::tape_lifecycle::hold(&mut conn, tape.id, why)?;
        notes.push(format!("It is on hold: {why}."));
    } else if let (Some(tape), Ok(())) = (changed, &result) {
        notes = settle(context, tape, &mut found)?;
    }
    for problem in std::mem::take(&mut found.problems) {
        report.problem(context, format!("tape {}: {problem}", label.label));
    }
    if let Err(error) = &result {
        report.problem(context, format!("tape {} could not be read to its end: {error}", label.label));
    }
    context.log(&summary(&label, &found.lines));
    report.tape(TapeLine {
        tape_id: row.map(|tape| tape.id),
        label: label.label,
        uuid,
        cartridge,
        new,
        sets: found.lines,
        notes,
    });
    Ok(())
}

fn name(barcode: Option<&str>) -> String {
    barcode.map_or_else(|| "the cartridge".to_string(), |code| format!("cartridge {code}"))
}

fn seen(context: &Context, lease: &Lease, label: &Label, barcode: Option<String>) -> Result<Seen> {
    let medium = futures_executor::block_on(context.services.drives.snapshot(lease.drive()))?.medium;
    let format = medium.as_ref().and_then(|medium| tape_drive::lto::format_of_density(medium.density));
    Ok(Seen {
        label: label.clone(),
        barcode: barcode.or_else(|| medium.as_ref().and_then(|medium| medium.barcode.clone())),
        lto_type: format.map(|format| format.name.to_string()),
        capacity_bytes: medium.map(|medium| medium.capacity_bytes),
    })
}

fn show(context: &Context, lease: &Lease, label: &Label, row: Option<&Tape>) -> Result<()> {
    let device = db::drives::find(&mut *context.conn()?, lease.drive())?.device_path;
    let bytes = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or_default();
    let fill = TapeFill {
        label: label.label.clone(),
        capacity_bytes: bytes(row.map(|tape| tape.capacity_bytes)),
        used_bytes: bytes(row.map(|tape| tape.used_bytes)),
    };
    context.progress.set_tape(fill, device);
    Ok(())
}

/// Makes the tape's row true, now that its end was reached.
fn settle(context: &Context, tape: &Tape, found: &mut Found) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let Some(end) = found.end else { return Ok(notes) };
    let figures = &mut found.figures;
    let behind = end.files > figures.end_file;
    if figures.parts > 0 && !found.last_is_end {
        figures.full = Some("its last set goes on elsewhere".into());
    }
    if behind {
        figures.full = Some(format!(
            "behind its last contents, from tape file {} on, there is something without contents",
            figures.end_file
        ));
    }
    let mut conn = context.conn()?;
    let before = db::tapes::find(&mut conn, tape.id)?;
    // remains of a run of ours that the database knows of are written over by the next one, as ever
    let expected = before.writing_set.is_some()
        && before.end_file == i64::try_from(figures.end_file).ok()
        && before.end_block == i64::try_from(figures.end_block).ok();
    if expected {
        return Ok(notes);
    }
    let settled = tape::settle(&mut conn, tape.id, figures)?;
    if let (true, Some(why)) = (settled.end_moved, &figures.full) {
        notes.push(format!("It takes no more data: {why}."));
    }
    if settled.released {
        notes.push("The database knows all of it now; it is not on hold any more.".into());
    }
    for note in &notes {
        context.log(&format!("Tape {}: {note}", tape.label));
    }
    Ok(notes)
}

fn summary(label: &Label, lines: &[Line]) -> String {
    let count = |outcome: Outcome| lines.iter().filter(|line| line.outcome == outcome).count();
    let words = [
        (Outcome::Added, "added"),
        (Outcome::Incomplete, "incomplete"),
        (Outcome::New, "new"),
        (Outcome::Known, "known"),
        (Outcome::Differs, "different"),
        (Outcome::Locked, "locked"),
        (Outcome::Salvaged, "taken from data"),
        (Outcome::Lost, "lost"),
        (Outcome::Unfinished, "of unfinished runs"),
        (Outcome::Refused, "refused"),
    ];
    let figures: Vec<String> = words
        .iter()
        .map(|(outcome, word)| (count(*outcome), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let figures = if figures.is_empty() { "no sets".to_string() } else { figures.join(", ") };
    format!("Tape {}: {figures}.", label.label)
}
