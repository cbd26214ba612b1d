//! The Catalog actor.
//!
//! *Owns*: the only connection that writes catalog tables, on one thread of its own (a sync actor).
//! *Accepts*: [`Insert`], [`InsertDeleted`], [`Commit`], [`Discard`], [`Index`].
//! *Invariants*: rows of a set that is not `completed` are invisible to restores; a set becomes `completed` in the same
//! transaction that stores its parts and the tape's new end, after the tape itself has been committed (never before).
//! *On failure*: the answer says why; nothing of the failed batch is stored.

use crate::Result;
use crate::catalog::{CatalogWriter, commit};
use actix::prelude::*;
use tape_format::MemberRecord;

/// The catalog's writer.
pub struct CatalogActor {
    writer: CatalogWriter,
}

impl CatalogActor {
    /// Starts the one writer.
    pub fn start(mut open: impl FnMut() -> CatalogWriter + Send + Sync + 'static) -> Addr<CatalogActor>
    where
        CatalogActor: Actor<Context = SyncContext<CatalogActor>>,
    {
        let open = std::sync::Mutex::new(move || open());
        SyncArbiter::start(1, move || {
            let mut open = open.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            CatalogActor { writer: open() }
        })
    }
}

impl Actor for CatalogActor {
    type Context = SyncContext<Self>;
}

/// Members of a running set that the drive has accepted.
#[derive(Message)]
#[rtype(result = "Result<()>")]
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

/// Adds what is new to the search index.
#[derive(Message)]
#[rtype(result = "Result<()>")]
pub struct Index {
    /// The set.
    pub set_id: i32,
}

impl Handler<Insert> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: Insert, _: &mut Self::Context) -> Self::Result {
        self.writer.insert(message.set_id, message.part, &message.rows)
    }
}

impl Handler<InsertDeleted> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: InsertDeleted, _: &mut Self::Context) -> Self::Result {
        self.writer.insert_deleted(message.set_id, &message.paths)
    }
}

impl Handler<Commit> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: Commit, _: &mut Self::Context) -> Self::Result {
        self.writer.commit(&message.0)
    }
}

impl Handler<Discard> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: Discard, _: &mut Self::Context) -> Self::Result {
        self.writer.discard(message.set_id)
    }
}

impl Handler<Index> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: Index, _: &mut Self::Context) -> Self::Result {
        self.writer.index(message.set_id)
    }
}
