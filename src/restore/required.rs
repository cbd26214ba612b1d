//! Which tapes a plan needs, where they are now, what each contributes and how long it takes: for people, before
//! anything moves.

use super::estimate;
use super::plan::Plan;
use crate::Result;
use crate::db::whereabouts::{self, Whereabouts};
use crate::db::{self, Conn, tapes::Tape};
use serde::Serialize;

/// A tape that a plan needs.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct RequiredTape {
    /// Its turn, from 1.
    pub order: usize,
    /// The tape.
    pub tape: Tape,
    /// Where it is.
    pub place: Whereabouts,
    /// Files that begin on it.
    pub file_count: u64,
    /// Their content bytes.
    pub total_bytes: u64,
    /// Seconds that mounting, winding and reading take, about: at the speed of its generation, without waiting for a
    /// person, for a drive or for a slow destination. Absent if the generation is not known.
    pub estimated_seconds: Option<u64>,
}

/// The tapes in the order in which they are needed.
pub fn tapes(conn: &mut Conn, plan: &Plan) -> Result<Vec<RequiredTape>> {
    let shares = plan.tapes()?;
    let mut required = Vec::with_capacity(shares.len());
    for (index, share) in shares.iter().enumerate() {
        let tape = db::tapes::find(conn, share.tape_id)?;
        let place = whereabouts::of(conn, &tape)?;
        required.push(RequiredTape {
            order: index + 1,
            estimated_seconds: estimate::seconds(plan, &tape, &place)?,
            tape,
            place,
            file_count: share.files,
            total_bytes: share.bytes,
        });
    }
    Ok(required)
}
