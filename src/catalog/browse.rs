//! Listing a directory as it is in a set, or in the state a chain of sets makes.

use super::layers::{self, Chain, Place};
use super::{kind, path};
use crate::db::schema::{catalog_owners, catalog_versions};
use crate::db::time::rfc3339;
use crate::db::{Conn, Page};
use crate::{Error, Result};
use chrono::{DateTime, NaiveDateTime};
use diesel::prelude::*;
use serde::Serialize;
use std::collections::HashMap;

/// One page of a directory.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Listing {
    /// The directory.
    pub path: String,
    /// How many entries it has in all.
    pub total: i64,
    /// Directories first, then everything else, each by name.
    pub entries: Vec<Entry>,
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its path in the source.
    pub path: String,
    /// `file`, `directory`, `symlink` …
    pub kind: &'static str,
    /// Size in bytes of a file.
    pub size: i64,
    /// Permission bits.
    pub mode: i32,
    /// Owner's number.
    pub uid: i64,
    /// Group's number.
    pub gid: i64,
    /// Owner's name at the time of the backup.
    pub user: String,
    /// Group's name at the time of the backup.
    pub group: String,
    /// When its content last changed.
    #[serde(serialize_with = "rfc3339")]
    pub mod_time: NaiveDateTime,
    /// Hex SHA-256 of a file's content.
    pub checksum: Option<String>,
    /// Target of a link.
    pub link: Option<String>,
    /// The set that has this version.
    pub backup_set_id: i32,
    /// The part of the set it begins in.
    pub part: i32,
    /// The block in which its frame begins.
    pub block_offset: i64,
}

/// A page of the directory `dir` (empty = the root) as of a chain, newest set first; a chain of one lists what that
/// set has itself.
pub fn list(conn: &mut Conn, chain: &[i32], dir: &str, page: Page) -> Result<Listing> {
    let (chain, dir) = (Chain::new(chain), path::normal(dir));
    // One snapshot, and its lock taken once.
    conn.transaction(|conn| list_in(conn, &chain, dir, page))
}

fn list_in(conn: &mut Conn, chain: &Chain, dir: &str, page: Page) -> Result<Listing> {
    let cut = layers::cut_of(conn, chain, dir)?;
    let mut merged = match layers::of_dir(conn, chain, dir, cut)? {
        Some(layers) => layers::merge(&layers, |set, dir_id| {
            let rows: Vec<(String, i32)> = catalog_versions::table
                .filter(catalog_versions::set_id.eq(set).and(catalog_versions::dir_id.eq(dir_id)))
                .order(catalog_versions::name)
                .select((catalog_versions::name, catalog_versions::kind))
                .load(conn)?;
            Ok(rows.into_iter().map(|(name, code)| (name, code, (set, dir_id, code))).collect())
        })?,
        None => layers::Merged::default(),
    };
    // The root of the source is not an entry of itself.
    merged.entries.retain(|(name, _)| name != ".");
    if merged.entries.is_empty() && !dir.is_empty() {
        let itself = layers::effective(conn, chain, dir)?;
        if itself.is_none_or(|place| place.kind != kind::DIRECTORY) {
            return Err(Error::not_found(format_args!("folder '{dir}' in this backup")));
        }
    }
    let total = i64::try_from(merged.entries.len()).unwrap_or(i64::MAX);
    let (folders, others): (Vec<_>, Vec<_>) =
        merged.entries.into_iter().partition(|(_, (_, _, code))| *code == kind::DIRECTORY);
    let window: Vec<Place> = folders
        .into_iter()
        .chain(others)
        .skip(usize::try_from(page.offset).unwrap_or(usize::MAX))
        .take(usize::try_from(page.limit).unwrap_or(0))
        .map(|(name, (set_id, dir_id, kind))| Place { set_id, dir_id, name, kind })
        .collect();
    Ok(Listing { path: dir.to_owned(), total, entries: entries(conn, dir, &window)? })
}

/// What is known of one path as of a chain.
pub fn find(conn: &mut Conn, chain: &[i32], full: &str) -> Result<Entry> {
    let full = path::normal(full);
    let missing = || Error::not_found(format_args!("'{full}' in this backup"));
    let place = layers::effective(conn, &Chain::new(chain), full)?.ok_or_else(missing)?;
    let (dir, _) = path::split(full);
    entries(conn, dir, &[place])?.pop().ok_or_else(missing)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = catalog_versions)]
struct VersionRow {
    name: String,
    kind: i32,
    size: i64,
    mode: i32,
    mtime_ns: i64,
    sha256: Option<Vec<u8>>,
    link: Option<String>,
    part: i32,
    block: i64,
}

type OwnerRow = (i64, i64, String, String);

