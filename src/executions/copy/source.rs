//! What is copied: a set, as the catalog knows it.

use super::members::Members;
use crate::catalog::partial;
use crate::db::sets::BackupSet;
use crate::db::{self, Conn, FormatType, PartFormat, SetStatus, copies, pools::Pool};
use crate::executions::{Context, room, tape_reading};
use crate::restore::plan::{Plan, Run};
use crate::restore::select::{self, Selection};
use crate::{Error, Result};
use std::sync::Mutex;
use tape_format::crypt::Key;

/// A set that is to be copied.
pub struct Source {
    /// The set that is read: the one that was named, or a copy of it that is easier to read.
    pub set: BackupSet,
    /// Name on tape of the set that all copies are copies of.
    pub original: String,
    /// Its members, as one run.
    pub plan: Plan,
    /// The same as the catalog has them, for whoever makes frames.
    pub members: Mutex<Members>,
    /// Paths recorded as gone.
    pub deleted: Vec<Vec<u8>>,
    /// Opens it.
    pub key: Option<Key>,
}

/// The set with the same content that is in a pool already.
pub fn copy_in(conn: &mut Conn, set_id: i32, pool_id: i32) -> Result<Option<i32>> {
    let set = db::sets::find(conn, set_id)?;
    for other in copies::family(conn, &set)? {
        if copies::pools_of(conn, other)?.contains(&pool_id) {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

impl Source {
    /// Looks a set up.
    ///
    /// # Errors
    /// If it is not complete, not of this program's own format, or its key is missing.
    pub fn read(context: &Context, set_id: i32, pool: &Pool) -> Result<Source> {
        let mut conn = context.conn()?;
        let named = db::sets::find(&mut conn, set_id)?;
        if named.status != SetStatus::Completed {
            let message = format!("backup set {set_id} is {}: only completed sets can be copied", named.status);
            return Err(Error::conflict("set_state", message));
        }
        let original = copies::original_of(&mut conn, set_id)?.unwrap_or_else(|| named.uuid.clone());
        let (best, why) = crate::restore::copies::best(&mut conn, &[set_id])?;
        context.why(&why)?;
        let set = db::sets::find(&mut conn, best.first().copied().unwrap_or(set_id))?;
        let of_v1 = db::set_parts::of_set(&mut conn, set.id)?.iter().any(|part| part.layout == PartFormat::V1);
        if of_v1 || set.format_type == FormatType::Ltfs {
            let message = format!(
                "backup set {set_id} was not written by this version of the program, and cannot be copied to pool {}: \
                 restore it, and back it up again",
                pool.name
            );
            return Err(Error::conflict("unsupported_set", message));
        }
        let key = match set.encrypted {
            true => Some(tape_reading::key(context, set.encryption_key_id)?),
            false => None,
        };
        let members = Mutex::new(Members::of(&mut conn, set.id, &context.services.config.spool_dir())?);
        let deleted = partial::deleted(&mut conn, set.id)?;
        let plan = one_run(&mut conn, set.id)?;
        Ok(Source { set, original, plan, members, deleted, key })
    }

    /// The tape its first part is on.
    pub fn first_tape(&self) -> Result<i32> {
        let part = self.plan.sets.iter().flat_map(|set| &set.parts).next();
        part.map(|part| part.tape_id).ok_or_else(|| Error::internal("a set without parts cannot be copied"))
    }

    /// Whether the disk can take all of it.
    pub fn check_room(&self, context: &Context) -> Result<()> {
        let bytes = self.set.stored_bytes.unsigned_abs();
        room::check(&context.services.config.spool_dir(), bytes.saturating_add(bytes / 8))
    }
}

/// A plan that reads a set from its first byte to its last.
fn one_run(conn: &mut Conn, set_id: i32) -> Result<Plan> {
    let chain = select::alone(conn, set_id)?;
    if let Some(lost) = crate::db::lost::tapes_of_sets(conn, &[set_id])?.remove(&set_id) {
        let labels: Vec<String> = lost.into_iter().collect();
        let message = format!("backup set {set_id} cannot be copied: tape {} is lost", labels.join(", "));
        return Err(Error::conflict("tape_lost", message));
    }
    let selected = select::plan(conn, &Selection { chain, paths: Vec::new() })?;
    let mut plan = selected.plan;
    if let Some((path, why)) = selected.broken.first() {
        return Err(Error::conflict("unsupported_set", format!("{path}: {why}")));
    }
    if plan.sets.is_empty() {
        // nothing but deletions
        select::plan_set(conn, set_id, &mut plan)?;
    }
    let end = plan.sets.iter().flat_map(|set| &set.parts).map(|part| part.layout.tar_end).max().unwrap_or(0);
    plan.runs = vec![Run { set: 0, items: 0..plan.items.len(), start: 0, end, piece: None }];
    plan.visits = Vec::new();
    Ok(plan)
}
