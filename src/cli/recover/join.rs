//! Parts put side by side: where those begin that do not say it themselves, and members that go over several.

use super::holdings::{Entry, Known, Part, Set};
use std::sync::Arc;
use tape_format::tar::padding;

/// Parts of which nobody knows where they begin are put so far apart that they never meet.
const APART: u64 = 1 << 44;

/// Puts the parts of a set in order. To be done when all tapes have been looked at.
pub fn parts(set: &mut Set) {
    for index in 0..set.parts.len() {
        let (before, rest) = set.parts.split_at_mut(index);
        let Some((part, behind)) = rest.split_first_mut() else { continue };
        let number = part.number;
        let before = before.last().filter(|before| before.number + 1 == number && is_known(before));
        let behind = behind.first().filter(|behind| behind.number == number + 1);
        if matches!(part.known, Known::Data { .. }) {
            place(part, before, behind);
        }
        if let Some(before) = before {
            join(before, part);
        }
    }
}

fn is_known(part: &Part) -> bool {
    !matches!(part.known, Known::Not(_))
}

/// Gives a part that was read from its data the place that its neighbours leave.
fn place(part: &mut Part, before: Option<&Part>, behind: Option<&Part>) {
    let start = part.layout.tar_start;
    let table = behind.filter(|behind| behind.known == Known::Table).map(|behind| behind.layout.tar_start);
    let own = part.layout.tar_end.saturating_sub(start);
    // What a damaged part counts is less than it had, so only one of its ends can be right.
    let from_behind = table.and_then(|end| end.checked_sub(own));
    let wanted = match (before, from_behind, part.number) {
        (Some(before), Some(from_behind), _) if part.continues.is_none() => from_behind.max(before.layout.tar_end),
        (Some(before), _, _) => before.layout.tar_end,
        (None, Some(from_behind), _) => from_behind,
        (None, None, 1) => 0,
        (None, None, number) => APART.saturating_mul(u64::from(number)),
    };
    let by = wanted.saturating_sub(start);
    if by == 0 {
        return;
    }
    let layout = Arc::make_mut(&mut part.layout);
    layout.tar_start = layout.tar_start.saturating_add(by);
    layout.tar_end = layout.tar_end.saturating_add(by);
    for frame in &mut layout.frames.frames {
        frame.0 = frame.0.saturating_add(by);
    }
    let cut = part.cut.as_mut().and_then(|cut| cut.entry.as_mut());
    for entry in part.entries.iter_mut().chain(cut) {
        entry.tar_offset = entry.tar_offset.saturating_add(by);
    }
}

/// A member that begins in one part and ends in a next one that does not list it itself.
fn join(before: &Part, part: &mut Part) {
    let (Some(cut), Some((path, rest))) = (&before.cut, &part.continues) else { return };
    if cut.path != *path {
        return;
    }
    let Some(entry) = &cut.entry else { return };
    let end = part.layout.tar_start.saturating_add(*rest).saturating_add(padding(*rest) as u64);
    let joined = Entry { tar_length: end.saturating_sub(entry.tar_offset), ..entry.clone() };
    match &mut part.cut {
        // It fills this part, and goes on.
        Some(own) if own.path == *path && end > part.layout.tar_end => own.entry = Some(joined),
        None if end > part.layout.tar_end => {}
        _ => {
            part.members += 1;
            part.files += 1;
            part.entries.insert(0, joined);
        }
    }
}

/// The members that go on in a part that is not at hand, or begin in one: path, and what is missing.
pub fn torn(set: &Set) -> Vec<(Box<[u8]>, String)> {
    let mut torn = Vec::new();
    for (index, part) in set.parts.iter().enumerate() {
        let next = part.number.saturating_add(1);
        let has = |number: u32| set.parts.iter().any(|part| part.number == number && is_known(part));
        if let Some(cut) = &part.cut
            && !has(next)
        {
            let why = format!("it goes on in part {next} of its set, which is not at hand");
            torn.push((cut.path.clone(), why));
        }
        let before = index.checked_sub(1).and_then(|index| set.parts.get(index));
        let joined = before.and_then(|before| before.cut.as_ref());
        if let Some((path, _)) = &part.continues
            && joined.is_none_or(|cut| cut.path != *path)
        {
            let why = format!("its beginning is in part {} of its set, which is not at hand", part.number - 1);
            torn.push((path.clone(), why));
        }
    }
    torn
}
