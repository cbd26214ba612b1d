//! All that counts in a directory and below it.

use super::members::Reason;
use super::table::{Filling, Row};
use crate::Result;
use crate::catalog::layers::{self, Chain, Depth};
use crate::catalog::path;
use crate::db::Conn;
use crate::db::schema::{catalog_dirs, catalog_versions};
use diesel::prelude::*;
use std::collections::HashMap;

/// Directories read at a time.
const DIRS_AT_ONCE: i64 = 1000;

/// Selects what is in `top` (empty: the root, with itself) and below it.
pub(super) fn select(conn: &mut Conn, chain: &Chain, top: &str, filling: &mut Filling) -> Result<()> {
    // Directories come in the order of their paths, so one comes before what is in it, and where its layers end is
    // known when it is needed.
    let mut cuts = Cuts { top: layers::cut_of(conn, chain, top)?, below: HashMap::new() };
    one_directory(conn, chain, top, &mut cuts, filling)?;
    let end = (!top.is_empty()).then(|| path::end_of_subtree(top));
    let mut last = if top.is_empty() { String::new() } else { format!("{top}/") };
    loop {
        let mut query = catalog_dirs::table
            .filter(catalog_dirs::path.gt(last))
            .order(catalog_dirs::path)
            .limit(DIRS_AT_ONCE)
            .select(catalog_dirs::path)
            .into_boxed();
        if let Some(end) = &end {
            query = query.filter(catalog_dirs::path.lt(end));
        }
        let mut dirs: Vec<String> = query.load(conn)?;
        for dir in &dirs {
            one_directory(conn, chain, dir, &mut cuts, filling)?;
        }
        match dirs.pop() {
            Some(dir) => last = dir,
            None => return Ok(()),
        }
    }
}

/// Where the layers of directories end.
struct Cuts {
    top: Depth,
    below: HashMap<String, Depth>,
}

impl Cuts {
    fn of(&self, dir: &str) -> Depth {
        if self.below.is_empty() {
            return self.top;
        }
        let known = path::steps(dir).filter_map(|(above, name)| self.below.get(&path::join(above, name)));
        known.copied().fold(self.top, Depth::min)
    }
}

fn one_directory(conn: &mut Conn, chain: &Chain, dir: &str, cuts: &mut Cuts, filling: &mut Filling) -> Result<()> {
    let Some(found) = layers::of_dir(conn, chain, dir, cuts.of(dir))? else { return Ok(()) };
    let merged = layers::merge(&found, |set_id, dir_id| {
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
    cuts.below.extend(merged.cuts.into_iter().map(|(name, cut)| (path::join(dir, &name), cut)));
    filling.add(conn, merged.entries.into_iter().map(|(_, row)| row))
}
