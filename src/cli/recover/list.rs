//! What is on the tapes, for people and for programs.

use super::holdings::{Entry, Holdings, Known, Part, Set};
use super::tapes::Tapes;
use super::wanted::Wanted;
use crate::cli::exit::CliResult;
use crate::cli::output::{self, Format, bytes, count, line, text, time};
use crate::human;
use serde_json::{Value, json};
use tape_format::path_text::to_text;
use tape_format::toc::SetKind;

/// Prints the sets, with their files if wanted.
pub fn sets(holdings: &Holdings, tapes: &Tapes, with_files: bool, wanted: &Wanted, format: Format) -> CliResult {
    if format == Format::Json {
        return output::json(&document(holdings, tapes, with_files, wanted));
    }
    let rows: Vec<Value> = holdings.sets.iter().map(|set| row(set, tapes)).collect();
    let columns = [
        text("set", "uuid"),
        text("job", "job"),
        text("type", "type"),
        time("started", "start_time"),
        text("tapes", "tapes"),
        count("files", "files_count"),
        bytes("size", "bytes"),
        text("state", "state"),
    ];
    format.list(&Value::Array(rows), &columns, "There is no set on it.")?;
    for archive in &holdings.archives {
        let name = tapes.name(archive.tape);
        line(&format!("{name}, tape file {}: {}", archive.tape_file, human::printable(&archive.title)))?;
    }
    if with_files {
        for set in &holdings.sets {
            line(&format!("\n{}:", human::printable(&set.title())))?;
            files(set, wanted)?;
        }
        for archive in &holdings.archives {
            line(&format!("\n{}:", human::printable(&archive.title)))?;
            for (path, size, _) in archive.files.iter().filter(|file| wanted.matches(file.0.as_bytes())) {
                line(&format!("{:>10}  {}", human::bytes(*size), human::printable(path)))?;
            }
        }
    }
    Ok(())
}

fn files(set: &Set, wanted: &Wanted) -> CliResult {
    for entry in set.parts.iter().flat_map(|part| &part.entries).filter(|entry| wanted.matches(&entry.path)) {
        let letter = match entry.kind.as_str() {
            "file" | "hardlink" => '-',
            "directory" => 'd',
            "symlink" => 'l',
            "fifo" => 'p',
            "char_device" => 'c',
            _ => 'b',
        };
        let mode = human::mode(u64::from(entry.mode));
        let seconds = u64::try_from(entry.mtime_ns / 1_000_000_000).unwrap_or(0);
        let link = entry.link.as_deref().map(|link| format!(" -> {}", to_text(link))).unwrap_or_default();
        let path = format!("{}{link}", to_text(&entry.path));
        let (size, time) = (human::bytes(entry.size), human::unix_time(seconds));
        line(&format!("{letter}{mode} {size:>10} {time}  {}", human::printable(&path)))?;
    }
    for path in set.parts.iter().flat_map(|part| &part.deleted).filter(|path| wanted.matches(path)) {
        line(&format!("deleted                                    {}", human::printable(&to_text(path))))?;
    }
    Ok(())
}

/// What a person needs to know of the state of a set.
fn state(set: &Set) -> String {
    let mut state = Vec::new();
    let missing: Vec<String> = set.missing_parts().iter().map(u32::to_string).collect();
    if set.uuid.is_some() && !missing.is_empty() {
        state.push(format!("part {} missing", missing.join(", ")));
    }
    for part in &set.parts {
        match &part.known {
            Known::Table => {}
            Known::Data { undamaged: true } => state.push(format!("part {}: without a table of contents", part.number)),
            Known::Data { undamaged: false } => state.push(format!("part {}: damaged", part.number)),
            Known::Not(why) => state.push(format!("part {}: {why}", part.number)),
        }
    }
    if state.is_empty() { "whole".into() } else { state.join("; ") }
}

