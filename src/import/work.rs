//! Sources and jobs. Jobs come in disabled: nothing is to run before a person has looked.

use super::old::Row;
use super::{Ids, Old, Report, free_name};
use crate::Result;
use crate::backup::filter::{Case, Filter, FilterSpec};
use crate::db::{BackupType, Compression, Conn, SourceType, jobs as backup_jobs, sources as backup_sources};
use crate::schedule::Schedule;
use std::collections::HashSet;

/// Sources by name.
pub fn sources(conn: &mut Conn, old: &mut Old, ids: &mut Ids, report: &mut Report) -> Result<()> {
    const WHAT: &str = "sources";
    let mut ours: HashSet<String> = HashSet::new();
    let columns = ["id", "name", "source_type", "path", "include_patterns", "exclude_patterns", "enabled"];
    for row in old.rows("backup_sources", &columns)? {
        let said = row.text_or_empty("name");
        let name = free_name(&said, |name| Ok(ours.contains(name)))?;
        ours.insert(name.clone());
        let path = row.text_or_empty("path");
        let known = backup_sources::list(conn)?.into_iter().find(|known| known.name == name);
        if let Some(known) = known {
            ids.sources.insert(row.id(), known.id);
            report.there(WHAT);
            if known.path != path {
                let reason = format!("it is here already with the path {}; the old one had {path}", known.path);
                report.attention(WHAT, &said, reason);
            }
            continue;
        }
        if name.is_empty() || !path.starts_with('/') {
            report.skipped(WHAT, &said, format!("it has no name, or its path '{path}' is not absolute"));
            continue;
        }
        if name != said {
            report.attention(WHAT, &said, format!("another source has this name; it is called '{name}' here"));
        }
        let (include, exclude) = (patterns(&row, "include_patterns"), patterns(&row, "exclude_patterns"));
        let spec = |include: &[String], exclude: &[String]| FilterSpec {
            include: include.to_vec(),
            exclude: exclude.to_vec(),
            case: Case::Sensitive,
        };
        let usable = match (&include, &exclude) {
            (Some(include), Some(exclude)) => {
                Filter::new(&spec(include, exclude)).map(drop).map_err(|error| error.to_string())
            }
            _ => Err("they are not a list of texts".into()),
        };
        let mut enabled = row.number("enabled").is_none_or(|flag| flag != 0);
        let mut lists = (include.unwrap_or_default(), exclude.unwrap_or_default());
        if let Err(why) = usable {
            enabled = false;
            lists = Default::default();
            let reason = format!("its patterns cannot be used ({why}): it came in without them and disabled");
            report.attention(WHAT, &said, reason);
        }
        let new = backup_sources::NewSource {
            name,
            source_type: row.text_or_empty("source_type").parse().unwrap_or(SourceType::Local),
            path,
            include_patterns: backup_sources::patterns_json(&lists.0)?,
            exclude_patterns: backup_sources::patterns_json(&lists.1)?,
            enabled,
            ..Default::default()
        };
        ids.sources.insert(row.id(), backup_sources::insert(conn, &new)?.id);
        report.imported(WHAT);
    }
    Ok(())
}

/// A list of patterns; `None` if it is no list. Nothing is an empty list.
fn patterns(row: &Row, column: &str) -> Option<Vec<String>> {
    match row.text(column) {
        None | Some("null") => Some(Vec::new()),
        Some(text) => serde_json::from_str(text).ok(),
    }
}

