//! Dropping the rows of a set that failed or was deleted, and the paths no other set has.
//!
//! Documents of the full-text table are not taken out: its groups are gone, group numbers are never used again, so
//! they are hits that lead to nothing.

use super::kind;
use super::writer::Progress;
use crate::Result;
use crate::db::returned::Returned;
use crate::db::schema::{
    backup_set_parts, backup_sets, catalog_dir_sets, catalog_dirs, catalog_index_progress, catalog_names,
    catalog_search_groups, catalog_versions,
};
use crate::db::{Conn, write_transaction};
use diesel::dsl::{exists, not};
use diesel::prelude::*;

/// Rows dropped in one step.
const ROWS_PER_STEP: i64 = 2048;

/// One step.
pub(super) fn step(conn: &mut Conn, set_id: i32) -> Result<Progress> {
    write_transaction(conn, |conn| {
        let rows: Vec<(i64, String)> = catalog_versions::table
            .filter(catalog_versions::set_id.eq(set_id))
            .order((catalog_versions::dir_id, catalog_versions::name))
            .limit(ROWS_PER_STEP)
            .select((catalog_versions::dir_id, catalog_versions::name))
            .load(conn)?;
        for of_dir in rows.chunk_by(|a, b| a.0 == b.0) {
            drop_rows(conn, set_id, of_dir)?;
        }
        if i64::try_from(rows.len()).is_ok_and(|count| count >= ROWS_PER_STEP) {
            return Ok(Progress::More);
        }
        diesel::delete(catalog_index_progress::table.find(set_id)).execute(conn)?;
        Ok(Progress::Done)
    })
}

/// Drops what one part of a set brought, if it was not recorded as a part: its table of contents turned out to be
/// unusable, or the server was stopped while it was read. Paths of it that were indexed stay in the index until the set
/// goes.
pub(super) fn part(conn: &mut Conn, set_id: i32, part: i32) -> Result<()> {
    write_transaction(conn, |conn| {
        let recorded = diesel::select(exists(
            backup_set_parts::table
                .filter(backup_set_parts::backup_set_id.eq(set_id).and(backup_set_parts::part_number.eq(part))),
        ));
        if recorded.returned(conn)? {
            return Ok(());
        }
        let rows = catalog_versions::table
            .filter(catalog_versions::set_id.eq(set_id))
            .filter(catalog_versions::part.eq(part).and(catalog_versions::kind.ne(kind::DELETED)));
        diesel::delete(rows).execute(conn)?;
        // those that are gone come with the last part, which is not there while its number is not known
        let unknown: Option<Option<i32>> =
            backup_sets::table.find(set_id).select(backup_sets::parts_expected).first(conn).optional()?;
        if unknown == Some(None) {
            let gone = catalog_versions::table
                .filter(catalog_versions::set_id.eq(set_id).and(catalog_versions::kind.eq(kind::DELETED)));
            diesel::delete(gone).execute(conn)?;
        }
        Ok(())
    })
}

/// Drops what parts of a set brought that were never recorded.
pub(super) fn strays(conn: &mut Conn, set_id: i32) -> Result<()> {
    let recorded = backup_set_parts::table
        .filter(backup_set_parts::backup_set_id.eq(set_id))
        .select(backup_set_parts::part_number);
    let strays: Vec<i32> = catalog_versions::table
        .filter(catalog_versions::set_id.eq(set_id).and(catalog_versions::part.ne_all(recorded)))
        .select(catalog_versions::part)
        .distinct()
        .load(conn)?;
    strays.into_iter().try_for_each(|number| part(conn, set_id, number))
}

