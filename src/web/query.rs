//! Database work for handlers: off the threads that serve requests.

use crate::db::{Conn, DbPool};
use crate::{Error, ErrorKind, Result};
use actix_web::web;
use std::time::Duration;

/// Runs `work` with a connection of the pool on a thread that may block: `query(&pool, |conn| tapes::find(conn, id))`.
pub async fn query<T, F>(pool: &DbPool, work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
{
    let pool = pool.clone();
    block(move || work(&mut *pool.get()?)).await
}

/// Runs `work` on a thread that may block, without a connection.
pub async fn block<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    // lines in the log belong to the request also when they come from the thread that blocks
    let span = tracing::Span::current();
    web::block(move || span.in_scope(work)).await.map_err(|_| {
        Error::new(ErrorKind::Unavailable, "stopping", "the server is stopping, or the work failed without a word")
    })?
}

/// The same, but nobody waits longer than `most`: for file systems that may hang. The work ends when they answer.
pub async fn block_within<T, F>(most: Duration, what: String, work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    tokio::time::timeout(most, block(work)).await.map_err(|_| {
        let message = format!(
            "{what} was not answered for within {} seconds: what it lies on hangs; is its server up?",
            most.as_secs()
        );
        Error::new(ErrorKind::Unavailable, "not_answered", message)
    })?
}
