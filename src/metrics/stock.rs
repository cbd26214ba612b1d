//! Tapes, pools, libraries, backup sets.

use super::families::*;
use super::page::Page;
use crate::Result;
use crate::db::{Conn, figures, pools};

/// What there is.
pub fn collect(conn: &mut Conn, page: &mut Page) -> Result<()> {
    let pool_names = pools::all(conn)?;
    for family in [TAPES_HELD, TAPES_LOST, TAPES_UNVERIFIED, POOL_CAPACITY, POOL_USED, POOL_WRITABLE] {
        pool_names.iter().for_each(|pool| page.put(&family, &[&pool.name], 0));
    }
    for row in figures::tapes(conn)? {
        let pool = [row.pool.as_str()];
        page.put(&TAPES, &[&row.pool, row.status.as_str()], row.tapes as f64);
        page.add(&POOL_CAPACITY, &pool, row.capacity);
        page.add(&POOL_USED, &pool, row.used);
        page.add(&POOL_WRITABLE, &pool, row.writable);
        page.add(&TAPES_HELD, &pool, row.held as f64);
        page.add(&TAPES_LOST, &pool, row.lost as f64);
        page.add(&TAPES_UNVERIFIED, &pool, row.unverified as f64);
        if let Some(verified) = row.verified.map(super::page::unix) {
            let oldest = page.get(&TAPES_VERIFIED, &pool).map_or(verified, |other| other.min(verified));
            page.put(&TAPES_VERIFIED, &pool, oldest);
        }
    }
    for row in figures::elements(conn)? {
        let state = if row.is_empty { "empty" } else { "occupied" };
        let labels = [&row.library_id.to_string(), row.library.as_str(), row.slot_type.as_str(), state];
        page.put(&LIBRARY_ELEMENTS, &labels, row.elements as f64);
    }
    for row in figures::sets(conn)? {
        let status = [row.status.as_str()];
        page.put(&SETS, &status, row.sets as f64);
        page.put(&SETS_FILES, &status, row.files);
        page.put(&SETS_CONTENT, &status, row.content);
        page.put(&SETS_STORED, &status, row.stored);
    }
    page.put(&SOURCES_UNCOVERED, &[], figures::uncovered_sources(conn)? as f64);
    Ok(())
}
