//! The error that people and programs see, and the one place where failures become HTTP answers.
//!
//! Each layer has its own typed error ([`tape_drive::DriveError`], [`tape_format::FormatError`], diesel's, …); on the
//! way up it becomes an [`Error`]: what kind of failure (which is the HTTP status), a stable machine-readable `code`,
//! a message that says **what failed, on which object, and what to do**, and details for machines.

use serde_json::Value;
use std::fmt;

/// Result of everything above the crates.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure, and so which HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// 400: the request itself is wrong.
    BadRequest,
    /// 401: who are you?
    Unauthorized,
    /// 403: you may not.
    Forbidden,
    /// 404: no such thing.
    NotFound,
    /// 408: the client took too long.
    Timeout,
    /// 409: not in this state.
    Conflict,
    /// 413: too much.
    TooLarge,
    /// 422: understood, but it cannot be done with this object.
    Unprocessable,
    /// 423: somebody else is using it.
    Locked,
    /// 429: too often.
    TooMany,
    /// 500: our fault, or the machine's.
    Internal,
    /// 503: not now.
    Unavailable,
}

/// A failure in words, with a stable code.
#[derive(Debug, Clone)]
pub struct Error {
    /// Which HTTP status.
    pub kind: ErrorKind,
    /// Stable, snake_case, for programs: `tape_label_mismatch`.
    pub code: &'static str,
    /// For people: what, where, what now.
    pub message: String,
    /// For programs: ids, found and expected values, sense data.
    pub details: Option<Value>,
}

impl Error {
    /// An error of `kind` with a stable `code`.
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Error { kind, code, message: message.into(), details: None }
    }

    /// 400 with code `bad_request`.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadRequest, "bad_request", message)
    }

    /// 404: "`what` not found", code `not_found`.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(ErrorKind::NotFound, "not_found", format!("{what} not found"))
    }

    /// 409 with a code of its own.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, code, message)
    }

    /// 500 with code `internal`.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, "internal", message)
    }

    /// The same with details for programs.
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// The same with what was being done put before the message.
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind, Error as Diesel};
        match error {
            Diesel::NotFound => Error::not_found("the object"),
            Diesel::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => Error::conflict(
                "already_exists",
                format!("there is one with the same value already ({})", info.message()),
            ),
            Diesel::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) => {
                Error::conflict("in_use", "it is still used by, or refers to, another object")
            }
            Diesel::DatabaseError(_, info) if info.message().contains("disk is full") => Error::new(
                ErrorKind::Unavailable,
                "disk_full",
                "the disk under the database is full: make room there (see data_dir), then run this again",
            ),
            Diesel::DatabaseError(_, info) if info.message().contains("disk I/O error") => Error::new(
                ErrorKind::Unavailable,
                "database_io",
                format!(
                    "the database cannot be read or written ({}): look at its disk and at the system log",
                    info.message()
                ),
            ),
            // SQLite says this of a page that does not make sense, and also where reading fails with EIO
            Diesel::DatabaseError(_, info) if info.message().contains("is malformed") => Error::new(
                ErrorKind::Unavailable,
                "database_io",
                "the database cannot be read: its disk fails, or the file is damaged. Look at the system log; if that says nothing, \
                 let the database be checked (tapebackarr maintenance run integrity-check)",
            ),
            // after as long as a connection waits (db::connection): nothing is wrong with the database or with what was asked
            Diesel::DatabaseError(_, info) if info.message().contains("is locked") => Error::new(
                ErrorKind::Unavailable,
                "database_busy",
                "the database was busy with other work for too long: try again in a moment",
            ),
            other => Error::internal(format!("database: {other}")),
        }
    }
}

impl From<diesel::r2d2::PoolError> for Error {
    fn from(error: diesel::r2d2::PoolError) -> Self {
        Error::new(ErrorKind::Unavailable, "database_busy", format!("no database connection is free: {error}"))
    }
}

