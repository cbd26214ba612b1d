//! Opening the database: the file, its settings, its migrations.
//!
//! **Durability.** An answer 2xx means that the change is on disk, so connections of the pool commit with
//! `synchronous = FULL`: in WAL mode one fsync per commit, a few milliseconds, at the handful of commits per second that
//! people and jobs cause. Only the catalog's writer, which commits hundreds of thousands of rows that can be read again
//! from the tape's TOC, fills with `NORMAL` and ends with a full one (see [`crate::catalog::writer`]).
//!
//! **Locks.** SQLite has one writer at a time. A transaction that begins with a read and then writes can fail at once,
//! without waiting, when another has written in between; so all that may write begin with [`write_transaction`].

use crate::{Error, ErrorKind, Result};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

/// A connection to the database.
pub type Conn = SqliteConnection;

/// The pool of connections that everything but the catalog's writer uses.
pub type DbPool = Pool<ConnectionManager<SqliteConnection>>;

/// A connection out of the pool.
pub type PooledConn = diesel::r2d2::PooledConnection<ConnectionManager<SqliteConnection>>;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// Most connections open at once; handlers that need one wait up to [`POOL_WAIT`].
const POOL_SIZE: u32 = 16;
const POOL_WAIT: Duration = Duration::from_secs(10);

/// What every connection of the pool is set to. `temp_store` stays a file: a sort of millions of catalog rows must
/// not need their size in memory. Page cache 16 MiB each. `auto_vacuum` counts for a file that is made, so that its free
/// pages can be given back in small steps ([`super::upkeep`]); it must come before the journal is made. The time-out comes
/// first of all: whatever is asked before it fails at once if another connection has the file locked for a moment.
const POOL_PRAGMAS: &str = "PRAGMA busy_timeout = 15000; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384;";

#[derive(Debug)]
struct Prepare;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Prepare {
    fn on_acquire(&self, conn: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        prepare(conn).map_err(diesel::r2d2::Error::QueryError)
    }
}

/// Opens the database at `path`, creating it if there is none, and brings its tables up to date. One that was laid
/// ready ([`super::staged`]) takes its place first.
///
/// Refuses a file written by a newer program (`database_newer`), because an older one would not know what its rows
/// mean.
pub fn open(path: impl AsRef<Path>) -> Result<DbPool> {
    let path = path.as_ref();
    let url = url_of(path)?;
    if let Some(kept) = super::staged::swap_in(path)? {
        tracing::warn!(kept = %kept.display(), "the database that was laid ready is in use now; the old one is kept");
    }
    migrate(&mut open_one(path)?, path)?;
    Pool::builder()
        .max_size(POOL_SIZE)
        .min_idle(Some(1))
        .connection_timeout(POOL_WAIT)
        .connection_customizer(Box::new(Prepare))
        .build(ConnectionManager::new(url))
        .map_err(|error| cannot_open(path, error))
}

/// One connection of its own to the database at `path`, set up like those of the pool. Does not migrate.
pub fn open_one(path: impl AsRef<Path>) -> Result<Conn> {
    let path = path.as_ref();
    let mut conn = SqliteConnection::establish(&url_of(path)?).map_err(|error| cannot_open(path, error))?;
    prepare(&mut conn).map_err(|error| cannot_open(path, error))?;
    Ok(conn)
}

/// A copy of a database, its tables brought up to date: it may have been made by an older program. Not of one that is in use,
/// for nothing of what it was is kept.
pub fn open_copy(path: impl AsRef<Path>) -> Result<Conn> {
    let mut conn = open_one(&path)?;
    conn.run_pending_migrations(MIGRATIONS).map_err(|error| {
        Error::internal(format!("cannot bring the tables of {} up to date: {error}", path.as_ref().display()))
    })?;
    Ok(conn)
}

fn prepare(conn: &mut Conn) -> diesel::QueryResult<()> {
    conn.batch_execute(POOL_PRAGMAS)?;
    // what a test of a full disk sets
    #[cfg(feature = "breakpoints")]
    if let Some(pages) = std::env::var("TAPEBACKARR_DATABASE_PAGES").ok().and_then(|text| text.parse::<u32>().ok()) {
        conn.batch_execute(&format!("PRAGMA max_page_count = {pages}"))?;
    }
    Ok(())
}

