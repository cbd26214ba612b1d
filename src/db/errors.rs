//! Turning what the database says into words about objects.

use crate::{Error, Result};
use diesel::result::{DatabaseErrorKind, Error as Diesel, QueryResult};
use std::fmt::Display;

/// `NotFound` becomes "`what` not found".
pub fn found<T>(result: QueryResult<T>, what: impl Display) -> Result<T> {
    match result {
        Err(Diesel::NotFound) => Err(Error::not_found(what)),
        other => Ok(other?),
    }
}

/// Violations of an insert or update of `what` ("tape 'A00001'") in words: which value is taken, what is missing.
pub fn stored<T>(result: QueryResult<T>, what: impl Display) -> Result<T> {
    match result {
        Err(Diesel::NotFound) => Err(Error::not_found(what)),
        Err(Diesel::DatabaseError(DatabaseErrorKind::UniqueViolation, info)) => {
            let columns = info.message().rsplit(": ").next().unwrap_or_default();
            let names: Vec<_> = columns.split(", ").filter_map(|column| column.rsplit('.').next()).collect();
            let message = format!("{what}: another one has the same {} already", names.join(" and ").replace('_', " "));
            Err(Error::conflict("already_exists", message))
        }
        Err(Diesel::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)) => {
            Err(Error::bad_request(format!("{what} refers to something that does not exist")))
        }
        Err(Diesel::DatabaseError(DatabaseErrorKind::CheckViolation, info)) => {
            Err(Error::bad_request(format!("{what}: a value is not allowed ({})", info.message())))
        }
        other => Ok(other?),
    }
}

/// Refuses to delete `what` while anything in `uses` (name of the users, how many) is left.
pub fn refuse_if_used(what: impl Display, uses: &[(&str, i64)], advice: &str) -> Result<()> {
    let users: Vec<String> =
        uses.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}")).collect();
    if users.is_empty() {
        return Ok(());
    }
    Err(Error::conflict("in_use", format!("{what} is still used by {}; {advice}", users.join(", "))))
}

/// "`what` not found" unless a row was deleted or changed.
pub fn changed(result: QueryResult<usize>, what: impl Display) -> Result<()> {
    match result? {
        0 => Err(Error::not_found(what)),
        _ => Ok(()),
    }
}
