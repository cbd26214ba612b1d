//! `import`: take over from version 1, the Go program.

use super::args::{Body, Wait};
use super::exit::{CliError, CliResult};
use super::output::{self, Context, Format, count, text, text_at};
use super::resolve::{self, DRIVE, KEY};
use super::{follow, human};
use clap::{Args, Subcommand};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Take over from version 1 of TapeBackarr (the Go program): its database and its tapes
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing of version 1 is changed, and its tapes are never written to. What is here already stays as it is, so an import may
be repeated. docs/migrating.md goes through it step by step.

Examples:
  tapebackarr import v1-database /var/lib/tapebackarr-old/tapebackarr.db --dry-run
  tapebackarr import v1-database /var/lib/tapebackarr-old/tapebackarr.db
  tapebackarr import v1-tape --drive 1        a tape that the old database does not know, or without the database")]
pub struct ImportArgs {
    #[command(subcommand)]
    command: ImportCommand,
}

#[derive(Debug, Subcommand)]
enum ImportCommand {
    /// Users, keys, pools, tapes, sources, jobs and all backup sets with their files
    V1Database {
        /// The database file of version 1, which must be stopped; it is only read
        file: PathBuf,
        /// Only say what would be taken over, and what would not
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        wait: Wait,
    },
    /// What is on the tape in a drive
    V1Tape {
        /// The drive it is in
        #[arg(long)]
        drive: String,
        /// The key of encrypted data; all keys of the server are tried if none is named
        #[arg(long)]
        key: Option<String>,
        /// List the files from the data itself, even if the tape has a table of contents
        #[arg(long)]
        read_data: bool,
        #[command(flatten)]
        wait: Wait,
    },
}

/// Runs the subcommand.
pub fn run(args: ImportArgs, context: &Context) -> CliResult {
    let client = &context.client;
    match args.command {
        ImportCommand::V1Database { file, dry_run, wait } => {
            let copy = Consistent::of(&file)?;
            let query = [("dry_run", Some(dry_run.to_string()))];
            let answer = client.upload("import/v1-database", &query, copy.open()?)?;
            drop(copy);
            told(context, &answer, wait, &format!("Importing {}", file.display()))
        }
        ImportCommand::V1Tape { drive, key, read_data, wait } => {
            let body = Body::new()
                .with("drive_id", resolve::id(client, DRIVE, &drive)?)
                .maybe("encryption_key_id", resolve::optional_id(client, KEY, key.as_deref())?)
                .with("read_data", read_data);
            let answer = client.post("import/v1-tape", &body.json())?;
            told(context, &answer, wait, &format!("Importing the tape in drive {drive}"))
        }
    }
}

/// Follows the import and prints its report.
fn told(context: &Context, answer: &Value, wait: Wait, sentence: &str) -> CliResult {
    let id = answer.get("execution_id").and_then(Value::as_i64).filter(|_| !wait.no_wait);
    let Some(id) = id else { return follow::started(context, answer, wait, sentence) };
    let execution = follow::follow(context, id)?;
    if context.format == Format::Human {
        report(execution.get("result").unwrap_or(&Value::Null))?;
    }
    follow::finish(context, &execution)
}

fn report(result: &Value) -> CliResult {
    let figures = |field: &str| result.get(field).and_then(Value::as_object).cloned().unwrap_or_default();
    let (imported, there) = (figures("imported"), figures("already_there"));
    let mut kinds: Vec<&String> = imported.keys().chain(there.keys()).collect();
    kinds.sort();
    kinds.dedup();
    let rows = kinds.iter().map(|kind| {
        let of = |figures: &serde_json::Map<String, Value>| figures.get(*kind).cloned().unwrap_or_else(|| json!(0));
        json!({"what": kind.replace('_', " "), "imported": of(&imported), "there": of(&there)})
    });
    let title = if result.get("dry_run") == Some(&json!(true)) { "would be taken over" } else { "taken over" };
    let columns = [text("what", "what"), count(title, "imported"), count("here already", "there")];
    Format::Human.list(&Value::Array(rows.collect()), &columns, "Nothing to take over was found.")?;
    for (field, title) in [("skipped", "Not taken over:"), ("needs_attention", "Needs attention:")] {
        let lines = result.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
        if lines.is_empty() {
            continue;
        }
        output::line("")?;
        output::line(title)?;
        for line in lines {
            let part = |name: &str| human::printable(text_at(&line, name).unwrap_or_default()).into_owned();
            output::line(&format!("  {} {}: {}", part("what").replace('_', " "), part("name"), part("reason")))?;
        }
    }
    Ok(())
}

/// A database file that holds all that the program wrote. What a program that was killed left in the log beside its
/// database is put in, in a copy.
struct Consistent {
    path: PathBuf,
    /// Where the copy is; it holds keys in the clear and goes with this value.
    _folder: Option<tempfile::TempDir>,
}

impl Consistent {
    fn of(path: &Path) -> CliResult<Consistent> {
        let shown = path.display();
        let unreadable = |error: &dyn std::fmt::Display| CliError::usage(format!("{shown} cannot be read: {error}"));
        let size = std::fs::metadata(path).map_err(|error| unreadable(&error))?.len();
        if size == 0 {
            return Err(CliError::usage(format!("{shown} is empty")));
        }
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        if !std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            return Ok(Consistent { path: path.to_owned(), _folder: None });
        }
        let folder = tempfile::tempdir().map_err(|error| CliError::failed(error.to_string()))?;
        let copy = folder.path().join("v1.db");
        let fail = |error: &dyn std::fmt::Display| unreadable(error).advise("stop version 1 first, then try again");
        let beside = folder.path().join("v1.db-wal");
        std::fs::copy(path, &copy).and_then(|_| std::fs::copy(&log, beside)).map_err(|error| fail(&error))?;
        // opening the copy puts the log in; nothing is written beside the original
        let mut conn = crate::db::open_one(&copy).map_err(|error| fail(&error))?;
        conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").map_err(|error| fail(&error))?;
        drop(conn);
        Ok(Consistent { path: copy, _folder: Some(folder) })
    }

    fn open(&self) -> CliResult<File> {
        File::open(&self.path)
            .map_err(|error| CliError::usage(format!("{} cannot be read: {error}", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::prelude::*;

    #[test]
    fn what_is_only_in_the_log_is_not_lost_and_the_original_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        conn.batch_execute("PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (7)").unwrap();
        let files = || {
            let mut files: Vec<_> = std::fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| !path.to_string_lossy().ends_with("-shm"))
                .map(|path| (std::fs::read(&path).unwrap(), path))
                .collect();
            files.sort_by(|a, b| a.1.cmp(&b.1));
            files
        };
        let before = files();
        let copy = Consistent::of(&path).unwrap();
        assert_ne!(copy.path, path);
        let alone = folder.path().join("alone.db");
        std::fs::copy(&copy.path, &alone).unwrap();
        let mut other = SqliteConnection::establish(alone.to_str().unwrap()).unwrap();
        assert_eq!(diesel::sql_query("INSERT INTO t SELECT x FROM t").execute(&mut other).unwrap(), 1);
        drop(other);
        std::fs::remove_file(&alone).unwrap();
        assert_eq!(files(), before);
        let gone = copy.path.clone();
        drop(copy);
        assert!(!gone.exists(), "it may hold keys");
        drop(conn);
        assert_eq!(Consistent::of(&path).unwrap().path, path, "without a log no copy is needed");
        assert!(Consistent::of(&folder.path().join("nothing")).is_err());
    }
}
