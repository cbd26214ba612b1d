//! Reads sets back from tape, completely, and compares everything with the catalog. Nothing is written to any disk.

mod noted;
mod tables;

use super::{Context, Lease, VerifyRequest, tape_reading};
use crate::db;
use crate::media::choose::Place;
use crate::media::lifecycle;
use crate::restore::lost::Parts;
use crate::restore::members::Handler;
use crate::restore::pieces::{self, Compared};
use crate::restore::plan::{Item, Piece, Plan, Visit};
use crate::restore::select::{self, Selection};
use crate::restore::{Failed, check};
use crate::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tables::Tables;
use tape_format::path_text::to_text;
use tape_format::toc::Totals;
use tape_format::{Member, MemberKind};

/// Errors listed in the result; the log has more.
const MAX_ERRORS: usize = 1000;

/// Verifies sets, one after the other.
pub fn run(context: &Context, request: &VerifyRequest) -> Result<Value> {
    if request.set_ids.is_empty() {
        return Err(Error::bad_request("name at least one backup set to verify"));
    }
    let mut set_ids = request.set_ids.clone();
    set_ids.sort_unstable();
    set_ids.dedup();
    let mut results = Vec::new();
    let mut bad = Vec::new();
    for set_id in set_ids {
        let verified = verify(context, set_id, request.drive_id, Where::Everywhere)?;
        if verified.error_count > 0 {
            bad.push(format!("{set_id} ({} errors, first: {})", verified.error_count, verified.first()));
        }
        results.push(verified.to_json());
    }
    let result = json!({"sets": results, "verified": bad.is_empty()});
    match bad.is_empty() {
        true => Ok(result),
        false => Err(Error::new(
            ErrorKind::Unprocessable,
            "verify_failed",
            format!("backup sets that are not on tape as the catalog says: {}", bad.join("; ")),
        )
        .with_details(result)),
    }
}

/// Verifies one set. An error if anything is not as the catalog says.
pub fn verify_set(context: &Context, set_id: i32) -> Result<()> {
    let verified = verify(context, set_id, None, Where::Everywhere)?;
    match verified.error_count {
        0 => Ok(()),
        count => Err(Error::new(
            ErrorKind::Unprocessable,
            "verify_failed",
            format!(
                "backup set {set_id} is not on tape as the catalog says ({count} errors, first: {})",
                verified.first()
            ),
        )
        .with_details(verified.to_json())),
    }
}

/// How much of a set is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// All of it.
    Everywhere,
    /// What is on this tape.
    OnTape(i32),
}

/// Verifies one set, or what a tape has of it. What is wrong is in the answer.
pub fn verify(context: &Context, set_id: i32, drive: Option<i32>, place: Where) -> Result<Verified> {
    context.phase("verifying", format!("Reading backup set {set_id} back from tape."))?;
    // what is on other tapes than the one that is looked at does not matter, lost or not
    let lost = if place == Where::Everywhere { Parts::LeftOut } else { Parts::Count };
    let mut selected = everything(context, set_id, lost)?;
    let elsewhere = match place {
        Where::Everywhere => 0,
        Where::OnTape(tape) => select::only_on_tape(&mut selected.plan, tape)?,
    };
    let plan = &selected.plan;
    let progress = &context.progress;
    progress.files_total.fetch_add(plan.file_count(), Ordering::Relaxed);
    progress.bytes_total.fetch_add(plan.total_bytes(), Ordering::Relaxed);
    progress.totals_known.store(true, Ordering::Relaxed);
    let mut verifying = Verifying {
        context,
        of_v1: !plan.whole_files.is_empty(),
        whole: elsewhere == 0,
        result: Verified { set_id, ..Verified::default() },
        not_compared: HashMap::new(),
        left: HashMap::new(),
        buffer: vec![0; check::BUFFER],
    };
    for (path, why) in &selected.broken {
        verifying.wrong(path, why);
    }
    let tables = Mutex::new(Tables::new());
    let after = |lease: &Lease, visit: &Visit| tables::read(context, lease, plan, visit, &tables);
    tape_reading::read(context, plan, drive, &mut verifying, &after)?;
    verifying.links(plan);
    let tables = tables.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    verifying.tables(plan, &tables);
    verifying.with_other_tapes(drive)?;
    let uncertain: BTreeSet<i32> = verifying.not_compared.values().flatten().copied().collect();
    let mut result = verifying.result;
    result.pieces_not_compared = verifying.not_compared.values().map(|parts| parts.len() as u64).sum();
    if result.error_count > 0 {
        return Ok(result);
    }
    if result.without_checksum > 0 {
        context.log(&format!(
            "Backup set {set_id}: {} files could only be compared by size, for version 1 recorded no checksum of them.",
            result.without_checksum
        ));
        return Ok(result);
    }
    noted::note(&mut *context.conn()?, set_id, place, &uncertain)?;
    let mut words = format!("Backup set {set_id}: {} files, {} bytes", result.files, result.bytes);
    if result.pieces > 0 {
        words += &format!(", {} pieces of files that are cut over several tapes", result.pieces);
    }
    match result.pieces_not_compared {
        0 => words += ", all as the catalog says.",
        count => {
            words += &format!(
                ": what could be compared is as the catalog says; {count} pieces could be read, but not be compared: the \
                 other tapes of their files are not at hand."
            );
        }
    }
    context.log(&words);
    Ok(result)
}

