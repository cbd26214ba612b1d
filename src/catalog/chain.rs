//! The chain of a set: what a state of a source is made of.

use crate::db::schema::backup_sets;
use crate::db::{Conn, SetStatus};
use crate::{Error, Result};
use diesel::prelude::*;
use std::collections::HashSet;

/// The set, its parent, the parent of that … up to a set without parent: newest first.
///
/// An error when a set of the chain does not exist, or is not completed (an increment of something that is not
/// there cannot be restored), or when the chain bites its tail.
pub fn of(conn: &mut Conn, set_id: i32) -> Result<Vec<i32>> {
    let mut chain = Vec::new();
    let mut seen = HashSet::new();
    let mut next = Some(set_id);
    while let Some(id) = next {
        if !seen.insert(id) {
            return Err(Error::internal(format!("the parents of backup set {set_id} lead back to set {id}")));
        }
        let (parent, missing, status): (Option<i32>, Option<String>, SetStatus) = backup_sets::table
            .find(id)
            .select((backup_sets::parent_set_id, backup_sets::parent_uuid, backup_sets::status))
            .first(conn)
            .optional()?
            .ok_or_else(|| Error::not_found(format_args!("backup set {id}")))?;
        if id != set_id && status != SetStatus::Completed {
            let message = format!(
                "backup set {set_id} builds on set {id}, which is {status}: choose a set of a complete chain, or run a full backup"
            );
            return Err(Error::conflict("chain_broken", message));
        }
        if let Some(uuid) = missing {
            let message = format!(
                "backup set {set_id} builds on a set (UUID {uuid}) that is on a tape which has not been read: rebuild the \
                 catalog from that tape, restore only what the set itself holds, or run a full backup"
            );
            return Err(Error::conflict("chain_broken", message));
        }
        chain.push(id);
        next = parent;
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::Catalog;

    #[test]
    fn a_chain_ends_at_the_full_set() {
        let mut catalog = Catalog::empty();
        let full = catalog.set(None);
        catalog.complete(full);
        let middle = catalog.set(Some(full));
        catalog.complete(middle);
        let last = catalog.set(Some(middle));
        let conn = &mut *catalog.db.conn();
        assert_eq!(of(conn, last).expect("chain"), [last, middle, full]);
        assert_eq!(of(conn, full).expect("chain"), [full]);
        assert_eq!(of(conn, 99).expect_err("none").message, "backup set 99 not found");
    }

    #[test]
    fn a_broken_chain_is_named() {
        let mut catalog = Catalog::empty();
        let full = catalog.set(None);
        let child = catalog.set(Some(full));
        let conn = &mut *catalog.db.conn();
        let error = of(conn, child).expect_err("the full one is still running");
        assert_eq!(error.code, "chain_broken");
        diesel::update(backup_sets::table)
            .set((backup_sets::parent_set_id.eq(child), backup_sets::status.eq(SetStatus::Completed)))
            .execute(conn)
            .expect("update");
        assert!(of(conn, child).expect_err("circle").message.contains("lead back"));
    }
}
