//! The one connection that writes the catalog.
//!
//! Owned by the catalog's thread. Each call is one transaction, so a batch should be some thousands of rows. While a
//! set is filled, commits do not wait for the disk: its rows count only once the set is `completed`, that commit (of
//! the pool) flushes the same log file, and until then the tape's table of contents has them all.
//! [`CatalogWriter::finish`] makes them durable by itself.
//!
//! References are not checked on this connection, which saves a lookup per row; it makes the directories and owners
//! itself, and checks a set's existence when it first sees it.

use super::kind;
use super::{discard, index};
use crate::db::returned::Returned;
use crate::db::schema::{catalog_dir_sets, catalog_dirs, catalog_owners, catalog_versions};
use crate::db::{self, Conn, write_transaction};
use crate::{Error, Result};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use std::collections::HashMap;
use std::path::Path;
use tape_format::MemberRecord;
use tape_format::path_text::to_text;

/// Directories remembered; beyond that all are forgotten and looked up again.
const MOST_DIRS: usize = 20_000;

/// Rows of one INSERT: 16 values each, and SQLite takes 32 766. A statement of so many rows is prepared once; one of another
/// number is parsed each time, which takes as long as running it.
const ROWS_PER_INSERT: usize = 128;

const WRITER_PRAGMAS: &str = "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -65536; \
     PRAGMA wal_autocheckpoint = 8000;";

/// Writes, indexes and drops catalog rows.
pub struct CatalogWriter {
    conn: Conn,
    names: Names,
}

/// Whether a stepwise job has more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Call again.
    More,
    /// Done.
    Done,
}

#[derive(Insertable)]
#[diesel(table_name = catalog_versions, treat_none_as_default_value = false)]
struct NewVersion {
    set_id: i32,
    dir_id: i64,
    name: String,
    kind: i32,
    size: i64,
    mode: i32,
    owner_id: i32,
    mtime_ns: i64,
    ctime_ns: i64,
    inode: i64,
    sha256: Option<Vec<u8>>,
    tar_offset: i64,
    tar_length: i64,
    part: i32,
    block: i64,
    link: Option<String>,
}

