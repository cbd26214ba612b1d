//! What a restore brings back: the state of a set, made of it and the sets it is based on.

use super::holdings::{Entry, Holdings, Known, Set};
use super::join;
use super::wanted::Wanted;
use crate::catalog::select::{Reason, SelectedMember};
use crate::cli::exit::{CliResult, Doing};
use crate::restore::metadata::Metadata;
use crate::restore::plan::{Part, Plan, PlannedSet};
use crate::restore::select::{Gathered, arrange};
use std::collections::{HashMap, HashSet};
use tape_format::MemberKind;
use tape_format::path_text::to_text;

/// Longest chain of sets that is followed.
const MAX_CHAIN: usize = 10_000;

/// What fails when there is no room for a temporary file.
const GATHERING: &str = "what is to be restored cannot be listed";

/// A file that cannot be had, as far as that is known before anything is read.
pub type Lost = (String, String);

/// What is to be restored.
#[derive(Debug, Default)]
pub struct Selected {
    /// Where it is.
    pub plan: Plan,
    /// What cannot be had.
    pub lost: Vec<Lost>,
    /// Members that a table of contents puts where its part has nothing, and their sets.
    pub misplaced: Vec<(Box<[u8]>, usize)>,
}

/// The sets that make the state of a set, newest first, and what is missing from the chain.
pub fn chain(holdings: &Holdings, set: usize) -> (Vec<usize>, Option<String>) {
    let mut chain = vec![set];
    while let Some(at) = chain.last().and_then(|last| holdings.sets.get(*last)) {
        let Some(parent) = at.parent else { break };
        match holdings.find(parent) {
            Some(next) if !chain.contains(&next) && chain.len() < MAX_CHAIN => chain.push(next),
            Some(_) => return (chain, Some(format!("{} is based on itself", at.title()))),
            None => {
                let missing = format!("{} is based on set {parent}, which is on none of these tapes", at.title());
                return (chain, Some(missing));
            }
        }
    }
    (chain, None)
}

/// What is missing of some sets: parts, keys, tables.
pub fn missing(holdings: &Holdings, chain: &[usize]) -> Vec<String> {
    let mut missing = Vec::new();
    for set in chain.iter().filter_map(|index| holdings.sets.get(*index)) {
        for number in set.missing_parts() {
            missing.push(format!("part {number} of {} is on none of these tapes", set.title()));
        }
        for part in &set.parts {
            if let Known::Not(why) = &part.known {
                missing.push(format!("part {} of {}: {why}", part.number, set.title()));
            }
        }
    }
    missing
}

/// What the state says of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Directory,
    Other,
    Gone,
}

/// Plans the restore of the state that `chain` makes, newest set first.
pub fn select(holdings: &Holdings, chain: &[usize], wanted: &Wanted) -> CliResult<Selected> {
    let mut selected = Selected::default();
    let mut said: HashMap<&[u8], Said> = HashMap::new();
    let mut gathered = Gathered::default();
    let mut links: Vec<(usize, &[u8])> = Vec::new();
    let mut taken: HashSet<(usize, &[u8])> = HashSet::new();
    let mut above: Vec<&Entry> = Vec::new();
    let torn: Vec<Vec<_>> =
        chain.iter().map(|index| holdings.sets.get(*index).map(join::torn).unwrap_or_default()).collect();
    for (index, torn) in chain.iter().copied().zip(&torn) {
        let Some(set) = holdings.sets.get(index) else { continue };
        let mut now: Vec<(&[u8], Said)> = Vec::new();
        for path in set.parts.iter().flat_map(|part| &part.deleted) {
            now.push((path, Said::Gone));
        }
        for (path, why) in torn {
            if !is_hidden(&said, path) {
                now.push((path, Said::Other));
                if wanted.matches(path) {
                    selected.lost.push((to_text(path).into_owned(), why.clone()));
                }
            }
        }
        for part in &set.parts {
            for entry in &part.entries {
                if is_hidden(&said, &entry.path) {
                    continue;
                }
                let directory = entry.kind == MemberKind::Directory;
                now.push((&entry.path, if directory { Said::Directory } else { Said::Other }));
                if !wanted.matches(&entry.path) {
                    if directory && !wanted.is_everything() {
                        above.push(entry);
                    }
                    continue;
                }
                if !is_covered(set, entry) && set.missing_parts().is_empty() {
                    selected.misplaced.push((entry.path.clone(), index));
                    continue;
                }
                if !is_covered(set, entry) {
                    let why = "a part of its set that holds some of it is not at hand".to_owned();
                    selected.lost.push((to_text(&entry.path).into_owned(), why));
                    continue;
                }
                if entry.kind == MemberKind::Hardlink
                    && let Some(target) = &entry.link
                {
                    links.push((index, target));
                }
                taken.insert((index, &entry.path));
                gathered.add(member(index, part.number, entry, Reason::Wanted)).doing(GATHERING)?;
            }
        }
        // What this set says hides what older ones do; and of its own, a member more than a deletion.
        said.extend(now);
    }
    links.retain(|link| !taken.contains(link));
    add_targets(holdings, &links, &mut gathered)?;
    for index in &gathered.sets {
        let index = usize::try_from(*index).unwrap_or(usize::MAX);
        selected.plan.sets.push(planned(holdings.sets.get(index), index));
    }
    selected.plan.directories = above.into_iter().map(|entry| (entry.path.to_vec(), metadata(entry))).collect();
    let broken = gathered.resolve(&mut selected.plan, &|_| None).doing(GATHERING)?;
    selected.lost.extend(broken);
    arrange(&mut selected.plan, &|_| 0).doing("the tables of contents contradict each other")?;
    Ok(selected)
}

