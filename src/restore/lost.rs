//! What a plan cannot read, because it is on tapes that are lost.

use super::plan::Plan;
use crate::Result;
use crate::db::{self, Conn};
use std::collections::{BTreeSet, HashMap};

/// What becomes of parts that are on lost tapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// They are planned with, as if the tapes were there.
    Count,
    /// They are not.
    LeftOut,
}

/// Takes the parts on lost tapes out of a plan. By the index of their sets why, in words, what was in them is missing.
pub fn leave_out(conn: &mut Conn, plan: &mut Plan) -> Result<HashMap<usize, String>> {
    let on = |plan: &Plan| -> BTreeSet<i32> {
        let parts = plan.sets.iter().flat_map(|set| &set.parts).map(|part| part.tape_id);
        parts.chain(plan.whole_files.iter().map(|file| file.tape_id)).collect()
    };
    let mut lost = HashMap::new();
    for id in on(plan) {
        let tape = db::tapes::find(conn, id)?;
        if tape.lost_at.is_some() {
            lost.insert(id, format!("tape {}, which is lost{}", tape.label, tape.why_lost()));
        }
    }
    let mut labels: HashMap<usize, BTreeSet<&str>> = HashMap::new();
    for (index, set) in plan.sets.iter().enumerate() {
        let whole = plan.whole_files.iter().filter(|file| file.set == index).map(|file| file.tape_id);
        for tape in set.parts.iter().map(|part| part.tape_id).chain(whole) {
            labels.entry(index).or_default().extend(lost.get(&tape).map(String::as_str));
        }
    }
    labels.retain(|_, labels| !labels.is_empty());
    let in_words = |labels: BTreeSet<&str>| format!("it is on {}", labels.into_iter().collect::<Vec<_>>().join(", "));
    let why = labels.into_iter().map(|(index, labels)| (index, in_words(labels))).collect();
    for set in &mut plan.sets {
        set.parts.retain(|part| !lost.contains_key(&part.tape_id));
    }
    plan.whole_files.retain(|file| !lost.contains_key(&file.tape_id));
    Ok(why)
}
