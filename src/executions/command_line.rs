//! The command line that asks for the same work again: for the one who reads an error, and wants to try.
//!
//! Names instead of ids, so that it can be read. None where the command line has no such command, or where what was asked
//! for (thousands of paths) is no command line.

use super::{Chore, DriveAction, LibraryAction, Request};
use crate::Result;
use crate::db::{self, BackupType, Conn, ExecutionStatus, executions::Execution};
use clap::ValueEnum;

/// More paths than this make no command line.
const MOST_PATHS: usize = 20;

/// Words of a command, quoted where a shell needs that.
struct Words(Vec<String>);

impl Words {
    fn new(command: &str) -> Words {
        Words(std::iter::once("tapebackarr").chain(command.split(' ')).map(str::to_owned).collect())
    }

    fn word(mut self, word: impl ToString) -> Words {
        self.0.push(word.to_string());
        self
    }

    fn option(self, name: &str, value: Option<impl ToString>) -> Words {
        match value {
            Some(value) => self.word(name).word(value),
            None => self,
        }
    }

    fn switch(self, name: &str, on: bool) -> Words {
        if on { self.word(name) } else { self }
    }

    fn line(self) -> Option<String> {
        let words: Option<Vec<String>> = self.0.iter().map(|word| quoted(word)).collect();
        words.map(|words| words.join(" "))
    }
}

/// A word as a shell reads it back; none for what no command line can hold.
pub fn quoted(word: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    match word {
        word if word.contains('\0') => None,
        word if !word.is_empty() && word.chars().all(plain) => Some(word.to_owned()),
        word if !word.contains('\'') => Some(format!("'{word}'")),
        // easier to read than what comes next
        word if !word.contains(['"', '$', '`', '\\', '!']) => Some(format!("\"{word}\"")),
        word => Some(format!("'{}'", word.replace('\'', r"'\''"))),
    }
}

fn job(conn: &mut Conn, id: i32) -> Result<String> {
    Ok(db::jobs::find(conn, id)?.name)
}

fn pool(conn: &mut Conn, id: Option<i32>) -> Result<Option<String>> {
    id.map(|id| Ok(db::pools::find(conn, id)?.name)).transpose()
}

fn tape(conn: &mut Conn, id: Option<i32>) -> Result<Option<String>> {
    id.map(|id| Ok(db::tapes::find(conn, id)?.label)).transpose()
}

/// The command line for an execution. None if there is none, or if something that it names is gone.
pub fn of(conn: &mut Conn, row: &Execution) -> Option<String> {
    let request: Request = serde_json::from_str(&row.request).ok()?;
    if let Request::Backup(backup) = &request
        && row.status == ExecutionStatus::Failed
        && row.can_resume
    {
        let name = job(conn, backup.job_id).ok()?;
        return Words::new("run").word(name).word("--retry").line();
    }
    lines(conn, &request).ok()?
}

fn lines(conn: &mut Conn, request: &Request) -> Result<Option<String>> {
    let words = match request {
        Request::Verify(request) => return each(&request.set_ids, |set| Words::new("verify").word(set)),
        Request::Copy(request) => {
            let pool = pool(conn, Some(request.pool_id))?;
            return each(&request.set_ids, |set| Words::new("sets copy").word(set).option("--to", pool.as_ref()));
        }
        Request::Scrub(request) if !request.tape_ids.is_empty() => {
            let mut labels = Vec::new();
            for id in &request.tape_ids {
                labels.push(db::tapes::find(conn, *id)?.label);
            }
            let drive = request.drive_id;
            return each(&labels, |label| Words::new("tape verify").word(label).option("--drive", drive));
        }
        request => one(conn, request)?,
    };
    Ok(words.and_then(Words::line))
}

/// One command for each object, one below the other.
fn each<T>(objects: &[T], command: impl Fn(&T) -> Words) -> Result<Option<String>> {
    let lines: Option<Vec<String>> = objects.iter().take(MOST_PATHS + 1).map(|object| command(object).line()).collect();
    Ok(lines.filter(|lines| !lines.is_empty() && lines.len() <= MOST_PATHS).map(|lines| lines.join("\n")))
}

