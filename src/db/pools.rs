//! Pools: tapes that are written and kept by the same rules.

use super::errors::{changed, found, refuse_if_used, stored};
use super::kinds::{AllocationPolicy, WriteOnce};
use super::schema::{backup_jobs, proxmox_backup_jobs, tape_pools, tapes};
use super::time::{now, rfc3339, rfc3339_option};
use super::{Conn, write_transaction};
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use serde::Serialize;
use std::collections::HashMap;

/// A pool.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = tape_pools)]
pub struct Pool {
    /// Its id.
    pub id: i32,
    /// Its name, unique.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Days a set in it is kept at least; 0 = for ever.
    pub retention_days: i32,
    /// The last so many sets of a job.
    pub keep_last: i32,
    /// The newest set of each of the last so many days that have one.
    pub keep_daily: i32,
    /// … ISO weeks.
    pub keep_weekly: i32,
    /// … months.
    pub keep_monthly: i32,
    /// … years.
    pub keep_yearly: i32,
    /// Whether expired tapes are written again (0 or 1 in the table).
    #[serde(serialize_with = "as_flag")]
    #[schema(value_type = bool)]
    pub allow_reuse: i32,
    /// How the tape for a new set is chosen.
    pub allocation_policy: AllocationPolicy,
    /// Whether it has write-once tapes.
    pub write_once: WriteOnce,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When its row last changed.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
    /// Since when the keys of encrypted sets are written onto its tapes, closed with a passphrase; none: they are not.
    #[serde(serialize_with = "rfc3339_option")]
    pub key_lock_at: Option<NaiveDateTime>,
}

fn as_flag<S: serde::Serializer>(value: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(*value != 0)
}

/// A pool with what its tapes hold together.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct PoolListed {
    /// The pool.
    #[serde(flatten)]
    pub pool: Pool,
    /// Its storage.
    #[serde(flatten)]
    pub storage: PoolStorage,
}

/// What the tapes of a pool hold together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PoolStorage {
    /// How many tapes.
    pub tape_count: i64,
    /// Their capacity in bytes.
    pub total_capacity_bytes: i64,
    /// Bytes written to them.
    pub total_used_bytes: i64,
    /// Bytes left on them.
    pub total_free_bytes: i64,
}

/// A pool to be made.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = tape_pools)]
pub struct NewPool {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Days a set in it is kept; 0 = for ever.
    pub retention_days: i32,
    /// The last so many sets of a job.
    pub keep_last: i32,
    /// The newest set of each of the last so many days that have one.
    pub keep_daily: i32,
    /// … ISO weeks.
    pub keep_weekly: i32,
    /// … months.
    pub keep_monthly: i32,
    /// … years.
    pub keep_yearly: i32,
    /// Whether expired tapes are written again: 0 or 1.
    pub allow_reuse: i32,
    /// How the tape for a new set is chosen.
    pub allocation_policy: AllocationPolicy,
    /// Whether it has write-once tapes.
    pub write_once: WriteOnce,
}

/// What to change of a pool; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = tape_pools)]
pub struct PoolChanges {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<Option<String>>,
    /// Days a set in it is kept; 0 = for ever.
    pub retention_days: Option<i32>,
    /// The last so many sets of a job.
    pub keep_last: Option<i32>,
    /// The newest set of each of the last so many days that have one.
    pub keep_daily: Option<i32>,
    /// … ISO weeks.
    pub keep_weekly: Option<i32>,
    /// … months.
    pub keep_monthly: Option<i32>,
    /// … years.
    pub keep_yearly: Option<i32>,
    /// Whether expired tapes are written again: 0 or 1.
    pub allow_reuse: Option<i32>,
    /// How the tape for a new set is chosen.
    pub allocation_policy: Option<AllocationPolicy>,
    /// Whether it has write-once tapes.
    pub write_once: Option<WriteOnce>,
}

/// The pool with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<Pool> {
    found(tape_pools::table.find(id).select(Pool::as_select()).first(conn), format_args!("pool {id}"))
}

/// The pool with this name.
pub fn find_by_name(conn: &mut Conn, name: &str) -> Result<Option<Pool>> {
    Ok(tape_pools::table.filter(tape_pools::name.eq(name)).select(Pool::as_select()).first(conn).optional()?)
}

/// All pools in the order they were made. Looks at no tape.
pub fn all(conn: &mut Conn) -> Result<Vec<Pool>> {
    Ok(tape_pools::table.order(tape_pools::id).select(Pool::as_select()).load(conn)?)
}

/// All pools in the order they were made, with what their tapes hold.
pub fn list(conn: &mut Conn) -> Result<Vec<PoolListed>> {
    let pools = all(conn)?;
    let storage = storage(conn)?;
    let listed = |pool: Pool| PoolListed { storage: storage.get(&pool.id).copied().unwrap_or_default(), pool };
    Ok(pools.into_iter().map(listed).collect())
}

/// What the tapes of each pool hold; pools without tapes are absent.
pub fn storage(conn: &mut Conn) -> Result<HashMap<i32, PoolStorage>> {
    let rows: Vec<Sums> = diesel::sql_query(STORAGE).load(conn)?;
    Ok(rows.into_iter().map(|sums| (sums.pool_id, sums.together())).collect())
}

