//! Pools and tapes.

use super::sets::History;
use super::{Ids, Old, Report, free_name};
use crate::Result;
use crate::db::imported::{self, TapeHistory};
use crate::db::{AllocationPolicy, Conn, FormatType, TapeStatus, WriteOnce, pools as tape_pools, tapes as cartridges};
use tape_format::Label;
use uuid::Uuid;

/// Why a tape of version 1 is not written to.
pub const HOLD: &str = "version 1 of TapeBackarr wrote it: it is read, but never appended to; label it anew (which destroys \
                        what is on it) to use it again";

/// Pools by name; one that is here is kept as it is.
pub fn pools(conn: &mut Conn, old: &mut Old, ids: &mut Ids, report: &mut Report) -> Result<()> {
    const WHAT: &str = "pools";
    let columns = ["id", "name", "description", "retention_days", "allow_reuse", "allocation_policy"];
    for row in old.rows("tape_pools", &columns)? {
        let name = row.text_or_empty("name");
        let retention_days = i32::try_from(row.count("retention_days")).unwrap_or(0);
        if let Some(known) = tape_pools::find_by_name(conn, &name)? {
            ids.pools.insert(row.id(), known.id);
            report.there(WHAT);
            if known.retention_days != retention_days {
                let reason = format!(
                    "it is here already and keeps its {} days of retention; the old one had {retention_days}",
                    known.retention_days
                );
                report.attention(WHAT, &name, reason);
            }
            continue;
        }
        if name.is_empty() {
            report.skipped(WHAT, &name, "it has no name");
            continue;
        }
        let allocation_policy = match row.text("allocation_policy").map(str::parse) {
            None => AllocationPolicy::Continue,
            Some(Ok(policy)) => policy,
            Some(Err(_)) => {
                report.attention(WHAT, &name, "how it chooses tapes is not known here; it goes on with the last one");
                AllocationPolicy::Continue
            }
        };
        let new = tape_pools::NewPool {
            name,
            description: row.text("description").map(str::to_owned),
            retention_days,
            allow_reuse: i32::from(row.number("allow_reuse").is_none_or(|flag| flag != 0)),
            allocation_policy,
            write_once: WriteOnce::Allow,
            keep_last: 0,
            keep_daily: 0,
            keep_weekly: 0,
            keep_monthly: 0,
            keep_yearly: 0,
        };
        ids.pools.insert(row.id(), tape_pools::insert(conn, &new)?.id);
        report.imported(WHAT);
    }
    Ok(())
}

