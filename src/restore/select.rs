//! A plan from the catalog: which members of which sets, and the names they get.

use super::exclude::Exclude;
use super::items::{Gathering, Items};
use super::layout;
use super::lost;
use super::metadata::Metadata;
use super::pieces;
use super::plan::{Item, Link, Plan, PlannedSet, Run, Segment};
use super::schedule;
use super::serpentine::Serpentine;
use crate::catalog::layers::{self, Chain};
use crate::catalog::select::{self, Reason, SelectedMember, Wanted};
use crate::catalog::{chain, path};
use crate::db::schema::{catalog_owners, catalog_versions};
use crate::db::{self, Conn, FormatType, PartFormat, SetStatus};
use crate::media::choose::Place;
use crate::media::lifecycle;
use crate::{Error, Result};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tape_format::MemberKind;
use tape_format::path_text::{from_text, to_text};

/// Members read from the catalog at a time.
const PAGE: i64 = 10_000;

/// The whole state.
pub const EVERYTHING: &str = "/";

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The sets that make the state, newest first.
    pub chain: Vec<i32>,
    /// Files and folders, as text; none: everything.
    pub paths: Vec<String>,
}

/// A plan, and what it cannot bring.
#[derive(Debug, Clone, Default)]
pub struct Selected {
    /// What can be done.
    pub plan: Plan,
    /// Paths that are wanted and are not in the state.
    pub missing: Vec<String>,
    /// Members that the catalog lists without their content; path as text, and why.
    pub broken: Vec<(String, String)>,
}

/// The newest set of a job that was completed by a moment; without a moment the newest of all.
pub fn set_as_of(conn: &mut Conn, job_id: i32, moment: Option<NaiveDateTime>) -> Result<i32> {
    use crate::db::schema::{backup_sets, set_copies};
    let job = db::jobs::find(conn, job_id)?;
    let mut query = backup_sets::table
        .filter(backup_sets::job_id.eq(job_id).and(backup_sets::status.eq(SetStatus::Completed)))
        .left_join(set_copies::table)
        // a copy ends when its original does, which comes before it
        .order((backup_sets::end_time.desc(), set_copies::copy_of.is_null().desc(), backup_sets::id.desc()))
        .select(backup_sets::id)
        .into_boxed();
    if let Some(moment) = moment {
        query = query.filter(backup_sets::end_time.le(moment));
    }
    query.first(conn).optional()?.ok_or_else(|| {
        Error::not_found(match moment {
            Some(moment) => format!("a backup set of job '{}' that was completed by {moment} UTC", job.name),
            None => format!("a completed backup set of job '{}'", job.name),
        })
    })
}

/// The sets that make the state of a set: newest first, up to the full one.
pub fn state_of(conn: &mut Conn, set_id: i32) -> Result<Vec<i32>> {
    let set = db::sets::find(conn, set_id)?;
    match set.status {
        SetStatus::Completed => chain::of(conn, set_id),
        SetStatus::Incomplete => Err(Error::conflict(
            "set_state",
            format!(
                "backup set {set_id} is incomplete: {}. What there is of it can be restored with only_this_set",
                set.incomplete_reason.unwrap_or_default()
            ),
        )),
        status => Err(unreadable(set_id, status)),
    }
}

/// Only what a set holds itself; of an incomplete one what there is.
pub fn alone(conn: &mut Conn, set_id: i32) -> Result<Vec<i32>> {
    match db::sets::find(conn, set_id)?.status {
        SetStatus::Completed | SetStatus::Incomplete => Ok(vec![set_id]),
        status => Err(unreadable(set_id, status)),
    }
}

fn unreadable(set_id: i32, status: SetStatus) -> Error {
    Error::conflict("set_state", format!("backup set {set_id} is {status}: only completed sets can be read"))
}

/// Makes the plan for a selection.
pub fn plan(conn: &mut Conn, selection: &Selection) -> Result<Selected> {
    plan_without(conn, selection, &[])
}

/// Makes the plan for a selection as if no tape were lost: for looking at what another tape has.
pub fn plan_with_lost(conn: &mut Conn, selection: &Selection) -> Result<Selected> {
    plan_of(conn, selection, &[], lost::Parts::Count)
}

/// Makes the plan for a selection without some of it: paths with all that is in them; where a path of the selection is
/// deeper, that one counts.
pub fn plan_without(conn: &mut Conn, selection: &Selection, exclude: &[String]) -> Result<Selected> {
    plan_of(conn, selection, exclude, lost::Parts::LeftOut)
}

