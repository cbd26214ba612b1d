//! Paths with something to remember of each. There may be millions in a restore: beyond the first they are in a temporary
//! database without a name (see TMPDIR), and memory does not grow with them.

use super::Failed;
use diesel::connection::{DefaultLoadingMode, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer};
use std::collections::HashMap;

/// Bytes that stay in memory, about: most restores need no database.
const IN_MEMORY: usize = 8 << 20;

/// What an entry takes beside its bytes, about.
const OVERHEAD: usize = 96;

/// The temporary database; its cache has 4 MiB.
const TABLE: &str = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096; \
    CREATE TABLE paths (path BLOB PRIMARY KEY NOT NULL, depth INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID";

/// Paths, each with some bytes.
#[derive(Default)]
pub(super) struct Paths {
    recent: HashMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
    stored: Option<SqliteConnection>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Binary)]
    path: Vec<u8>,
    #[diesel(sql_type = Binary)]
    value: Vec<u8>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Paths {
    /// Adds a path, or gives it another value.
    pub(super) fn insert(&mut self, path: Vec<u8>, value: Vec<u8>) -> Result<(), Failed> {
        self.bytes += path.len() + value.len() + OVERHEAD;
        self.recent.insert(path, value);
        if self.bytes >= IN_MEMORY { self.store() } else { Ok(()) }
    }

    /// Whether it is there.
    pub(super) fn contains(&mut self, path: &[u8]) -> Result<bool, Failed> {
        if self.recent.contains_key(path) {
            return Ok(true);
        }
        let Some(stored) = &mut self.stored else { return Ok(false) };
        let sql = "SELECT count(*) AS count FROM paths WHERE path = ?";
        let found = diesel::sql_query(sql).bind::<Binary, _>(path).get_result::<Count>(stored).map_err(broken)?;
        Ok(found.count > 0)
    }

    /// Forgets a path.
    pub(super) fn remove(&mut self, path: &[u8]) -> Result<(), Failed> {
        self.recent.remove(path);
        if let Some(stored) = &mut self.stored {
            let sql = "DELETE FROM paths WHERE path = ?";
            diesel::sql_query(sql).bind::<Binary, _>(path).execute(stored).map_err(broken)?;
        }
        Ok(())
    }

    /// Hands on all paths, the deepest first, and the destination itself last.
    pub(super) fn deepest_first(mut self, mut take: impl FnMut(&[u8], &[u8])) -> Result<(), Failed> {
        if self.stored.is_some() {
            self.store()?;
        }
        let Some(stored) = &mut self.stored else {
            let mut all: Vec<_> = self.recent.into_iter().collect();
            all.sort_by_cached_key(|(path, _)| std::cmp::Reverse(depth(path)));
            all.iter().for_each(|(path, value)| take(path, value));
            return Ok(());
        };
        let all = diesel::sql_query("SELECT path, value FROM paths ORDER BY depth DESC");
        for row in all.load_iter::<Row, DefaultLoadingMode>(stored).map_err(broken)? {
            let Row { path, value } = row.map_err(broken)?;
            take(&path, &value);
        }
        Ok(())
    }

    /// Moves what is in memory into the temporary database.
    fn store(&mut self) -> Result<(), Failed> {
        self.bytes = 0;
        let recent = std::mem::take(&mut self.recent);
        let stored = match &mut self.stored {
            Some(stored) => stored,
            none => {
                // an empty name: a file that nobody else sees, and that is gone when it is closed
                let mut made = SqliteConnection::establish("").map_err(broken)?;
                made.batch_execute(TABLE).map_err(broken)?;
                none.insert(made)
            }
        };
        stored
            .transaction(|stored| {
                for (path, value) in &recent {
                    diesel::sql_query("INSERT OR REPLACE INTO paths (path, depth, value) VALUES (?, ?, ?)")
                        .bind::<Binary, _>(path)
                        .bind::<Integer, _>(depth(path))
                        .bind::<Binary, _>(value)
                        .execute(stored)?;
                }
                Ok(())
            })
            .map_err(|error: diesel::result::Error| broken(error))
    }
}

/// How deep a path is; the destination itself is above all others.
fn depth(path: &[u8]) -> i32 {
    match path {
        b"." => -1,
        path => i32::try_from(path.iter().filter(|byte| **byte == b'/').count()).unwrap_or(i32::MAX),
    }
}

fn broken(error: impl std::fmt::Display) -> Failed {
    Failed::Destination(format!("the temporary list of what was restored (see TMPDIR) cannot be used: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(paths: Paths) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut all = Vec::new();
        paths.deepest_first(|path, value| all.push((path.to_vec(), value.to_vec()))).unwrap();
        all
    }

    #[test]
    fn a_few_and_very_many_behave_the_same() {
        for count in [10, 200_000u32] {
            let mut paths = Paths::default();
            paths.insert(b".".to_vec(), b"root".to_vec()).unwrap();
            for number in 0..count {
                paths.insert(format!("d{}/e{number}", number % 7).into_bytes(), vec![1]).unwrap();
            }
            for number in 0..7 {
                paths.insert(format!("d{number}").into_bytes(), vec![2]).unwrap();
            }
            assert_eq!(paths.stored.is_some(), count > 1000);
            assert!(paths.recent.len() < 100_000, "memory does not grow with them");
            // what was stored long ago gets another value, and another one goes
            paths.insert(b"d0/e0".to_vec(), vec![3]).unwrap();
            assert!(paths.contains(b"d1/e1").unwrap() && !paths.contains(b"d1/e2").unwrap());
            paths.remove(b"d1/e1").unwrap();
            assert!(!paths.contains(b"d1/e1").unwrap());
            let all = all(paths);
            assert_eq!(all.len() as u32, count + 7);
            let depths: Vec<i32> = all.iter().map(|(path, _)| depth(path)).collect();
            assert!(depths.is_sorted_by(|a, b| a >= b));
            assert_eq!(all.last().unwrap(), &(b".".to_vec(), b"root".to_vec()));
            assert_eq!(all.iter().filter(|(path, value)| path == b"d0/e0" && *value == [3]).count(), 1);
        }
    }
}
