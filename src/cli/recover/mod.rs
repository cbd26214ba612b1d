//! `recover`: reads tapes with nothing but this program: no server, no database, no configuration.
//!
//! [`tapes`] opens what is at hand, [`look`] finds out what is on it ([`holdings`]), [`join`] puts parts side by side,
//! [`state`] plans what is to be restored, [`bring`] restores it with the same engine that the server has, [`list`] tells.
//! Nothing is ever written to a tape.

mod archive;
mod bring;
mod holdings;
mod join;
pub mod keyring;
pub mod keys;
mod list;
mod look;
mod state;
mod tapes;
mod wanted;

use super::Global;
use super::exit::{CliError, CliResult, Doing, Exit};
use super::human;
use super::output::{Format, json, line};
use crate::restore::ExistingPolicy;
use crate::restore::extract::Extractor;
use crate::restore::metadata::Trust;
use bring::{Bringing, Report};
use clap::{Args, ValueEnum};
use holdings::Holdings;
use keyring::Keyring;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tape_format::path_text::from_text;
use tape_format::salvage::Identity;
use tapes::Tapes;
use wanted::Wanted;

/// Lost files that are told one by one to a person.
const TOLD: usize = 50;

/// Read tapes without a server: list them, find files, restore; also damaged ones
#[derive(Debug, Args)]
#[command(after_help = "\
A TAPE is a drive (virtual:DIR#drive0), an image (NAME.tap), or a file that was copied off a tape with dd; several such \
files, in the order of the tape, are one tape. Nothing is ever written to a tape.

Without --set, the newest state of each job is restored; into a folder of its own if there are several. A state is the set, \
and what it is based on: give all the tapes that are needed, or change them in the drive when asked.

What is damaged costs what it touches: the rest is restored, what is lost is listed, and the exit code is 1.

Examples:
  tapebackarr recover A00001L9.tap
  tapebackarr recover virtual:/srv/library#drive0 --list --files
  tapebackarr recover A00001L9.tap --find '*.tex'
  tapebackarr recover A00001L9.tap A00002L9.tap --to /srv/restore
  tapebackarr recover A00001L9.tap --passphrase-file passphrase.txt --to /srv/restore
  tapebackarr recover A00001L9.tap --key-file sheet.txt --set 3b241101 --to /srv/restore home/anna")]
pub struct RecoverArgs {
    /// Where the tapes are: drives, images, or copies of tape files
    #[arg(value_name = "TAPE", required = true)]
    given: Vec<String>,
    /// Show the sets (also if nothing else is asked for)
    #[arg(long)]
    list: bool,
    /// With --list: show the files of each set too
    #[arg(long)]
    files: bool,
    /// Show the files that match a pattern, in which sets they are
    #[arg(long, value_name = "PATTERN")]
    find: Vec<String>,
    /// Restore into this folder, which is made if it is missing
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Only this file or folder, or what matches this pattern; may be given several times
    #[arg(long, value_name = "PATH")]
    path: Vec<String>,
    /// The state of this set: its uuid, or the beginning of it
    #[arg(long, value_name = "UUID")]
    set: Option<String>,
    /// Only what the set holds itself, not what it is based on
    #[arg(long, requires = "set")]
    only_this_set: bool,
    /// A file with keys: a key sheet, or one key in base64, in hex, or as it is; may be given several times
    #[arg(long, value_name = "FILE")]
    key_file: Vec<PathBuf>,
    /// A file with the passphrase of keys on the tapes, in its first line (`-`: standard input); asked for at a terminal if it is
    /// needed and not given; may be given several times
    #[arg(long, value_name = "FILE")]
    passphrase_file: Vec<PathBuf>,
    /// What to do with files that are already there
    #[arg(long, value_enum, default_value_t = Policy::Keep)]
    policy: Policy,
    /// Do not read the data of parts whose table of contents is lost
    #[arg(long)]
    quick: bool,
    /// Read a whole part again, also from a drive, for files that did not come at the first try
    #[arg(long)]
    thorough: bool,
    /// Never ask for a tape; report what is missing
    #[arg(long)]
    non_interactive: bool,
    /// What encrypted data may be that does not say so itself (SET:PART), on tapes written before it did
    #[arg(long, value_name = "SET:PART", value_parser = parse_identity)]
    may_be: Vec<Identity>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Policy {
    /// Replace them
    Overwrite,
    /// Leave them
    Keep,
    /// Replace them if the backup is newer
    Newer,
    /// Restore beside them under another name
    Rename,
}

impl From<Policy> for ExistingPolicy {
    fn from(policy: Policy) -> ExistingPolicy {
        match policy {
            Policy::Overwrite => ExistingPolicy::Overwrite,
            Policy::Keep => ExistingPolicy::Keep,
            Policy::Newer => ExistingPolicy::Newer,
            Policy::Rename => ExistingPolicy::Rename,
        }
    }
}

fn parse_identity(text: &str) -> Result<Identity, String> {
    let wrong = || "expected SET:PART, as in 3b241101-e2bb-4255-8caf-4136c566a962:1".to_owned();
    let (set, part) = text.rsplit_once(':').ok_or_else(wrong)?;
    Ok(Identity { set: set.parse().map_err(|_| wrong())?, part: part.parse().map_err(|_| wrong())? })
}

/// Does what is asked.
pub fn run(args: RecoverArgs, global: &Global) -> CliResult {
    let format = Format::of(global);
    let keys = keys::read(&args.key_file)?;
    let everything = Wanted::default();
    let wanted = Wanted::new(if args.find.is_empty() { &args.path } else { &args.find })?;
    let restoring = args.to.is_some();
    let keyring = Keyring::new(keys.clone(), &args.passphrase_file, !args.non_interactive)?;
    let looking = look::Looking {
        keyring: &keyring,
        keep: restoring || args.files || !args.find.is_empty(),
        deep: !args.quick,
        may_be: &args.may_be,
    };
    let mut tapes = Tapes::new(&args.given, !args.non_interactive, &keys)?;
    let mut holdings = Holdings::default();
    for source in tapes.sources() {
        look_at(source, &looking, &mut tapes, &mut holdings)?;
    }
    let Some(to) = &args.to else {
        holdings.sets.iter_mut().for_each(join::parts);
        tell_notes(&holdings);
        if !args.find.is_empty() {
            return find(&holdings, &tapes, &wanted, format);
        }
        return list::sets(
            &holdings,
            &tapes,
            args.files,
            if args.path.is_empty() { &everything } else { &wanted },
            format,
        );
    };
    let report = restore(&args, to, &wanted, &looking, &mut tapes, &mut holdings)?;
    tell_notes(&holdings);
    finish(&report, &holdings, to, format)
}

fn look_at(source: usize, looking: &look::Looking<'_>, tapes: &mut Tapes, holdings: &mut Holdings) -> CliResult {
    if let Some((tape, mut drive)) = tapes.look(source)? {
        let bar = spinner(&format!("{}: looking at what is on it", tapes.name(tape)));
        let looked = look::look(looking, tapes, tape, drive.as_mut(), holdings);
        bar.finish_and_clear();
        looked?;
    }
    Ok(())
}

fn find(holdings: &Holdings, tapes: &Tapes, wanted: &Wanted, format: Format) -> CliResult {
    let found = holdings.sets.iter().flat_map(|set| &set.parts).flat_map(|part| &part.entries);
    let archived = holdings.archives.iter().flat_map(|archive| &archive.files);
    let any = found.into_iter().any(|entry| wanted.matches(&entry.path))
        || archived.into_iter().any(|file| wanted.matches(file.0.as_bytes()));
    if !any {
        return Err(CliError::new(Exit::NotFound, "nothing on these tapes matches"));
    }
    list::sets(holdings, tapes, true, wanted, format)
}

/// Restores what is asked for.
fn restore(
    args: &RecoverArgs,
    to: &Path,
    wanted: &Wanted,
    looking: &look::Looking<'_>,
    tapes: &mut Tapes,
    holdings: &mut Holdings,
) -> CliResult<Report> {
    loop {
        let chains = chains(args, holdings)?;
        let needed: Vec<String> = chains.iter().flat_map(|chain| needs(holdings, chain, args.only_this_set)).collect();
        let Some(first) = needed.first() else { break };
        let Some(source) = tapes.ask_for_another(first)? else { break };
        look_at(source, looking, tapes, holdings)?;
    }
    holdings.sets.iter_mut().for_each(join::parts);
    let chains = chains(args, holdings)?;
    let mut report = Report::default();
    let several = chains.len() + holdings.archives.len() > 1;
    let mut matched: Vec<Vec<u8>> = Vec::new();
    for chain in &chains {
        let Some(set) = chain.first().and_then(|index| holdings.sets.get(*index)) else { continue };
        let folder = if several { folder_name(set, &chains, holdings) } else { String::new() };
        let selected = state::select(holdings, chain, wanted)?;
        let missing = needs(holdings, chain, args.only_this_set);
        if !missing.is_empty() {
            report.lost.insert(format!("({})", set.title()), missing.join("; "));
        }
        if !wanted.is_everything() {
            for item in selected.plan.items.iter() {
                matched.push(item.doing("what is to be restored cannot be listed")?.path.to_vec());
            }
            matched.extend(selected.plan.links.iter().map(|link| link.path.to_vec()));
            matched.extend(selected.lost.iter().map(|lost| from_text(&lost.0).into_owned()));
        }
        if selected.plan.is_empty() && selected.misplaced.is_empty() {
            report.lost.extend(selected.lost);
            continue;
        }
        let into = make_folder(to, &folder)?;
        let extractor = Extractor::new(&into, args.policy.into(), Trust::Own, Arc::default())
            .doing(format_args!("cannot restore into {}", into.display()))?;
        Bringing::new(holdings, tapes, extractor, &mut report, folder, args.thorough).bring(&selected, wanted)?;
    }
    if args.set.is_none() {
        for archive in &holdings.archives {
            let folder = if several {
                format!("{}-file-{}", safe_name(&tapes.name(archive.tape)), archive.tape_file)
            } else {
                String::new()
            };
            let into = make_folder(to, &folder)?;
            let place = archive::Place { into: &into, policy: args.policy.into(), folder: &folder };
            matched.extend(archive::bring(archive, tapes, &looking.keyring.all(), &place, wanted, &mut report)?);
        }
    }
    if !wanted.is_everything() && matched.is_empty() {
        return Err(CliError::new(Exit::NotFound, "nothing on these tapes matches")
            .advise("--list --files shows what is there"));
    }
    for pattern in wanted.without_match(&matched.iter().map(Vec::as_slice)) {
        report.lost.insert(pattern.to_owned(), "it is not on these tapes".into());
    }
    Ok(report)
}

/// What is missing for the state of a chain.
fn needs(holdings: &Holdings, chain: &[usize], alone: bool) -> Vec<String> {
    let mut needs = state::missing(holdings, chain);
    if let Some(set) = chain.first().filter(|_| !alone) {
        needs.extend(state::chain(holdings, *set).1);
    }
    needs
}

/// The chains to be restored, each newest set first: that of the set that was named, or the newest of each job.
fn chains(args: &RecoverArgs, holdings: &Holdings) -> CliResult<Vec<Vec<usize>>> {
    let chain = |set: usize| if args.only_this_set { vec![set] } else { state::chain(holdings, set).0 };
    if let Some(name) = &args.set {
        let name = name.to_ascii_lowercase();
        let matches =
            |uuid: &uuid::Uuid| uuid.to_string().starts_with(&name) || uuid.simple().to_string().starts_with(&name);
        let found: Vec<usize> = (0..holdings.sets.len())
            .filter(|index| holdings.sets.get(*index).and_then(|set| set.uuid).is_some_and(|uuid| matches(&uuid)))
            .collect();
        return match found.as_slice() {
            [one] => Ok(vec![chain(*one)]),
            [] => Err(CliError::new(Exit::NotFound, format!("set {name} is on none of these tapes"))
                .advise("--list shows the sets")),
            _ => Err(CliError::usage(format!("several sets begin with {name}; give more of the uuid"))),
        };
    }
    let based_on: Vec<uuid::Uuid> = holdings.sets.iter().filter_map(|set| set.parent).collect();
    let mut heads: Vec<usize> = Vec::new();
    for (index, set) in holdings.sets.iter().enumerate() {
        if set.uuid.is_some_and(|uuid| based_on.contains(&uuid)) {
            continue;
        }
        let same = heads.iter().position(|head| {
            holdings
                .sets
                .get(*head)
                .is_some_and(|head| !set.job.is_empty() && head.job == set.job && head.kind.is_some())
        });
        match same.and_then(|at| heads.get_mut(at)) {
            Some(head) if holdings.sets.get(*head).is_some_and(|head| head.start < set.start) => *head = index,
            Some(_) => {}
            None => heads.push(index),
        }
    }
    Ok(heads.into_iter().map(chain).collect())
}

/// A folder of its own for each of several states.
fn folder_name(set: &holdings::Set, chains: &[Vec<usize>], holdings: &Holdings) -> String {
    let heads = chains.iter().filter_map(|chain| chain.first()).filter_map(|index| holdings.sets.get(*index));
    let alone = heads.filter(|other| other.job == set.job).count() == 1;
    match set.uuid {
        _ if !set.job.is_empty() && alone => safe_name(&set.job),
        Some(uuid) => uuid.to_string(),
        None => {
            let part = set.parts.first();
            let (tape, file) = part.map_or((0, 0), |part| (part.tape, part.place.tape_file));
            format!("unnamed-tape-{}-file-{file}", tape + 1)
        }
    }
}

fn safe_name(name: &str) -> String {
    let safe: String = name.chars().map(|c| if c.is_alphanumeric() || "-_ ".contains(c) { c } else { '_' }).collect();
    if safe.is_empty() { "_".into() } else { safe }
}

fn make_folder(to: &Path, folder: &str) -> CliResult<PathBuf> {
    let into = if folder.is_empty() { to.to_owned() } else { to.join(folder) };
    std::fs::create_dir_all(&into).doing(format_args!("cannot make {}", into.display()))?;
    into.canonicalize().doing(format_args!("cannot use {}", into.display()))
}

fn tell_notes(holdings: &Holdings) {
    for note in &holdings.notes {
        eprintln!("note: {}", human::printable(note));
    }
}

fn finish(report: &Report, holdings: &Holdings, to: &Path, format: Format) -> CliResult {
    let lost: Vec<_> = report.lost.iter().map(|(path, why)| json!({"path": path, "why": why})).collect();
    if format == Format::Json {
        json(&json!({
            "to": to.to_string_lossy(), "files": report.files, "folders": report.folders, "bytes": report.bytes,
            "skipped": report.skipped, "unverified": report.unverified, "lost": lost, "notes": report.notes,
            "tape_notes": holdings.notes,
        }))?;
    } else {
        for note in &report.notes {
            eprintln!("note: {}", human::printable(note));
        }
        for (path, why) in report.lost.iter().take(TOLD) {
            eprintln!("lost: {}: {}", human::printable(path), human::printable(why));
        }
        if report.lost.len() > TOLD {
            eprintln!("lost: and {} more; --json lists all", report.lost.len() - TOLD);
        }
        let (files, bytes) = (human::count(report.files), human::bytes(report.bytes));
        line(&format!("{files} files ({bytes}) are in {}", to.display()))?;
        if report.unverified > 0 {
            eprintln!("{} of them have no hash on the tape to be compared with", human::count(report.unverified));
        }
        if report.skipped > 0 {
            eprintln!("{} were there already and were kept", human::count(report.skipped));
        }
    }
    match report.lost.len() {
        0 => Ok(()),
        count => Err(CliError::failed(format!("{count} things are lost"))),
    }
}

/// Something that moves on a terminal while nothing else does.
fn spinner(message: &str) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new_spinner();
    if let Ok(style) = indicatif::ProgressStyle::with_template("{spinner} {prefix} {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(message.to_owned());
    bar
}
