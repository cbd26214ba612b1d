//! Going through a directory of a state and all that is below it, directory by directory.

use super::layers::{self, Chain, Depth, Layers};
use super::path;
use crate::Result;
use crate::db::Conn;
use crate::db::schema::catalog_dirs;
use diesel::prelude::*;
use std::collections::HashMap;

/// Directories read at a time.
const DIRS_AT_ONCE: i64 = 1000;

/// Child directories whose layers end somewhere, as [`layers::Merged`] gives them.
pub type ChildCuts = Vec<(String, Depth)>;

/// Calls `each` with `top` (empty: the root) and every directory below it that any set of the chain has something in.
/// A directory comes before what is in it; `each` returns where the layers of its children end.
pub fn subtree(
    conn: &mut Conn,
    chain: &Chain,
    top: &str,
    mut each: impl FnMut(&mut Conn, &Layers) -> Result<ChildCuts>,
) -> Result<()> {
    let mut cuts = Cuts { top: layers::cut_of(conn, chain, top)?, below: HashMap::new() };
    one(conn, chain, top, &mut cuts, &mut each)?;
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
            one(conn, chain, dir, &mut cuts, &mut each)?;
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

fn one(
    conn: &mut Conn,
    chain: &Chain,
    dir: &str,
    cuts: &mut Cuts,
    each: &mut impl FnMut(&mut Conn, &Layers) -> Result<ChildCuts>,
) -> Result<()> {
    let Some(found) = layers::of_dir(conn, chain, dir, cuts.of(dir))? else { return Ok(()) };
    let below = each(conn, &found)?;
    cuts.below.extend(below.into_iter().map(|(name, cut)| (path::join(dir, &name), cut)));
    Ok(())
}
