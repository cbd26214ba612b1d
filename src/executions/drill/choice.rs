//! Which files a drill restores: chosen at random, and with the same seed the same.

use crate::Result;
use crate::catalog::path::join;
use crate::db::schema::{catalog_dirs, catalog_versions};
use crate::db::{self, Conn, FormatType, SetStatus, TapeStatus, sets::BackupSet};
use crate::media::choose::Place;
use crate::media::lifecycle;
use diesel::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// The code of a regular file in the catalog.
const FILE: i32 = 1;
/// Tries for each file that is wanted: where there are few, the same ones come up again and again.
const TRIES: u64 = 8;

/// Numbers that look random, the same for the same seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that always fall the same way for a seed.
    pub fn new(seed: u32) -> Dice {
        Dice(u64::from(seed))
    }

    /// A number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)).checked_rem(limit).unwrap_or(0)
    }
}

/// Chooses up to `wanted` different files: of each set, given with the number of its files, their places in its list.
pub fn throw(dice: &mut Dice, sets: &[(i32, u64)], wanted: u32) -> BTreeMap<i32, BTreeSet<u64>> {
    let mut chosen: BTreeMap<i32, BTreeSet<u64>> = BTreeMap::new();
    let mut missing = u64::from(wanted);
    for _ in 0..u64::from(wanted) * TRIES {
        if missing == 0 {
            break;
        }
        let at = dice.below(sets.len() as u64);
        let Some((set, files)) = usize::try_from(at).ok().and_then(|at| sets.get(at)) else { break };
        if *files > 0 && chosen.entry(*set).or_default().insert(dice.below(*files)) {
            missing -= 1;
        }
    }
    chosen
}

/// Complete sets (of a job) all of whose tapes are at hand, with the number of files that may be chosen.
pub fn sets(conn: &mut Conn, job_id: Option<i32>, max_bytes: i64) -> Result<Vec<(i32, u64)>> {
    let mut found = Vec::new();
    for set in all_sets(conn, job_id)? {
        let parts = db::set_parts::of_set(conn, set.id)?;
        let mut at_hand = !parts.is_empty();
        for part in parts {
            let tape = db::tapes::find(conn, part.tape_id)?;
            let gone = tape.lost_at.is_some() || matches!(tape.status, TapeStatus::Retired | TapeStatus::Exported);
            at_hand &= !gone && lifecycle::place(conn, &tape)? != Place::Shelf;
        }
        if at_hand {
            let files: i64 = catalog_versions::table
                .filter(catalog_versions::set_id.eq(set.id).and(catalog_versions::kind.eq(FILE)))
                .filter(catalog_versions::sha256.is_not_null().and(catalog_versions::size.le(max_bytes)))
                .count()
                .get_result(conn)?;
            found.push((set.id, files.unsigned_abs()));
        }
    }
    found.retain(|(_, files)| *files > 0);
    Ok(found)
}

fn all_sets(conn: &mut Conn, job_id: Option<i32>) -> Result<Vec<BackupSet>> {
    use crate::db::schema::backup_sets;
    let mut query = backup_sets::table
        .filter(backup_sets::status.eq(SetStatus::Completed).and(backup_sets::format_type.eq(FormatType::Raw)))
        .order(backup_sets::id)
        .select(BackupSet::as_select())
        .into_boxed();
    if let Some(job) = job_id {
        query = query.filter(backup_sets::job_id.eq(job));
    }
    Ok(query.load(conn)?)
}

/// The path, as text, and the size of the file at a place in the list of a set.
pub fn file(conn: &mut Conn, set_id: i32, place: u64, max_bytes: i64) -> Result<Option<(String, u64)>> {
    let row: Option<(String, String, i64)> = catalog_versions::table
        .inner_join(catalog_dirs::table.on(catalog_dirs::id.eq(catalog_versions::dir_id)))
        .filter(catalog_versions::set_id.eq(set_id).and(catalog_versions::kind.eq(FILE)))
        .filter(catalog_versions::sha256.is_not_null().and(catalog_versions::size.le(max_bytes)))
        .order((catalog_versions::tar_offset, catalog_versions::name))
        .offset(i64::try_from(place).unwrap_or(i64::MAX))
        .select((catalog_dirs::path, catalog_versions::name, catalog_versions::size))
        .first(conn)
        .optional()?;
    Ok(row.map(|(dir, name, size)| (join(&dir, &name), size.unsigned_abs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_chooses_the_same_and_another_one_not() {
        let sets = [(1, 1000), (2, 5), (9, 100_000)];
        let chosen = |seed| throw(&mut Dice::new(seed), &sets, 20);
        assert_eq!(chosen(7), chosen(7));
        assert_ne!(chosen(7), chosen(8));
        assert_eq!(chosen(7).values().map(BTreeSet::len).sum::<usize>(), 20);
        assert!(chosen(7).iter().all(|(set, places)| {
            let files = sets.iter().find(|(id, _)| id == set).unwrap().1;
            places.iter().all(|place| *place < files)
        }));
    }

    #[test]
    fn where_there_are_few_files_each_is_chosen_once() {
        let chosen = throw(&mut Dice::new(1), &[(4, 3)], 50);
        assert_eq!(chosen[&4].len(), 3);
        assert!(throw(&mut Dice::new(1), &[], 5).is_empty());
    }
}
