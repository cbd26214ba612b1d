//! `demo`: a real folder goes to tape and back, through a real server, and is compared with what it was.
//!
//! The tapes are files, everything else is what a site runs: the server with its database and actors, reached only
//! through the REST API. What comes back is judged by [`compare`](super::compare), which looks at nothing but the disk.

mod folder;
mod narrator;
mod sample;
mod server;
mod steps;

use super::Global;
use super::compare::Comparison;
use super::exit::{CliError, CliResult, Doing};
use super::human;
use super::output::{self, Format};
use folder::Folder;
use narrator::Narrator;
use serde_json::{Value, json};
use server::Server;
use std::path::{Path, PathBuf};
use steps::Steps;
use tape_drive::virt::cartridge::CartridgeSpec;
use tape_drive::virt::library::{self, LibrarySpec, Place};

const DRIVES: u16 = 2;
const SLOTS: u16 = 8;
const CARTRIDGES: u16 = 6;

/// See it work: a folder to virtual tape and back, verified and compared
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A server with a virtual tape library is set up in --data-dir; a folder is backed up, verified, restored and compared \
byte by byte, then a small second folder goes through a full backup, a week of changes, and an incremental one. \
--source is only read. The data folder needs about twice the size of the source.

With --json exactly one object is printed: files, bytes, seconds, mismatches, differences and more. \
With --exit the exit code is 0 only if everything that was restored is equal to what was backed up.

Examples:
  tapebackarr demo
  tapebackarr demo --source /usr/share --exit
  tapebackarr demo --source /usr --data-dir /var/tmp/demo --exit --json")]
pub struct DemoArgs {
    /// The folder to back up; it is only read
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Where to work: an empty folder or that of an earlier demonstration; a temporary one if not given
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Port of the server; 0 lets the system choose. With --exit the default is 0, otherwise 8080
    #[arg(long)]
    port: Option<u16>,
    /// End when it is done instead of leaving the server running
    #[arg(long)]
    exit: bool,
}

/// Runs the demonstration.
pub fn run(args: DemoArgs, global: &Global) -> CliResult {
    let format = Format::of(global);
    let narrator = Narrator::new(format);
    let folder = Folder::prepare(args.data_dir.as_deref())?;
    let source = args.source.as_deref().map(|source| check_source(source, folder.root())).transpose()?;
    let default_port = if args.exit { 0 } else { 8080 };
    make_library(&folder.library())?;
    let server = Server::start(&folder.server(), args.port.unwrap_or(default_port))?;
    let result = match tell(&narrator, &folder, &server, source.as_deref()) {
        Ok(story) => conclude(&narrator, format, source.as_deref(), story),
        Err(error) => give_up(&narrator, format, source.as_deref(), error),
    };
    if args.exit {
        server.stop()?;
        return result;
    }
    if let Err(error) = &result {
        error.print();
    }
    narrator.say(&format!(
        "\nThe server stays up: {}\n  user {}, password {}\n  data in {}\nCtrl-C ends it.",
        server.url(),
        server::ADMINISTRATOR,
        server.password,
        folder.root().display()
    ))?;
    server.stay()?;
    result
}

/// What the comparisons found, and how much the first one compared.
struct Story {
    compared: Comparison,
    files: u64,
    bytes: u64,
}

fn tell(narrator: &Narrator, folder: &Folder, server: &Server, source: Option<&Path>) -> CliResult<Story> {
    narrator.say(&format!("Server: {}, data in {}", server.url(), folder.root().display()))?;
    let context = server.log_in()?;
    let mut steps = Steps { context: &context, narrator, compared: Comparison::default() };
    narrator.heading(&format!("A virtual library: {DRIVES} drives, {SLOTS} slots, {CARTRIDGES} tapes"))?;
    steps.hardware(&folder.library(), DRIVES)?;
    let measured = match source {
        Some(source) => Some(whole_folder(&mut steps, folder, source)?),
        None => None,
    };
    let sample = changing_folder(&mut steps, folder)?;
    let (files, bytes) = measured.unwrap_or(sample);
    Ok(Story { compared: steps.compared, files, bytes })
}

/// A folder as it is: full, verify, restore, compare.
fn whole_folder(steps: &mut Steps, folder: &Folder, source: &Path) -> CliResult<(u64, u64)> {
    steps.narrator.heading(&format!("{} to tape and back", source.display()))?;
    let job = steps.job("Whole folder", source, None)?;
    let set = steps.back_up(job, "full")?;
    steps.verify(set)?;
    let restored = folder.restored("source");
    steps.restore(&json!({ "backup_set_id": set }), &restored, &format!("set {set}"))?;
    steps.compare(source, &restored, "source")
}

