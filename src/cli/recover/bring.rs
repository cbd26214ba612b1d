//! Carrying out a plan: tapes, members, files, and a second look at what did not come.

use super::holdings::{Entry, Holdings, Known, Part};
use super::state;
use super::tapes::Tapes;
use super::wanted::Wanted;
use crate::cli::exit::{CliError, CliResult, Doing};
use crate::human;
use crate::restore::extract::Extractor;
use crate::restore::feed::Feed;
use crate::restore::flow;
use crate::restore::members::{self, Handler};
use crate::restore::plan::{Item, Plan};
use crate::restore::reader::{self, ReadError};
use crate::restore::{Failed, Placed};
use crate::{Error, Result};
use indicatif::ProgressBar;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tape_format::path_text::to_text;
use tape_format::salvage::{SalvageSink, SalvagedMember, read_part};
use tape_format::{Member, MemberKind};

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Files at the destination, with their content compared.
    pub files: u64,
    /// Files among them without a hash in a table of contents: nobody knows whether they are what was saved.
    pub unverified: u64,
    /// Folders.
    pub folders: u64,
    /// Content bytes.
    pub bytes: u64,
    /// Left out as the policy says.
    pub skipped: u64,
    /// What is lost: path, and why.
    pub lost: BTreeMap<String, String>,
    /// What was restored, but not quite as it was.
    pub notes: Vec<String>,
}

/// One state on its way to one folder.
pub struct Bringing<'a> {
    /// What was found.
    pub holdings: &'a Holdings,
    /// Where it is.
    pub tapes: &'a Tapes,
    /// Who writes it.
    pub extractor: Extractor,
    /// What came of it.
    pub report: &'a mut Report,
    /// Path in front of everything that is reported.
    pub folder: String,
    /// Whether to read a whole part again for what did not come, also from a drive.
    pub thorough: bool,
    bar: ProgressBar,
    /// The sets of the plan that is carried out, as they are numbered in the holdings.
    sets: Vec<usize>,
    /// What did not come, by path: its set, and why.
    failed: HashMap<Vec<u8>, (usize, String)>,
}