impl CatalogWriter {
    /// A writer for the database at `path`, which must be migrated already.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let mut conn = db::open_one(path)?;
        conn.batch_execute(WRITER_PRAGMAS)?;
        Ok(CatalogWriter { conn, names: Names::default() })
    }

    /// The connection, for other things that only the writer does.
    pub(super) fn connection(&mut self) -> &mut Conn {
        self.names.forget();
        &mut self.conn
    }

    /// Adds members of part `part` of a set, each with the block in which its frame begins. A member that is there
    /// already (written again on the next tape after an error) is replaced.
    pub fn insert(&mut self, set_id: i32, part: i32, records: &[(MemberRecord, u64)]) -> Result<()> {
        self.transaction(set_id, |conn, names| {
            for chunk in records.chunks(ROWS_PER_INSERT) {
                let mut rows = Vec::with_capacity(chunk.len());
                for (record, block) in chunk {
                    let (dir_id, name) = names.place(conn, set_id, &record.path)?;
                    rows.push(NewVersion {
                        set_id,
                        dir_id,
                        name: to_text(name).into_owned(),
                        kind: kind::to_code(&record.kind),
                        size: positive(record.size),
                        mode: (record.mode & 0o7777) as i32,
                        owner_id: names.owner(conn, record)?,
                        mtime_ns: record.mtime_ns,
                        ctime_ns: record.ctime_ns,
                        inode: record.inode.cast_signed(),
                        sha256: record.sha256.map(|hash| hash.to_vec()),
                        tar_offset: positive(record.tar_offset),
                        tar_length: positive(record.tar_length),
                        part,
                        block: positive(*block),
                        link: record.link.as_deref().map(|link| to_text(link).into_owned()),
                    });
                }
                match <[NewVersion; ROWS_PER_INSERT]>::try_from(rows) {
                    Ok(rows) => diesel::replace_into(catalog_versions::table).values(rows).execute(conn)?,
                    Err(rows) => diesel::replace_into(catalog_versions::table).values(rows).execute(conn)?,
                };
            }
            Ok(())
        })
    }

    /// Records paths that were there in the parent of a set and are gone.
    pub fn insert_deleted(&mut self, set_id: i32, paths: &[Vec<u8>]) -> Result<()> {
        self.transaction(set_id, |conn, names| {
            for chunk in paths.chunks(ROWS_PER_INSERT) {
                let mut rows = Vec::with_capacity(chunk.len());
                for path in chunk {
                    let (dir_id, name) = names.place(conn, set_id, path)?;
                    rows.push(NewVersion {
                        set_id,
                        dir_id,
                        name: to_text(name).into_owned(),
                        kind: kind::DELETED,
                        size: 0,
                        mode: 0,
                        owner_id: 0,
                        mtime_ns: 0,
                        ctime_ns: 0,
                        inode: 0,
                        sha256: None,
                        tar_offset: 0,
                        tar_length: 0,
                        part: 0,
                        block: 0,
                        link: None,
                    });
                }
                diesel::insert_or_ignore_into(catalog_versions::table).values(&rows).execute(conn)?;
            }
            Ok(())
        })
    }

    /// All rows of the set that were inserted are on disk when this returns.
    pub fn finish(&mut self, set_id: i32) -> Result<()> {
        self.conn.batch_execute("PRAGMA synchronous = FULL")?;
        let begun = index::begin(&mut self.conn, set_id);
        self.conn.batch_execute("PRAGMA synchronous = NORMAL")?;
        begun
    }

    /// Drops all rows of a set, and paths that no other set has. May be repeated.
    pub fn discard(&mut self, set_id: i32) -> Result<()> {
        while self.discard_step(set_id)? == Progress::More {}
        Ok(())
    }

    /// A bit of [`CatalogWriter::discard`]: one short transaction.
    pub fn discard_step(&mut self, set_id: i32) -> Result<Progress> {
        self.names.forget();
        discard::step(&mut self.conn, set_id)
    }

    /// Drops what a part of a set brought that is not recorded as a part.
    pub fn discard_part(&mut self, set_id: i32, part: i32) -> Result<()> {
        discard::part(&mut self.conn, set_id, part)
    }

    /// Drops what parts of a set brought that were never recorded.
    pub fn discard_strays(&mut self, set_id: i32) -> Result<()> {
        discard::strays(&mut self.conn, set_id)
    }

    /// Makes the paths of a set searchable. Goes on where it was interrupted; may be repeated.
    pub fn index(&mut self, set_id: i32) -> Result<()> {
        while self.index_step(set_id)? == Progress::More {}
        Ok(())
    }

    /// A bit of [`CatalogWriter::index`]: one short transaction.
    pub fn index_step(&mut self, set_id: i32) -> Result<Progress> {
        index::step(&mut self.conn, set_id)
    }

    /// Completed sets whose paths are not all searchable yet, oldest first: what to [`CatalogWriter::index`] after a
    /// start.
    pub fn unindexed(&mut self) -> Result<Vec<i32>> {
        index::pending(&mut self.conn)
    }

    fn transaction(&mut self, set_id: i32, work: impl FnOnce(&mut Conn, &mut Names) -> Result<()>) -> Result<()> {
        let names = &mut self.names;
        let result = write_transaction(&mut self.conn, |conn| {
            if names.set != Some(set_id) {
                db::sets::find(conn, set_id)?;
                names.set = Some(set_id);
            }
            work(conn, names)
        });
        if result.is_err() {
            // Ids that were given out in a transaction that was rolled back do not exist.
            names.forget();
        }
        result.map_err(|error| error.context(format_args!("writing the catalog of backup set {set_id}")))
    }
}

/// What SQLite can hold of a size or position; larger ones do not occur on a medium.
fn positive(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Ids of directories and owners that were seen lately.
#[derive(Default)]
struct Names {
    set: Option<i32>,
    dirs: HashMap<Vec<u8>, Dir>,
    last: Option<(Vec<u8>, Dir)>,
    owners: HashMap<(u32, u32, String, String), i32>,
    last_owner: Option<((u32, u32, String, String), i32)>,
}

#[derive(Clone, Copy)]
struct Dir {
    id: i64,
    /// The set for which it is known that (directory, set) is recorded.
    set: i32,
}

impl Names {
    fn forget(&mut self) {
        *self = Names::default();
    }

    /// Directory id and name of a path.
    fn place<'p>(&mut self, conn: &mut Conn, set_id: i32, path: &'p [u8]) -> Result<(i64, &'p [u8])> {
        let (dir, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()),
            None => (&[][..], path),
        };
        if name.is_empty() {
            return Err(Error::internal(format!("a member without a name: '{}'", to_text(path))));
        }
        if let Some((last, known)) = &self.last
            && known.set == set_id
            && last == dir
        {
            return Ok((known.id, name));
        }
        let known = match self.dirs.get(dir) {
            Some(known) if known.set == set_id => *known,
            known => {
                let id = match known {
                    Some(known) => known.id,
                    None => dir_id(conn, dir)?,
                };
                let row = (catalog_dir_sets::dir_id.eq(id), catalog_dir_sets::set_id.eq(set_id));
                diesel::insert_or_ignore_into(catalog_dir_sets::table).values(row).execute(conn)?;
                let known = Dir { id, set: set_id };
                if self.dirs.len() >= MOST_DIRS {
                    self.dirs.clear();
                }
                self.dirs.insert(dir.to_vec(), known);
                known
            }
        };
        self.last = Some((dir.to_vec(), known));
        Ok((known.id, name))
    }

    fn owner(&mut self, conn: &mut Conn, record: &MemberRecord) -> Result<i32> {
        let same = |(uid, gid, user, group): &(u32, u32, String, String)| {
            *uid == record.uid && *gid == record.gid && *user == record.user && *group == record.group
        };
        if let Some((key, id)) = &self.last_owner
            && same(key)
        {
            return Ok(*id);
        }
        let key = (record.uid, record.gid, record.user.clone(), record.group.clone());
        let id = match self.owners.get(&key) {
            Some(id) => *id,
            None => owner_id(conn, record)?,
        };
        if self.owners.len() >= MOST_DIRS {
            self.owners.clear();
        }
        self.owners.insert(key.clone(), id);
        self.last_owner = Some((key, id));
        Ok(id)
    }
}