fn one(conn: &mut Conn, request: &Request) -> Result<Option<Words>> {
    Ok(match request {
        Request::Backup(request) => Some(
            Words::new("run")
                .word(job(conn, request.job_id)?)
                .option("--type", request.backup_type.map(|kind: BackupType| kind.as_str()))
                .option("--tape", tape(conn, request.tape_id)?),
        ),
        Request::Restore(request) => restore(conn, request)?,
        Request::Label(request) => Some(
            Words::new("tape label")
                .word(db::tapes::find(conn, request.tape_id)?.label)
                .option("--as", request.label.as_ref())
                .option("--drive", request.drive_id)
                .switch("--force", request.destroy == super::Destroy::Confirmed),
        ),
        Request::BatchLabel(request) => Some(batch_label(conn, request)?),
        Request::Format(request) => tape(conn, request.tape_id)?
            .map(|label| Words::new("tape format").word(label).option("--drive", request.drive_id)),
        Request::Inspect(request) => {
            Some(Words::new(if request.databases { "database scan" } else { "drive inspect" }).word(request.drive_id))
        }
        Request::Drive(request) => match request.action {
            DriveAction::Load => Some("drive load"),
            DriveAction::Eject => Some("drive eject"),
            DriveAction::Rewind => Some("drive rewind"),
            DriveAction::Retension => Some("drive retension"),
            DriveAction::Clean => Some("drive clean"),
            DriveAction::Encrypt { .. } | DriveAction::Decrypt | DriveAction::Test { .. } => None,
        }
        .map(|command| Words::new(command).word(request.drive_id)),
        Request::Library(request) => {
            let name = db::libraries::find(conn, request.library_id)?.name;
            Some(match request.action {
                LibraryAction::Inventory => Words::new("library inventory").word(name),
                LibraryAction::Load { slot, drive } => {
                    Words::new("library load").word(name).option("--slot", Some(slot)).option("--drive", Some(drive))
                }
                LibraryAction::Unload { slot, drive } => {
                    Words::new("library unload").word(name).option("--drive", Some(drive)).option("--slot", slot)
                }
                LibraryAction::Transfer { from, to } => {
                    Words::new("library transfer").word(name).option("--from", Some(from)).option("--to", Some(to))
                }
            })
        }
        Request::DatabaseBackup(request) => {
            let named = tape(conn, request.tape_id)?;
            let pool = if named.is_none() { pool(conn, request.pool_id)? } else { None };
            Some(Words::new("database backup").option("--tape", named).option("--pool", pool))
        }
        Request::Rebuild(request) => {
            let library = request.library_id.map(|id| db::libraries::find(conn, id)).transpose()?;
            let mut words = Words::new("catalog rebuild").option("--library", library.map(|library| library.name));
            for id in &request.tape_ids {
                words = words.option("--tape", tape(conn, Some(*id))?);
            }
            Some(words.option("--drive", request.drive_id).switch("--dry-run", request.dry_run))
        }
        Request::Maintenance(request) => {
            let words = request.chores.iter().filter_map(Chore::to_possible_value);
            Some(words.fold(Words::new("maintenance run"), |line, chore| line.word(chore.get_name())))
        }
        Request::Scrub(request) => {
            Some(Words::new("scrub run").option("--tapes", request.tapes).option("--drive", request.drive_id))
        }
        Request::Drill(request) => Some(
            Words::new("drill run")
                .option("--files", request.files)
                .option("--job", request.job_id.map(|id| job(conn, id)).transpose()?)
                .option("--seed", request.seed),
        ),
        _ => None,
    })
}

fn restore(conn: &mut Conn, request: &super::RestoreRequest) -> Result<Option<Words>> {
    if request.file_paths.len() + request.folder_paths.len() > MOST_PATHS {
        return Ok(None);
    }
    let job = match (request.backup_set_id, request.job_id) {
        (None, Some(id)) => Some(job(conn, id)?),
        _ => None,
    };
    let policy = match request.existing() {
        super::ExistingPolicy::Keep => None,
        policy => serde_json::to_value(policy)?.as_str().map(str::to_owned),
    };
    let as_of = request.as_of.filter(|_| job.is_some()).map(|at| at.and_utc().to_rfc3339());
    let mut words = Words::new("restore")
        .option("--set", request.backup_set_id)
        .option("--job", job)
        .option("--as-of", as_of)
        .option("--to", Some(&request.dest_path))
        .option("--policy", policy)
        .switch("--only-this-set", request.only_this_set)
        .switch("--verify", request.verify);
    for folder in &request.folder_paths {
        words = words.option("--folder", Some(folder));
    }
    if !request.file_paths.is_empty() {
        words = request.file_paths.iter().fold(words.word("--"), Words::word);
    }
    Ok(Some(words))
}