impl<'a> Bringing<'a> {
    /// Nothing brought yet.
    pub fn new(
        holdings: &'a Holdings,
        tapes: &'a Tapes,
        extractor: Extractor,
        report: &'a mut Report,
        folder: String,
        thorough: bool,
    ) -> Bringing<'a> {
        let bar = super::spinner("restoring");
        Bringing { holdings, tapes, extractor, report, folder, thorough, bar, sets: Vec::new(), failed: HashMap::new() }
    }

    /// Restores everything of a selection.
    pub fn bring(mut self, selected: &state::Selected, wanted: &Wanted) -> CliResult {
        for (directory, metadata) in &selected.plan.directories {
            self.extractor.know_directory(directory.clone(), metadata.clone());
        }
        for (path, why) in &selected.lost {
            self.lose(path.clone(), why.clone());
        }
        for (path, set) in &selected.misplaced {
            let why = "the table of contents says that it is where nothing is".to_owned();
            self.failed.insert(path.to_vec(), (*set, why));
        }
        let read = self.carry_out(&selected.plan);
        let read = read.and_then(|()| self.second_look(wanted));
        let linked = read.and_then(|()| self.links(&selected.plan));
        for (path, (_, why)) in std::mem::take(&mut self.failed) {
            self.lose(to_text(&path).into_owned(), why);
        }
        // Also after a failure: what was restored so far is to be as it was.
        self.extractor.finish();
        self.take_notes();
        self.bar.finish_and_clear();
        linked?;
        self.extractor.sync().map_err(|failed| destination(&failed))
    }

    fn lose(&mut self, path: String, why: String) {
        let path = if self.folder.is_empty() { path } else { format!("{}/{path}", self.folder) };
        self.report.lost.entry(path).or_insert(why);
    }

    fn take_notes(&mut self) {
        for note in self.extractor.take_notes() {
            self.report.notes.push(format!("{}: {}", to_text(&note.path), note.message));
        }
    }

    fn carry_out(&mut self, plan: &Plan) -> CliResult {
        self.sets = plan.sets.iter().map(|set| usize::try_from(set.set_id).unwrap_or(usize::MAX)).collect();
        let (sender, receiver) = flow::channel();
        let (holdings, tapes) = (self.holdings, self.tapes);
        std::thread::scope(|scope| {
            let feeding = scope.spawn(move || feed(holdings, tapes, Feed::new(plan, sender), plan));
            let taken = members::consume(plan, &receiver, self);
            // Whoever still reads is to notice that nobody takes it.
            drop(receiver);
            let fed = feeding.join().unwrap_or_else(|_| Err(CliError::failed("the thread that reads tapes panicked")));
            taken.doing("the restore had to stop").and(fed)
        })
    }

    /// Reads whole parts from their data for what their tables promised and did not keep.
    fn second_look(&mut self, wanted: &Wanted) -> CliResult {
        let failed: Vec<(Vec<u8>, usize)> = self.failed.iter().map(|(path, why)| (path.clone(), why.0)).collect();
        let mut parts: BTreeMap<(usize, u32), Vec<Vec<u8>>> = BTreeMap::new();
        for (path, set) in failed {
            let Some(part) = self.part_of(set, &path) else { continue };
            if part.known == Known::Table {
                parts.entry((set, part.number)).or_default().push(path);
            }
        }
        for ((set, number), paths) in parts {
            let found = self.counted_otherwise(set, number, &paths);
            if let Some(found) = found {
                let again = state::select(&found, &[0], wanted)?;
                self.carry_out(&again.plan)?;
            }
            let paths: Vec<Vec<u8>> = paths.into_iter().filter(|path| self.failed.contains_key(path)).collect();
            let tape = self.part(set, number).map_or(usize::MAX, |part| part.tape);
            if paths.is_empty() || !(self.thorough || self.tapes.is_quick(tape)) {
                continue;
            }
            if let Some(found) = self.read_again(set, number, &paths)? {
                let again = state::select(&found, &[0], wanted)?;
                self.carry_out(&again.plan)?;
            }
        }
        Ok(())
    }

    fn part_of(&self, set: usize, path: &[u8]) -> Option<&'a Part> {
        let parts = &self.holdings.sets.get(set)?.parts;
        parts.iter().find(|part| part.entries.iter().any(|entry| &*entry.path == path))
    }

    fn part(&self, set: usize, number: u32) -> Option<&'a Part> {
        self.holdings.sets.get(set)?.parts.iter().find(|part| part.number == number)
    }

    /// The same part with its blocks counted from the other end, if damage has made that another number.
    fn counted_otherwise(&self, set: usize, number: u32, paths: &[Vec<u8>]) -> Option<Holdings> {
        let part = self.part(set, number)?;
        let mut layout = (*part.layout).clone();
        layout.first_block = part.other_start?;
        let wanted: HashSet<&[u8]> = paths.iter().map(Vec::as_slice).collect();
        let entries = part.entries.iter().filter(|entry| wanted.contains(&*entry.path)).cloned().collect();
        let mut found = Holdings::default();
        found
            .add(known_uuid(self.holdings, set), Part { layout: Arc::new(layout), entries, cut: None, ..part.clone() });
        Some(found)
    }

    /// What a part's data tells of some members; nothing if it tells no more than before.
    fn read_again(&mut self, set: usize, number: u32, paths: &[Vec<u8>]) -> CliResult<Option<Holdings>> {
        struct Members(Vec<SalvagedMember>);
        impl SalvageSink for Members {
            fn member(&mut self, member: SalvagedMember) -> tape_format::Result<()> {
                if member.is_whole() {
                    self.0.push(member);
                }
                Ok(())
            }
        }
        let Some(part) = self.part(set, number) else { return Ok(None) };
        self.bar.set_message(format!("reading part {number} again for {} files", paths.len()));
        let mut drive = self.tapes.open(part.tape)?;
        let keys: Vec<_> = part.key.iter().cloned().collect();
        let mut members = Members(Vec::new());
        let Ok(salvaged) = read_part(drive.as_mut(), &part.place, &keys, &mut members) else { return Ok(None) };
        let authentic = salvaged.is_authentic();
        let table: HashMap<&[u8], &Entry> = part.entries.iter().map(|entry| (&*entry.path, entry)).collect();
        let failed: HashSet<&Vec<u8>> = paths.iter().collect();
        let mut entries = Vec::new();
        for member in members.0 {
            let old = table.get(member.record.path.as_slice()).copied();
            // What the table does not list has its name there spoiled.
            if old.is_some() && !failed.contains(&member.record.path) {
                continue;
            }
            let found = Entry::from(member.record);
            let differs = old.is_some_and(|old| old.sha256.is_some() && old.sha256 != found.sha256);
            if differs && !authentic {
                // Either the content or the table is wrong, and nothing tells which.
                continue;
            }
            if differs {
                let path = to_text(&found.path);
                let note =
                    format!("{path}: its hash in the table of contents is wrong; what was restored is authentic");
                self.report.notes.push(note);
            }
            entries.push(Entry { mtime_ns: old.map_or(found.mtime_ns, |old| old.mtime_ns), ..found });
        }
        if entries.is_empty() {
            return Ok(None);
        }
        let mut found = Holdings::default();
        let known = Known::Data { undamaged: salvaged.undamaged };
        let layout = Arc::new(salvaged.layout);
        found.add(known_uuid(self.holdings, set), Part { layout, known, entries, cut: None, ..part.clone() });
        Ok(Some(found))
    }

    /// Makes the hard links, now that the files are there.
    fn links(&mut self, plan: &Plan) -> CliResult {
        for link in &plan.links {
            match self.extractor.hard_link(&link.path, &link.target, link.expected.as_ref()) {
                Ok(placed) => self.placed(placed, true),
                Err(failed @ Failed::Destination(_)) => return Err(destination(&failed)),
                Err(Failed::Member(why)) => self.lose(to_text(&link.path).into_owned(), why),
                Err(Failed::Source(error)) => self.lose(to_text(&link.path).into_owned(), error.to_string()),
            }
        }
        Ok(())
    }

    fn placed(&mut self, placed: Placed, verified: bool) {
        match placed {
            Placed::Restored { bytes } => {
                self.report.files += 1;
                self.report.bytes += bytes;
                self.report.unverified += u64::from(!verified);
            }
            Placed::Directory => self.report.folders += 1,
            Placed::Skipped(_) => self.report.skipped += 1,
        }
        self.take_notes();
    }
}