fn dir_id(conn: &mut Conn, dir: &[u8]) -> Result<i64> {
    let path = to_text(dir);
    let known = catalog_dirs::table.filter(catalog_dirs::path.eq(path.as_ref())).select(catalog_dirs::id).first(conn);
    match known.optional()? {
        Some(id) => Ok(id),
        None => Ok(diesel::insert_into(catalog_dirs::table)
            .values(catalog_dirs::path.eq(path.as_ref()))
            .returning(catalog_dirs::id)
            .returned(conn)?),
    }
}

fn owner_id(conn: &mut Conn, record: &MemberRecord) -> Result<i32> {
    let (uid, gid) = (i64::from(record.uid), i64::from(record.gid));
    let known = catalog_owners::table
        .filter(catalog_owners::uid.eq(uid).and(catalog_owners::gid.eq(gid)))
        .filter(catalog_owners::user_name.eq(&record.user).and(catalog_owners::group_name.eq(&record.group)))
        .select(catalog_owners::id)
        .first(conn);
    match known.optional()? {
        Some(id) => Ok(id),
        None => Ok(diesel::insert_into(catalog_owners::table)
            .values((
                catalog_owners::uid.eq(uid),
                catalog_owners::gid.eq(gid),
                catalog_owners::user_name.eq(&record.user),
                catalog_owners::group_name.eq(&record.group),
            ))
            .returning(catalog_owners::id)
            .returned(conn)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{Catalog, file};

    fn count(catalog: &Catalog) -> i64 {
        catalog_versions::table.count().get_result(&mut *catalog.db.conn()).expect("count")
    }

    #[test]
    fn a_member_written_again_replaces_the_first() {
        let mut catalog = Catalog::empty();
        let set = catalog.set(None);
        catalog.writer.insert(set, 1, &[(file("a/b", 5), 10)]).expect("first");
        catalog.writer.insert(set, 2, &[(file("a/b", 5), 700)]).expect("again");
        let rows: Vec<(i32, i64)> = catalog_versions::table
            .select((catalog_versions::part, catalog_versions::block))
            .load(&mut *catalog.db.conn())
            .expect("rows");
        assert_eq!(rows, [(2, 700)]);
    }

    #[test]
    fn a_set_that_does_not_exist_is_refused_and_leaves_nothing() {
        let mut catalog = Catalog::empty();
        let error = catalog.writer.insert(99, 1, &[(file("a", 1), 1)]).expect_err("no set");
        assert_eq!(error.message, "writing the catalog of backup set 99: backup set 99 not found");
        let set = catalog.set(None);
        let bad = [(file("dir/good", 1), 1), (file("dir/", 1), 1)];
        catalog.writer.insert(set, 1, &bad).expect_err("no name");
        assert_eq!(count(&catalog), 0);
        catalog.writer.insert(set, 1, &[(file("dir/good", 1), 1)]).expect("the id of dir was forgotten");
        let listed = crate::catalog::browse::list(&mut catalog.db.conn(), &[set], "dir", db::Page::first(9));
        assert_eq!(listed.expect("list").entries.len(), 1);
    }

    #[test]
    fn a_deletion_does_not_hide_what_the_set_has() {
        let mut catalog = Catalog::empty();
        let set = catalog.set(None);
        catalog.writer.insert(set, 1, &[(file("a", 1), 1)]).expect("insert");
        catalog.writer.insert_deleted(set, &[b"a".to_vec(), b"b".to_vec()]).expect("deleted");
        catalog.writer.finish(set).expect("finish");
        assert_eq!(count(&catalog), 2);
        let kinds: Vec<i32> =
            catalog_versions::table.select(catalog_versions::kind).load(&mut *catalog.db.conn()).expect("kinds");
        assert_eq!(kinds, [1, kind::DELETED]);
    }
}