fn plan_of(conn: &mut Conn, selection: &Selection, exclude: &[String], parts: lost::Parts) -> Result<Selected> {
    let wanted = if selection.paths.is_empty() { vec![EVERYTHING.to_string()] } else { selection.paths.clone() };
    let found = select::select(conn, &selection.chain, &Wanted::Paths(wanted.clone()))?;
    let exclude = Exclude::new(&wanted, exclude);
    let mut gathered = Gathered::default();
    let mut after = None;
    loop {
        let (members, next) = select::members(conn, after.as_ref(), PAGE)?;
        for member in members {
            if !exclude.leaves_out(&member.path) {
                gathered.add(member)?;
            } else if member.kind == MemberKind::File {
                // another name of it may be wanted
                gathered.add(SelectedMember { reason: Reason::LinkTarget, ..member })?;
            }
        }
        match next {
            Some(_) => after = next,
            None => break,
        }
    }
    select::clear(conn)?;
    let mut plan = Plan::default();
    for set_id in &gathered.sets {
        plan_set(conn, *set_id, &mut plan)?;
    }
    // what is as a whole or for some bytes in parts that are not known, or on lost tapes
    let mut why = incomplete(conn, &plan)?;
    if parts == lost::Parts::LeftOut {
        why.extend(lost::leave_out(conn, &mut plan)?);
    }
    let (sets, whole_files) = (plan.sets.clone(), plan.whole_files.clone());
    let gone = |item: &Item| {
        let why = why.get(&item.set)?;
        let there = sets.get(item.set).is_some_and(|set| set.holds(item.tar_offset..item.tar_end()))
            || whole_files.iter().any(|file| file.set == item.set && file.offsets.contains(&item.tar_offset));
        if there { None } else { Some(why.clone()) }
    };
    let broken = gathered.resolve(&mut plan, &gone)?;
    plan.directories = directories(conn, &selection.chain, &wanted)?;
    let near = nearness(conn, &mut plan)?;
    arrange(&mut plan, &|tape| near.get(&tape).copied().unwrap_or(FAR))?;
    Ok(Selected { plan, missing: found.missing, broken })
}

/// How much trouble a tape is that a person has to bring.
const FAR: u8 = 2;

/// How much trouble each tape of a plan is to get into a drive. Notes on the way what is known of their tracks.
fn nearness(conn: &mut Conn, plan: &mut Plan) -> Result<HashMap<i32, u8>> {
    let mut near = HashMap::new();
    for part in plan.sets.iter().flat_map(|set| &set.parts) {
        if let Entry::Vacant(unknown) = near.entry(part.tape_id) {
            let tape = db::tapes::find(conn, part.tape_id)?;
            if let Some(serpentine) = u64::try_from(tape.capacity_bytes).ok().and_then(Serpentine::of) {
                plan.serpentines.insert(part.tape_id, serpentine);
            }
            unknown.insert(match lifecycle::place(conn, &tape)? {
                Place::Drive(_) => 0,
                Place::Slot { .. } => 1,
                Place::Shelf => FAR,
            });
        }
    }
    Ok(near)
}

/// Fills in runs, visits and the pieces of files that are cut, and which items are in which data file of version 1. `near`: how much trouble a tape is to
/// get; less comes first.
pub fn arrange(plan: &mut Plan, near: &dyn Fn(i32) -> u8) -> Result<()> {
    let whole: BTreeSet<usize> = plan.whole_files.iter().map(|file| file.set).collect();
    let items = &plan.items;
    plan.pieces.retain(|piece| piece.whole.is_none());
    let runs: Vec<(Run, Vec<Segment>)> =
        schedule::runs(&plan.sets, items, &mut plan.pieces, &|set| whole.contains(&set))?;
    let at = |place: (usize, u64)| items.partition_point(0..items.len(), |item| item.place() < place);
    let mut placed = 0;
    for file in &mut plan.whole_files {
        file.items = at((file.set, file.offsets.start))?..at((file.set, file.offsets.end))?;
        placed += file.items.len();
    }
    let of_set = |set: &usize| Ok(at((*set + 1, 0))? - at((*set, 0))?);
    if placed != whole.iter().map(of_set).sum::<Result<usize>>()? {
        return Err(Error::new(
            crate::ErrorKind::Unprocessable,
            "parts_missing",
            "the catalog lists files of a set of version 1 on no tape that the database knows; import the set again",
        ));
    }
    plan.visits = schedule::visits(&plan.sets, &runs, near, &plan.serpentines);
    plan.runs = runs.into_iter().map(|(run, _)| run).collect();
    Ok(())
}

