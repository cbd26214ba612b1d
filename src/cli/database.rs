//! `database`: copies of the server's own database, on tape; and from a tape alone when the server is lost.

use super::args::{Body, Wait};
use super::exit::{CliError, CliResult, Doing, Exit};
use super::output::{self, Context, Format, bytes, count, json, line, text, time};
use super::recover::keyring::Keyring;
use super::recover::keys;
use super::resolve::{self, DRIVE, KEY, POOL, TAPE};
use super::{Global, follow, human};
use crate::db::{self, staged};
use crate::executions::database_restore::lost_keys;
use crate::keys::{KeyStore, KeyedDrive, MasterKey};
use crate::restore::database::{self, Copy};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use tape_drive::TapeDrive;
use tape_format::crypt::Key;

/// Copy the server's database to tape, and bring it back, also from a tape alone
#[derive(Debug, Args)]
#[command(after_help = "\
A copy is always encrypted. `recover` needs neither server nor database: only the tape in a drive, and the key sheet.

Examples:
  tapebackarr database list
  tapebackarr database backup --pool DAILY
  tapebackarr database scan 1
  tapebackarr database restore 7 --to /root/tapebackarr.db
  tapebackarr database restore --drive 1 --use
  tapebackarr database recover --device virtual:/srv/lib#drive0 --key-file keysheet.txt --data-dir /var/lib/tapebackarr")]
pub struct DatabaseArgs {
    #[command(subcommand)]
    command: DatabaseCommand,
}