/// Jobs by name, disabled.
pub fn jobs(conn: &mut Conn, old: &mut Old, ids: &mut Ids, report: &mut Report) -> Result<()> {
    const WHAT: &str = "jobs";
    let mut ours: HashSet<String> = HashSet::new();
    let columns = [
        "id",
        "name",
        "source_id",
        "pool_id",
        "backup_type",
        "schedule_cron",
        "retention_days",
        "enabled",
        "encryption_enabled",
        "encryption_key_id",
        "compression",
        "hw_encryption_enabled",
        "hw_encryption_key_id",
    ];
    for row in old.rows("backup_jobs", &columns)? {
        let said = row.text_or_empty("name");
        let name = free_name(&said, |name| Ok(ours.contains(name)))?;
        ours.insert(name.clone());
        let known = backup_jobs::list(conn)?.into_iter().find(|known| known.job.name == name);
        if let Some(known) = known {
            ids.jobs.insert(row.id(), known.job.id);
            report.there(WHAT);
            continue;
        }
        let source = row.number("source_id").and_then(|id| ids.sources.get(&id)).copied();
        let pool = row.number("pool_id").and_then(|id| ids.pools.get(&id)).copied();
        let (Some(source_id), Some(pool_id), false) = (source, pool, name.is_empty()) else {
            report.skipped(WHAT, &said, "its source or its pool was not taken over; its backup sets are left out too");
            continue;
        };
        if name != said {
            report.attention(WHAT, &said, format!("another job has this name; it is called '{name}' here"));
        }
        let mut todo = Vec::new();
        let (encryption_enabled, encryption_key_id) = encryption(&row, ids, &mut todo);
        let new = backup_jobs::NewJob {
            name: name.clone(),
            source_id,
            pool_id,
            backup_type: row.text_or_empty("backup_type").parse().unwrap_or(BackupType::Full),
            schedule_cron: schedule(&row, &mut todo),
            retention_days: i32::try_from(row.count("retention_days")).ok().filter(|days| *days <= 36_500).unwrap_or(0),
            enabled: false,
            encryption_enabled,
            encryption_key_id,
            hw_encryption_enabled: row.flag("hw_encryption_enabled"),
            hw_encryption_key_id: drive_key(&row, ids, &mut todo),
            compression: compression(&row, &mut todo),
            ..Default::default()
        };
        ids.jobs.insert(row.id(), backup_jobs::insert(conn, &new)?.id);
        report.imported(WHAT);
        match row.number("enabled").is_none_or(|flag| flag != 0) {
            true => todo.push("it is disabled here until you enable it".into()),
            false => todo.push("it was disabled, and is".into()),
        }
        report.attention(WHAT, &name, todo.join("; "));
    }
    Ok(())
}

/// The key with which the drive is to encrypt.
fn drive_key(row: &Row, ids: &Ids, todo: &mut Vec<String>) -> Option<i32> {
    if !row.flag("hw_encryption_enabled") {
        return None;
    }
    let key = row.number("hw_encryption_key_id").and_then(|id| ids.keys.get(&id)).copied();
    if key.is_none() {
        todo.push(
            "it lets the drive encrypt, but its key was not taken over: it cannot run before it is made again".into(),
        );
    }
    key
}

fn encryption(row: &Row, ids: &Ids, todo: &mut Vec<String>) -> (bool, Option<i32>) {
    let key = |column: &str| row.number(column).and_then(|id| ids.keys.get(&id)).copied();
    match (row.flag("encryption_enabled"), key("encryption_key_id")) {
        (false, _) => (false, None),
        (true, Some(key)) => (true, Some(key)),
        (true, None) => {
            todo.push("it encrypts, but its key was not taken over: it cannot run before it has one".into());
            (true, None)
        }
    }
}

fn schedule(row: &Row, todo: &mut Vec<String>) -> String {
    let Some(cron) = row.text("schedule_cron") else { return String::new() };
    match Schedule::parse(cron, "UTC") {
        Ok(schedule) => {
            todo.push(format!("it runs {}: set its time zone if another is meant", schedule.explain()));
            cron.to_owned()
        }
        Err(error) => {
            todo.push(format!("its schedule '{cron}' cannot be read ({error}): it has none here"));
            String::new()
        }
    }
}

fn compression(row: &Row, todo: &mut Vec<String>) -> Compression {
    let Some(word) = row.text("compression") else { return Compression::None };
    word.parse().unwrap_or_else(|_| {
        todo.push(format!("its compression '{word}' is not known: it has none here"));
        Compression::None
    })
}