/// Runs `work` in a transaction that holds the write lock from its beginning; inside another transaction, as a
/// savepoint of it. Rolled back when `work` fails.
#[track_caller]
pub fn write_transaction<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    let status = AnsiTransactionManager::transaction_manager_status_mut(conn);
    let nested = matches!(status.transaction_depth(), Ok(Some(_)));
    if nested {
        return conn.transaction(work);
    }
    let caller = std::panic::Location::caller();
    let pass = |name| {
        tape_drive::breakpoint::pass_at(name, format_args!("{}:{}", caller.file(), caller.line()));
    };
    pass("before a transaction");
    let done = conn.immediate_transaction(work);
    pass("after a transaction");
    done
}

fn url_of(path: &Path) -> Result<String> {
    // SQLite would read a name like `file:x?mode=ro` as a URI; a leading directory prevents that.
    let text = path.to_str().ok_or_else(|| Error::bad_request(format!("{} is not valid UTF-8", path.display())))?;
    Ok(if path.is_absolute() { text.to_owned() } else { format!("./{text}") })
}

fn cannot_open(path: &Path, error: impl std::fmt::Display) -> Error {
    let message = format!(
        "cannot open the database {}: {error}; check that the folder exists, that this user may write in it, and that \
         the disk is not full",
        path.display()
    );
    Error::new(ErrorKind::Internal, "database_open", message)
}

/// Versions of the schema that this program knows.
pub(super) fn known_migrations() -> Result<HashSet<String>> {
    let migrations = MigrationSource::<Sqlite>::migrations(&MIGRATIONS)
        .map_err(|error| Error::internal(format!("the built-in migrations cannot be read: {error}")))?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}

/// Writes a consistent copy of the database, made while it is in use, to the file `to`, which must not exist.
pub fn copy_to(conn: &mut Conn, to: &Path) -> Result<()> {
    let path = to.to_str().ok_or_else(|| Error::bad_request(format!("{} is not valid UTF-8", to.display())))?;
    diesel::sql_query("VACUUM INTO ?").bind::<diesel::sql_types::Text, _>(path).execute(conn)?;
    Ok(())
}

/// Whether the tables of a database are those of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// They are.
    Current,
    /// An older program made them; they are brought up to date when the server starts.
    Behind,
}

/// Looks whether the tables are those of this program, and changes nothing.
///
/// # Errors
/// `database_newer`: a newer program made them.
pub fn schema_state(conn: &mut Conn, path: &Path) -> Result<SchemaState> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::internal(format!("the tables of {} cannot be read: {error}", path.display()))
    };
    let known = known_migrations()?;
    let applied: Vec<MigrationVersion<'static>> = conn.applied_migrations().map_err(failed)?;
    if let Some(newer) = applied.iter().map(ToString::to_string).find(|version| !known.contains(version)) {
        return Err(Error::conflict(
            "database_newer",
            format!(
                "the database {} was written by a newer TapeBackarr (it has schema {newer}, which this program does \
                 not know); start that version, or put the copy that was made before the upgrade ({}.before-upgrade-…) in its place",
                path.display(),
                path.display()
            ),
        ));
    }
    Ok(if applied.len() == known.len() { SchemaState::Current } else { SchemaState::Behind })
}

/// Brings the tables up to date; what an older program made is copied first.
fn migrate(conn: &mut Conn, path: &Path) -> Result<()> {
    if schema_state(conn, path)? == SchemaState::Current {
        return Ok(());
    }
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::internal(format!("cannot bring the tables of {} up to date: {error}", path.display()))
    };
    let applied: Vec<MigrationVersion<'static>> = conn.applied_migrations().map_err(failed)?;
    let Some(schema) = applied.iter().map(ToString::to_string).max() else {
        return conn.run_pending_migrations(MIGRATIONS).map(drop).map_err(failed);
    };
    let copy = super::before_upgrade::keep(conn, path, &schema)?;
    conn.run_pending_migrations(MIGRATIONS).map_err(|error| {
        let kept = format!("; as it was before it is in {}", copy.display());
        Error::internal(failed(error).message + &kept)
    })?;
    super::before_upgrade::prune(path)
}

