//! The row that an INSERT or UPDATE … RETURNING gives.

use super::Conn;
use diesel::query_dsl::LoadQuery;
use diesel::{QueryResult, RunQueryDsl};

/// For statements with a RETURNING clause, in place of [`RunQueryDsl::get_result`].
pub trait Returned: RunQueryDsl<Conn> + Sized {
    /// Runs the statement to its end and gives its row.
    ///
    /// Outside a transaction SQLite commits when the statement ends. `get_result` stops at the first row and ends it by a reset,
    /// of which diesel does not hear: with a full disk a row would be reported that was never stored.
    ///
    /// # Errors
    /// What SQLite says, also of the commit; [`diesel::result::Error::NotFound`] if no row was touched.
    fn returned<'query, T>(self, conn: &mut Conn) -> QueryResult<T>
    where
        Self: LoadQuery<'query, Conn, T>,
    {
        self.get_results(conn)?.into_iter().next().ok_or(diesel::result::Error::NotFound)
    }
}

impl<Q: RunQueryDsl<Conn>> Returned for Q {}