/// Leaves of a plan what is on one tape: whole members, and pieces of those that are cut. Returns how many parts are on
/// other tapes.
pub fn only_on_tape(plan: &mut Plan, tape_id: i32) -> Result<usize> {
    let whole: Vec<PlannedSet> = plan.sets.clone();
    let mut elsewhere = 0;
    for set in &mut plan.sets {
        let before = set.parts.len();
        set.parts.retain(|part| part.tape_id == tape_id);
        elsewhere += before - set.parts.len();
    }
    let before = plan.whole_files.len();
    plan.whole_files.retain(|file| file.tape_id == tape_id);
    elsewhere += before - plan.whole_files.len();
    let Plan { sets, whole_files, items, pieces, .. } = plan;
    let there = items.filtered(|item| {
        let here = sets.get(item.set).is_some_and(|set| set.holds(item.tar_offset..item.tar_end()))
            || whole_files.iter().any(|file| file.set == item.set && file.offsets.contains(&item.tar_offset));
        if let Some(set) = whole.get(item.set).filter(|_| !here) {
            pieces.extend(
                pieces::of(set, item, None).into_iter().filter(|(tape, _)| *tape == tape_id).map(|(_, piece)| piece),
            );
        }
        here
    })?;
    *items = Arc::new(there);
    arrange(plan, &|_| 0)?;
    Ok(elsewhere)
}

/// Adds a set to the plan, with where its parts are.
pub fn plan_set(conn: &mut Conn, set_id: i32, plan: &mut Plan) -> Result<()> {
    let set = db::sets::find(conn, set_id)?;
    if set.format_type == FormatType::Ltfs {
        return Err(Error::new(
            crate::ErrorKind::Unprocessable,
            "ltfs_set",
            format!(
                "backup set {set_id} is on an LTFS tape, which this program does not read: mount it with LTFS tools"
            ),
        ));
    }
    let mut planned = PlannedSet { set_id, key_id: set.encryption_key_id, parts: Vec::new() };
    for part in &db::set_parts::of_set(conn, set_id)? {
        match part.layout {
            PartFormat::Frames => planned.parts.push(layout::planned(&set, part)?),
            PartFormat::V1 => plan.whole_files.push(layout::whole_file(plan.sets.len(), part)?),
        }
    }
    plan.sets.push(planned);
    Ok(())
}

/// A member: the index of its set, and its path.
type Named = (usize, Box<[u8]>);

/// What the pages of a selection add up to.
#[derive(Default)]
pub struct Gathered {
    /// The sets that something is read from, in the order of the plan.
    pub sets: Vec<i32>,
    items: Gathering,
    /// Files that only their other names need, if there are any.
    donors: Gathering,
    /// Hard links, and what they are other names of.
    links: Vec<(Named, Box<[u8]>)>,
}

impl Gathered {
    /// Adds a member.
    ///
    /// # Errors
    /// If the temporary file with the members cannot be written.
    pub fn add(&mut self, member: SelectedMember) -> Result<()> {
        // a directory that is only known by the files in it; those bring it along
        if member.tar_length == 0 {
            return Ok(());
        }
        let set = self.sets.iter().position(|set| *set == member.set_id).unwrap_or_else(|| {
            self.sets.push(member.set_id);
            self.sets.len() - 1
        });
        let path: Box<[u8]> = from_text(&member.path).into();
        if member.kind == MemberKind::Hardlink {
            let target = member.link.as_deref().map(from_text).unwrap_or_default();
            self.links.push(((set, path), target.into()));
            return Ok(());
        }
        let item = Item {
            path,
            on_tape: None,
            kind: member.kind,
            size: member.size,
            sha256: member.sha256,
            mtime_ns: member.mtime_ns,
            set,
            tar_offset: member.tar_offset,
            tar_length: member.tar_length,
        };
        match member.reason {
            Reason::Wanted => self.items.push(item),
            Reason::LinkTarget => self.donors.push(item),
        }
    }

