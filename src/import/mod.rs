//! Taking over from version 1 of TapeBackarr (the Go program): what its database knows becomes rows of ours.
//!
//! [`old`] reads the old file, whatever version of its schema it has. Each step ([`access`], [`media`], [`work`],
//! [`records`]) takes one group of tables over in one transaction, never changes what is here already, and writes what it
//! did and did not do into the [`report`]. [`sets`] decides which backup sets are still on tape; their files are streamed
//! into the catalog by the execution ([`crate::executions`]), set by set. Doing it all a second time adds nothing.

pub mod access;
mod clock;
pub mod media;
pub mod old;
pub mod records;
pub mod report;
pub mod sets;
#[cfg(test)]
mod tests;
pub mod work;

pub use clock::parse as parse_time;
pub use old::Old;
pub use report::Report;

use crate::Result;
use crate::db::{Conn, write_transaction};
use crate::keys::KeyStore;
use std::collections::HashMap;

/// Ids of the old database, and what became of them here.
#[derive(Debug, Default)]
pub struct Ids {
    /// Encryption keys.
    pub keys: HashMap<i64, i32>,
    /// Pools.
    pub pools: HashMap<i64, i32>,
    /// Tapes.
    pub tapes: HashMap<i64, i32>,
    /// Sources.
    pub sources: HashMap<i64, i32>,
    /// Jobs.
    pub jobs: HashMap<i64, i32>,
}

/// Takes over everything but backup sets, and says which sets are to follow.
pub fn take_over(conn: &mut Conn, old: &mut Old, keys: &KeyStore, report: &mut Report) -> Result<Vec<sets::OldSet>> {
    let mut ids = Ids::default();
    write_transaction(conn, |conn| access::users(conn, old, report))?;
    write_transaction(conn, |conn| access::api_keys(conn, old, report))?;
    write_transaction(conn, |conn| access::encryption_keys(conn, old, keys, &mut ids, report))?;
    write_transaction(conn, |conn| media::pools(conn, old, &mut ids, report))?;
    let history = sets::History::read(old)?;
    write_transaction(conn, |conn| media::tapes(conn, old, &history, &mut ids, report))?;
    records::hardware(old, report)?;
    write_transaction(conn, |conn| work::sources(conn, old, &mut ids, report))?;
    write_transaction(conn, |conn| work::jobs(conn, old, &mut ids, report))?;
    write_transaction(conn, |conn| records::database_backups(conn, old, &ids, report))?;
    records::left_out(old, report)?;
    sets::choose(conn, &history, &ids, report)
}

/// A name that is free: the one wanted, or with a number behind it.
fn free_name(wanted: &str, mut taken: impl FnMut(&str) -> Result<bool>) -> Result<String> {
    if !taken(wanted)? {
        return Ok(wanted.to_owned());
    }
    for number in 2.. {
        let name = format!("{wanted} ({number})");
        if !taken(&name)? {
            return Ok(name);
        }
    }
    Ok(wanted.to_owned())
}