impl From<tape_drive::DriveError> for Error {
    fn from(error: tape_drive::DriveError) -> Self {
        use tape_drive::DriveErrorKind as Kind;
        let (kind, code) = match error.kind {
            Kind::NoMedium => (ErrorKind::Conflict, "no_tape"),
            Kind::NotReady => (ErrorKind::Conflict, "drive_not_ready"),
            Kind::WriteProtected => (ErrorKind::Conflict, "write_protected"),
            Kind::DataProtect => (ErrorKind::Conflict, "data_protect"),
            Kind::KeyRequired => (ErrorKind::Unprocessable, "key_required"),
            Kind::EndOfMedium => (ErrorKind::Unprocessable, "tape_full"),
            Kind::MediumError => (ErrorKind::Unprocessable, "medium_error"),
            Kind::HardwareError => (ErrorKind::Internal, "hardware_error"),
            Kind::BlankCheck => (ErrorKind::Unprocessable, "blank_tape"),
            Kind::BlockTooLong { .. } => (ErrorKind::Unprocessable, "block_too_long"),
            Kind::MediumChanged => (ErrorKind::Conflict, "medium_changed"),
            Kind::Reset => (ErrorKind::Conflict, "drive_reset"),
            Kind::ParametersChanged => (ErrorKind::Conflict, "parameters_changed"),
            Kind::Deferred => (ErrorKind::Internal, "deferred_error"),
            Kind::IllegalRequest => (ErrorKind::Unprocessable, "illegal_request"),
            Kind::Unsupported => (ErrorKind::Unprocessable, "unsupported"),
            Kind::IncompatibleMedium => (ErrorKind::Conflict, "incompatible_medium"),
            Kind::CleaningCartridge => (ErrorKind::Conflict, "cleaning_cartridge"),
            Kind::Aborted => (ErrorKind::Internal, "command_aborted"),
            Kind::Busy => (ErrorKind::Locked, "device_busy"),
            Kind::ElementState => (ErrorKind::Conflict, "element_state"),
            Kind::Io => (ErrorKind::Internal, "device_io"),
        };
        let details = serde_json::json!({
            "operation": error.operation.to_string(),
            "position": error.position,
            "sense": error.sense.as_ref().map(|sense| sense.to_string()),
        });
        Error::new(kind, code, error.to_string()).with_details(details)
    }
}

impl From<tape_format::FormatError> for Error {
    fn from(error: tape_format::FormatError) -> Self {
        use tape_format::FormatError as Format;
        let (kind, code) = match error {
            Format::Drive(error) => return Error::from(error),
            Format::InvalidName { .. } => (ErrorKind::BadRequest, "invalid_name"),
            Format::NotALabel(_) => (ErrorKind::Conflict, "foreign_tape"),
            Format::KeyNeeded { .. } => (ErrorKind::Unprocessable, "key_needed"),
            Format::WrongKey { .. } => (ErrorKind::Unprocessable, "wrong_key"),
            Format::NotAuthentic { .. } => (ErrorKind::Unprocessable, "not_authentic"),
            Format::Crypto { .. } => (ErrorKind::Internal, "crypto"),
            Format::Io(_) => (ErrorKind::Internal, "io"),
            Format::Source(_) => (ErrorKind::Unprocessable, "source_failed"),
            _ => (ErrorKind::Unprocessable, "tape_format"),
        };
        Error::new(kind, code, error.to_string())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::new(ErrorKind::Internal, "io", error.to_string())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Error::new(ErrorKind::BadRequest, "bad_json", error.to_string())
    }
}

impl From<actix::MailboxError> for Error {
    fn from(error: actix::MailboxError) -> Self {
        Error::new(ErrorKind::Unavailable, "restarting", format!("the subsystem is restarting ({error}); try again"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, SqliteConnection};

    #[test]
    fn a_database_that_somebody_else_writes_to_is_busy_not_broken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let open = || SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        let (mut one, mut other) = (open(), open());
        one.batch_execute("CREATE TABLE t (a INTEGER); BEGIN IMMEDIATE; INSERT INTO t VALUES (1)").unwrap();
        let error = Error::from(other.batch_execute("INSERT INTO t VALUES (2)").unwrap_err());
        assert_eq!((error.kind, error.code), (ErrorKind::Unavailable, "database_busy"), "{error}");
    }
}