fn everything(context: &Context, set_id: i32, lost: Parts) -> Result<select::Selected> {
    let mut conn = context.conn()?;
    let selection = Selection { chain: select::alone(&mut conn, set_id)?, paths: Vec::new() };
    match lost {
        Parts::LeftOut => select::plan(&mut conn, &selection),
        Parts::Count => select::plan_with_lost(&mut conn, &selection),
    }
}

/// What was found out about a set.
#[derive(Debug, Default)]
pub struct Verified {
    set_id: i32,
    members: u64,
    files: u64,
    bytes: u64,
    /// Pieces of files that are cut over several tapes: what the tape has of them.
    pieces: u64,
    /// Those of them that could be read, but not be compared.
    pieces_not_compared: u64,
    /// Files of version 1 of which only the size is known.
    without_checksum: u64,
    /// How much is not as the catalog says.
    pub error_count: u64,
    /// What, beginning with its path; at most the first thousand.
    pub errors: Vec<String>,
}

impl Verified {
    /// The first error.
    pub fn first(&self) -> &str {
        self.errors.first().map_or("see the log", String::as_str)
    }

    /// For the result of an execution.
    pub fn to_json(&self) -> Value {
        json!({
            "backup_set_id": self.set_id, "members": self.members, "files": self.files, "bytes": self.bytes,
            "pieces": self.pieces, "pieces_not_compared": self.pieces_not_compared,
            "without_checksum": self.without_checksum, "verified": self.error_count == 0, "error_count": self.error_count, "errors": self.errors,
        })
    }
}

struct Verifying<'a> {
    context: &'a Context,
    /// The set is of version 1: it may lack checksums, and its table of contents is no witness.
    of_v1: bool,
    /// All parts of the set are looked at.
    whole: bool,
    result: Verified,
    /// Files of which pieces could not be compared, with the parts that those are in.
    not_compared: HashMap<Box<[u8]>, Vec<i32>>,
    /// Of files that are read in pieces, by their numbers in the plan: how much of their tar stream has not come yet.
    left: HashMap<usize, u64>,
    buffer: Vec<u8>,
}

impl Handler for Verifying<'_> {
    fn member(&mut self, item: &Item, member: &Member, data: &mut dyn Read) -> Result<(), Failed> {
        self.context.progress.set_path(to_text(&item.path).into_owned());
        if self.of_v1 && item.sha256.is_none() && item.kind == MemberKind::File {
            if member.size != item.size {
                let why = format!("its size on tape is {}, but the catalog says {}", member.size, item.size);
                return Err(Failed::Member(why));
            }
            std::io::copy(data, &mut std::io::sink()).map_err(Failed::Source)?;
            self.result.without_checksum += 1;
        } else {
            check::member(item, member, data, &mut self.buffer, &self.context.control.flag())?;
        }
        self.read(item);
        Ok(())
    }

    fn piece(&mut self, piece: &Piece, data: &mut dyn Read) -> Result<(), Failed> {
        self.context.progress.set_path(to_text(&piece.item.path).into_owned());
        let compared = pieces::compare(piece, data, &mut self.buffer, &self.context.control.flag())?;
        match piece.whole {
            None => self.result.pieces += 1,
            Some(number) => {
                let left = self.left.entry(number).or_insert(piece.item.tar_length);
                *left = left.saturating_sub(piece.tar.end.saturating_sub(piece.tar.start));
                if *left == 0 {
                    self.read(&piece.item);
                }
            }
        }
        if compared == Compared::ReadOnly {
            self.not_compared.entry(piece.item.path.clone()).or_default().push(piece.part);
        }
        Ok(())
    }

    fn link(&mut self, item: &Item, target: &Item) -> Result<bool, Failed> {
        if item.sha256.is_none() || item.sha256 != target.sha256 {
            return Ok(false);
        }
        self.read(item);
        Ok(true)
    }

    fn failed(&mut self, item: &Item, why: &str) {
        self.wrong(&to_text(&item.path), why);
    }

    fn check(&mut self) -> Result<()> {
        self.context.check()
    }
}

