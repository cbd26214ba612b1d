//! Sources: what is backed up.

use super::errors::{changed, found, refuse_if_used, stored};
use super::kinds::{SetStatus, SourceType};
use super::schema::{backup_jobs, backup_sets, backup_sources, set_copies, snapshots};
use super::time::{now, rfc3339};
use super::{Conn, write_transaction};
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;
use std::collections::HashMap;

/// A source.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = backup_sources)]
pub struct Source {
    /// Its id.
    pub id: i32,
    /// Its name, unique.
    pub name: String,
    /// Where its files are.
    pub source_type: SourceType,
    /// The folder it is read from.
    pub path: String,
    /// JSON array of glob patterns; empty = everything.
    pub include_patterns: String,
    /// JSON array of glob patterns.
    pub exclude_patterns: String,
    /// Do not descend into other mounts.
    pub one_file_system: bool,
    /// Patterns ignore case.
    pub case_insensitive: bool,
    /// Whether it may be backed up.
    pub enabled: bool,
    /// Made from what a tape says: a person has to complete it.
    pub rebuilt: bool,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When its row last changed.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
}

impl Source {
    /// The include patterns.
    pub fn includes(&self) -> Result<Vec<String>> {
        patterns(&self.name, "include", &self.include_patterns)
    }

    /// The exclude patterns.
    pub fn excludes(&self) -> Result<Vec<String>> {
        patterns(&self.name, "exclude", &self.exclude_patterns)
    }
}

fn patterns(source: &str, which: &str, json: &str) -> Result<Vec<String>> {
    if json.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(json).map_err(|error| {
        let message = format!("the {which} patterns of source '{source}' are not a JSON list of strings: {error}");
        crate::Error::internal(message)
    })
}

/// Patterns as the table keeps them.
pub fn patterns_json(patterns: &[String]) -> Result<String> {
    Ok(serde_json::to_string(patterns)?)
}

/// A source to be made.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = backup_sources)]
pub struct NewSource {
    /// Its name.
    pub name: String,
    /// Where its files are.
    pub source_type: SourceType,
    /// The folder it is read from.
    pub path: String,
    /// JSON array, see [`patterns_json`].
    pub include_patterns: String,
    /// JSON array, see [`patterns_json`].
    pub exclude_patterns: String,
    /// Do not descend into other mounts.
    pub one_file_system: bool,
    /// Patterns ignore case.
    pub case_insensitive: bool,
    /// Whether it may be backed up.
    pub enabled: bool,
}

impl Default for NewSource {
    fn default() -> Self {
        NewSource {
            name: String::new(),
            source_type: SourceType::Local,
            path: String::new(),
            include_patterns: "[]".into(),
            exclude_patterns: "[]".into(),
            one_file_system: false,
            case_insensitive: false,
            enabled: true,
        }
    }
}

/// What to change of a source; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = backup_sources)]
pub struct SourceChanges {
    /// Its name.
    pub name: Option<String>,
    /// Where its files are.
    pub source_type: Option<SourceType>,
    /// The folder it is read from.
    pub path: Option<String>,
    /// JSON array, see [`patterns_json`].
    pub include_patterns: Option<String>,
    /// JSON array, see [`patterns_json`].
    pub exclude_patterns: Option<String>,
    /// Do not descend into other mounts.
    pub one_file_system: Option<bool>,
    /// Patterns ignore case.
    pub case_insensitive: Option<bool>,
    /// Whether it may be backed up.
    pub enabled: Option<bool>,
}

/// The source with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<Source> {
    found(backup_sources::table.find(id).select(Source::as_select()).first(conn), format_args!("source {id}"))
}

/// All sources by name.
pub fn list(conn: &mut Conn) -> Result<Vec<Source>> {
    Ok(backup_sources::table.order(backup_sources::name).select(Source::as_select()).load(conn)?)
}

/// When each source was last backed up as a whole; those that never were are left out.
pub fn last_backups(conn: &mut Conn) -> Result<HashMap<i32, NaiveDateTime>> {
    let rows: Vec<(i32, Option<NaiveDateTime>)> = backup_sets::table
        .inner_join(backup_jobs::table)
        .filter(backup_sets::status.eq(SetStatus::Completed))
        .filter(backup_sets::id.ne_all(set_copies::table.select(set_copies::set_id)))
        .group_by(backup_jobs::source_id)
        .select((backup_jobs::source_id, diesel::dsl::max(backup_sets::end_time)))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(source, end)| Some((source, end?))).collect())
}

/// Makes a source.
pub fn insert(conn: &mut Conn, new: &NewSource) -> Result<Source> {
    let time = now();
    let values = (new, backup_sources::created_at.eq(time), backup_sources::updated_at.eq(time));
    let row = diesel::insert_into(backup_sources::table).values(values).returning(Source::as_returning());
    stored(row.returned(conn), format_args!("source '{}'", new.name))
}

/// Changes a source.
pub fn update(conn: &mut Conn, id: i32, changes: &SourceChanges) -> Result<Source> {
    let row = diesel::update(backup_sources::table.find(id))
        .set((changes, backup_sources::rebuilt.eq(false), backup_sources::updated_at.eq(now())))
        .returning(Source::as_returning())
        .returned(conn);
    stored(row, format_args!("source {id}"))
}

/// Deletes a source that no job uses.
pub fn delete(conn: &mut Conn, id: i32) -> Result<()> {
    write_transaction(conn, |conn| {
        let source = find(conn, id)?;
        let jobs = backup_jobs::table.filter(backup_jobs::source_id.eq(id)).count().returned(conn)?;
        let what = format!("source '{}'", source.name);
        refuse_if_used(&what, &[("jobs", jobs)], "delete those or give them another source first")?;
        diesel::delete(snapshots::table.filter(snapshots::source_id.eq(id))).execute(conn)?;
        changed(diesel::delete(backup_sources::table.find(id)).execute(conn), what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[test]
    fn patterns_go_both_ways() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let exclude_patterns = patterns_json(&["*.log".into(), "tmp/".into()]).expect("json");
        let new = NewSource { name: "etc".into(), path: "/etc".into(), exclude_patterns, ..Default::default() };
        let source = insert(conn, &new).expect("insert");
        assert_eq!(source.excludes().expect("excludes"), ["*.log", "tmp/"]);
        assert!(source.includes().expect("includes").is_empty());
        let broken = SourceChanges { include_patterns: Some("oops".into()), ..Default::default() };
        let error = update(conn, source.id, &broken).expect("update").includes().expect_err("no JSON");
        assert!(error.message.contains("source 'etc'"), "{error}");
    }

    #[test]
    fn a_source_of_a_job_stays() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let job = testing::job(conn, "etc");
        assert_eq!(delete(conn, job.source_id).expect_err("in use").code, "in_use");
        crate::db::jobs::delete(conn, job.id).expect("job");
        delete(conn, job.source_id).expect("delete");
        assert!(list(conn).expect("list").is_empty());
    }

    #[test]
    fn the_last_backup_is_the_last_that_was_completed() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (job, tape) = (testing::job(conn, "etc"), testing::tape(conn, "A00001"));
        assert!(last_backups(conn).expect("none").is_empty());
        let set = testing::set(conn, &job, &tape, None);
        assert!(last_backups(conn).expect("open").is_empty(), "it is still being written");
        let whole = crate::db::sets::complete(conn, set.id, &Default::default()).expect("complete");
        assert_eq!(last_backups(conn).expect("one").get(&job.source_id), whole.end_time.as_ref());
    }
}
