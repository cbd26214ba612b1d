//! What a restore needs: of a state of a source the versions that count, in the order they are on tape.
//!
//! A selection may be the whole of ten million files, so it is kept in a temporary table of the connection and read
//! in pages; memory does not grow with it. Hard links whose target was not selected bring it along, since their
//! content is there.

mod links;
mod members;
mod subtree;
mod table;
#[cfg(test)]
mod tests;

use super::layers::{self, Chain};
use super::{kind, path};
use crate::Result;
use crate::db::Conn;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use table::Filling;

pub use members::{After, Reason, SelectedMember, members};

/// What is wanted of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Everything.
    All,
    /// These files, and these folders with all that is in them.
    Paths(Vec<String>),
}

/// What was selected, in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// Members in all, those that only come along included.
    pub members: i64,
    /// Content bytes of the files among them.
    pub bytes: i64,
    /// The same per part of a set, oldest set first.
    pub parts: Vec<PartUse>,
    /// Wanted paths that are not in this state.
    pub missing: Vec<String>,
}

/// What is needed of a part of a set.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct PartUse {
    /// The set.
    #[diesel(sql_type = Integer)]
    pub set_id: i32,
    /// The part in which members begin (a member may go on in the next one).
    #[diesel(sql_type = Integer)]
    pub part: i32,
    /// Members.
    #[diesel(sql_type = BigInt)]
    pub members: i64,
    /// Content bytes.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
    /// Where the first of them begins in the set's tar stream.
    #[diesel(sql_type = BigInt)]
    pub tar_start: i64,
    /// Where the last of them ends.
    #[diesel(sql_type = BigInt)]
    pub tar_end: i64,
}

const PARTS: &str = "SELECT set_id, part, count(*) AS members, sum(size) AS bytes, \
         min(tar_offset) AS tar_start, max(tar_offset + tar_length) AS tar_end \
     FROM temp.selected_members GROUP BY set_id, part ORDER BY set_id, part";

/// Selects of the state that a chain makes (newest set first) what is wanted. The connection holds the selection, for
/// [`members`], until the next one is made on it or [`clear`] is called.
pub fn select(conn: &mut Conn, chain: &[i32], wanted: &Wanted) -> Result<Selected> {
    let chain = Chain::new(chain);
    conn.batch_execute(table::CREATE)?;
    let mut missing = Vec::new();
    // One read snapshot for all of it; nothing but the temporary table is written.
    conn.transaction::<_, crate::Error, _>(|conn| {
        let mut filling = Filling::default();
        match wanted {
            Wanted::All => subtree::select(conn, &chain, "", &mut filling)?,
            Wanted::Paths(paths) => {
                for wanted in paths {
                    let before = filling.count();
                    one_path(conn, &chain, path::normal(wanted), &mut filling)?;
                    if filling.count() == before {
                        missing.push(wanted.clone());
                    }
                }
            }
        }
        filling.flush(conn)?;
        links::select_targets(conn)
    })?;
    let parts: Vec<PartUse> = diesel::sql_query(PARTS).load(conn)?;
    Ok(Selected {
        members: parts.iter().map(|part| part.members).sum(),
        bytes: parts.iter().map(|part| part.bytes).sum(),
        parts,
        missing,
    })
}

/// A file, or a folder itself and all in it.
fn one_path(conn: &mut Conn, chain: &Chain, full: &str, filling: &mut Filling) -> Result<()> {
    let place = layers::effective(conn, chain, full)?;
    let is_folder = place.as_ref().is_none_or(|place| place.kind == kind::DIRECTORY);
    if let Some(place) = place.filter(|_| !full.is_empty()) {
        let row = table::member(conn, place.set_id, place.dir_id, &place.name, Reason::Wanted)?;
        filling.add(conn, row)?;
    }
    if is_folder {
        subtree::select(conn, chain, full, filling)?;
    }
    Ok(())
}

/// Forgets the selection of a connection.
pub fn clear(conn: &mut Conn) -> Result<()> {
    Ok(conn.batch_execute("DROP TABLE IF EXISTS temp.selected_members")?)
}