#[derive(Debug, Subcommand)]
enum DatabaseCommand {
    /// List the copies that the server knows, newest first
    List,
    /// Copy the database to a tape now
    Backup {
        /// To this tape
        #[arg(long, conflicts_with = "pool")]
        tape: Option<String>,
        /// To a tape of this pool; that of the settings if neither is given
        #[arg(long)]
        pool: Option<String>,
        /// Encrypt with this key; the newest one if not given
        #[arg(long, value_name = "KEY_NAME")]
        key: Option<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Look for copies on the tape in a drive
    Scan {
        /// Name, device path, serial number or id
        drive: String,
    },
    /// Bring a copy back: one of the list, or one on the tape in a drive
    Restore {
        /// Its id in the list
        #[arg(required_unless_present = "drive")]
        copy: Option<i64>,
        /// From the tape in this drive, whether the server knows of the copy or not
        #[arg(long, conflicts_with = "copy")]
        drive: Option<String>,
        /// With --drive: the number of its tape file; the newest copy if not given
        #[arg(long, value_name = "NUMBER", requires = "drive")]
        tape_file: Option<u64>,
        /// Into this file on the server; one in its data folder if not given
        #[arg(long, value_name = "FILE", conflicts_with = "at_next_start")]
        to: Option<String>,
        /// Let the server run with it from its next start on
        #[arg(long = "use", id = "at_next_start")]
        at_next_start: bool,
        #[command(flatten)]
        wait: Wait,
    },
    /// Bring a copy back without a server, from the tape in a drive of this machine
    Recover(Recover),
}

#[derive(Debug, Args)]
struct Recover {
    /// Path of the drive, with the tape in it
    #[arg(long)]
    device: String,
    /// A file with keys: a key sheet, or one key in base64, in hex, or as it is; may be given several times
    #[arg(long, value_name = "FILE")]
    key_file: Vec<PathBuf>,
    /// A file with the passphrase of keys on the tape, in its first line (`-`: standard input); asked for at a terminal if it is
    /// needed and not given; may be given several times
    #[arg(long, value_name = "FILE")]
    passphrase_file: Vec<PathBuf>,
    /// The number of its tape file; the newest copy if not given
    #[arg(long, value_name = "NUMBER")]
    tape_file: Option<u64>,
    /// Write it to this file, which must not exist
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Make the data folder of a new server of it; there must be no database in it
    #[arg(long, value_name = "DIR", conflicts_with = "to")]
    data_dir: Option<PathBuf>,
}

/// Runs the subcommand.
pub fn run(args: DatabaseArgs, global: &Global) -> CliResult {
    if let DatabaseCommand::Recover(args) = args.command {
        return recover(&args, Format::of(global));
    }
    let context = &Context::connect(global)?;
    let Context { client, format } = context;
    match args.command {
        DatabaseCommand::List => {
            let columns = [
                text("id", "id"),
                time("made", "backup_time"),
                text("status", "status"),
                text("tape", "tape_label"),
                count("file", "tape_file"),
                bytes("size", "file_size"),
                text("key", "key_name"),
                text("key fingerprint", "key_fingerprint"),
                text("error", "error_message"),
            ];
            format.list(&client.get("database-backup")?, &columns, "No copy yet: tapebackarr database backup --help")
        }
        DatabaseCommand::Backup { tape, pool, key, wait } => {
            let body = Body::new()
                .maybe("tape_id", resolve::optional_id(client, TAPE, tape.as_deref())?)
                .maybe("pool_id", resolve::optional_id(client, POOL, pool.as_deref())?)
                .maybe("encryption_key_id", resolve::optional_id(client, KEY, key.as_deref())?);
            let answer = client.post("database-backup/backup", &body.json())?;
            follow::started(context, &answer, wait, "Copying the database to tape")
        }
        DatabaseCommand::Scan { drive } => {
            let id = resolve::id(client, DRIVE, &drive)?;
            let found = client.get(&format!("drives/{id}/scan-for-db-backup"))?;
            if *format == Format::Json {
                return json(&found);
            }
            if let Some(error) = output::text_at(&found, "scan_error") {
                return Err(CliError::failed(error));
            }
            format.list(&found["db_backups"], &COPIES, "No copy of the database was found.")?;
            for key in found["keys_missing"].as_array().into_iter().flatten().filter_map(|key| key.as_str()) {
                line(&format!("There may be more: the server does not have the key {}.", human::printable(key)))?;
            }
            Ok(())
        }
        DatabaseCommand::Restore { copy, drive, tape_file, to, at_next_start, wait } => {
            let body = Body::new()
                .maybe("backup_id", copy)
                .maybe("drive_id", resolve::optional_id(client, DRIVE, drive.as_deref())?)
                .maybe("tape_file", tape_file)
                .maybe("dest_path", to)
                .with("use_at_next_start", at_next_start);
            let answer = client.post("database-backup/restore", &body.json())?;
            follow::started(context, &answer, wait, "Reading a copy of the database")
        }
        DatabaseCommand::Recover(_) => Ok(()),
    }
}

const COPIES: [output::Column; 5] = [
    count("file", "tape_file"),
    time("made", "start"),
    bytes("size", "size"),
    text("key", "key_fingerprint"),
    text("set", "set"),
];

fn recover(args: &Recover, format: Format) -> CliResult {
    let keyring = Keyring::new(keys::read(&args.key_file)?, &args.passphrase_file, true)?;
    let target = args.data_dir.as_ref().map(|dir| dir.join("tapebackarr.db"));
    if let Some(path) = target.as_ref().or(args.to.as_ref()).filter(|path| path.exists()) {
        return Err(CliError::usage(format!("{} exists already; nothing was changed", path.display())));
    }
    let mut drive =
        tape_drive::open_drive(&args.device).doing(format_args!("cannot open the drive {}", args.device))?;
    let mut drive = KeyedDrive::new(&mut *drive, keyring.all(), None);
    let drive = &mut drive;
    tape_drive::make_ready(drive, &mut |_| {}).doing("cannot load the tape")?;
    let never = AtomicBool::new(false);
    eprintln!("Looking for copies of the database …");
    let mut survey = database::survey(drive, &keyring.all(), &never).doing("the tape cannot be read")?;
    let before = keyring.all().len();
    keyring.unlock(survey.locked.iter(), |note| eprintln!("{note}"));
    let keys = keyring.all();
    if keys.len() > before {
        survey = database::survey(drive, &keys, &never).doing("the tape cannot be read")?;
    }
    let wanted = survey.copies.iter().filter(|copy| args.tape_file.is_none_or(|file| file == copy.tape_file));
    let Some(copy) = wanted.max_by_key(|copy| (copy.start, copy.tape_file)) else {
        let error = CliError::new(Exit::NotFound, "there is no copy of the database on this tape that the keys open");
        let others = format!("there are parts with other keys: {}", survey.closed.join(", "));
        return Err(match (survey.closed.is_empty(), survey.locked.is_empty()) {
            (true, _) => error,
            (false, true) => error.advise(others),
            (false, false) => error.advise(format!("{others}; a passphrase may open them (--passphrase-file)")),
        });
    };
    match (&args.to, &args.data_dir) {
        (Some(to), _) => {
            let file = read(drive, copy, &keys, to.parent())?;
            staged::check(file.path()).doing("the copy is no usable database")?;
            file.persist_noclobber(to).map_err(|error| error.error).doing(format_args!("{}", to.display()))?;
            format.done(&json!({"copy": copy, "path": to}), &format!("Wrote the database to {}", to.display()))
        }
        (None, Some(dir)) => {
            std::fs::create_dir_all(dir).doing(format_args!("cannot make {}", dir.display()))?;
            let file = read(drive, copy, &keys, Some(dir))?;
            take_over(file.path(), dir, &keys)?;
            let path = dir.join("tapebackarr.db");
            file.persist_noclobber(&path).map_err(|error| error.error).doing(format_args!("{}", path.display()))?;
            let done = format!(
                "The data folder {} is ready: start the server with it. Users and passwords are those of the old one.",
                dir.display()
            );
            format.done(&json!({"copy": copy, "path": path}), &done)
        }
        (None, None) => format.list(&json!(survey.copies), &COPIES, "No copy of the database was found."),
    }
}

fn read(
    drive: &mut dyn TapeDrive,
    copy: &Copy,
    keys: &[Key],
    folder: Option<&std::path::Path>,
) -> CliResult<tempfile::NamedTempFile> {
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let file = tempfile::NamedTempFile::with_prefix_in("database-", folder)
        .doing(format_args!("cannot make a file in {}", folder.display()))?;
    let mut out = file.reopen().doing("cannot write the copy")?;
    eprintln!("Reading the copy in tape file {} …", copy.tape_file);
    let never = AtomicBool::new(false);
    let read = database::extract(drive, (copy.block, copy.set), keys, &mut out, &never);
    let (size, sha256) = read.doing("the copy cannot be read")?;
    if (size, &sha256) != (copy.size, &copy.sha256) {
        return Err(CliError::failed("what was read is not what was written: its size or its SHA-256 differs"));
    }
    out.sync_all().doing("cannot write the copy")?;
    Ok(file)
}

/// Makes the keys in a database usable with the master key of a data folder, which is made if there is none.
fn take_over(file: &std::path::Path, dir: &std::path::Path, keys: &[Key]) -> CliResult {
    staged::check(file).doing("the copy is no usable database")?;
    let store = KeyStore::new(MasterKey::for_recovery(dir).doing("the master key of the data folder")?);
    let mut conn = db::open_copy(file).doing("the copy cannot be opened")?;
    let lost = store.take_over(&mut conn, keys).doing("the keys in the database")?;
    match lost.is_empty() {
        true => Ok(()),
        false => Err(CliError::failed(lost_keys(&lost).message)),
    }
}