/// Tapes. Those with data on them can be read, and are never written to.
pub fn tapes(conn: &mut Conn, old: &mut Old, history: &History, ids: &mut Ids, report: &mut Report) -> Result<()> {
    const WHAT: &str = "tapes";
    let columns = [
        "id",
        "uuid",
        "barcode",
        "label",
        "pool_id",
        "status",
        "lto_type",
        "capacity_bytes",
        "used_bytes",
        "write_count",
        "last_written_at",
        "offsite_location",
        "export_time",
        "import_time",
        "labeled_at",
        "created_at",
        "encryption_key_fingerprint",
        "encryption_key_name",
        "format_type",
    ];
    for row in old.rows("tapes", &columns)? {
        let said = row.text_or_empty("label");
        let uuid = match row.text("uuid") {
            Some(text) => match Uuid::try_parse(text) {
                Ok(uuid) => uuid,
                Err(_) => {
                    report.skipped(WHAT, &said, format!("its uuid '{text}' is not one"));
                    continue;
                }
            },
            None => Label::uuid_of_name(&said),
        };
        if let Some(known) = cartridges::find_by_uuid(conn, &uuid.to_string())? {
            match ids.tapes.values().any(|id| *id == known.id) {
                true => report.skipped(WHAT, &said, format!("tape '{}' has the same uuid", known.label)),
                false => report.there(WHAT),
            }
            ids.tapes.insert(row.id(), known.id);
            continue;
        }
        let label = label(conn, &said, report)?;
        let barcode = barcode(conn, row.text("barcode"), &label, report)?;
        let written = history.wrote(row.id()) || row.count("write_count") > 0 || row.count("used_bytes") > 0;
        let (status, before_export) = status(row.text("status").unwrap_or_default(), written);
        let labeled_at = row.time("labeled_at").or_else(|| written.then(|| row.time("created_at")).flatten());
        let new = cartridges::NewTape {
            uuid: Some(uuid.to_string()),
            barcode,
            label: label.clone(),
            pool_id: row.number("pool_id").and_then(|pool| ids.pools.get(&pool)).copied(),
            status,
            lto_type: row.text_or_empty("lto_type"),
            capacity_bytes: row.count("capacity_bytes"),
            format_type: row.text_or_empty("format_type").parse().unwrap_or(FormatType::Raw),
            labeled_at: labeled_at.or_else(|| written.then(crate::db::now)),
        };
        let past = TapeHistory {
            used_bytes: row.count("used_bytes"),
            write_count: i32::try_from(row.count("write_count")).unwrap_or(i32::MAX),
            last_written_at: row.time("last_written_at"),
            offsite_location: row.text("offsite_location").map(str::to_owned),
            export_time: row.time("export_time"),
            import_time: row.time("import_time"),
            encryption_key_fingerprint: row.text_or_empty("encryption_key_fingerprint"),
            encryption_key_name: row.text_or_empty("encryption_key_name"),
            status_before_export: before_export,
            hold_reason: written.then(|| HOLD.to_owned()),
            created_at: row.time("created_at"),
        };
        let id = imported::tape(conn, &new, &past)?;
        ids.tapes.insert(row.id(), id);
        report.imported(WHAT);
        if new.format_type == FormatType::Ltfs {
            report.attention(WHAT, &label, "it is an LTFS volume, which this server does not read; use LTFS tools");
        }
    }
    Ok(())
}

/// A label that is free and that a tape can carry; the old database did not care for either.
pub fn label(conn: &mut Conn, said: &str, report: &mut Report) -> Result<String> {
    let mut label: String =
        said.chars().map(|sign| if sign.is_control() || sign == '|' { '_' } else { sign }).take(40).collect();
    label = label.trim().to_owned();
    if label.is_empty() || Label::validate_name(&label).is_err() {
        label = "UNNAMED".into();
    }
    let free = free_name(&label, |name| Ok(cartridges::find_by_label(conn, name)?.is_some()))?;
    if free != said {
        let reason = format!("another tape has this label, or it cannot be one; the tape is called '{free}' here");
        report.attention("tapes", said, reason);
    }
    Ok(free)
}

fn barcode(conn: &mut Conn, said: Option<&str>, label: &str, report: &mut Report) -> Result<Option<String>> {
    let Some(code) = said else { return Ok(None) };
    if cartridges::find_by_barcode(conn, code)?.is_some() {
        report.attention("tapes", label, format!("another tape has its bar code {code}; it has none here"));
        return Ok(None);
    }
    Ok(Some(code.to_owned()))
}

/// What an old status is here, and what the tape was before it left the house.
fn status(word: &str, written: bool) -> (TapeStatus, Option<TapeStatus>) {
    let full = if written { TapeStatus::Full } else { TapeStatus::Blank };
    match word {
        "exported" | "offsite" => (TapeStatus::Exported, Some(TapeStatus::Full)),
        "retired" => (TapeStatus::Retired, None),
        "expired" => (TapeStatus::Expired, None),
        "full" => (TapeStatus::Full, None),
        _ => (full, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_data_is_not_written_again() {
        for (word, written, expected) in [
            ("active", true, TapeStatus::Full),
            ("blank", true, TapeStatus::Full),
            ("blank", false, TapeStatus::Blank),
            ("full", false, TapeStatus::Full),
            ("expired", true, TapeStatus::Expired),
            ("retired", true, TapeStatus::Retired),
            ("offsite", true, TapeStatus::Exported),
            ("exported", true, TapeStatus::Exported),
            ("nonsense", false, TapeStatus::Blank),
        ] {
            assert_eq!(status(word, written).0, expected, "{word} {written}");
        }
    }
}
