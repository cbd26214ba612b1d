//! Searching all paths of all sets.
//!
//! The index names groups of paths that may match; the names in them are compared one by one. Work per call is
//! limited ([`MOST_GROUPS`], [`MOST_NAMES`]), not only the number of hits: a pattern that the index cannot narrow down
//! gives what was found so far and where to go on, instead of keeping everybody waiting.

use super::lookup::{self, Version};
use super::path;
use super::trigrams::Pattern;
use crate::db::Conn;
use crate::db::schema::{catalog_dirs, catalog_names};
use crate::db::whereabouts::Places;
use crate::{Error, Result};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use serde::Serialize;
use std::str::FromStr;

/// Groups looked into per call.
const MOST_GROUPS: usize = 4096;

/// Names compared per call when the index cannot help.
const MOST_NAMES: usize = 100_000;

/// Groups and names fetched at a time.
const GROUPS_AT_ONCE: i64 = 256;
const NAMES_AT_ONCE: i64 = 4096;

/// Versions given with each hit.
const VERSIONS_PER_HIT: i64 = 10;

/// Most hits of one page.
pub const MOST_HITS: usize = 1000;

/// One page of hits.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Found {
    /// Paths that match.
    pub hits: Vec<Hit>,
    /// Where to go on; absent = that was all. There may be more even when a page is short or empty.
    pub next: Option<String>,
}

/// A path that matches.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Hit {
    /// The path, in its source.
    pub path: String,
    /// The source: the same path in another source is another hit.
    pub source_id: i32,
    /// Its name.
    pub source_name: String,
    /// Its newest versions, newest first, with their sets and tapes.
    pub versions: Vec<Version>,
}

/// Where a search goes on: behind this name of this group (or of this directory, when the index could not help).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Cursor {
    place: i64,
    behind: String,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.place, self.behind)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::bad_request(format!("'{text}' is no place where a search stopped"));
        let (place, behind) = text.split_once(':').ok_or_else(wrong)?;
        Ok(Cursor { place: place.parse().map_err(|_| wrong())?, behind: behind.to_owned() })
    }
}

/// Paths that match `text`: it occurs in the path, or, when it has `*` or `?`, is a pattern for the path or its name
/// (see [`Pattern::new`]). At most `limit` paths, behind `from` (the `next` of the page before); each is a hit for every source
/// that has it.
pub fn search(conn: &mut Conn, text: &str, from: Option<&str>, limit: usize) -> Result<Found> {
    if text.is_empty() {
        return Err(Error::bad_request("search pattern required"));
    }
    let from = match from {
        Some(text) => text.parse()?,
        None => Cursor { place: 0, behind: String::new() },
    };
    let limit = limit.clamp(1, MOST_HITS);
    let pattern = Pattern::new(text);
    // One snapshot, and its lock taken once.
    conn.transaction(|conn| {
        let (matches, next) = match pattern.query() {
            Some(query) => in_groups(conn, &pattern, &query, from, limit)?,
            None => in_all(conn, &pattern, from, limit)?,
        };
        let mut hits = Vec::with_capacity(matches.len());
        let mut places = Places::default();
        for found in matches {
            let versions = lookup::of_name(conn, found.dir_id, &found.name, VERSIONS_PER_HIT, &mut places)?;
            hits.extend(by_source(&path::join(&found.dir, &found.name), versions));
        }
        Ok(Found { hits, next: next.map(|cursor| cursor.to_string()) })
    })
}

/// A hit for each source that has the path; the one that was backed up last comes first.
fn by_source(path: &str, versions: Vec<Version>) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    for version in versions {
        match hits.iter_mut().find(|hit| hit.source_id == version.source_id) {
            Some(hit) => hit.versions.push(version),
            None => hits.push(Hit {
                path: path.to_owned(),
                source_id: version.source_id,
                source_name: version.source_name.clone(),
                versions: vec![version],
            }),
        }
    }
    hits
}

struct Match {
    dir_id: i64,
    dir: String,
    name: String,
}

/// A document that may match; of a group that was dropped only the number is left.
#[derive(QueryableByName)]
struct Document {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    dir_id: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    dir: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    first_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    last_name: Option<String>,
}

const DOCUMENTS: &str = "SELECT f.id, g.dir_id, d.path AS dir, g.first_name, g.last_name \
     FROM (SELECT rowid AS id FROM catalog_search WHERE catalog_search MATCH ? AND rowid >= ? ORDER BY rowid LIMIT ?) f \
     LEFT JOIN catalog_search_groups g ON g.id = f.id LEFT JOIN catalog_dirs d ON d.id = g.dir_id ORDER BY f.id";

