//! Tapes that need a look: unverified for long, doubtful, much used; and what is out of the house.

use crate::Result;
use crate::coverage::judge::Judge;
use crate::db::tapes::Tape;
use crate::db::time::rfc3339_option;
use crate::db::whereabouts::{self, Whereabouts};
use crate::db::{Conn, TapeStatus, now};
use crate::media::wear::{self, Condition, Wear};
use chrono::NaiveDateTime;
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Most tapes of each list.
const MOST: usize = 10;

/// Tapes with data, in figures, and those that need a look.
#[derive(Debug, Serialize, ToSchema)]
pub struct TapesInView {
    /// Tapes that hold something.
    with_data: usize,
    /// Bytes on them.
    bytes: i64,
    /// Of those, never read back and compared.
    never_verified: usize,
    /// Of those, out of the house.
    offsite: usize,
    /// Bytes on these.
    offsite_bytes: i64,
    /// Whose last verification is the longest ago: never first (of those the oldest), at most ten.
    unverified: Vec<TapeInView>,
    /// Doubtful ones that hold something: lost, on hold or retired.
    doubtful: Vec<TapeInView>,
    /// On which the most sets were begun, at most ten.
    most_written: Vec<TapeInView>,
    /// How many of those with data near the end of their life, or lose data.
    worn_count: usize,
    /// Those with data of which drives told the most wear, at most ten.
    most_worn: Vec<WornTape>,
}

/// A tape, and how much of its life is used.
#[derive(Debug, Serialize, ToSchema)]
pub struct WornTape {
    #[serde(flatten)]
    tape: TapeInView,
    /// How much of its life is used.
    wear: Wear,
}

/// A tape that needs a look.
#[derive(Debug, Serialize, ToSchema)]
pub struct TapeInView {
    /// The tape.
    id: i32,
    /// Its name.
    label: String,
    /// Where it is in its life.
    status: TapeStatus,
    /// Where it is.
    place: Whereabouts,
    /// Bytes on it.
    used_bytes: i64,
    /// How many sets were begun on it.
    write_count: i32,
    /// When its label was written.
    #[serde(serialize_with = "rfc3339_option")]
    labeled_at: Option<NaiveDateTime>,
    /// When the last set ended.
    #[serde(serialize_with = "rfc3339_option")]
    last_written_at: Option<NaiveDateTime>,
    /// When it was last read back and compared.
    #[serde(serialize_with = "rfc3339_option")]
    last_verified_at: Option<NaiveDateTime>,
    /// Why nothing is written to it at the moment: it is on hold, or lost.
    hold_reason: Option<String>,
}

impl TapesInView {
    /// Of all tapes.
    pub fn of(conn: &mut Conn, judge: &Judge) -> Result<TapesInView> {
        let mut full: Vec<&Tape> = judge.tapes().filter(|tape| tape.used_bytes > 0).collect();
        full.sort_by_key(|tape| (tape.last_verified_at, tape.last_written_at, tape.id));
        let offsite = |tape: &&&Tape| tape.status == TapeStatus::Exported;
        let doubtful = |tape: &&Tape| tape.blocked().is_some() || tape.status == TapeStatus::Retired;
        let mut written = full.clone();
        written.sort_by_key(|tape| (std::cmp::Reverse(tape.write_count), tape.id));
        let mut wear = wear::of_tapes(conn, full.iter().copied(), now())?;
        let worn_count = wear.values().filter(|wear| wear.condition >= Condition::Worn).count();
        Ok(TapesInView {
            with_data: full.len(),
            bytes: full.iter().map(|tape| tape.used_bytes).sum(),
            never_verified: full.iter().filter(|tape| tape.last_verified_at.is_none()).count(),
            offsite: full.iter().filter(offsite).count(),
            offsite_bytes: full.iter().filter(offsite).map(|tape| tape.used_bytes).sum(),
            unverified: in_view(conn, full.iter().copied().take(MOST))?,
            doubtful: in_view(conn, full.iter().copied().filter(doubtful))?,
            most_written: in_view(conn, written.into_iter().take(MOST))?,
            worn_count,
            most_worn: most_worn(conn, &full, &mut wear)?,
        })
    }
}

fn in_view<'t>(conn: &mut Conn, tapes: impl Iterator<Item = &'t Tape>) -> Result<Vec<TapeInView>> {
    let one = |tape: &Tape| {
        Ok(TapeInView {
            place: whereabouts::of(conn, tape)?,
            id: tape.id,
            label: tape.label.clone(),
            status: tape.status,
            used_bytes: tape.used_bytes,
            write_count: tape.write_count,
            labeled_at: tape.labeled_at,
            last_written_at: tape.last_written_at,
            last_verified_at: tape.last_verified_at,
            hold_reason: tape.blocked(),
        })
    };
    tapes.map(one).collect()
}

/// The worst first: those that lose data, those that are worn, then by how much of their life is used.
fn most_worn(conn: &mut Conn, full: &[&Tape], wear: &mut BTreeMap<i32, Wear>) -> Result<Vec<WornTape>> {
    let mut worn: Vec<&Tape> = full.iter().copied().filter(|tape| wear.contains_key(&tape.id)).collect();
    let rank =
        |tape: &Tape| wear.get(&tape.id).map(|wear| (wear.condition, wear.life_used_percent.unwrap_or_default()));
    worn.sort_by(|a, b| rank(b).partial_cmp(&rank(a)).unwrap_or(Ordering::Equal).then(a.id.cmp(&b.id)));
    worn.truncate(MOST);
    let shown = in_view(conn, worn.into_iter())?;
    Ok(shown.into_iter().filter_map(|tape| Some(WornTape { wear: wear.remove(&tape.id)?, tape })).collect())
}
