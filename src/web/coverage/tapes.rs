//! Tapes that need a look: unverified for long, doubtful, much used; and what is out of the house.

use crate::Result;
use crate::db::coverage::{self, First};
use crate::db::tapes::Tape;
use crate::db::time::rfc3339_option;
use crate::db::whereabouts::{Inventory, Whereabouts};
use crate::db::{Conn, TapeStatus, now};
use crate::media::wear::{self, Limits, Wear, Worn};
use chrono::NaiveDateTime;
use serde::Serialize;
use std::collections::HashSet;
use utoipa::ToSchema;

/// Most tapes of each list.
const MOST: usize = 10;
/// Most doubtful ones.
const MOST_DOUBTFUL: i64 = 100;

/// Tapes with data, in figures, and those that need a look.
#[derive(Debug, Serialize, ToSchema)]
pub struct TapesInView {
    /// Tapes that hold something.
    with_data: i64,
    /// Bytes on them.
    bytes: i64,
    /// Of those, never read back and compared.
    never_verified: i64,
    /// Of those, out of the house.
    offsite: i64,
    /// Bytes on these.
    offsite_bytes: i64,
    /// Whose last verification is the longest ago: never first (of those the oldest), at most ten.
    unverified: Vec<TapeInView>,
    /// How many that hold something are doubtful: lost, on hold or retired.
    doubtful_count: i64,
    /// Those, at most a hundred.
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
    /// Of all tapes. Counted and sorted by the database: costs what is shown.
    pub fn of(conn: &mut Conn, limits: Limits) -> Result<TapesInView> {
        let filled = coverage::filled(conn)?;
        let inventory = Inventory::read(conn)?;
        let most = i64::try_from(MOST).unwrap_or(i64::MAX);
        let mut first = |which, most| {
            let tapes = coverage::first(conn, which, most)?;
            Ok::<_, crate::Error>(tapes.iter().map(|tape| in_view(tape, &inventory)).collect())
        };
        let (unverified, most_written) = (first(First::Unverified, most)?, first(First::MostWritten, most)?);
        let doubtful = first(First::Doubtful, MOST_DOUBTFUL)?;
        let mut worn = wear::worn(conn, limits, now())?;
        worn.retain(|worn| worn.tape.used_bytes > 0);
        let worn_count = worn.len();
        if worn_count < MOST {
            let known: HashSet<i32> = worn.iter().map(|worn| worn.tape.id).collect();
            let used = wear::most_used(conn, limits, most, now())?;
            worn.extend(used.into_iter().filter(|used| !known.contains(&used.tape.id)));
        }
        let most_worn = worn.into_iter().take(MOST);
        Ok(TapesInView {
            with_data: filled.tapes,
            bytes: filled.bytes,
            never_verified: filled.never_verified,
            offsite: filled.offsite,
            offsite_bytes: filled.offsite_bytes,
            unverified,
            doubtful_count: filled.doubtful,
            doubtful,
            most_written,
            worn_count,
            most_worn: most_worn
                .map(|Worn { tape, wear }| WornTape { tape: in_view(&tape, &inventory), wear })
                .collect(),
        })
    }
}

fn in_view(tape: &Tape, inventory: &Inventory) -> TapeInView {
    TapeInView {
        place: inventory.of(tape),
        id: tape.id,
        label: tape.label.clone(),
        status: tape.status,
        used_bytes: tape.used_bytes,
        write_count: tape.write_count,
        labeled_at: tape.labeled_at,
        last_written_at: tape.last_written_at,
        last_verified_at: tape.last_verified_at,
        hold_reason: tape.blocked(),
    }
}