/// Takes the newest migration back.
#[cfg(test)]
pub(super) fn revert_last(conn: &mut Conn) -> Result<()> {
    conn.revert_last_migration(MIGRATIONS).map(drop).map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[derive(QueryableByName)]
    struct Pragma {
        #[diesel(sql_type = diesel::sql_types::Text)]
        journal_mode: String,
    }

    #[derive(QueryableByName)]
    struct Number {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        value: i32,
    }

    fn number(conn: &mut Conn, pragma: &str) -> i32 {
        let sql = format!("SELECT {pragma} AS value FROM pragma_{pragma}");
        diesel::sql_query(sql).get_result::<Number>(conn).expect("pragma").value
    }

    #[test]
    fn opening_waits_while_another_has_the_file_locked() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("test.db");
        let mut other = SqliteConnection::establish(path.to_str().expect("text")).expect("other");
        other.batch_execute("CREATE TABLE t (x); BEGIN EXCLUSIVE; INSERT INTO t VALUES (1);").expect("lock");
        let opening = std::thread::spawn(move || open_one(&path).map(drop));
        std::thread::sleep(Duration::from_millis(200));
        other.batch_execute("COMMIT").expect("unlock");
        opening.join().expect("thread").expect("it waits and opens");
    }

    #[test]
    fn a_pooled_connection_is_durable_and_checks_references() {
        let db = testing::database();
        let mut conn = db.conn();
        let mode: Pragma = diesel::sql_query("PRAGMA journal_mode").get_result(&mut *conn).expect("mode");
        assert_eq!(mode.journal_mode, "wal");
        assert_eq!(number(&mut conn, "synchronous"), 2);
        assert_eq!(number(&mut conn, "foreign_keys"), 1);
    }

    #[test]
    fn opening_again_keeps_what_is_there() {
        let db = testing::database();
        crate::db::settings::set(&mut db.conn(), "ui.theme", &serde_json::json!("dark")).expect("set");
        let again = open(&db.path).expect("open again");
        let value = crate::db::settings::get(&mut again.get().expect("conn"), "ui.theme").expect("get");
        assert_eq!(value, Some(serde_json::json!("dark")));
    }

    #[test]
    fn a_copy_that_an_older_program_made_is_brought_up_to_date() {
        let db = testing::database();
        let copy = db.path.with_extension("copy");
        copy_to(&mut db.conn(), &copy).expect("copy");
        let conn = &mut open_one(&copy).expect("open");
        while crate::db::encryption_keys::list(conn).is_ok() {
            revert_last(conn).expect("an older schema");
        }
        let conn = &mut open_copy(&copy).expect("up to date");
        crate::db::encryption_keys::list(conn).expect("keys");
        crate::db::pools::list(conn).expect("pools");
    }

    #[test]
    fn a_newer_database_is_refused_in_words() {
        let db = testing::database();
        diesel::sql_query("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')")
            .execute(&mut *db.conn())
            .expect("insert");
        let error = open(&db.path).expect_err("must refuse");
        assert_eq!(error.code, "database_newer");
        assert!(error.message.contains("newer TapeBackarr"), "{error}");
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let error = open("/nonexistent-folder/tapebackarr.db").expect_err("must fail");
        assert!(error.message.contains("/nonexistent-folder/tapebackarr.db"), "{error}");
    }

    #[test]
    fn write_transactions_nest_and_roll_back() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let outer: Result<()> = write_transaction(conn, |conn| {
            crate::db::settings::set(conn, "a", &serde_json::json!(1))?;
            let inner: Result<()> = write_transaction(conn, |conn| {
                crate::db::settings::set(conn, "b", &serde_json::json!(2))?;
                Err(Error::bad_request("no"))
            });
            assert!(inner.is_err());
            Ok(())
        });
        outer.expect("outer");
        assert!(crate::db::settings::get(conn, "a").expect("a").is_some());
        assert!(crate::db::settings::get(conn, "b").expect("b").is_none());
    }
}