fn known_uuid(holdings: &Holdings, set: usize) -> Option<uuid::Uuid> {
    holdings.sets.get(set).and_then(|set| set.uuid)
}

impl Handler for Bringing<'_> {
    fn member(&mut self, item: &Item, member: &Member, data: &mut dyn Read) -> Result<(), Failed> {
        if member.kind != item.kind {
            let (found, said) = (member.kind.as_str(), item.kind.as_str());
            return Err(Failed::Member(format!("on tape it is a {found}, but the table of contents says {said}")));
        }
        // Most headers on tape have whole seconds only.
        let mtime_ns = if item.mtime_ns == 0 { member.mtime_ns } else { item.mtime_ns };
        let member = &Member { mtime_ns, ..member.clone() };
        let expected = item.expected();
        let placed = self.extractor.extract(&item.path, member, expected.as_ref(), data)?;
        self.failed.remove(&*item.path);
        self.placed(placed, expected.is_some() || item.kind != MemberKind::File);
        self.bar.set_message(format!(
            "{} files, {}  {}",
            human::count(self.report.files),
            human::bytes(self.report.bytes),
            human::printable(&to_text(&item.path))
        ));
        Ok(())
    }

    fn failed(&mut self, item: &Item, why: &str) {
        self.extractor.give_up(&item.path);
        let set = self.sets.get(item.set).copied().unwrap_or(usize::MAX);
        self.failed.entry(item.path.to_vec()).or_insert_with(|| (set, why.to_owned()));
    }

    fn check(&mut self) -> Result<()> {
        self.bar.tick();
        Ok(())
    }
}

/// On a thread of its own: reads the tapes of a plan, one after the other.
fn feed(holdings: &Holdings, tapes: &Tapes, mut feed: Feed<'_>, plan: &Plan) -> CliResult {
    let stop = AtomicBool::new(false);
    for visit in &plan.visits {
        let tape = usize::try_from(visit.tape_id).unwrap_or(usize::MAX);
        let read = tapes.open(tape).map_err(|error| error.message).and_then(|mut drive| {
            let jobs = feed.jobs(visit, &mut |set, part| {
                let set = usize::try_from(set.set_id).ok().and_then(|index| holdings.sets.get(index));
                let known = set.iter().flat_map(|set| &set.parts).filter(|part| !matches!(part.known, Known::Not(_)));
                let key = known.into_iter().nth(part).and_then(|part| part.key.clone());
                key.ok_or_else(|| Error::bad_request("the key of an encrypted part is not at hand"))
            });
            let jobs = jobs.map_err(|error| error.to_string())?;
            let uuid = tapes.seen().get(tape).and_then(|seen| seen.label.as_ref()).map(|label| label.uuid);
            match reader::read(drive.as_mut(), &jobs, feed.sender(), &stop, uuid) {
                Ok(report) => {
                    feed.visited(&report);
                    Ok(true)
                }
                Err(ReadError::Stopped) => Ok(false),
                Err(ReadError::Drive(error) | ReadError::Part(error)) => Err(error.to_string()),
            }
        });
        match read {
            Ok(true) => {}
            // The other side has ended, and knows why.
            Ok(false) => return Ok(()),
            Err(why) => {
                let why = format!("tape {} could not be read: {why}", tapes.name(tape));
                if !feed.give_up(visit, &why) {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// The error of a destination that takes nothing more.
pub fn destination(failed: &Failed) -> CliError {
    CliError::failed(match failed {
        Failed::Member(why) | Failed::Destination(why) => why.clone(),
        Failed::Source(error) => error.to_string(),
    })
}
