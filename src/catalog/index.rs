//! Making the paths of a set searchable, after it was committed.
//!
//! A step takes a few thousand of the set's names in the order of the table, keeps those that no indexed set had, and
//! adds them to the index in groups. How far it came is stored with it, so it goes on after a crash, and steps are
//! short, so that the batches of a running backup get in between.

use super::kind;
use super::trigrams::{NAMES_PER_GROUP, document};
use super::writer::Progress;
use crate::Result;
use crate::db::returned::Returned;
use crate::db::schema::{backup_sets, catalog_dirs, catalog_index_progress, catalog_names, catalog_search_groups};
use crate::db::{Conn, SetStatus, write_transaction};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};

/// Names of a set that one step looks at.
const NAMES_PER_STEP: i64 = 4096;

diesel::table! {
    /// The full-text table; a document is inserted, and never read back.
    catalog_search (rowid) {
        /// The group's id.
        rowid -> BigInt,
        /// The group's document.
        paths -> Text,
    }
}

/// Names of a set behind a point, and whether they are known already.
#[derive(QueryableByName)]
struct Candidate {
    #[diesel(sql_type = BigInt)]
    dir_id: i64,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Integer)]
    known: i32,
}

const CANDIDATES: &str = "SELECT v.dir_id, v.name, \
         (v.kind = 0 OR v.name = '.' OR EXISTS (SELECT 1 FROM catalog_names n \
             WHERE n.dir_id = v.dir_id AND n.name = v.name)) AS known \
     FROM catalog_versions v WHERE v.set_id = ? AND (v.dir_id, v.name) > (?, ?) \
     ORDER BY v.dir_id, v.name LIMIT ?";

/// Records that the set is to be indexed.
pub(super) fn begin(conn: &mut Conn, set_id: i32) -> Result<()> {
    diesel::insert_or_ignore_into(catalog_index_progress::table)
        .values((
            catalog_index_progress::set_id.eq(set_id),
            catalog_index_progress::last_dir.eq(0),
            catalog_index_progress::last_name.eq(""),
        ))
        .execute(conn)?;
    Ok(())
}

/// Sets with files that are not indexed to their end.
pub(super) fn pending(conn: &mut Conn) -> Result<Vec<i32>> {
    let done = catalog_index_progress::table
        .filter(catalog_index_progress::done.eq(true))
        .select(catalog_index_progress::set_id);
    Ok(backup_sets::table
        .filter(
            backup_sets::status.eq_any([SetStatus::Completed, SetStatus::Incomplete]).and(backup_sets::id.ne_all(done)),
        )
        .order(backup_sets::id)
        .select(backup_sets::id)
        .load(conn)?)
}

/// One step.
pub(super) fn step(conn: &mut Conn, set_id: i32) -> Result<Progress> {
    write_transaction(conn, |conn| {
        begin(conn, set_id)?;
        let (last_dir, last_name, done): (i64, String, bool) = catalog_index_progress::table
            .find(set_id)
            .select((catalog_index_progress::last_dir, catalog_index_progress::last_name, catalog_index_progress::done))
            .first(conn)?;
        if done {
            return Ok(Progress::Done);
        }
        let candidates: Vec<Candidate> = diesel::sql_query(CANDIDATES)
            .bind::<Integer, _>(set_id)
            .bind::<BigInt, _>(last_dir)
            .bind::<Text, _>(&last_name)
            .bind::<BigInt, _>(NAMES_PER_STEP)
            .load(conn)?;
        let new: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.known == 0).collect();
        for of_dir in new.chunk_by(|a, b| a.dir_id == b.dir_id) {
            add(conn, of_dir)?;
        }
        let full_step = i64::try_from(candidates.len()).is_ok_and(|count| count >= NAMES_PER_STEP);
        let last = candidates.last().map_or((last_dir, last_name.as_str()), |last| (last.dir_id, &last.name));
        diesel::update(catalog_index_progress::table.find(set_id))
            .set((
                catalog_index_progress::last_dir.eq(last.0),
                catalog_index_progress::last_name.eq(last.1),
                catalog_index_progress::done.eq(!full_step),
            ))
            .execute(conn)?;
        Ok(if full_step { Progress::More } else { Progress::Done })
    })
}

/// Adds new names of one directory, in order, as groups.
fn add(conn: &mut Conn, names: &[&Candidate]) -> Result<()> {
    let Some(first) = names.first() else { return Ok(()) };
    let dir_id = first.dir_id;
    let dir: String = catalog_dirs::table.find(dir_id).select(catalog_dirs::path).first(conn)?;
    for group in names.chunks(NAMES_PER_GROUP) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let group_id: i64 = diesel::insert_into(catalog_search_groups::table)
            .values((
                catalog_search_groups::dir_id.eq(dir_id),
                catalog_search_groups::first_name.eq(&first.name),
                catalog_search_groups::last_name.eq(&last.name),
            ))
            .returning(catalog_search_groups::id)
            .returned(conn)?;
        let column = |candidate: &&Candidate| {
            (
                catalog_names::dir_id.eq(dir_id),
                catalog_names::name.eq(candidate.name.clone()),
                catalog_names::group_id.eq(group_id),
            )
        };
        let rows: Vec<_> = group.iter().map(column).collect();
        diesel::insert_into(catalog_names::table).values(rows).execute(conn)?;
        let text = document(&dir, group.iter().map(|candidate| candidate.name.as_str()));
        diesel::insert_into(catalog_search::table)
            .values((catalog_search::rowid.eq(group_id), catalog_search::paths.eq(text)))
            .execute(conn)?;
    }
    Ok(())
}

/// Whether a set says nothing of a name but that it is gone is decided by this kind.
const _: () = assert!(kind::DELETED == 0, "CANDIDATES has the number written out");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::Catalog;

    fn names(catalog: &Catalog) -> i64 {
        catalog_names::table.count().get_result(&mut *catalog.db.conn()).expect("count")
    }

    #[test]
    fn a_path_is_indexed_once_whatever_the_number_of_sets() {
        let mut catalog = Catalog::empty();
        let full = catalog.filled(None, &["./", "d/", "d/a", "d/b"], &[]);
        let second = catalog.filled(Some(full), &["d/a", "d/c"], &["d/b"]);
        assert_eq!(catalog.writer.unindexed().expect("pending"), [full, second]);
        catalog.writer.index(full).expect("index");
        assert_eq!(names(&catalog), 3);
        catalog.writer.index(second).expect("index");
        catalog.writer.index(second).expect("again");
        assert_eq!(names(&catalog), 4);
        assert!(catalog.writer.unindexed().expect("none").is_empty());
        let groups: i64 = catalog_search_groups::table.count().get_result(&mut *catalog.db.conn()).expect("groups");
        assert_eq!(groups, 3, "d of the root; a and b of d; c of d");
    }

    #[test]
    fn a_large_set_takes_several_steps_and_goes_on_where_it_stopped() {
        let mut catalog = Catalog::empty();
        let paths: Vec<String> = (0..5000).map(|number| format!("d/{number:05}")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let set = catalog.filled(None, &paths, &[]);
        assert_eq!(catalog.writer.index_step(set).expect("first"), Progress::More);
        let path = catalog.db.path.clone();
        catalog.writer = crate::catalog::CatalogWriter::open(path).expect("another");
        assert_eq!(catalog.writer.index_step(set).expect("second"), Progress::Done);
        assert_eq!(names(&catalog), 5000);
    }
}
