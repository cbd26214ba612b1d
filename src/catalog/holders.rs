//! Which sets hold the content of the files of a state: for counting copies.
//!
//! A set holds a file if it has the same path with the same SHA-256, whether it is one of the state's own chain, an older
//! full set, a set of another job of the same source, or a copy on other tapes. Files are not listed but put together by
//! who holds them: of ten million files that are a few hundred groups, each with a count and bytes. The groups stay true
//! whatever happens to tapes later; what they are worth is judged by those who know the tapes.

use super::kind;
use super::layers::{self, Chain};
use super::walk;
use crate::Result;
use crate::db::Conn;
use crate::db::schema::{catalog_dir_sets, catalog_versions};
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};
use tape_format::MemberKind;

/// A set, and the part of it in which files begin.
pub type Holder = (i32, i32);

/// Files that the same parts of sets hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The parts that hold each of them, in order.
    pub holders: Vec<Holder>,
    /// How many files.
    pub files: i64,
    /// Their bytes.
    pub bytes: i64,
}

type Rows = Vec<(String, i32, i64, Option<Vec<u8>>, i32)>;

/// The files of the state that a chain (newest set first) makes, by which of `sets` hold them. Reads as many rows as those
/// sets have, in small steps: `go_on` is asked before each directory, and if it says no there is no answer.
pub fn of_state(
    conn: &mut Conn,
    chain: &[i32],
    sets: &HashSet<i32>,
    mut go_on: impl FnMut() -> bool,
) -> Result<Option<Vec<Holding>>> {
    let mut groups: HashMap<Vec<Holder>, (i64, i64)> = HashMap::new();
    let mut stopped = false;
    walk::subtree(conn, &Chain::new(chain), "", |conn, found| {
        stopped = stopped || !go_on();
        if stopped {
            return Ok(Vec::new());
        }
        let there: Vec<i32> = catalog_dir_sets::table
            .filter(catalog_dir_sets::dir_id.eq(found.dir_id))
            .select(catalog_dir_sets::set_id)
            .load(conn)?;
        let mut all: HashMap<i32, Rows> = HashMap::new();
        for set in there.into_iter().filter(|set| sets.contains(set) || chain.contains(set)) {
            all.insert(set, rows(conn, set, found.dir_id)?);
        }
        let mut contents: HashMap<(&str, &[u8]), Vec<Holder>> = HashMap::new();
        for (set, rows) in all.iter().filter(|(set, _)| sets.contains(set)) {
            for (name, code, _, sha256, part) in rows {
                if let (true, Some(sha256)) = (is_file(*code), sha256) {
                    contents.entry((name, sha256)).or_default().push((*set, *part));
                }
            }
        }
        let merged = layers::merge(found, |set, _| {
            let rows = all.get(&set).map(Vec::as_slice).unwrap_or_default();
            Ok(rows.iter().map(|(name, code, size, sha256, _)| (name.clone(), *code, (*code, *size, sha256))).collect())
        })?;
        for (name, (code, size, sha256)) in &merged.entries {
            let Some(sha256) = sha256.as_ref().filter(|_| is_file(*code)) else { continue };
            let mut holders = contents.remove(&(name.as_str(), sha256.as_slice())).unwrap_or_default();
            holders.sort_unstable();
            let group = groups.entry(holders).or_default();
            group.0 += 1;
            group.1 += size;
        }
        Ok(merged.cuts)
    })?;
    let holding = |(holders, (files, bytes))| Holding { holders, files, bytes };
    Ok((!stopped).then(|| groups.into_iter().map(holding).collect()))
}

fn is_file(code: i32) -> bool {
    kind::from_code(code) == Some(MemberKind::File)
}

fn rows(conn: &mut Conn, set: i32, dir_id: i64) -> Result<Rows> {
    Ok(catalog_versions::table
        .filter(catalog_versions::set_id.eq(set).and(catalog_versions::dir_id.eq(dir_id)))
        .order(catalog_versions::name)
        .select((
            catalog_versions::name,
            catalog_versions::kind,
            catalog_versions::size,
            catalog_versions::sha256,
            catalog_versions::part,
        ))
        .load(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{Catalog, file};

    fn holdings(catalog: &Catalog, chain: &[i32], sets: &[i32]) -> Vec<(Vec<i32>, i64)> {
        let sets = sets.iter().copied().collect();
        let found = of_state(&mut catalog.db.conn(), chain, &sets, || true).unwrap().unwrap();
        let mut found: Vec<_> = found
            .into_iter()
            .map(|holding| (holding.holders.into_iter().map(|(set, _)| set).collect(), holding.files))
            .collect();
        found.sort();
        found
    }

    #[test]
    fn a_file_is_held_by_every_set_that_has_its_content() {
        let mut catalog = Catalog::empty();
        let old = catalog.filled(None, &["d/", "d/same", "d/gone", "d/changed"], &[]);
        let full = catalog.filled(None, &["d/", "d/same", "d/changed", "d/sub/", "d/sub/new"], &[]);
        let set = catalog.set(Some(full));
        let mut other = file("d/changed", 9);
        other.sha256 = Some([9; 32]);
        catalog.writer.insert(set, 2, &[(other, 0)]).unwrap();
        catalog.writer.finish(set).unwrap();
        catalog.complete(set);
        let all = [old, full, set];
        assert_eq!(
            holdings(&catalog, &[set, full], &all),
            [(vec![old, full], 1), (vec![full], 1), (vec![set], 1)],
            "same is in both full sets, new in one, changed only as it is now"
        );
        assert_eq!(holdings(&catalog, &[set, full], &[full, set]), [(vec![full], 2), (vec![set], 1)]);
        assert_eq!(holdings(&catalog, &[set, full], &[]), [(vec![], 3)]);
        let found = of_state(&mut catalog.db.conn(), &[set], &HashSet::from([set]), || true).unwrap().unwrap();
        assert_eq!(found, [Holding { holders: vec![(set, 2)], files: 1, bytes: 9 }]);
    }

    #[test]
    fn what_is_gone_or_under_something_that_is_gone_does_not_count() {
        let mut catalog = Catalog::empty();
        let full = catalog.filled(None, &["d/", "d/a", "d/sub/", "d/sub/b", "keep"], &[]);
        let next = catalog.filled(Some(full), &[], &["d"]);
        assert_eq!(holdings(&catalog, &[next, full], &[full, next]), [(vec![full], 1)]);
    }

    #[test]
    fn counting_can_be_stopped() {
        let mut catalog = Catalog::empty();
        let full = catalog.filled(None, &["a"], &[]);
        let found = of_state(&mut catalog.db.conn(), &[full], &HashSet::from([full]), || false).unwrap();
        assert!(found.is_none());
    }
}