/// A folder that changes: full, change, incremental, both states and a single file restored.
fn changing_folder(steps: &mut Steps, folder: &Folder) -> CliResult<(u64, u64)> {
    steps.narrator.heading("A folder that changes: full, a week of changes, incremental; encrypted")?;
    let sample = folder.sample();
    sample::make(&sample).doing(format_args!("cannot make {}", sample.display()))?;
    sample::make(&folder.expected()).doing(format_args!("cannot make {}", folder.expected().display()))?;
    let key = steps.key()?;
    let job = steps.job("Changing folder", &sample, Some(key))?;
    let full = steps.back_up(job, "full")?;
    sample::change(&sample).doing(format_args!("cannot change {}", sample.display()))?;
    steps
        .narrator
        .say("A week passes: files are added, rewritten, renamed, deleted, and one changes only in nanoseconds")?;
    let incremental = steps.back_up(job, "incremental")?;
    steps.verify(full)?;
    steps.verify(incremental)?;

    let newest = folder.restored("newest");
    steps.restore(&json!({ "job_id": job }), &newest, "the newest state")?;
    let measured = steps.compare(&sample, &newest, "newest")?;
    let before = folder.restored("before");
    steps.restore(&json!({ "backup_set_id": full }), &before, "the state before the changes")?;
    steps.compare(&folder.expected(), &before, "before")?;
    one_file(steps, folder, incremental)?;
    Ok(measured)
}

/// One file out of a set, without reading the rest.
fn one_file(steps: &mut Steps, folder: &Folder, set: i64) -> CliResult {
    let (alone, expected) = (folder.restored("one-file"), folder.restored("one-file-expected"));
    let what = json!({ "backup_set_id": set, "file_paths": [sample::ONE_FILE] });
    steps.restore(&what, &alone, "one file of it")?;
    let (source, copy) = (folder.sample().join(sample::ONE_FILE), expected.join(sample::ONE_FILE));
    let place = copy.parent().unwrap_or(&expected);
    std::fs::create_dir_all(place).and_then(|()| std::fs::copy(&source, &copy)).doing("cannot copy the file")?;
    let same = std::fs::read(&copy).doing("cannot read the copy")?
        == std::fs::read(alone.join(sample::ONE_FILE)).unwrap_or_default();
    steps.compared.files += 1;
    if !same {
        steps.compared.mismatches += 1;
        steps
            .compared
            .differences
            .push((sample::ONE_FILE.into(), "restored alone, it differs or is missing".to_owned()));
    }
    Ok(())
}

/// The one object of `--json` when it did not come to a comparison: no number of mismatches, so none is mistaken for 0.
fn give_up(narrator: &Narrator, format: Format, source: Option<&Path>, error: CliError) -> CliResult {
    if format == Format::Json {
        output::json(&json!({
            "files": 0,
            "bytes": 0,
            "seconds": narrator.seconds(),
            "mismatches": null,
            "differences": [],
            "source": source.map(|path| path.to_string_lossy()),
            "error": error.message,
        }))?;
    }
    Err(error)
}

fn conclude(narrator: &Narrator, format: Format, source: Option<&Path>, story: Story) -> CliResult {
    let Story { compared, files, bytes } = story;
    if format == Format::Json {
        let differences: Vec<Value> = compared
            .differences
            .iter()
            .map(|(path, reason)| json!({ "path": path.to_string_lossy(), "reason": reason }))
            .collect();
        output::json(&json!({
            "files": files,
            "bytes": bytes,
            "seconds": narrator.seconds(),
            "mismatches": compared.mismatches,
            "differences": differences,
            "source": source.map(|path| path.to_string_lossy()),
            "compared": { "entries": compared.entries, "files": compared.files, "bytes": compared.bytes },
            "passed_over": compared.passed_over,
        }))?;
    }
    match compared.mismatches {
        0 => narrator.say(&format!(
            "\nEverything restored is equal to what was backed up: {} entries, {}, {} in all.",
            human::count(compared.entries),
            human::bytes(compared.bytes),
            human::duration(narrator.elapsed())
        )),
        count => {
            Err(CliError::failed(format!("{} differences between what was backed up and what was restored", count)))
        }
    }
}

fn make_library(dir: &Path) -> CliResult {
    let spec = LibrarySpec { drives: DRIVES, slots: SLOTS, ..LibrarySpec::default() };
    library::create(dir, &spec).doing("cannot make the virtual library")?;
    for number in 1..=CARTRIDGES {
        let tape = CartridgeSpec::new(&format!("DEMO{number:02}L9"));
        library::add_cartridge(dir, &tape, Place::AnySlot).doing("cannot make a virtual tape")?;
    }
    Ok(())
}

/// The source as an absolute path, if it can be used.
fn check_source(source: &Path, data_dir: &Path) -> CliResult<PathBuf> {
    let shown = source.display();
    let source = source.canonicalize().doing(format_args!("cannot use --source {shown}"))?;
    if !source.is_dir() {
        return Err(CliError::usage(format!("--source {shown} is not a folder")));
    }
    if data_dir.starts_with(&source) {
        return Err(CliError::usage(format!("the data folder {} lies inside --source {shown}", data_dir.display()))
            .advise("choose a --data-dir outside of it, or the tapes would be backed up onto themselves"));
    }
    Ok(source)
}