fn kind(kind: SetKind) -> &'static str {
    match kind {
        SetKind::Full => "full",
        SetKind::Incremental => "incremental",
        SetKind::Database => "database",
    }
}

fn row(set: &Set, tapes: &Tapes) -> Value {
    let mut names: Vec<String> = Vec::new();
    for part in &set.parts {
        let name = tapes.name(part.tape);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let start = chrono::DateTime::from_timestamp(set.start, 0).filter(|_| set.start != 0);
    let sum = |value: fn(&Part) -> u64| set.parts.iter().map(value).fold(0u64, u64::saturating_add);
    json!({
        "uuid": set.uuid.map(|uuid| uuid.to_string()), "job": set.job, "type": set.kind.map(kind),
        "parent": set.parent, "start": set.start, "start_time": start.map(|time| time.to_rfc3339()),
        "tapes": names, "members": sum(|part| part.members), "files_count": sum(|part| part.files),
        "bytes": sum(|part| part.bytes), "missing_parts": set.missing_parts(), "state": state(set),
    })
}

fn document(holdings: &Holdings, tapes: &Tapes, with_files: bool, wanted: &Wanted) -> Value {
    let sets: Vec<Value> = holdings
        .sets
        .iter()
        .map(|set| {
            let mut row = row(set, tapes);
            row["parts"] = set.parts.iter().map(|part| part_json(part, tapes)).collect();
            if with_files {
                let entries = set.parts.iter().flat_map(|part| &part.entries);
                row["files"] = entries.filter(|entry| wanted.matches(&entry.path)).map(entry_json).collect();
                let deleted = set.parts.iter().flat_map(|part| &part.deleted);
                let deleted = deleted.filter(|path| wanted.matches(path));
                row["deleted"] = deleted.map(|path| Value::from(to_text(path))).collect();
            }
            row
        })
        .collect();
    let archives: Vec<Value> = holdings
        .archives
        .iter()
        .map(|archive| {
            let mut row = json!({
                "tape": tapes.name(archive.tape), "tape_file": archive.tape_file, "title": archive.title,
            });
            if with_files {
                let files = archive.files.iter().filter(|file| wanted.matches(file.0.as_bytes()));
                row["files"] =
                    files.map(|(path, size, sha256)| json!({"path": path, "size": size, "sha256": sha256})).collect();
            }
            row
        })
        .collect();
    let seen: Vec<Value> = tapes.seen().iter().enumerate().map(|(index, tape)| {
        json!({
            "name": tapes.name(index), "label": tape.label.as_ref().map(|label| &label.label),
            "uuid": tape.label.as_ref().map(|label| label.uuid), "pool": tape.label.as_ref().map(|label| &label.pool),
        })
    }).collect();
    json!({ "tapes": seen, "sets": sets, "archives": archives, "notes": holdings.notes })
}

fn part_json(part: &Part, tapes: &Tapes) -> Value {
    let (known, undamaged, why) = match &part.known {
        Known::Table => ("table", None, None),
        Known::Data { undamaged } => ("data", Some(*undamaged), None),
        Known::Not(why) => ("no", None, Some(why)),
    };
    json!({
        "number": part.number, "last": part.last, "tape": tapes.name(part.tape), "tape_file": part.place.tape_file,
        "first_block": part.layout.first_block, "known_from": known, "undamaged": undamaged, "why_not": why,
        "compression": part.layout.codec.name(), "key_fingerprint": part.key_fingerprint, "members": part.members,
        "files": part.files, "bytes": part.bytes,
    })
}

fn entry_json(entry: &Entry) -> Value {
    json!({
        "path": to_text(&entry.path), "type": entry.kind.as_str(), "size": entry.size, "mode": entry.mode,
        "uid": entry.uid, "gid": entry.gid, "mtime_ns": entry.mtime_ns,
        "link": entry.link.as_deref().map(to_text), "sha256": entry.sha256.map(hex::encode),
    })
}
