//! A catalog in a temporary folder, and members to put into it.

use super::CatalogWriter;
use crate::db::testing::TestDatabase;
use crate::db::{self, jobs, sets, tapes};
use tape_format::{MemberKind, MemberRecord};

/// A database with one job, one tape, and a catalog writer.
pub struct Catalog {
    /// The database.
    pub db: TestDatabase,
    /// The writer.
    pub writer: CatalogWriter,
    job: jobs::Job,
    tape: tapes::Tape,
    offset: u64,
}

impl Catalog {
    /// One without sets.
    pub fn empty() -> Self {
        let db = db::testing::database();
        let tape = db::testing::tape(&mut db.conn(), "A00001");
        let job = db::testing::job(&mut db.conn(), "etc");
        let writer = CatalogWriter::open(&db.path).expect("writer");
        Catalog { db, writer, job, tape, offset: 0 }
    }

    /// A new running set.
    pub fn set(&mut self, parent: Option<i32>) -> i32 {
        db::testing::set(&mut self.db.conn(), &self.job, &self.tape, parent).id
    }

    /// The set is completed.
    pub fn complete(&mut self, set: i32) {
        sets::complete(&mut self.db.conn(), set, &sets::SetChanges::default()).expect("complete");
    }

    /// A completed set with these members and these deletions. A path that ends in `/` is a directory.
    pub fn filled(&mut self, parent: Option<i32>, members: &[&str], deleted: &[&str]) -> i32 {
        let set = self.set(parent);
        let records: Vec<_> = members.iter().map(|path| self.placed(path, set)).collect();
        self.writer.insert(set, 1, &records).expect("insert");
        let deleted: Vec<_> = deleted.iter().map(|path| path.as_bytes().to_vec()).collect();
        self.writer.insert_deleted(set, &deleted).expect("deleted");
        self.writer.finish(set).expect("finish");
        self.complete(set);
        set
    }

    /// A completed set of another job with these members.
    pub fn of_job(&mut self, job: &jobs::Job, members: &[&str]) -> i32 {
        let own = std::mem::replace(&mut self.job, job.clone());
        let set = self.filled(None, members, &[]);
        self.job = own;
        set
    }

    fn placed(&mut self, path: &str, set: i32) -> (MemberRecord, u64) {
        let mut record = match path.strip_suffix('/') {
            Some(dir) => directory(dir),
            None => file(path, u64::try_from(set).expect("set")),
        };
        record.tar_offset = self.offset;
        self.offset += record.tar_length;
        (record, self.offset / 1024)
    }
}

/// A file of `size` bytes.
pub fn file(path: &str, size: u64) -> MemberRecord {
    MemberRecord {
        path: path.as_bytes().to_vec(),
        kind: MemberKind::File,
        size,
        mode: 0o644,
        uid: 1000,
        gid: 1000,
        user: "anna".into(),
        group: "users".into(),
        mtime_ns: 1_700_000_000_500_000_000,
        ctime_ns: 1_700_000_001_000_000_000,
        inode: u64::MAX - 7,
        link: None,
        sha256: Some([7; 32]),
        tar_offset: 0,
        tar_length: 1024,
    }
}

/// A directory.
pub fn directory(path: &str) -> MemberRecord {
    MemberRecord { kind: MemberKind::Directory, mode: 0o755, sha256: None, tar_length: 512, ..file(path, 0) }
}

/// A hard link to `target`.
pub fn hardlink(path: &str, target: &str) -> MemberRecord {
    MemberRecord {
        kind: MemberKind::Hardlink,
        link: Some(target.as_bytes().to_vec()),
        sha256: None,
        tar_length: 512,
        ..file(path, 0)
    }
}
