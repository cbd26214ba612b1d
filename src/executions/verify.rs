//! Reads sets back from tape, completely, and compares everything with the catalog. Nothing is written to any disk.

use super::{Context, Lease, VerifyRequest, tape_reading};
use crate::actors::drive::{DriveTask, Unit};
use crate::db::{self, SetStatus, sets::SetChanges, tapes::TapeChanges};
use crate::restore::members::Handler;
use crate::restore::plan::{Item, Plan, Visit};
use crate::restore::select::{self, Elsewhere, Selection};
use crate::restore::{Failed, check};
use crate::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use tape_drive::TapeDrive;
use tape_format::crypt::{Key, Keys};
use tape_format::part::{PartLayout, read_toc};
use tape_format::path_text::to_text;
use tape_format::toc::{TocHead, TocSink, Totals};
use tape_format::{Member, MemberKind, MemberRecord};

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
pub fn verify(context: &Context, set_id: i32, drive: Option<i32>, part: Where) -> Result<Verified> {
    context.phase("verifying", format!("Reading backup set {set_id} back from tape."))?;
    let mut selected = {
        let mut conn = context.conn()?;
        let chain = select::alone(&mut conn, set_id)?;
        select::plan(&mut conn, &Selection { chain, paths: Vec::new() })?
    };
    let mut elsewhere = Elsewhere::default();
    if let Where::OnTape(tape) = part {
        elsewhere = select::only_on_tape(&mut selected.plan, tape)?;
        if elsewhere.cut > 0 {
            context.log(&format!(
                "Backup set {set_id}: {} files go on on another tape; they are compared when the whole set is verified.",
                elsewhere.cut
            ));
        }
    }
    let plan = &selected.plan;
    let progress = &context.progress;
    progress.files_total.fetch_add(plan.file_count(), Ordering::Relaxed);
    progress.bytes_total.fetch_add(plan.total_bytes(), Ordering::Relaxed);
    progress.totals_known.store(true, Ordering::Relaxed);
    let mut verifying = Verifying {
        context,
        of_v1: !plan.whole_files.is_empty(),
        whole: elsewhere.parts == 0,
        result: Verified { set_id, ..Verified::default() },
        buffer: vec![0; check::BUFFER],
    };
    for (path, why) in &selected.broken {
        verifying.wrong(path, why);
    }
    let tables = Mutex::new(HashMap::new());
    let after = |lease: &Lease, visit: &Visit| read_tables(context, lease, plan, visit, &tables);
    tape_reading::read(context, plan, drive, &mut verifying, &after)?;
    verifying.links(plan);
    let tables = tables.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    verifying.tables(plan, &tables);
    let result = verifying.result;
    if result.error_count == 0 && result.without_checksum > 0 {
        context.log(&format!(
            "Backup set {set_id}: {} files could only be compared by size, for version 1 recorded no checksum of them.",
            result.without_checksum
        ));
    } else if result.error_count == 0 {
        if elsewhere.parts == 0 {
            note_verified(context, plan, set_id)?;
        }
        context.log(&format!(
            "Backup set {set_id}: {} files, {} bytes, all as the catalog says.",
            result.files, result.bytes
        ));
    }
    Ok(result)
}

/// What was found out about a set.
#[derive(Debug, Default)]
pub struct Verified {
    set_id: i32,
    members: u64,
    files: u64,
    bytes: u64,
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

    /// A hard link has no data: it is right if the file it names is there, which was read.
    fn links(&mut self, plan: &Plan) {
        self.result.members += plan.links.len() as u64;
        self.context.progress.files.fetch_add(plan.links.len() as u64, Ordering::Relaxed);
    }

    /// Compares what the tables of contents say with the catalog.
    fn tables(&mut self, plan: &Plan, tables: &HashMap<u32, Result<Totals, String>>) {
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

/// Reads the tables of contents of the parts that were read on this tape.
fn read_tables(
    context: &Context,
    lease: &Lease,
    plan: &Plan,
    visit: &Visit,
    tables: &Mutex<HashMap<u32, Result<Totals, String>>>,
) -> Result<()> {
    let mut wanted = BTreeSet::new();
    for segment in &visit.segments {
        if let Some(run) = plan.runs.get(segment.run) {
            wanted.insert((run.set, segment.part));
        }
    }
    for (set, part) in wanted {
        let Some(set) = plan.sets.get(set) else { continue };
        let Some(part) = set.parts.get(part) else { continue };
        let key = if part.layout.encrypted { Some(tape_reading::key(context, set.key_id)?) } else { None };
        let found = context.perform(lease, ReadTable { layout: part.layout.as_ref().clone(), key })?;
        tables.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(part.layout.part_number, found);
    }
    Ok(())
}

/// Reads one table of contents and counts what it lists.
struct ReadTable {
    layout: PartLayout,
    key: Option<Key>,
}

impl DriveTask for ReadTable {
    type Output = Result<Totals, String>;
    const NAME: &'static str = "read the table of contents";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<Self::Output> {
        let keys: &dyn Keys = match &self.key {
            Some(key) => key,
            None => &(),
        };
        let mut counting = Counting::default();
        Ok(match read_toc(drive, self.layout.toc_block, keys, &mut counting) {
            Ok((head, _)) => counting.agrees_with(&head, &self.layout),
            Err(error) => Err(error.to_string()),
        })
    }
}

#[derive(Default)]
struct Counting {
    listed: Totals,
}

impl Counting {
    fn agrees_with(self, head: &TocHead, layout: &PartLayout) -> Result<Totals, String> {
        if (head.set.uuid, head.part.number) != (layout.set_uuid, layout.part_number) {
            return Err(format!("it belongs to part {} of set {}", head.part.number, head.set.uuid));
        }
        if head.part.totals != self.listed {
            return Err(format!(
                "it says that it lists {} members, but lists {}",
                head.part.totals.members, self.listed.members
            ));
        }
        Ok(self.listed)
    }
}

impl TocSink for Counting {
    fn head(&mut self, _: &TocHead) -> tape_format::Result<()> {
        Ok(())
    }

    fn member(&mut self, record: MemberRecord) -> tape_format::Result<()> {
        let file = record.kind == MemberKind::File;
        self.listed =
            self.listed + Totals { members: 1, files: u64::from(file), bytes: if file { record.size } else { 0 } };
        Ok(())
    }

    fn deleted(&mut self, _: Vec<u8>) -> tape_format::Result<()> {
        Ok(())
    }
}

/// Stores that a set was verified, and of its tapes when all that counts on them was.
fn note_verified(context: &Context, plan: &Plan, set_id: i32) -> Result<()> {
    let mut conn = context.conn()?;
    db::sets::update(&mut conn, set_id, &SetChanges { verified_at: Some(Some(db::now())), ..SetChanges::default() })?;
    let tapes: BTreeSet<i32> = plan.tapes()?.into_iter().map(|share| share.tape_id).collect();
    for tape_id in tapes {
        let mut oldest = Some(db::now());
        for part in db::set_parts::of_tape(&mut conn, tape_id)? {
            let set = db::sets::find(&mut conn, part.backup_set_id)?;
            if set.status == SetStatus::Completed {
                // a set that was never verified makes the whole tape so
                oldest = set.verified_at.and_then(|verified| oldest.map(|oldest| oldest.min(verified)));
            }
        }
        if oldest.is_some() {
            let changes = TapeChanges { last_verified_at: Some(oldest), ..TapeChanges::default() };
            db::tapes::update(&mut conn, tape_id, &changes)?;
        }
    }
    Ok(())
}
