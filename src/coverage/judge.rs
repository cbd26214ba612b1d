//! What counts are worth: on how many tapes that can be trusted a file is.

use super::counter::Count;
use crate::Result;
use crate::db::Conn;
use crate::db::coverage::{self, ReadableSet};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// Files and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Amount {
    /// How many files.
    pub files: i64,
    /// Their content bytes.
    pub bytes: i64,
}

impl Amount {
    fn add(&mut self, files: i64, bytes: i64) {
        self.files += files;
        self.bytes += bytes;
    }
}

/// Files of a state by the number of tapes that hold their content. A tape on hold does not count, for it may be
/// damaged, nor does one that is lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Copies {
    /// On no tape that can be trusted.
    pub none: Amount,
    /// On one tape.
    pub one: Amount,
    /// On two or more tapes.
    pub more: Amount,
    /// On at least one tape that is out of the house.
    pub offsite: Amount,
    /// In at least one set that was read from tape and compared after it was written.
    pub verified: Amount,
}

impl Copies {
    /// Adds what is known of another source.
    pub fn add(&mut self, other: &Copies) {
        for (mine, its) in [
            (&mut self.none, other.none),
            (&mut self.one, other.one),
            (&mut self.more, other.more),
            (&mut self.offsite, other.offsite),
            (&mut self.verified, other.verified),
        ] {
            mine.add(its.files, its.bytes);
        }
    }
}

/// Sets and tapes as they are now.
#[derive(Debug, Default)]
pub struct Judge {
    sets: HashMap<i32, ReadableSet>,
    /// Of the parts that are on another tape than the one their set begins on.
    part_tapes: HashMap<(i32, i32), i32>,
    blocked: HashSet<i32>,
    offsite: HashSet<i32>,
}

impl Judge {
    /// Reads them.
    pub fn read(conn: &mut Conn, sets: &[ReadableSet]) -> Result<Judge> {
        let parts = coverage::parts_elsewhere(conn)?;
        Ok(Judge {
            sets: sets.iter().map(|set| (set.id, set.clone())).collect(),
            part_tapes: parts.into_iter().map(|(set, part, tape)| ((set, part), tape)).collect(),
            blocked: coverage::blocked(conn)?.into_iter().collect(),
            offsite: coverage::offsite(conn)?.into_iter().collect(),
        })
    }

    /// What a count is worth; with a job only as far as its own sets are concerned.
    pub fn judge(&self, count: &Count, job_id: Option<i32>) -> Copies {
        let mut copies = Copies::default();
        for holding in &count.holdings {
            let mut on: HashSet<i32> = HashSet::new();
            let (mut offsite, mut verified) = (false, false);
            for (set_id, part) in &holding.holders {
                let Some(set) = self.sets.get(set_id).filter(|set| job_id.is_none_or(|job| set.job_id == job)) else {
                    continue;
                };
                let tape_id = self.part_tapes.get(&(*set_id, *part)).copied().unwrap_or(set.tape_id);
                if self.blocked.contains(&tape_id) {
                    continue;
                }
                on.insert(tape_id);
                offsite |= self.offsite.contains(&tape_id);
                verified |= set.verified_at.is_some();
            }
            let by_number = match on.len() {
                0 => &mut copies.none,
                1 => &mut copies.one,
                _ => &mut copies.more,
            };
            by_number.add(holding.files, holding.bytes);
            if offsite {
                copies.offsite.add(holding.files, holding.bytes);
            }
            if verified {
                copies.verified.add(holding.files, holding.bytes);
            }
        }
        copies
    }
}