    /// Gives every hard link the file it is another name of. Where that file's own name is not wanted, the first link
    /// gets the content, and the others become names of the first. `gone` says of a member why it cannot be had, if so.
    /// What has no content: path as text, and why.
    ///
    /// # Errors
    /// If the temporary file with the members cannot be read or written.
    pub fn resolve(self, plan: &mut Plan, gone: &dyn Fn(&Item) -> Option<String>) -> Result<Vec<(String, String)>> {
        let Gathered { items, donors, links, .. } = self;
        let mut broken = Vec::new();
        let items = without(items.finish()?, gone, &mut broken)?;
        let mut donated = HashMap::new();
        let mut known: HashMap<Named, Link> =
            links.iter().map(|((set, _), target)| ((*set, target.clone()), no_link())).collect();
        if !known.is_empty() {
            for item in items.iter() {
                let item = item?;
                if let Some(link) = known.get_mut(&(item.set, item.path.clone())) {
                    *link = Link { path: Box::default(), target: item.path.clone(), expected: item.expected() };
                }
            }
            for donor in donors.finish()?.iter() {
                let donor = Item::clone(&*donor?);
                let named = (donor.set, donor.path.clone());
                if known.contains_key(&named) && gone(&donor).is_none() {
                    donated.insert(named, donor);
                }
            }
        }
        let mut renamed = Vec::new();
        for ((set, path), target) in links {
            let key = (set, target);
            if let Some(donor) = donated.remove(&key) {
                let link = Link { path: Box::default(), target: path.clone(), expected: donor.expected() };
                renamed.push(Item { path, on_tape: Some(donor.path.clone()), ..donor });
                known.insert(key, link);
                continue;
            }
            match known.get(&key) {
                Some(link) if !link.target.is_empty() => plan.links.push(Link { path, ..link.clone() }),
                _ => {
                    let why = format!(
                        "it is another name of {}, which the catalog of its set does not have",
                        to_text(&key.1)
                    );
                    broken.push((to_text(&path).into_owned(), why));
                }
            }
        }
        plan.items = Arc::new(items.with(renamed)?);
        Ok(broken)
    }
}

/// Takes out what cannot be had, and lists it: path as text, and why.
fn without(items: Items, gone: &dyn Fn(&Item) -> Option<String>, broken: &mut Vec<(String, String)>) -> Result<Items> {
    for item in items.iter() {
        let item = item?;
        if let Some(why) = gone(&item) {
            broken.push((to_text(&item.path).into_owned(), why));
        }
    }
    if broken.is_empty() { Ok(items) } else { items.filtered(|item| gone(item).is_none()) }
}

/// Of the sets of a plan that are incomplete why something in them may be missing, by their index.
fn incomplete(conn: &mut Conn, plan: &Plan) -> Result<HashMap<usize, String>> {
    let mut incomplete = HashMap::new();
    for (index, set) in plan.sets.iter().enumerate() {
        let row = db::sets::find(conn, set.set_id)?;
        if row.status == SetStatus::Incomplete {
            let why = row.incomplete_reason.unwrap_or_else(|| "the set is incomplete".into());
            incomplete.insert(index, format!("it is in a part of the set that is not there ({why})"));
        }
    }
    Ok(incomplete)
}

fn no_link() -> Link {
    Link { path: Box::default(), target: Box::default(), expected: None }
}

/// The directories above what is wanted, as they were in the state.
fn directories(conn: &mut Conn, sets: &[i32], wanted: &[String]) -> Result<Vec<(Vec<u8>, Metadata)>> {
    let chain = Chain::new(sets);
    let mut above: Vec<String> = Vec::new();
    for wanted in wanted {
        let full = path::normal(wanted);
        above.extend(path::steps(full).map(|(dir, name)| path::join(dir, name)).filter(|dir| dir != full));
    }
    above.sort_unstable();
    above.dedup();
    let mut directories = Vec::new();
    for directory in above {
        let Some(place) = layers::effective(conn, &chain, &directory)? else { continue };
        if place.kind != crate::catalog::kind::DIRECTORY {
            continue;
        }
        let row: Option<(i32, i64, i64, i64)> = catalog_versions::table
            .find((place.set_id, place.dir_id, &place.name))
            .inner_join(catalog_owners::table.on(catalog_owners::id.eq(catalog_versions::owner_id)))
            .filter(catalog_versions::tar_length.gt(0))
            .select((catalog_versions::mode, catalog_versions::mtime_ns, catalog_owners::uid, catalog_owners::gid))
            .first(conn)
            .optional()?;
        if let Some((mode, mtime_ns, uid, gid)) = row {
            let id = |id: i64| u32::try_from(id).unwrap_or(u32::MAX);
            let metadata =
                Metadata { mode: mode.unsigned_abs(), uid: id(uid), gid: id(gid), mtime_ns, xattrs: Vec::new() };
            directories.push((from_text(&directory).into_owned(), metadata));
        }
    }
    Ok(directories)
}
