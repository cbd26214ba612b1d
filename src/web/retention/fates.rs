//! What becomes of tapes: the tapes of the preview, a page at a time.

use crate::Result;
use crate::db::tape_briefs::TapeBrief;
use crate::db::text_enum::text_enum;
use crate::db::time::rfc3339_option;
use crate::db::{Conn, Direction, Page, TapeStatus, pools};
use crate::media::retention::Evaluation;
use crate::media::retention::tapes::{Outlook, TapeFact};
use chrono::NaiveDateTime;
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::HashMap;
use utoipa::ToSchema;

/// A tape.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewTape {
    /// Its id.
    id: i32,
    /// Its label.
    label: String,
    /// Its pool.
    pool_name: Option<String>,
    /// Its state now.
    status: TapeStatus,
    /// Whether everything on it has expired at the moment.
    free: bool,
    /// Whether its pool lets it be written anew then.
    reusable: bool,
    /// Why it is not free.
    why: Option<String>,
    /// When it is free if nothing else happens; absent: that cannot be said, or it is.
    #[serde(serialize_with = "rfc3339_option")]
    until: Option<NaiveDateTime>,
    /// The sets on it that are kept.
    kept_sets: Vec<i32>,
    /// Bytes on it.
    used_bytes: i64,
}

#[cfg(test)]
impl PreviewTape {
    /// Its label.
    pub fn label(&self) -> &str {
        &self.label
    }
}

text_enum!(
    /// What the tapes of the preview are sorted by.
    FateOrder {
        /// When they are free.
        Until = "until",
        /// Their names.
        Label = "label",
        /// Where they are in their life.
        Status = "status",
        /// Bytes on them.
        Used = "used",
    }
);

/// What to do with tapes that hold nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blank {
    /// They are listed: somebody asked for this very tape.
    Listed,
    /// They are left out.
    LeftOut,
}

/// What becomes of a tape.
pub struct Fate {
    tape: TapeBrief,
    fact: TapeFact,
    outlook: Outlook,
}

impl Fate {
    /// Whether everything on it has expired.
    pub fn free(&self) -> bool {
        self.outlook == Outlook::Free
    }

    fn until(&self) -> Option<NaiveDateTime> {
        match &self.outlook {
            Outlook::Stays { until, .. } => *until,
            Outlook::Free | Outlook::Nothing => None,
        }
    }
}

/// What becomes of each of these tapes.
pub fn of(conn: &mut Conn, evaluation: &Evaluation, tapes: Vec<TapeBrief>, blank: Blank) -> Result<Vec<Fate>> {
    let facts = evaluation.tapes(conn, &tapes)?;
    let fate = |(tape, fact): (TapeBrief, TapeFact)| Fate { outlook: fact.outlook(), tape, fact };
    let fates = tapes.into_iter().zip(facts).map(fate);
    Ok(fates.filter(|fate| blank == Blank::Listed || fate.outlook != Outlook::Nothing).collect())
}

/// One page of them in an order; of equal ones those with the smaller label first, those without a value last.
pub fn page(
    conn: &mut Conn,
    mut fates: Vec<Fate>,
    free: Option<bool>,
    (order, direction): (FateOrder, Direction),
    page: Page,
) -> Result<Vec<PreviewTape>> {
    fates.retain(|fate| free.is_none_or(|free| free == fate.free()));
    fates.sort_by(|a, b| compare(a, b, order, direction).then_with(|| a.tape.label.cmp(&b.tape.label)));
    let pools: HashMap<i32, pools::Pool> = pools::all(conn)?.into_iter().map(|pool| (pool.id, pool)).collect();
    Ok(page.of(fates).into_iter().map(|fate| shown(fate, &pools)).collect())
}

fn compare(a: &Fate, b: &Fate, order: FateOrder, direction: Direction) -> Ordering {
    // what is free is so already; nothing is known of the others without an end, and they stay last
    let end = |fate: &Fate| if fate.free() { Some(NaiveDateTime::MIN) } else { fate.until() };
    let (unknown, order) = match order {
        FateOrder::Until => (end(a).is_none().cmp(&end(b).is_none()), end(a).cmp(&end(b))),
        FateOrder::Label => (Ordering::Equal, a.tape.label.cmp(&b.tape.label)),
        FateOrder::Status => (Ordering::Equal, a.tape.status.as_str().cmp(b.tape.status.as_str())),
        FateOrder::Used => (Ordering::Equal, a.tape.used_bytes.cmp(&b.tape.used_bytes)),
    };
    unknown.then(match direction {
        Direction::Rising => order,
        Direction::Falling => order.reverse(),
    })
}

fn shown(fate: Fate, pools: &HashMap<i32, pools::Pool>) -> PreviewTape {
    let (free, until) = (fate.free(), fate.until());
    let pool = fate.tape.pool_id.and_then(|id| pools.get(&id));
    PreviewTape {
        id: fate.tape.id,
        label: fate.tape.label,
        pool_name: pool.map(|pool| pool.name.clone()),
        status: fate.tape.status,
        free,
        reusable: free && pool.is_some_and(|pool| pool.allow_reuse != 0),
        why: match fate.outlook {
            Outlook::Free => None,
            Outlook::Nothing => Some("nothing is recorded on it".to_owned()),
            Outlook::Stays { why, .. } => Some(why),
        },
        until,
        kept_sets: fate.fact.kept.iter().map(|(set, _)| *set).collect(),
        used_bytes: fate.tape.used_bytes,
    }
}