impl Verifying<'_> {
    fn read(&mut self, item: &Item) {
        self.result.members += 1;
        if item.kind == MemberKind::File {
            self.result.files += 1;
            self.result.bytes += item.size;
            self.context.progress.files.fetch_add(1, Ordering::Relaxed);
            self.context.progress.bytes.fetch_add(item.size, Ordering::Relaxed);
        }
    }

    fn wrong(&mut self, path: &str, why: &str) {
        self.context.warn(Some(path), why);
        self.result.error_count += 1;
        if self.result.errors.len() < MAX_ERRORS {
            self.result.errors.push(format!("{path}: {why}"));
        }
    }

    /// Reads the files whose pieces could not be compared as a whole, if all of their tapes can be had without a person.
    fn with_other_tapes(&mut self, drive: Option<i32>) -> Result<()> {
        if self.not_compared.is_empty() || self.result.error_count > 0 {
            return Ok(());
        }
        let mut plan = everything(self.context, self.result.set_id, Parts::Count)?.plan;
        plan.items = Arc::new(plan.items.filtered(|item| self.not_compared.contains_key(&item.path))?);
        plan.links.clear();
        select::arrange(&mut plan, &|_| 0)?;
        for tape in plan.tapes_read() {
            let mut conn = self.context.conn()?;
            let tape = db::tapes::find(&mut conn, tape)?;
            if tape.lost_at.is_some() || lifecycle::place(&mut conn, &tape)? == Place::Shelf {
                return Ok(());
            }
        }
        self.context.log(&format!(
            "{} files that are cut over several tapes are read from all of them, for their pieces cannot be compared alone.",
            plan.items.len()
        ));
        self.left.clear();
        tape_reading::read(self.context, &plan, drive, self, &|_, _| Ok(()))?;
        if self.result.error_count == 0 {
            self.not_compared.clear();
        }
        Ok(())
    }

    /// A hard link has no data: it is right if the file it names is there, which was read.
    fn links(&mut self, plan: &Plan) {
        self.result.members += plan.links.len() as u64;
        self.context.progress.files.fetch_add(plan.links.len() as u64, Ordering::Relaxed);
    }

    /// Compares what the tables of contents say with the catalog.
    fn tables(&mut self, plan: &Plan, tables: &Tables) {
        if self.of_v1 {
            return;
        }
        let mut sum = Totals::default();
        let mut comparable = self.whole;
        for part in plan.sets.iter().flat_map(|set| &set.parts) {
            let number = part.layout.part_number;
            match tables.get(&number) {
                Some(Ok(totals)) => sum = sum + *totals,
                Some(Err(why)) => {
                    comparable = false;
                    self.wrong(&format!("table of contents of part {number}"), why);
                }
                // its tape was not read, and that was told
                None => comparable = false,
            }
        }
        if !comparable {
            return;
        }
        let catalog = Totals {
            members: plan.items.len() as u64 + plan.links.len() as u64,
            files: plan.items.sums().files,
            bytes: plan.total_bytes(),
        };
        if sum != catalog && !plan.sets.is_empty() {
            let why = format!(
                "it lists {} members, {} files, {} bytes, but the catalog {}, {}, {}",
                sum.members, sum.files, sum.bytes, catalog.members, catalog.files, catalog.bytes
            );
            self.wrong("table of contents", &why);
        }
    }
}
