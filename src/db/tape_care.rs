//! Tapes that want a person's look: found by the database, so that nobody reads all tapes for them.

use super::Conn;
use super::kinds::{TapeStatus, WriteOnce};
use super::pools::Pool;
use super::schema::tapes;
use super::tapes::Tape;
use crate::Result;
use diesel::dsl::{count_star, exists, select};
use diesel::prelude::*;

/// Tapes on hold that are neither retired nor lost, by label.
pub fn held(conn: &mut Conn) -> Result<Vec<Tape>> {
    Ok(tapes::table
        .filter(tapes::hold_reason.is_not_null().and(tapes::lost_at.is_null()))
        .filter(tapes::status.ne(TapeStatus::Retired))
        .order(tapes::label)
        .select(Tape::as_select())
        .load(conn)?)
}

/// Tapes that were given up, by label.
pub fn lost(conn: &mut Conn) -> Result<Vec<Tape>> {
    let query = tapes::table.filter(tapes::lost_at.is_not_null()).order(tapes::label);
    Ok(query.select(Tape::as_select()).load(conn)?)
}

/// How many tapes that are not on hold have expired, by pool.
pub fn expired(conn: &mut Conn) -> Result<Vec<(i32, i64)>> {
    Ok(tapes::table
        .filter(tapes::status.eq(TapeStatus::Expired).and(tapes::hold_reason.is_null()))
        .filter(tapes::pool_id.is_not_null())
        .group_by(tapes::pool_id)
        .order(tapes::pool_id)
        .select((tapes::pool_id.assume_not_null(), count_star()))
        .load(conn)?)
}

/// Labels of the first of these tapes of a pool.
pub fn expired_of(conn: &mut Conn, pool_id: i32, most: i64) -> Result<Vec<String>> {
    Ok(tapes::table
        .filter(tapes::pool_id.eq(pool_id).and(tapes::status.eq(TapeStatus::Expired)))
        .filter(tapes::hold_reason.is_null())
        .order(tapes::label)
        .limit(most)
        .select(tapes::label)
        .load(conn)?)
}

/// Whether a pool has a tape that can be written, as far as its row tells.
pub fn has_writable(conn: &mut Conn, pool: &Pool) -> Result<bool> {
    let mut of_pool = tapes::table
        .filter(tapes::pool_id.eq(pool.id).and(tapes::hold_reason.is_null()).and(tapes::lost_at.is_null()))
        .into_boxed();
    let takes_more = tapes::status.eq_any([TapeStatus::Blank, TapeStatus::Active]);
    of_pool = match pool.allow_reuse != 0 {
        true => of_pool.filter(takes_more.or(tapes::status.eq(TapeStatus::Expired).and(tapes::write_once.eq(false)))),
        false => of_pool.filter(takes_more),
    };
    of_pool = match pool.write_once {
        WriteOnce::Allow => of_pool,
        WriteOnce::Require => of_pool.filter(tapes::write_once.eq(true)),
        WriteOnce::Refuse => of_pool.filter(tapes::write_once.eq(false)),
    };
    Ok(select(exists(of_pool)).get_result(conn)?)
}