type Matches = (Vec<Match>, Option<Cursor>);

fn in_groups(conn: &mut Conn, pattern: &Pattern, query: &str, from: Cursor, limit: usize) -> Result<Matches> {
    let mut matches = Vec::new();
    let (mut at, mut behind) = (from.place, from.behind);
    let mut looked_at = 0;
    while looked_at < MOST_GROUPS {
        let documents: Vec<Document> = diesel::sql_query(DOCUMENTS)
            .bind::<Text, _>(query)
            .bind::<BigInt, _>(at)
            .bind::<BigInt, _>(GROUPS_AT_ONCE)
            .load(conn)?;
        let Some(last) = documents.last().map(|document| document.id) else { return Ok((matches, None)) };
        looked_at += documents.len();
        for document in documents {
            let (Some(dir_id), Some(dir)) = (document.dir_id, document.dir) else { continue };
            let (Some(first), Some(end)) = (document.first_name, document.last_name) else { continue };
            let names: Vec<String> = catalog_names::table
                .filter(catalog_names::dir_id.eq(dir_id).and(catalog_names::group_id.eq(document.id)))
                .filter(catalog_names::name.between(first, end))
                .order(catalog_names::name)
                .select(catalog_names::name)
                .load(conn)?;
            let here = pattern.in_dir(&dir);
            for name in names {
                if (document.id == at && name <= behind) || !here.matches(&name) {
                    continue;
                }
                matches.push(Match { dir_id, dir: dir.clone(), name: name.clone() });
                if matches.len() >= limit {
                    return Ok((matches, Some(Cursor { place: document.id, behind: name })));
                }
            }
        }
        (at, behind) = (last + 1, String::new());
    }
    Ok((matches, Some(Cursor { place: at, behind })))
}