/// Whether a newer set says something of a path, or that something above it is no folder any more.
fn is_hidden(said: &HashMap<&[u8], Said>, path: &[u8]) -> bool {
    if said.contains_key(path) {
        return true;
    }
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    slashes.filter_map(|at| said.get(path.get(..at)?)).any(|above| *above != Said::Directory)
}

/// The files that only hard links need which are wanted.
fn add_targets(holdings: &Holdings, links: &[(usize, &[u8])], gathered: &mut Gathered) -> CliResult {
    let targets: HashSet<(usize, &[u8])> = links.iter().copied().collect();
    let sets: HashSet<usize> = links.iter().map(|link| link.0).collect();
    for index in sets {
        let Some(set) = holdings.sets.get(index) else { continue };
        for part in &set.parts {
            for entry in &part.entries {
                if entry.kind == MemberKind::File && targets.contains(&(index, &*entry.path)) && is_covered(set, entry)
                {
                    gathered.add(member(index, part.number, entry, Reason::LinkTarget)).doing(GATHERING)?;
                }
            }
        }
    }
    Ok(())
}

fn member(set: usize, part: u32, entry: &Entry, reason: Reason) -> SelectedMember {
    SelectedMember {
        set_id: i32::try_from(set).unwrap_or(i32::MAX),
        part: i32::try_from(part).unwrap_or(i32::MAX),
        path: to_text(&entry.path).into_owned(),
        reason,
        kind: entry.kind.clone(),
        size: entry.size,
        sha256: entry.sha256,
        mtime_ns: entry.mtime_ns,
        link: entry.link.as_deref().map(|link| to_text(link).into_owned()),
        tar_offset: entry.tar_offset,
        tar_length: entry.tar_length,
        block: 0,
    }
}

fn metadata(entry: &Entry) -> Metadata {
    Metadata { mode: entry.mode, uid: entry.uid, gid: entry.gid, mtime_ns: entry.mtime_ns, xattrs: Vec::new() }
}

/// Whether the parts at hand hold all of a member.
fn is_covered(set: &Set, entry: &Entry) -> bool {
    let end = entry.tar_offset.saturating_add(entry.tar_length);
    let held = set.parts.iter().filter(|part| !matches!(part.known, Known::Not(_))).map(|part| {
        let from = part.layout.tar_start.max(entry.tar_offset);
        part.layout.tar_end.min(end).saturating_sub(from)
    });
    held.sum::<u64>() == entry.tar_length
}

/// A set as a plan has it; the number of a part's tape is its index.
fn planned(set: Option<&Set>, index: usize) -> PlannedSet {
    let parts = set.iter().flat_map(|set| &set.parts).filter(|part| !matches!(part.known, Known::Not(_)));
    let parts = parts.map(|part| Part {
        tape_id: i32::try_from(part.tape).unwrap_or(i32::MAX),
        layout: part.layout.clone(),
        cut: None,
    });
    PlannedSet { set_id: i32::try_from(index).unwrap_or(i32::MAX), key_id: None, parts: parts.collect() }
}
