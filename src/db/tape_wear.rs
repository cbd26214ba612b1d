//! Of which tapes drives told the most wear: found by the database, so that nobody reads the lives of all tapes.

use super::Conn;
use super::tape_health::Life;
use crate::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Integer, Nullable, Text, Timestamp};

/// What may speak against a tape: from these figures on it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Times that it was loaded; 0: that does not matter.
    pub loads: i64,
    /// Times that it was written full; 0: that does not matter.
    pub full_writes: i64,
}

/// What a cartridge is made for.
#[derive(Debug, Clone, Copy)]
pub struct MadeFor {
    /// Loads by generation.
    pub loads: &'static [(&'static str, i64)],
    /// Loads of all other generations.
    pub loads_of_others: i64,
    /// Times that it can be written from its beginning to its end.
    pub full_writes: f64,
}

/// The lives of tapes that pass a limit, or of which drives lost anything.
pub fn beyond(conn: &mut Conn, limits: Limits) -> Result<Vec<(i32, Life)>> {
    let query = diesel::sql_query(format!(
        "{LIVES} GROUP BY h.tape_id HAVING ifnull(max(h.unrecovered_write_errors), 0) > 0
             OR ifnull(max(h.unrecovered_read_errors), 0) > 0
             OR (?1 > 0 AND ifnull(max(h.mounts), 0) >= ?1)
             OR (?2 > 0 AND t.capacity_bytes > 0 AND ifnull(max(h.bytes_written), 0) / t.capacity_bytes >= ?2)"
    ));
    let rows = query.bind::<BigInt, _>(limits.loads).bind::<BigInt, _>(limits.full_writes).load::<Row>(conn)?;
    Ok(rows.into_iter().map(Row::into).collect())
}

/// The lives of the so many tapes with data of which the most is used, by loads or by writing, whichever is more.
pub fn most_used(conn: &mut Conn, made_for: MadeFor, limit: i64) -> Result<Vec<(i32, Life)>> {
    let cases = " WHEN ? THEN ?".repeat(made_for.loads.len());
    let mut query = diesel::sql_query(format!(
        "{LIVES} WHERE t.used_bytes > 0 GROUP BY h.tape_id HAVING max(h.mounts) IS NOT NULL OR max(h.bytes_written) IS NOT NULL
         ORDER BY max(ifnull(max(h.mounts), 0) * 1.0 / CASE t.lto_type{cases} ELSE ? END,
             CASE WHEN t.capacity_bytes > 0 THEN ifnull(max(h.bytes_written), 0) / (? * t.capacity_bytes) ELSE 0 END) DESC,
             h.tape_id
         LIMIT ?"
    ))
    .into_boxed();
    for (generation, loads) in made_for.loads {
        query = query.bind::<Text, _>(*generation).bind::<BigInt, _>(*loads);
    }
    let query = query.bind::<BigInt, _>(made_for.loads_of_others).bind::<Double, _>(made_for.full_writes);
    let rows = query.bind::<BigInt, _>(limit).load::<Row>(conn)?;
    Ok(rows.into_iter().map(Row::into).collect())
}

/// Counters of a life only grow: the highest is the newest, also where the last drive told less.
const LIVES: &str = "SELECT h.tape_id AS tape_id, max(h.mounts) AS mounts, max(h.bytes_written) AS bytes_written,
         max(h.unrecovered_write_errors) AS write_errors, max(h.unrecovered_read_errors) AS read_errors,
         max(h.updated_at) AS counted_at
     FROM tape_health h JOIN tapes t ON t.id = h.tape_id";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    tape_id: i32,
    #[diesel(sql_type = Nullable<BigInt>)]
    mounts: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    bytes_written: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    write_errors: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    read_errors: Option<i64>,
    #[diesel(sql_type = Nullable<Timestamp>)]
    counted_at: Option<NaiveDateTime>,
}

impl From<Row> for (i32, Life) {
    fn from(row: Row) -> Self {
        let life = Life {
            mounts: row.mounts,
            bytes_written: row.bytes_written,
            unrecovered_write_errors: row.write_errors,
            unrecovered_read_errors: row.read_errors,
            counted_at: row.counted_at,
        };
        (row.tape_id, life)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::tape_health::{Figures, lives, record};
    use crate::db::{tapes, testing};

    const MADE_FOR: MadeFor = MadeFor { loads: &[("LTO-1", 100)], loads_of_others: 1000, full_writes: 10.0 };

    #[test]
    fn tapes_beyond_a_limit_and_the_most_used_ones_are_found() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let mut tape = |label: &str, lto_type: &str, mounts, fills: Option<i64>, lost| {
            let id = testing::tape(conn, label).id;
            let kind = tapes::TapeChanges { lto_type: Some(lto_type.into()), ..Default::default() };
            tapes::update(conn, id, &kind).expect("type");
            crate::db::tape_lifecycle::part_written(conn, id, 1, 1, 5).expect("data");
            let figures = Figures {
                tape_id: id,
                mounts,
                bytes_written: fills.map(|fills| fills * 1000),
                unrecovered_read_errors: lost,
                ..Figures::default()
            };
            record(conn, None, &Figures { mounts: mounts.map(|mounts| mounts - 1), ..figures.clone() }).expect("then");
            record(conn, None, &figures).expect("now");
            id
        };
        let old = tape("OLD", "LTO-1", Some(50), None, None);
        let loaded = tape("LOADED", "LTO-9", Some(50), None, None);
        let full = tape("FULL", "LTO-9", Some(1), Some(6), None);
        let lossy = tape("LOSSY", "LTO-9", Some(2), Some(0), Some(1));
        let silent = tape("SILENT", "LTO-9", None, None, None);
        let ids = |rows: Vec<(i32, Life)>| rows.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        let limits = |loads, full_writes| Limits { loads, full_writes };
        assert_eq!(ids(beyond(conn, limits(50, 0)).expect("beyond")), [old, loaded, lossy]);
        assert_eq!(ids(beyond(conn, limits(51, 6)).expect("beyond")), [full, lossy]);
        assert_eq!(ids(beyond(conn, limits(0, 0)).expect("beyond")), [lossy]);
        let used = most_used(conn, MADE_FOR, 10).expect("used");
        assert_eq!(ids(used.clone()), [full, old, loaded, lossy], "not {silent}, of which nothing was told");
        assert_eq!(ids(most_used(conn, MADE_FOR, 2).expect("two")), [full, old]);
        let all = lives(conn).expect("lives");
        assert!(used.iter().all(|life| all.contains(life)), "{used:?}");
    }
}
