//! What was there before: the state of a source as of a set, directory by directory, for the comparison of an
//! incremental backup.
//!
//! Asked in the order of a walk (a directory before what is in it), a directory costs one lookup and one range per
//! set of the chain that has anything in it, whatever the length of the chain. Memory does not grow with the source.

use super::kind;
use super::layers::{self, Chain, Depth};
use crate::Result;
use crate::backup::diff::BaselineEntry;
use crate::db::schema::{catalog_owners, catalog_versions};
use crate::db::{Conn, DbPool};
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, PooledConnection};
use std::collections::HashMap;
use tape_format::path_text::{from_text, to_text};

/// Child directories whose cut is remembered from the listing of their parent.
const MOST_CUTS: usize = 100_000;

/// The state of a source as of the first set of a chain. Keeps one connection of the pool for itself.
pub struct Baseline {
    conn: PooledConnection<ConnectionManager<Conn>>,
    chain: Chain,
    /// Cuts of directories that were listed by their parent and not asked for yet.
    cuts: HashMap<String, Depth>,
    owners: HashMap<i32, (u32, u32)>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = catalog_versions)]
struct Row {
    name: String,
    kind: i32,
    size: i64,
    mode: i32,
    owner_id: i32,
    mtime_ns: i64,
    ctime_ns: i64,
    inode: i64,
}

impl Baseline {
    /// The state as of a chain, newest set first, as [`super::chain::of`] gives it.
    pub fn new(pool: &DbPool, chain: &[i32]) -> Result<Self> {
        Ok(Baseline { conn: pool.get()?, chain: Chain::new(chain), cuts: HashMap::new(), owners: HashMap::new() })
    }

    fn list(&mut self, dir: &str) -> Result<Vec<BaselineEntry>> {
        let conn = &mut *self.conn;
        let cut = match self.cuts.remove(dir) {
            Some(cut) => cut,
            None => layers::cut_of(conn, &self.chain, dir)?,
        };
        let Some(found) = layers::of_dir(conn, &self.chain, dir, cut)? else { return Ok(Vec::new()) };
        let merged = layers::merge(&found, |set, dir_id| {
            let rows: Vec<Row> = catalog_versions::table
                .filter(catalog_versions::set_id.eq(set).and(catalog_versions::dir_id.eq(dir_id)))
                .order(catalog_versions::name)
                .select(Row::as_select())
                .load(conn)?;
            Ok(rows.into_iter().map(|row| (row.name.clone(), row.kind, row)).collect())
        })?;
        let own: HashMap<String, Depth> = merged.cuts.into_iter().collect();
        let mut entries = Vec::with_capacity(merged.entries.len());
        for (name, row) in merged.entries {
            let Some(member_kind) = kind::from_code(row.kind) else { continue };
            if row.kind == kind::DIRECTORY && self.chain.uncut() > 1 && self.cuts.len() < MOST_CUTS {
                let child = own.get(&name).copied().unwrap_or(cut);
                self.cuts.insert(super::path::join(dir, &name), child);
            }
            let (uid, gid) = self.owner(row.owner_id)?;
            entries.push(BaselineEntry {
                name: from_text(&name).into_owned(),
                kind: member_kind,
                size: u64::try_from(row.size).unwrap_or(0),
                mtime_ns: row.mtime_ns,
                ctime_ns: row.ctime_ns,
                inode: row.inode.cast_unsigned(),
                mode: u32::try_from(row.mode).unwrap_or(0),
                uid,
                gid,
            });
        }
        // The order of text is that of bytes except where bytes are no UTF-8.
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn owner(&mut self, id: i32) -> Result<(u32, u32)> {
        if let Some(known) = self.owners.get(&id) {
            return Ok(*known);
        }
        let (uid, gid): (i64, i64) = catalog_owners::table
            .find(id)
            .select((catalog_owners::uid, catalog_owners::gid))
            .first(&mut *self.conn)
            .optional()?
            .unwrap_or((-1, -1));
        // A number that is no user's compares as different, so the file is backed up again.
        let owner = (u32::try_from(uid).unwrap_or(u32::MAX), u32::try_from(gid).unwrap_or(u32::MAX));
        self.owners.insert(id, owner);
        Ok(owner)
    }
}

impl crate::backup::diff::Baseline for Baseline {
    fn children(&mut self, dir: &[u8]) -> Result<Vec<BaselineEntry>> {
        let text = to_text(dir);
        self.list(super::path::normal(&text))
            .map_err(|error| error.context(format_args!("reading what was in '{text}' at the last backup")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::diff::Baseline as _;
    use crate::catalog::testing::{Catalog, file};

    fn names(entries: &[BaselineEntry]) -> Vec<String> {
        entries.iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned()).collect()
    }

    #[test]
    fn the_state_of_a_chain_is_listed_directory_by_directory() {
        let mut catalog = Catalog::empty();
        let full = catalog.filled(None, &["./", "d/", "d/sub/", "d/sub/old", "d/a", "x"], &[]);
        let second = catalog.filled(Some(full), &[], &["d/sub"]);
        let third = catalog.filled(Some(second), &["d/sub/", "d/sub/new", "x"], &["d/a"]);
        let mut baseline = Baseline::new(&catalog.db.pool, &[third, second, full]).expect("baseline");
        assert_eq!(names(&baseline.children(b"").expect("root")), [".", "d", "x"]);
        assert_eq!(names(&baseline.children(b"d").expect("d")), ["sub"]);
        assert_eq!(names(&baseline.children(b"d/sub").expect("sub")), ["new"]);
        assert!(baseline.children(b"nothing").expect("none").is_empty());
        let mut directly = Baseline::new(&catalog.db.pool, &[third, second, full]).expect("baseline");
        assert_eq!(names(&directly.children(b"d/sub").expect("without its parent first")), ["new"]);
    }

    #[test]
    fn names_that_are_no_text_come_back_as_they_were_and_sorted() {
        let mut catalog = Catalog::empty();
        let set = catalog.set(None);
        let mut members = Vec::new();
        for (offset, name) in [&b"d/\xff"[..], "d/\u{FFFD}".as_bytes(), b"d/a"].iter().enumerate() {
            let mut member = file("d/x", 3);
            member.path = name.to_vec();
            member.tar_offset = offset as u64 * 1024;
            members.push((member, 1));
        }
        catalog.writer.insert(set, 1, &members).expect("insert");
        catalog.complete(set);
        let mut baseline = Baseline::new(&catalog.db.pool, &[set]).expect("baseline");
        let entries = baseline.children(b"d").expect("list");
        let seen: Vec<_> = entries.iter().map(|entry| entry.name.as_slice()).collect();
        assert_eq!(seen, [b"a", "\u{FFFD}".as_bytes(), b"\xff"]);
        let first = &entries[0];
        assert_eq!((first.size, first.inode, first.uid, first.mode), (3, u64::MAX - 7, 1000, 0o644));
    }
}