/// Patterns without three characters in a row: every name, in the order of the table, for as long as is fair.
fn in_all(conn: &mut Conn, pattern: &Pattern, from: Cursor, limit: usize) -> Result<Matches> {
    let mut matches = Vec::new();
    let (mut dir_id, mut behind) = (from.place, from.behind);
    let mut looked_at = 0;
    while looked_at < MOST_NAMES {
        let rest = catalog_names::dir_id.eq(dir_id).and(catalog_names::name.gt(&behind));
        let mut names: Vec<(i64, String)> = catalog_names::table
            .filter(rest)
            .order(catalog_names::name)
            .limit(NAMES_AT_ONCE)
            .select((catalog_names::dir_id, catalog_names::name))
            .load(conn)?;
        if names.is_empty() {
            names = catalog_names::table
                .filter(catalog_names::dir_id.gt(dir_id))
                .order((catalog_names::dir_id, catalog_names::name))
                .limit(NAMES_AT_ONCE)
                .select((catalog_names::dir_id, catalog_names::name))
                .load(conn)?;
        }
        if names.is_empty() {
            return Ok((matches, None));
        }
        looked_at += names.len();
        for of_dir in names.chunk_by(|a, b| a.0 == b.0) {
            let Some(id) = of_dir.first().map(|first| first.0) else { continue };
            let dir = catalog_dirs::table.find(id).select(catalog_dirs::path).first(conn).optional()?;
            let dir: String = dir.unwrap_or_default();
            let here = pattern.in_dir(&dir);
            for (_, name) in of_dir.iter().filter(|(_, name)| here.matches(name)) {
                matches.push(Match { dir_id: id, dir: dir.clone(), name: name.clone() });
                if matches.len() >= limit {
                    return Ok((matches, Some(Cursor { place: id, behind: name.clone() })));
                }
            }
        }
        if let Some(last) = names.pop() {
            (dir_id, behind) = last;
        }
    }
    Ok((matches, Some(Cursor { place: dir_id, behind })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::Catalog;

    fn indexed(catalog: &mut Catalog, parent: Option<i32>, members: &[&str], deleted: &[&str]) -> i32 {
        let set = catalog.filled(parent, members, deleted);
        catalog.writer.index(set).expect("index");
        set
    }

    fn all(catalog: &Catalog, text: &str, limit: usize) -> Vec<String> {
        let mut paths = Vec::new();
        let mut from: Option<String> = None;
        loop {
            let found = search(&mut catalog.db.conn(), text, from.as_deref(), limit).expect("search");
            paths.extend(found.hits.into_iter().map(|hit| hit.path));
            match found.next {
                Some(next) => from = Some(next),
                None => return paths,
            }
        }
    }

    #[test]
    fn parts_of_paths_are_found_whatever_their_case() {
        let mut catalog = Catalog::empty();
        let full = indexed(&mut catalog, None, &["etc/", "etc/passwd", "etc/Über.txt", "x"], &[]);
        let second = indexed(&mut catalog, Some(full), &["etc/passwd", "etc/passwd-"], &[]);
        assert_eq!(all(&catalog, "PASSW", 9), ["etc/passwd", "etc/passwd-"]);
        assert_eq!(all(&catalog, "tc/pas", 9), ["etc/passwd", "etc/passwd-"]);
        assert_eq!(all(&catalog, "über", 9), ["etc/Über.txt"]);
        assert_eq!(all(&catalog, "*.txt", 9), ["etc/Über.txt"]);
        assert_eq!(all(&catalog, "passw?", 9), ["etc/passwd"]);
        assert_eq!(all(&catalog, "x", 9), ["x", "etc/Über.txt"], "too short for the index");
        assert!(all(&catalog, "absent", 9).is_empty());
        let found = search(&mut catalog.db.conn(), "etc/passwd", None, 1).expect("search");
        let sets: Vec<_> = found.hits[0].versions.iter().map(|version| version.backup_set_id).collect();
        assert_eq!(sets, [second, full]);
        assert_eq!(found.hits[0].versions[0].tape_label, "A00001");
    }

    #[test]
    fn the_same_path_in_two_sources_is_two_hits() {
        let mut catalog = Catalog::empty();
        let first = indexed(&mut catalog, None, &["etc/passwd"], &[]);
        let other = crate::db::testing::job(&mut catalog.db.conn(), "elsewhere");
        let mut newer = Vec::new();
        // more versions than a hit shows: they must not hide the other source
        for _ in 0..VERSIONS_PER_HIT + 2 {
            let set = catalog.of_job(&other, &["etc/passwd", "etc/passwd-"]);
            catalog.writer.index(set).expect("index");
            newer.insert(0, set);
        }
        let found = search(&mut catalog.db.conn(), "etc/passwd", None, 1).expect("search");
        let seen: Vec<_> = found
            .hits
            .iter()
            .map(|hit| {
                let sets: Vec<i32> = hit.versions.iter().map(|version| version.backup_set_id).collect();
                (hit.path.as_str(), hit.source_id == other.source_id, sets)
            })
            .collect();
        let newest = newer[..VERSIONS_PER_HIT as usize].to_vec();
        assert_eq!(seen, [("etc/passwd", true, newest), ("etc/passwd", false, vec![first])]);
        assert_ne!(found.hits[0].source_name, found.hits[1].source_name);
        let next = search(&mut catalog.db.conn(), "etc/passwd", found.next.as_deref(), 1).expect("search");
        assert_eq!(next.hits.iter().map(|hit| hit.path.as_str()).collect::<Vec<_>>(), ["etc/passwd-"]);
    }

    #[test]
    fn pages_go_on_where_they_stopped_without_repeating() {
        let mut catalog = Catalog::empty();
        let paths: Vec<String> = (0..300).map(|number| format!("d/file{number:03}")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        indexed(&mut catalog, None, &paths, &[]);
        for limit in [7, 64, 100] {
            assert_eq!(all(&catalog, "file", limit), paths, "{limit}");
            assert_eq!(all(&catalog, "e1", limit).len(), 100, "{limit}");
        }
        let error = search(&mut catalog.db.conn(), "file", Some("nonsense"), 9).expect_err("cursor");
        assert_eq!(error.code, "bad_request");
    }

    #[test]
    fn dropped_paths_are_not_found_and_strange_patterns_do_no_harm() {
        let mut catalog = Catalog::empty();
        let full = indexed(&mut catalog, None, &["d/keep", "d/it's \"quoted\""], &[]);
        let second = indexed(&mut catalog, Some(full), &["d/dropped", "e/dropped"], &[]);
        assert_eq!(all(&catalog, "\"quoted", 9), ["d/it's \"quoted\""]);
        catalog.writer.discard(second).expect("discard");
        assert!(all(&catalog, "dropped", 9).is_empty());
        assert_eq!(all(&catalog, "keep", 9), ["d/keep"]);
        assert!(all(&catalog, "AND OR NOT ( * ^", 9).is_empty());
        assert_eq!(search(&mut catalog.db.conn(), "", None, 9).expect_err("empty").message, "search pattern required");
    }
}
