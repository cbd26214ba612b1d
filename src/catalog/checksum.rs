//! The checksum of a set: SHA-256 over the lines `sha256  path` of its files, in the order of the tar stream.

use super::path;
use crate::Result;
use crate::db::Conn;
use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Integer, Text};
use tape_format::MemberRecord;
use tape_format::path_text::from_text;

/// The checksum in the making.
#[derive(Clone)]
pub struct ListHash(openssl::sha::Sha256);

impl Default for ListHash {
    fn default() -> Self {
        ListHash(openssl::sha::Sha256::new())
    }
}

impl ListHash {
    /// The next member; only files have a line.
    pub fn add(&mut self, record: &MemberRecord) {
        if let Some(sha256) = &record.sha256 {
            self.line(sha256, &record.path);
        }
    }

    fn line(&mut self, sha256: &[u8], path: &[u8]) {
        self.0.update(hex::encode(sha256).as_bytes());
        self.0.update(b"  ");
        self.0.update(path);
        self.0.update(b"\n");
    }

    /// The checksum in hex.
    pub fn finish(self) -> String {
        hex::encode(self.0.finish())
    }
}

#[derive(QueryableByName)]
struct File {
    #[diesel(sql_type = Binary)]
    sha256: Vec<u8>,
    #[diesel(sql_type = Text)]
    dir: String,
    #[diesel(sql_type = Text)]
    name: String,
}

const FILES: &str = "SELECT v.sha256, d.path AS dir, v.name FROM catalog_versions v \
     CROSS JOIN catalog_dirs d ON d.id = v.dir_id \
     WHERE v.set_id = ? AND v.sha256 IS NOT NULL ORDER BY v.tar_offset";

/// The checksum of a set out of its rows. SQLite sorts them, on disk if they are many.
pub fn of_set(conn: &mut Conn, set_id: i32) -> Result<String> {
    let mut hash = ListHash::default();
    let files = diesel::sql_query(FILES).bind::<Integer, _>(set_id).load_iter::<File, DefaultLoadingMode>(conn)?;
    for file in files {
        let file = file?;
        hash.line(&file.sha256, &from_text(&path::join(&file.dir, &file.name)));
    }
    Ok(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{Catalog, directory, file};

    #[test]
    fn the_rows_give_the_same_checksum_as_the_stream() {
        let mut catalog = Catalog::empty();
        let set = catalog.set(None);
        let mut hash = ListHash::default();
        let mut members = Vec::new();
        for (number, path) in [&b"z"[..], b"a/x", b"a/\xff", b"b"].iter().enumerate() {
            let mut member = file("", 1);
            member.path = path.to_vec();
            member.tar_offset = number as u64 * 1024;
            hash.add(&member);
            members.push((member, 1));
        }
        let folder = directory("a");
        hash.add(&folder);
        members.reverse();
        catalog.writer.insert(set, 1, &members).expect("insert");
        let expected = hash.finish();
        assert_eq!(of_set(&mut catalog.db.conn(), set).expect("of rows"), expected);
        assert_ne!(ListHash::default().finish(), expected);
    }
}
