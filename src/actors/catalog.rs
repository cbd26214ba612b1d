//! The Catalog actor.
//!
//! *Owns*: the only connection that writes catalog tables, on one thread of its own (a sync actor).
//! *Accepts*: [`Insert`], [`InsertDeleted`], [`Commit`], [`Cut`], [`Discard`], [`DiscardPart`], [`GiveUp`], [`Index`].
//! *Invariants*: rows of a set that is not `completed` are invisible to restores; a set becomes `completed` in the same
//! transaction that stores its parts and the tape's new end, after the tape itself has been committed (never before).
//! *On failure*: the answer says why; nothing of the failed batch is stored.

use crate::backup::stats::thread_cpu;
use crate::catalog::writer::Progress;
use crate::catalog::{CatalogWriter, commit};
use crate::db::{self, Conn, SetStatus};
use crate::{Error, Result};
use actix::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tape_format::MemberRecord;

/// The catalog's writer.
pub struct CatalogActor {
    path: PathBuf,
    open: Option<Open>,
}

/// Its connections: one for bulk rows, and one whose commits reach the disk before they return.
struct Open {
    writer: CatalogWriter,
    conn: Conn,
}

impl CatalogActor {
    /// Starts the one writer for the database file at `path`, and makes sure that it can be opened.
    pub fn start(path: &Path) -> Result<Addr<CatalogActor>> {
        drop(open(path)?);
        let path = path.to_path_buf();
        Ok(SyncArbiter::start(1, move || CatalogActor { path: path.clone(), open: None }))
    }

    /// Runs `work` with the connections. A panic costs them (they are opened again), not the actor.
    fn with<T>(&mut self, work: impl FnOnce(&mut Open) -> Result<T>) -> Result<T> {
        let mut connections = match self.open.take() {
            Some(open) => open,
            None => open(&self.path)?,
        };
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut connections)));
        match result {
            Ok(result) => {
                self.open = Some(connections);
                result
            }
            Err(_) => Err(Error::internal("the catalog's writer met a program error; nothing of this batch is stored")),
        }
    }
}

fn open(path: &Path) -> Result<Open> {
    Ok(Open { writer: CatalogWriter::open(path)?, conn: db::open_one(path)? })
}

impl Actor for CatalogActor {
    type Context = SyncContext<Self>;
}

/// Members of a running set that the drive has accepted; answered with the processor time that storing them took.
#[derive(Message)]
#[rtype(result = "Result<Duration>")]
pub struct Insert {
    /// The set.
    pub set_id: i32,
    /// The part they begin in.
    pub part: i32,
    /// Members and the block in which their frame begins.
    pub rows: Vec<(MemberRecord, u64)>,
}

/// Paths that are gone since the parent set.
#[derive(Message)]
#[rtype(result = "Result<()>")]
pub struct InsertDeleted {
    /// The set.
    pub set_id: i32,
    /// The paths.
    pub paths: Vec<Vec<u8>>,
}

/// Forgets the members of a set that end behind a place of its tar stream: it goes on there.
#[derive(Message)]
#[rtype(result = "Result<()>")]
pub struct Cut {
    /// The set.
    pub set_id: i32,
    /// Offset in its tar stream.
    pub tar_end: u64,
}

/// A set that was interrupted will never be complete: nothing of it counts, and it is `cancelled`. One that is complete, for
/// it was its verification that was interrupted, stays as it is.
#[derive(Message)]
#[rtype(result = "Result<()>")]
pub struct GiveUp {
    /// The set.
    pub set_id: i32,
}

/// Makes a set `completed`: the tape has it.
#[derive(Message)]
#[rtype(result = "Result<()>")]
pub struct Commit(pub commit::CommitSet);

/// Forgets the rows of a set that failed.
#[derive(Message)]
#[rtype(result = "Result<()>")]
pub struct Discard {
    /// The set.
    pub set_id: i32,
}

/// Forgets what parts of a set brought that are not recorded as its parts.
#[derive(Message)]
#[rtype(result = "Result<()>")]
pub struct DiscardPart {
    /// The set.
    pub set_id: i32,
    /// The part; none: whichever.
    pub part: Option<i32>,
}

impl Handler<DiscardPart> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: DiscardPart, _: &mut Self::Context) -> Self::Result {
        self.with(|open| match message.part {
            Some(part) => open.writer.discard_part(message.set_id, part),
            None => open.writer.discard_strays(message.set_id),
        })
    }
}

/// Adds what is new to the search index, a bit at a time, so that nobody who writes has to wait for it.
#[derive(Message)]
#[rtype(result = "Result<()>")]
pub struct Index {
    /// The set.
    pub set_id: i32,
}

impl Handler<Insert> for CatalogActor {
    type Result = Result<Duration>;

    fn handle(&mut self, message: Insert, _: &mut Self::Context) -> Self::Result {
        let begin = thread_cpu();
        self.with(|open| open.writer.insert(message.set_id, message.part, &message.rows))?;
        Ok(thread_cpu().saturating_sub(begin))
    }
}

impl Handler<InsertDeleted> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: InsertDeleted, _: &mut Self::Context) -> Self::Result {
        self.with(|open| open.writer.insert_deleted(message.set_id, &message.paths))
    }
}

impl Handler<Cut> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: Cut, _: &mut Self::Context) -> Self::Result {
        self.with(|open| open.writer.cut(message.set_id, message.tar_end))
    }
}

impl Handler<GiveUp> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: GiveUp, _: &mut Self::Context) -> Self::Result {
        self.with(|open| {
            if db::sets::find(&mut open.conn, message.set_id)?.status == SetStatus::Completed {
                return Ok(());
            }
            open.writer.discard(message.set_id)?;
            db::set_parts::delete_of_set(&mut open.conn, message.set_id)?;
            db::checkpoints::end(&mut open.conn, message.set_id)?;
            db::sets::fail(&mut open.conn, message.set_id, SetStatus::Cancelled).map(drop)
        })
    }
}

impl Handler<Commit> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: Commit, _: &mut Self::Context) -> Self::Result {
        self.with(|open| commit::commit(&mut open.conn, &message.0).map(drop))
    }
}

impl Handler<Discard> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: Discard, _: &mut Self::Context) -> Self::Result {
        self.with(|open| open.writer.discard(message.set_id))
    }
}

impl Handler<Index> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: Index, context: &mut Self::Context) -> Self::Result {
        if self.with(|open| open.writer.index_step(message.set_id))? == Progress::More {
            context.address().do_send(message);
        }
        Ok(())
    }
}

/// Goes on with sets that are not searchable yet, after a start.
#[derive(Message)]
#[rtype(result = "Result<()>")]
pub struct IndexRest;

impl Handler<IndexRest> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, _: IndexRest, context: &mut Self::Context) -> Self::Result {
        for set_id in self.with(|open| open.writer.unindexed())? {
            context.address().do_send(Index { set_id });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_costs_a_batch_and_not_the_actor() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("db");
        crate::db::open(&path).expect("database");
        let mut actor = CatalogActor { path, open: None };
        let failed = actor.with::<()>(|_| panic!("a bug")).expect_err("a panic");
        assert!(failed.message.contains("program error"), "{failed}");
        actor.with(|open| open.writer.discard(1)).expect("it goes on");
    }
}