fn batch_label(conn: &mut Conn, request: &super::BatchLabelRequest) -> Result<Words> {
    let words = Words::new("tape batch-label");
    let words = match request.library_id {
        Some(id) => words.option("--library", Some(db::libraries::find(conn, id)?.name)),
        None => words
            .option("--drive", request.drive_id)
            .option("--prefix", Some(&request.prefix))
            .option("--start-number", Some(request.start_number))
            .option("--count", Some(request.count)),
    };
    Ok(words.option("--pool", pool(conn, request.pool_id)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;
    use crate::db::executions::{NewExecution, insert};
    use crate::db::testing;
    use crate::executions::*;

    fn line(conn: &mut Conn, request: &Request) -> Option<String> {
        let request = serde_json::to_string(request).expect("json");
        let row = insert(conn, &NewExecution { request, ..Default::default() }).expect("row");
        let lines = of(conn, &row)?;
        for line in lines.lines() {
            cli::tests::parses(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        Some(lines)
    }

    #[test]
    fn a_shell_reads_back_every_word() {
        let words = ["", "a b", "it's", "$(rm -rf /)", "it's $HOME", "a\nb", "-x", "\\", "\"'", "ä", "*"];
        let line: Vec<String> = words.iter().filter_map(|word| quoted(word)).collect();
        let script = format!("printf '%s\\0' {}", line.join(" "));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("sh");
        let told = String::from_utf8(output.stdout).expect("text");
        assert_eq!(told.split_terminator('\0').collect::<Vec<_>>(), words);
        assert_eq!(quoted("a\0b"), None);
    }

    #[test]
    fn every_command_is_one_of_ours_and_names_what_was_asked_for() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (job, tape) = (testing::job(conn, "it's nightly").id, testing::tape(conn, "A00001").id);
        let library =
            db::libraries::NewLibrary { name: "Rack 2".into(), device_path: "/dev/sg3".into(), ..Default::default() };
        let library = db::libraries::insert(conn, &library).expect("library").id;
        let full = Some(BackupType::Full);
        let backup = BackupRequest { job_id: job, tape_id: Some(tape), backup_type: full, ..Default::default() };
        let wanted = r#"tapebackarr run "it's nightly" --type full --tape A00001"#;
        assert_eq!(line(conn, &Request::Backup(backup)).as_deref(), Some(wanted));
        let restore = RestoreRequest {
            job_id: Some(job),
            as_of: Some(db::now()),
            file_paths: vec!["-odd name".into()],
            folder_paths: vec!["home/anna".into()],
            dest_path: "/srv/r 1".into(),
            verify: true,
            overwrite: true,
            ..Default::default()
        };
        let shown = line(conn, &Request::Restore(restore.clone())).expect("a command");
        assert!(
            shown.contains("--to '/srv/r 1' --policy overwrite --verify --folder home/anna -- '-odd name'"),
            "{shown}"
        );
        let many = RestoreRequest { file_paths: vec!["x".into(); 21], ..restore };
        assert_eq!(line(conn, &Request::Restore(many)), None);
        let verify = VerifyRequest { set_ids: vec![3, 4], drive_id: None };
        assert_eq!(line(conn, &Request::Verify(verify)).as_deref(), Some("tapebackarr verify 3\ntapebackarr verify 4"));
        let move_ = LibraryAction::Unload { slot: None, drive: 256 };
        let library_request = Request::Library(LibraryRequest { library_id: library, action: move_ });
        assert_eq!(line(conn, &library_request).as_deref(), Some("tapebackarr library unload 'Rack 2' --drive 256"));
        let others = [
            r#"{"kind":"label","tape_id":1,"destroy":"confirmed","label":"B1"}"#,
            r#"{"kind":"batch_label","library_id":1,"pool_id":1}"#,
            r#"{"kind":"batch_label","drive_id":1,"prefix":"W-","start_number":3,"count":2,"digits":3,"pool_id":1}"#,
            r#"{"kind":"format","tape_id":1}"#,
            r#"{"kind":"inspect","drive_id":1}"#,
            r#"{"kind":"inspect","drive_id":1,"databases":true}"#,
            r#"{"kind":"drive","drive_id":1,"action":"clean"}"#,
            r#"{"kind":"library","library_id":1,"action":"load","slot":1024,"drive":256}"#,
            r#"{"kind":"library","library_id":1,"action":"transfer","from":1024,"to":1025}"#,
            r#"{"kind":"database_backup","pool_id":1}"#,
            r#"{"kind":"rebuild","library_id":1,"dry_run":true}"#,
            r#"{"kind":"rebuild","tape_ids":[1],"drive_id":1}"#,
            r#"{"kind":"maintenance","chores":["retention","quick_check","vacuum"]}"#,
            r#"{"kind":"scrub","tapes":3}"#,
            r#"{"kind":"scrub","tape_ids":[1],"drive_id":2}"#,
            r#"{"kind":"drill","files":5,"seed":4711}"#,
            r#"{"kind":"copy","set_ids":[17],"pool_id":2}"#,
        ];
        for request in others {
            let request = serde_json::from_str(request).unwrap_or_else(|error| panic!("{request}: {error}"));
            assert!(line(conn, &request).is_some(), "{request:?}");
        }
    }
}