/// Drops rows of one directory.
fn drop_rows(conn: &mut Conn, set_id: i32, rows: &[(i64, String)]) -> Result<()> {
    let Some(dir_id) = rows.first().map(|row| row.0) else { return Ok(()) };
    let others: Vec<i32> = catalog_dir_sets::table
        .filter(catalog_dir_sets::dir_id.eq(dir_id).and(catalog_dir_sets::set_id.ne(set_id)))
        .order(catalog_dir_sets::set_id.desc())
        .select(catalog_dir_sets::set_id)
        .load(conn)?;
    let mut groups = Vec::new();
    for (_, name) in rows {
        diesel::delete(catalog_versions::table.find((set_id, dir_id, name))).execute(conn)?;
        if !known(conn, &others, dir_id, name)? {
            let group: Option<i64> = diesel::delete(catalog_names::table.find((dir_id, name)))
                .returning(catalog_names::group_id)
                .returned(conn)
                .optional()?;
            groups.extend(group);
        }
    }
    groups.sort_unstable();
    groups.dedup();
    for group in groups {
        drop_group_if_empty(conn, dir_id, group)?;
    }
    let mut left = catalog_versions::table
        .filter(catalog_versions::set_id.eq(set_id).and(catalog_versions::dir_id.eq(dir_id)))
        .select(catalog_versions::kind)
        .into_boxed();
    left = left.limit(1);
    if left.first::<i32>(conn).optional()?.is_none() {
        diesel::delete(catalog_dir_sets::table.find((dir_id, set_id))).execute(conn)?;
        if others.is_empty() {
            diesel::delete(catalog_dirs::table.find(dir_id)).execute(conn)?;
        }
    }
    Ok(())
}

fn known(conn: &mut Conn, sets: &[i32], dir_id: i64, name: &str) -> Result<bool> {
    for set in sets {
        let here = diesel::select(exists(catalog_versions::table.find((*set, dir_id, name)))).returned(conn)?;
        if here {
            return Ok(true);
        }
    }
    Ok(false)
}

fn drop_group_if_empty(conn: &mut Conn, dir_id: i64, group: i64) -> Result<()> {
    let range: Option<(String, String)> = catalog_search_groups::table
        .find(group)
        .select((catalog_search_groups::first_name, catalog_search_groups::last_name))
        .first(conn)
        .optional()?;
    let Some((first, last)) = range else { return Ok(()) };
    let names = catalog_names::table
        .filter(catalog_names::dir_id.eq(dir_id).and(catalog_names::name.between(first, last)))
        .filter(catalog_names::group_id.eq(group));
    diesel::delete(catalog_search_groups::table.filter(catalog_search_groups::id.eq(group)).filter(not(exists(names))))
        .execute(conn)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::Catalog;

    #[test]
    fn what_others_have_stays_and_the_rest_goes() {
        let mut catalog = Catalog::empty();
        let full = catalog.filled(None, &["d/", "d/a", "d/b", "e/", "e/x"], &[]);
        let second = catalog.filled(Some(full), &["d/b", "d/c", "f/", "f/y"], &["d/a"]);
        catalog.writer.index(full).expect("index");
        catalog.writer.index(second).expect("index");
        catalog.writer.discard(second).expect("discard");
        catalog.writer.discard(second).expect("nothing is left");
        let conn = &mut *catalog.db.conn();
        let names: Vec<String> =
            catalog_names::table.order(catalog_names::name).select(catalog_names::name).load(conn).expect("names");
        assert_eq!(names, ["a", "b", "d", "e", "x"]);
        let dirs: Vec<String> =
            catalog_dirs::table.order(catalog_dirs::path).select(catalog_dirs::path).load(conn).expect("dirs");
        assert_eq!(dirs, ["", "d", "e"]);
        crate::db::sets::delete(conn, second).expect("nothing refers to it any more");
        let groups: i64 = catalog_search_groups::table.count().get_result(conn).expect("groups");
        assert_eq!(groups, 3);
    }

    #[test]
    fn a_directory_made_again_after_it_was_dropped_is_found() {
        let mut catalog = Catalog::empty();
        let first = catalog.filled(None, &["d/", "d/a"], &[]);
        catalog.writer.discard(first).expect("discard");
        let second = catalog.filled(None, &["d/", "d/a"], &[]);
        let conn = &mut *catalog.db.conn();
        let listing = crate::catalog::browse::list(conn, &[second], "d", crate::db::Page::first(9)).expect("list");
        assert_eq!(listing.total, 1);
    }
}
