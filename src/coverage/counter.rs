//! Counts, in a thread of its own, which sets hold the newest state of each source, and keeps the result.
//!
//! *Owns* the counts. *Invariants:* one thread at a time; a reader never waits for it; it holds no transaction longer than
//! for one statement, so that backups write meanwhile. *On failure* the old counts stay and the error is told with them;
//! the next request tries again.

use crate::catalog::{chain, holders};
use crate::db::coverage::{ReadableSet, readable_sets};
use crate::db::{self, Conn, DbPool, SetStatus};
use crate::{Error, Result};
use chrono::NaiveDateTime;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Who holds the newest state of a source.
#[derive(Debug, Clone)]
pub struct Count {
    /// The set whose state was counted.
    pub set_id: i32,
    /// Sets that were looked at.
    pub sets: HashSet<i32>,
    /// Files by the parts that hold them.
    pub holdings: Vec<holders::Holding>,
    /// When the counting began.
    pub counted_at: NaiveDateTime,
}

#[derive(Debug, Default)]
struct Counts {
    of_source: HashMap<i32, Arc<Count>>,
    error: Option<String>,
}

/// Counts, and starts counting when something is missing. Cheap to clone; when the last clone goes, counting ends.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    counts: Mutex<Counts>,
    counting: AtomicBool,
}

/// What is known now.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// By source.
    pub of_source: HashMap<i32, Arc<Count>>,
    /// Sources that have sets that were not counted.
    pub stale: HashSet<i32>,
    /// Whether it is being counted at the moment.
    pub counting: bool,
    /// Why the last counting failed.
    pub error: Option<String>,
}

impl Counter {
    /// What is known; counting begins if a source has sets that were not counted.
    pub fn known(&self, pool: &DbPool, sets: &[ReadableSet]) -> Known {
        let (of_source, error) = {
            let counts = self.0.lock();
            (counts.of_source.clone(), counts.error.clone())
        };
        let stale: HashSet<i32> = stale(&of_source, sets).iter().map(|set| set.source_id).collect();
        if !stale.is_empty() && !self.0.counting.swap(true, Ordering::SeqCst) {
            start(Arc::downgrade(&self.0), &self.0, pool.clone());
        }
        Known { of_source, stale, counting: self.0.counting.load(Ordering::SeqCst), error }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest complete set of each source.
pub fn newest(sets: &[ReadableSet]) -> BTreeMap<i32, &ReadableSet> {
    let mut newest: BTreeMap<i32, &ReadableSet> = BTreeMap::new();
    for set in sets.iter().filter(|set| set.status == SetStatus::Completed) {
        let known = newest.entry(set.source_id).or_insert(set);
        // of the same moment (a copy) the older row
        if set.end_time > known.end_time {
            *known = set;
        }
    }
    newest
}

/// Sources whose count misses a set. One that has gone since does no harm: it is not judged any more.
fn stale<'s>(counts: &HashMap<i32, Arc<Count>>, sets: &'s [ReadableSet]) -> Vec<&'s ReadableSet> {
    let newest = newest(sets);
    let counted = |source: i32, set: i32| counts.get(&source).is_some_and(|count| count.sets.contains(&set));
    let missed: HashSet<i32> =
        sets.iter().filter(|set| !counted(set.source_id, set.id)).map(|set| set.source_id).collect();
    let uncounted = |set: &&&ReadableSet| {
        missed.contains(&set.source_id) || counts.get(&set.source_id).is_none_or(|count| count.set_id != set.id)
    };
    newest.values().filter(uncounted).copied().collect()
}

fn start(weak: Weak<Inner>, inner: &Inner, pool: DbPool) {
    let work = move || {
        let outcome = count_all(&weak, &pool);
        let Some(inner) = weak.upgrade() else { return };
        if let Err(error) = &outcome {
            tracing::warn!(%error, "copies could not be counted");
        }
        inner.lock().error = outcome.err().map(|error| error.message);
        inner.counting.store(false, Ordering::SeqCst);
    };
    if let Err(error) = std::thread::Builder::new().name("coverage".into()).spawn(work) {
        inner.lock().error = Some(Error::from(error).message);
        inner.counting.store(false, Ordering::SeqCst);
    }
}

fn count_all(weak: &Weak<Inner>, pool: &DbPool) -> Result<()> {
    let conn = &mut *pool.get()?;
    let sets = readable_sets(conn)?;
    let Some(known) = weak.upgrade().map(|inner| inner.lock().of_source.clone()) else { return Ok(()) };
    for set in stale(&known, &sets) {
        let all = sets.iter().filter(|other| other.source_id == set.source_id).map(|other| other.id).collect();
        let count = count(conn, set.id, all, || weak.strong_count() > 0).map_err(|error| {
            error.context(format_args!("counting the copies of the state of backup set {}", set.id))
        })?;
        let (Some(count), Some(inner)) = (count, weak.upgrade()) else { return Ok(()) };
        inner.lock().of_source.insert(set.source_id, Arc::new(count));
    }
    Ok(())
}

/// Counts one state.
pub fn count(conn: &mut Conn, set_id: i32, sets: HashSet<i32>, go_on: impl FnMut() -> bool) -> Result<Option<Count>> {
    let counted_at = db::now();
    let chain = chain::of(conn, set_id)?;
    let holdings = holders::of_state(conn, &chain, &sets, go_on)?;
    Ok(holdings.map(|holdings| Count { set_id, sets, holdings, counted_at }))
}