/// What is known of entries of one directory, in their order: directories first, each by name. Rows are read as ranges,
/// one for the directories and one for the rest of each set, not one by one.
fn entries(conn: &mut Conn, dir: &str, places: &[Place]) -> Result<Vec<Entry>> {
    let mut ranges: HashMap<(i32, bool), (&Place, &Place)> = HashMap::new();
    for place in places {
        let range = ranges.entry((place.set_id, place.kind == kind::DIRECTORY)).or_insert((place, place));
        range.1 = place;
    }
    let mut known: HashMap<(i32, String), Entry> = HashMap::with_capacity(places.len());
    for ((set_id, _), (first, last)) in ranges {
        let rows: Vec<(VersionRow, OwnerRow)> = catalog_versions::table
            .inner_join(catalog_owners::table)
            .filter(catalog_versions::set_id.eq(set_id).and(catalog_versions::dir_id.eq(first.dir_id)))
            .filter(catalog_versions::name.between(&first.name, &last.name))
            .select((
                VersionRow::as_select(),
                (catalog_owners::uid, catalog_owners::gid, catalog_owners::user_name, catalog_owners::group_name),
            ))
            .load(conn)?;
        known.extend(rows.into_iter().map(|(row, owner)| ((set_id, row.name.clone()), entry(set_id, dir, row, owner))));
    }
    Ok(places.iter().filter_map(|place| known.remove(&(place.set_id, place.name.clone()))).collect())
}

fn entry(set_id: i32, dir: &str, row: VersionRow, (uid, gid, user, group): OwnerRow) -> Entry {
    Entry {
        path: path::join(dir, &row.name),
        name: row.name,
        kind: kind::from_code(row.kind).map_or("deleted", |kind| kind.as_str()),
        size: row.size,
        mode: row.mode,
        uid,
        gid,
        user,
        group,
        mod_time: time_of(row.mtime_ns),
        checksum: row.sha256.map(hex::encode),
        link: row.link,
        backup_set_id: set_id,
        part: row.part,
        block_offset: row.block,
    }
}

/// A file time. All that fit into the column are times a calendar can hold.
pub(super) fn time_of(nanoseconds: i64) -> NaiveDateTime {
    DateTime::from_timestamp_nanos(nanoseconds).naive_utc()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::Catalog;

    fn names(catalog: &Catalog, chain: &[i32], dir: &str) -> Vec<String> {
        let listing = list(&mut catalog.db.conn(), chain, dir, Page::first(100)).expect("list");
        listing.entries.into_iter().map(|entry| format!("{} {}", entry.name, entry.backup_set_id)).collect()
    }

    #[test]
    fn a_set_lists_itself_directories_first() {
        let mut catalog = Catalog::empty();
        let set = catalog.filled(None, &["./", "z/", "z/y", "a", "b"], &[]);
        assert_eq!(names(&catalog, &[set], "/"), [format!("z {set}"), format!("a {set}"), format!("b {set}")]);
        assert_eq!(names(&catalog, &[set], "./z/"), [format!("y {set}")]);
        let conn = &mut *catalog.db.conn();
        let page = list(conn, &[set], "", Page { limit: 1, offset: 1 }).expect("page");
        assert_eq!((page.total, page.entries[0].path.as_str(), page.entries[0].kind), (3, "a", "file"));
        assert_eq!(page.entries[0].checksum.as_deref(), Some("07".repeat(32).as_str()));
        let error = list(conn, &[set], "nope", Page::first(9)).expect_err("missing");
        assert_eq!(error.message, "folder 'nope' in this backup not found");
        assert_eq!(find(conn, &[set], "z/y").expect("find").user, "anna");
        assert_eq!(find(conn, &[set], "/").expect("the root").kind, "directory");
    }

    #[test]
    fn a_chain_shows_the_newest_of_each_and_hides_what_is_gone() {
        let mut catalog = Catalog::empty();
        let full = catalog.filled(None, &["d/", "d/a", "d/b", "d/c"], &[]);
        let second = catalog.filled(Some(full), &["d/b"], &["d/c"]);
        let third = catalog.filled(Some(second), &["d/c"], &["d/a"]);
        let chain = [third, second, full];
        assert_eq!(names(&catalog, &chain, "d"), [format!("b {second}"), format!("c {third}")]);
        assert_eq!(names(&catalog, &chain[1..], "d"), [format!("a {full}"), format!("b {second}")]);
        assert_eq!(find(&mut catalog.db.conn(), &chain, "d/a").expect_err("gone").code, "not_found");
    }

    #[test]
    fn what_was_in_a_directory_that_went_stays_gone() {
        let mut catalog = Catalog::empty();
        let full = catalog.filled(None, &["d/", "d/old", "d/sub/", "d/sub/old"], &[]);
        let without = catalog.filled(Some(full), &[], &["d"]);
        let again = catalog.filled(Some(without), &["d/", "d/new", "d/sub/"], &[]);
        let chain = [again, without, full];
        assert_eq!(names(&catalog, &chain, "d"), [format!("sub {again}"), format!("new {again}")]);
        assert!(names(&catalog, &chain, "d/sub").is_empty());
        let conn = &mut *catalog.db.conn();
        assert_eq!(list(conn, &chain[1..], "d", Page::first(9)).expect_err("gone").code, "not_found");
        assert_eq!(find(conn, &chain, "d/sub/old").expect_err("gone").code, "not_found");
        assert_eq!(find(conn, &[full], "d/sub/old").expect("then").backup_set_id, full);
    }

    #[test]
    fn a_file_in_the_place_of_a_directory_hides_it() {
        let mut catalog = Catalog::empty();
        let full = catalog.filled(None, &["d/", "d/old"], &[]);
        let replaced = catalog.filled(Some(full), &["d"], &[]);
        assert_eq!(names(&catalog, &[replaced, full], ""), [format!("d {replaced}")]);
        let listed = list(&mut catalog.db.conn(), &[replaced, full], "d", Page::first(9));
        assert_eq!(listed.expect_err("a file").code, "not_found");
    }
}
