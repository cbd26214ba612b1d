//! The Catalog actor.
//!
//! *Owns*: the only connection that writes catalog tables, on one thread of its own (a sync actor).
//! *Accepts*: [`Insert`], [`InsertDeleted`], [`Commit`], [`Discard`], [`Index`].
//! *Invariants*: rows of a set that is not `completed` are invisible to restores; a set becomes `completed` in the same
//! transaction that stores its parts and the tape's new end, after the tape itself has been committed (never before).
//! *On failure*: the answer says why; nothing of the failed batch is stored.

use crate::Result;
use crate::catalog::{CatalogWriter, commit};
use crate::db::{self, Conn};
use actix::prelude::*;
use std::path::{Path, PathBuf};
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

    fn connections(&mut self) -> Result<&mut Open> {
        match &mut self.open {
            Some(open) => Ok(open),
            closed => Ok(closed.insert(open(&self.path)?)),
        }
    }
}

fn open(path: &Path) -> Result<Open> {
    Ok(Open { writer: CatalogWriter::open(path)?, conn: db::open_one(path)? })
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
        self.connections()?.writer.insert(message.set_id, message.part, &message.rows)
    }
}

impl Handler<InsertDeleted> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: InsertDeleted, _: &mut Self::Context) -> Self::Result {
        self.connections()?.writer.insert_deleted(message.set_id, &message.paths)
    }
}

impl Handler<Commit> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: Commit, _: &mut Self::Context) -> Self::Result {
        commit::commit(&mut self.connections()?.conn, &message.0).map(drop)
    }
}

impl Handler<Discard> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: Discard, _: &mut Self::Context) -> Self::Result {
        self.connections()?.writer.discard(message.set_id)
    }
}

impl Handler<Index> for CatalogActor {
    type Result = Result<()>;

    fn handle(&mut self, message: Index, _: &mut Self::Context) -> Self::Result {
        self.connections()?.writer.index(message.set_id)
    }
}