/// Sums in two halves of 32 bits: SQLite fails when a sum does not fit in 64, and one senseless capacity is enough for that.
/// A drive that compresses makes a tape hold more than its native capacity: that is not space taken from others.
const STORAGE: &str = "SELECT pool_id, count(*) AS tapes,
         sum(capacity_bytes >> 32) AS capacity_high, sum(capacity_bytes & 4294967295) AS capacity_low,
         sum(used_bytes >> 32) AS used_high, sum(used_bytes & 4294967295) AS used_low,
         sum(max(capacity_bytes - used_bytes, 0) >> 32) AS free_high,
         sum(max(capacity_bytes - used_bytes, 0) & 4294967295) AS free_low
     FROM tapes WHERE pool_id IS NOT NULL GROUP BY pool_id";

#[derive(QueryableByName)]
struct Sums {
    #[diesel(sql_type = Integer)]
    pool_id: i32,
    #[diesel(sql_type = BigInt)]
    tapes: i64,
    #[diesel(sql_type = BigInt)]
    capacity_high: i64,
    #[diesel(sql_type = BigInt)]
    capacity_low: i64,
    #[diesel(sql_type = BigInt)]
    used_high: i64,
    #[diesel(sql_type = BigInt)]
    used_low: i64,
    #[diesel(sql_type = BigInt)]
    free_high: i64,
    #[diesel(sql_type = BigInt)]
    free_low: i64,
}

impl Sums {
    fn together(&self) -> PoolStorage {
        let whole = |high: i64, low: i64| high.saturating_mul(1 << 32).saturating_add(low);
        PoolStorage {
            tape_count: self.tapes,
            total_capacity_bytes: whole(self.capacity_high, self.capacity_low),
            total_used_bytes: whole(self.used_high, self.used_low),
            total_free_bytes: whole(self.free_high, self.free_low),
        }
    }
}

/// Makes a pool.
pub fn insert(conn: &mut Conn, new: &NewPool) -> Result<Pool> {
    let time = now();
    let values = (new, tape_pools::created_at.eq(time), tape_pools::updated_at.eq(time));
    let row = diesel::insert_into(tape_pools::table).values(values).returning(Pool::as_returning()).returned(conn);
    stored(row, format_args!("pool '{}'", new.name))
}

/// Changes a pool.
pub fn update(conn: &mut Conn, id: i32, changes: &PoolChanges) -> Result<Pool> {
    let row = diesel::update(tape_pools::table.find(id))
        .set((changes, tape_pools::updated_at.eq(now())))
        .returning(Pool::as_returning())
        .returned(conn);
    stored(row, format_args!("pool {id}"))
}

/// Deletes a pool that no tape and no job uses.
pub fn delete(conn: &mut Conn, id: i32) -> Result<()> {
    write_transaction(conn, |conn| {
        let pool = find(conn, id)?;
        let tapes = tapes::table.filter(tapes::pool_id.eq(id)).count().returned(conn)?;
        let jobs = backup_jobs::table.filter(backup_jobs::pool_id.eq(id)).count().returned(conn)?;
        let guests = proxmox_backup_jobs::table.filter(proxmox_backup_jobs::pool_id.eq(id)).count().returned(conn)?;
        refuse_if_used(
            format_args!("pool '{}'", pool.name),
            &[("tapes", tapes), ("jobs", jobs), ("Proxmox jobs", guests)],
            "give those another pool first",
        )?;
        changed(diesel::delete(tape_pools::table.find(id)).execute(conn), format_args!("pool {id}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[test]
    fn pools_know_what_their_tapes_hold() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let tape = testing::tape(conn, "A00001");
        testing::tape(conn, "A00002");
        crate::db::tape_lifecycle::part_written(conn, tape.id, 3, 10, 1700).expect("part");
        let pools = list(conn).expect("list");
        let names: Vec<_> = pools.iter().map(|pool| pool.pool.name.as_str()).collect();
        assert_eq!(names, ["DAILY", "WEEKLY", "MONTHLY", "ARCHIVE"]);
        let expected =
            PoolStorage { tape_count: 2, total_capacity_bytes: 2000, total_used_bytes: 1700, total_free_bytes: 1000 };
        assert_eq!(pools[0].storage, expected, "more than the native capacity is not less than nothing free");
        assert_eq!(pools[1].storage, PoolStorage::default());
        assert_eq!(serde_json::to_value(&pools[0]).expect("json")["allow_reuse"], serde_json::json!(true));
    }

    #[test]
    fn senseless_capacities_do_not_hide_the_others() {
        let db = testing::database();
        let conn = &mut *db.conn();
        for label in ["A00001", "A00002", "A00003"] {
            let tape = testing::tape(conn, label);
            let huge = crate::db::tapes::TapeChanges { capacity_bytes: Some(i64::MAX), ..Default::default() };
            crate::db::tapes::update(conn, tape.id, &huge).expect("capacity");
            crate::db::tape_lifecycle::part_written(conn, tape.id, 3, 10, i64::from(u32::MAX)).expect("part");
        }
        let all = storage(conn).expect("storage");
        let only = all.values().next().expect("pool");
        assert_eq!((only.total_capacity_bytes, only.total_free_bytes), (i64::MAX, i64::MAX));
        assert_eq!(only.total_used_bytes, 3 * i64::from(u32::MAX));
    }

    #[test]
    fn a_pool_in_use_stays() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let pool = testing::tape(conn, "A00001").pool_id.expect("pool");
        testing::job(conn, "etc");
        let error = delete(conn, pool).expect_err("in use");
        assert_eq!(error.message, "pool 'DAILY' is still used by 1 tapes, 1 jobs; give those another pool first");
        delete(conn, pool + 1).expect("unused");
        assert_eq!(find(conn, pool + 1).expect_err("gone").message, format!("pool {} not found", pool + 1));
    }
}
