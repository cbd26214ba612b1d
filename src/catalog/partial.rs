//! What the catalog knows of a set that is not complete yet: enough to end its last part, and to go on with it.

use super::path::{join, split};
use super::{CatalogWriter, kind};
use crate::Result;
use crate::backup::resume::Sent;
use crate::db::schema::{catalog_dirs, catalog_versions};
use crate::db::{Conn, DbPool, PooledConn};
use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
use tape_format::MemberRecord;
use tape_format::path_text::{from_text, to_text};
use tape_format::toc::Totals;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    dir: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Integer)]
    kind: i32,
    #[diesel(sql_type = BigInt)]
    size: i64,
    #[diesel(sql_type = Integer)]
    mode: i32,
    #[diesel(sql_type = BigInt)]
    uid: i64,
    #[diesel(sql_type = BigInt)]
    gid: i64,
    #[diesel(sql_type = Text)]
    user_name: String,
    #[diesel(sql_type = Text)]
    group_name: String,
    #[diesel(sql_type = BigInt)]
    mtime_ns: i64,
    #[diesel(sql_type = BigInt)]
    ctime_ns: i64,
    #[diesel(sql_type = BigInt)]
    inode: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    sha256: Option<Vec<u8>>,
    #[diesel(sql_type = BigInt)]
    tar_offset: i64,
    #[diesel(sql_type = BigInt)]
    tar_length: i64,
    #[diesel(sql_type = Nullable<Text>)]
    link: Option<String>,
}

impl Row {
    fn record(self) -> Option<MemberRecord> {
        Some(MemberRecord {
            path: from_text(&join(&self.dir, &self.name)).into_owned(),
            kind: kind::from_code(self.kind)?,
            size: self.size.cast_unsigned(),
            mode: self.mode.cast_unsigned(),
            uid: u32::try_from(self.uid).unwrap_or_default(),
            gid: u32::try_from(self.gid).unwrap_or_default(),
            user: self.user_name,
            group: self.group_name,
            mtime_ns: self.mtime_ns,
            ctime_ns: self.ctime_ns,
            inode: self.inode.cast_unsigned(),
            link: self.link.map(|link| from_text(&link).into_owned()),
            sha256: self.sha256.and_then(|hash| hash.try_into().ok()),
            tar_offset: self.tar_offset.cast_unsigned(),
            tar_length: self.tar_length.cast_unsigned(),
        })
    }
}

/// Calls `visit` for the members of a set, in the order of its tar stream; `part`: only those that end in that one.
///
/// # Errors
/// Those of `visit`, and of the database.
pub fn members(
    conn: &mut Conn,
    set_id: i32,
    part: Option<i32>,
    visit: &mut dyn FnMut(MemberRecord) -> Result<()>,
) -> Result<()> {
    let rows = diesel::sql_query(
        "SELECT d.path AS dir, v.name, v.kind, v.size, v.mode, o.uid, o.gid, o.user_name, o.group_name, v.mtime_ns, \
             v.ctime_ns, v.inode, v.sha256, v.tar_offset, v.tar_length, v.link \
         FROM catalog_versions v \
         CROSS JOIN catalog_dirs d ON d.id = v.dir_id \
         CROSS JOIN catalog_owners o ON o.id = v.owner_id \
         WHERE v.set_id = ? AND v.kind != 0 AND (? = 0 OR v.part = ?) ORDER BY v.tar_offset",
    )
    .bind::<Integer, _>(set_id)
    .bind::<Integer, _>(part.unwrap_or(0))
    .bind::<Integer, _>(part.unwrap_or(0));
    for row in rows.load_iter::<Row, DefaultLoadingMode>(conn)? {
        if let Some(record) = row?.record() {
            visit(record)?;
        }
    }
    Ok(())
}

/// The paths that a set records as gone since its parent.
pub fn deleted(conn: &mut Conn, set_id: i32) -> Result<Vec<Vec<u8>>> {
    let rows: Vec<(String, String)> = catalog_versions::table
        .inner_join(catalog_dirs::table.on(catalog_dirs::id.eq(catalog_versions::dir_id)))
        .filter(catalog_versions::set_id.eq(set_id).and(catalog_versions::kind.eq(kind::DELETED)))
        .order((catalog_dirs::path, catalog_versions::name))
        .select((catalog_dirs::path, catalog_versions::name))
        .load(conn)?;
    Ok(rows.iter().map(|(dir, name)| from_text(&join(dir, name)).into_owned()).collect())
}

