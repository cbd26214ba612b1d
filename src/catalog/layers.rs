//! How the sets of a chain make one state.
//!
//! For one directory, each set of the chain is a *layer*, newest first. Of a name the newest version counts; recorded
//! as gone, it hides the older ones. Where a directory, or one above it, is gone or something else in a layer, that
//! layer and all older ones say nothing about what is in it now: they end there (the *cut*).

use super::{kind, path};
use crate::Result;
use crate::db::Conn;
use crate::db::schema::{catalog_dir_sets, catalog_dirs, catalog_versions};
use diesel::prelude::*;
use std::collections::HashMap;

/// A set of the chain: 0 is the newest.
pub type Depth = usize;

/// The positions of sets in a chain.
#[derive(Debug, Clone)]
pub struct Chain {
    sets: Vec<i32>,
    depths: HashMap<i32, Depth>,
}

impl Chain {
    /// A chain, newest set first, as [`super::chain::of`] gives it.
    pub fn new(sets: &[i32]) -> Self {
        let depths = sets.iter().enumerate().map(|(depth, set)| (*set, depth)).collect();
        Chain { sets: sets.to_vec(), depths }
    }

    /// Its sets, newest first.
    pub fn sets(&self) -> &[i32] {
        &self.sets
    }

    /// How many sets: no layer is cut.
    pub fn uncut(&self) -> Depth {
        self.sets.len()
    }

    /// Where in the chain a set is.
    pub fn depth(&self, set: i32) -> Option<Depth> {
        self.depths.get(&set).copied()
    }
}

/// A directory with the layers that count for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layers {
    /// Its id.
    pub dir_id: i64,
    /// Depth and set of each layer that has rows in it, newest first.
    pub layers: Vec<(Depth, i32)>,
}

/// The layers of a directory above the cut; `None` when no set ever had anything in it.
pub fn of_dir(conn: &mut Conn, chain: &Chain, dir: &str, cut: Depth) -> Result<Option<Layers>> {
    let rows: Vec<(i64, i32)> = catalog_dirs::table
        .inner_join(catalog_dir_sets::table.on(catalog_dir_sets::dir_id.eq(catalog_dirs::id)))
        .filter(catalog_dirs::path.eq(dir))
        .select((catalog_dirs::id, catalog_dir_sets::set_id))
        .load(conn)?;
    let Some(dir_id) = rows.first().map(|row| row.0) else { return Ok(None) };
    let depths = rows.iter().filter_map(|(_, set)| chain.depth(*set).map(|depth| (depth, *set)));
    let mut layers: Vec<_> = depths.filter(|(depth, _)| *depth < cut).collect();
    layers.sort_unstable();
    Ok(Some(Layers { dir_id, layers }))
}

/// Where the layers of a directory end because it, or one above it, is not a directory there.
pub fn cut_of(conn: &mut Conn, chain: &Chain, dir: &str) -> Result<Depth> {
    let mut cut = chain.uncut();
    if cut <= 1 {
        return Ok(cut);
    }
    for (above, name) in path::steps(dir) {
        let Some(layers) = of_dir(conn, chain, above, cut)? else { continue };
        for (depth, set) in layers.layers {
            if kind_of(conn, set, layers.dir_id, name)?.is_some_and(|code| code != kind::DIRECTORY) {
                cut = depth;
                break;
            }
        }
    }
    Ok(cut)
}

/// What a set says about a name of a directory.
pub fn kind_of(conn: &mut Conn, set: i32, dir_id: i64, name: &str) -> Result<Option<i32>> {
    Ok(catalog_versions::table.find((set, dir_id, name)).select(catalog_versions::kind).first(conn).optional()?)
}

/// The layer that has the version of `path` that counts; `None` if there is nothing of that name in this state.
pub fn effective(conn: &mut Conn, chain: &Chain, full: &str) -> Result<Option<Place>> {
    let (dir, name) = if full.is_empty() { ("", ".") } else { path::split(full) };
    let cut = cut_of(conn, chain, dir)?;
    let Some(layers) = of_dir(conn, chain, dir, cut)? else { return Ok(None) };
    for (_, set) in layers.layers {
        if let Some(code) = kind_of(conn, set, layers.dir_id, name)? {
            let place = Place { set_id: set, dir_id: layers.dir_id, name: name.to_owned(), kind: code };
            return Ok((code != kind::DELETED).then_some(place));
        }
    }
    Ok(None)
}

/// A version that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The set that has it.
    pub set_id: i32,
    /// Its directory.
    pub dir_id: i64,
    /// Its name.
    pub name: String,
    /// What it is, see [`kind`].
    pub kind: i32,
}

/// All that counts in a directory, by name, and which of its child directories are cut.
#[derive(Debug, Default)]
pub struct Merged<T> {
    /// Of each name the version that counts, in the order of the names' text; in the directory `` also `.`, the root.
    pub entries: Vec<(String, T)>,
    /// Names that are a directory in some layer and something else, or gone, in another: where the layers of what is
    /// below them end.
    pub cuts: Vec<(String, Depth)>,
}

/// Merges the layers of a directory. `rows` gives name, kind and whatever is wanted of the rows of one set in a
/// directory, ordered by name.
pub fn merge<T>(layers: &Layers, mut rows: impl FnMut(i32, i64) -> Result<Vec<(String, i32, T)>>) -> Result<Merged<T>> {
    if let [(_, only)] = layers.layers.as_slice() {
        let entries = rows(*only, layers.dir_id)?.into_iter().filter(|row| row.1 != kind::DELETED);
        return Ok(Merged { entries: entries.map(|(name, _, row)| (name, row)).collect(), cuts: Vec::new() });
    }
    struct Newest<T> {
        kind: i32,
        row: T,
        was_directory: bool,
        cut: Option<Depth>,
    }
    let mut newest: HashMap<String, Newest<T>> = HashMap::new();
    for (depth, set) in &layers.layers {
        for (name, code, row) in rows(*set, layers.dir_id)? {
            let known = newest.entry(name).or_insert(Newest { kind: code, row, was_directory: false, cut: None });
            if code == kind::DIRECTORY {
                known.was_directory = true;
            } else {
                known.cut.get_or_insert(*depth);
            }
        }
    }
    let mut merged = Merged { entries: Vec::with_capacity(newest.len()), cuts: Vec::new() };
    for (name, known) in newest {
        if let Some(cut) = known.cut.filter(|_| known.was_directory) {
            merged.cuts.push((name.clone(), cut));
        }
        if known.kind != kind::DELETED {
            merged.entries.push((name, known.row));
        }
    }
    merged.entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(merged)
}
