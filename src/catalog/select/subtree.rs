//! All that counts in a directory and below it.

use super::members::Reason;
use super::table::{Filling, Row};
use crate::Result;
use crate::catalog::layers::{self, Chain};
use crate::catalog::walk;
use crate::db::Conn;
use crate::db::schema::catalog_versions;
use diesel::prelude::*;

/// Selects what is in `top` (empty: the root, with itself) and below it.
pub(super) fn select(conn: &mut Conn, chain: &Chain, top: &str, filling: &mut Filling) -> Result<()> {
    walk::subtree(conn, chain, top, |conn, found| {
        let merged = layers::merge(found, |set_id, dir_id| {
            let rows: Vec<(String, i32, i32, i64, i64, i64)> = catalog_versions::table
                .filter(catalog_versions::set_id.eq(set_id).and(catalog_versions::dir_id.eq(dir_id)))
                .order(catalog_versions::name)
                .select((
                    catalog_versions::name,
                    catalog_versions::kind,
                    catalog_versions::part,
                    catalog_versions::tar_offset,
                    catalog_versions::size,
                    catalog_versions::tar_length,
                ))
                .load(conn)?;
            let row = |(name, kind, part, tar_offset, size, tar_length): (String, i32, i32, i64, i64, i64)| {
                let reason = Reason::Wanted.to_code();
                let row = Row { set_id, part, tar_offset, dir_id, name: name.clone(), kind, size, tar_length, reason };
                (name, kind, row)
            };
            Ok(rows.into_iter().map(row).collect())
        })?;
        filling.add(conn, merged.entries.into_iter().map(|(_, row)| row))?;
        Ok(merged.cuts)
    })
}