/// What the parts of a set before this one hold.
pub fn totals_before(conn: &mut Conn, set_id: i32, part: i32) -> Result<Totals> {
    let sums = diesel::dsl::sql::<(BigInt, BigInt, BigInt)>(
        "count(*), ifnull(sum(kind = 1), 0), ifnull(sum(CASE kind WHEN 1 THEN size ELSE 0 END), 0)",
    );
    let (members, files, bytes): (i64, i64, i64) = catalog_versions::table
        .filter(catalog_versions::set_id.eq(set_id).and(catalog_versions::part.lt(part)))
        .filter(catalog_versions::kind.ne(kind::DELETED))
        .select(sums)
        .first(conn)?;
    Ok(Totals { members: members.cast_unsigned(), files: files.cast_unsigned(), bytes: bytes.cast_unsigned() })
}

/// Tells what a set has by looking into the catalog.
pub struct Cataloged {
    conn: PooledConn,
    set_id: i32,
}

impl Cataloged {
    /// Of this set. Keeps one connection of the pool for itself.
    pub fn new(pool: &DbPool, set_id: i32) -> Result<Cataloged> {
        Ok(Cataloged { conn: pool.get()?, set_id })
    }
}

impl Sent for Cataloged {
    fn has(&mut self, path: &[u8]) -> Result<bool> {
        let text = to_text(path);
        let (dir, name) = split(&text);
        let found: Option<i32> = catalog_versions::table
            .inner_join(catalog_dirs::table.on(catalog_dirs::id.eq(catalog_versions::dir_id)))
            .filter(catalog_dirs::path.eq(dir))
            .filter(catalog_versions::set_id.eq(self.set_id).and(catalog_versions::name.eq(name)))
            .filter(catalog_versions::kind.ne(kind::DELETED))
            .select(catalog_versions::kind)
            .first(&mut *self.conn)
            .optional()?;
        Ok(found.is_some())
    }
}

impl CatalogWriter {
    /// Forgets the members of a set that end behind `tar_end`, and the paths it recorded as gone: it goes on there.
    pub fn cut(&mut self, set_id: i32, tar_end: u64) -> Result<()> {
        let end = i64::try_from(tar_end).unwrap_or(i64::MAX);
        let behind = diesel::dsl::sql::<diesel::sql_types::Bool>("(kind = 0 OR tar_offset + tar_length > ")
            .bind::<BigInt, _>(end)
            .sql(")");
        let rows = catalog_versions::table.filter(catalog_versions::set_id.eq(set_id)).filter(behind);
        diesel::delete(rows).execute(self.connection())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{Catalog, file};
    use tape_format::MemberKind;

    #[test]
    fn a_set_that_is_cut_has_what_ends_before_and_says_so() {
        let mut catalog = Catalog::empty();
        let set = catalog.set(None);
        let at = |path: &str, tar_offset| (MemberRecord { tar_offset, tar_length: 1024, ..file(path, 5) }, 9);
        catalog.writer.insert(set, 1, &[at("z", 0), at("d/a", 1024), at("d/b", 2048)]).expect("part 1");
        catalog.writer.insert(set, 2, &[at("e", 3072), at("f", 4096)]).expect("part 2");
        catalog.writer.insert_deleted(set, &[b"gone".to_vec()]).expect("gone");
        catalog.writer.cut(set, 4096).expect("cut");
        let totals = |part| totals_before(&mut catalog.db.conn(), set, part).expect("sum");
        assert_eq!(
            [totals(1), totals(2), totals(3)].map(|t| (t.members, t.files, t.bytes)),
            [(0, 0, 0), (3, 3, 15), (4, 4, 20)]
        );
        let mut of_first = Vec::new();
        let mut push = |record: MemberRecord| {
            of_first.push(record.path);
            Ok(())
        };
        members(&mut catalog.db.conn(), set, Some(1), &mut push).expect("members");
        assert_eq!(of_first, [b"z".to_vec(), b"d/a".to_vec(), b"d/b".to_vec()]);
        let mut sent = Cataloged::new(&catalog.db.pool, set).expect("connection");
        let has = [b"d/b".as_slice(), b"e", b"f", b"gone", b"d"].map(|path| sent.has(path).expect("lookup"));
        assert_eq!(has, [true, true, false, false, false]);
    }

    #[test]
    fn what_is_read_back_is_what_was_stored() {
        let mut catalog = Catalog::empty();
        let set = catalog.set(None);
        let record = MemberRecord {
            path: b"d/\xff\n".to_vec(),
            user: "anna".into(),
            inode: u64::MAX - 1,
            sha256: Some([7; 32]),
            tar_offset: 512,
            tar_length: 1024,
            ..file("x", 5)
        };
        let link = MemberRecord {
            kind: MemberKind::Symlink,
            link: Some(b"to".to_vec()),
            sha256: None,
            tar_offset: 1536,
            ..file("l", 0)
        };
        catalog.writer.insert(set, 1, &[(record.clone(), 3), (link.clone(), 3)]).expect("insert");
        let mut read = Vec::new();
        let mut push = |record| {
            read.push(record);
            Ok(())
        };
        members(&mut catalog.db.conn(), set, None, &mut push).expect("members");
        assert_eq!(read, [record, link]);
    }
}
