//! What drives counted of tapes: one row for each time that a tape lay in a drive.

use super::Conn;
use super::schema::{tape_health, tapes};
use super::time::{now, rfc3339};
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::dsl::max;
use diesel::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// The figures of one time that a tape lay in a drive; `null` is what the drive does not tell.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = tape_health)]
pub struct TapeHealth {
    /// Its id.
    pub id: i32,
    /// The tape.
    pub tape_id: i32,
    /// The drive; none: it was removed.
    pub drive_id: Option<i32>,
    /// Its serial number.
    pub drive_serial: String,
    /// How often the tape was loaded in its life.
    pub mounts: Option<i64>,
    /// Bytes written to it in its life.
    pub bytes_written: Option<i64>,
    /// Bytes read from it in its life.
    pub bytes_read: Option<i64>,
    /// Writes in its life that had to be tried again.
    pub write_retries: Option<i64>,
    /// Reads in its life that had to be tried again.
    pub read_retries: Option<i64>,
    /// Writes in its life that failed.
    pub unrecovered_write_errors: Option<i64>,
    /// Reads in its life that failed.
    pub unrecovered_read_errors: Option<i64>,
    /// How often the beginning of the tape passed a head.
    pub beginning_passes: Option<i64>,
    /// How often the middle of the tape passed a head.
    pub middle_passes: Option<i64>,
    /// Native capacity.
    pub capacity_bytes: Option<i64>,
    /// Native capacity that is taken.
    pub used_bytes: Option<i64>,
    /// What fits on the tape if it goes on as so far, in bytes as they are counted of it: less than the native capacity
    /// where much had to be written again, more where the drive compresses.
    pub effective_capacity_bytes: Option<i64>,
    /// What this drive wrote again behind a bad spot.
    pub rewrites: Option<i64>,
    /// Reads that this drive tried again.
    pub rereads: Option<i64>,
    /// Bytes of the host for each byte that this drive wrote.
    pub write_compression_ratio: Option<f64>,
    /// Bytes for the host for each byte that this drive read.
    pub read_compression_ratio: Option<f64>,
    /// TapeAlert flags that were raised, numbers with commas.
    pub tape_alert_flags: String,
    /// When the drive was first asked.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When it was last asked.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
}

/// Figures to be recorded.
#[derive(Debug, Clone, Default, PartialEq, Insertable, AsChangeset)]
#[diesel(table_name = tape_health)]
#[allow(missing_docs)] // as in `TapeHealth`
pub struct Figures {
    pub tape_id: i32,
    pub drive_id: Option<i32>,
    pub drive_serial: String,
    pub mounts: Option<i64>,
    pub bytes_written: Option<i64>,
    pub bytes_read: Option<i64>,
    pub write_retries: Option<i64>,
    pub read_retries: Option<i64>,
    pub unrecovered_write_errors: Option<i64>,
    pub unrecovered_read_errors: Option<i64>,
    pub beginning_passes: Option<i64>,
    pub middle_passes: Option<i64>,
    pub capacity_bytes: Option<i64>,
    pub used_bytes: Option<i64>,
    pub effective_capacity_bytes: Option<i64>,
    pub rewrites: Option<i64>,
    pub rereads: Option<i64>,
    pub write_compression_ratio: Option<f64>,
    pub read_compression_ratio: Option<f64>,
    pub tape_alert_flags: String,
}

/// Records figures in the row `of` this time, or begins one; its id.
pub fn record(conn: &mut Conn, of: Option<i32>, figures: &Figures) -> Result<i32> {
    let time = now();
    if let Some(id) = of {
        let row = tape_health::table.find(id).filter(tape_health::tape_id.eq(figures.tape_id));
        let updated = diesel::update(row).set((figures, tape_health::updated_at.eq(time))).execute(conn)?;
        if updated > 0 {
            return Ok(id);
        }
    }
    let values = (figures, tape_health::created_at.eq(time), tape_health::updated_at.eq(time));
    Ok(diesel::insert_into(tape_health::table).values(values).returning(tape_health::id).returned(conn)?)
}

/// The last so many times that a tape lay in a drive, newest first.
pub fn of_tape(conn: &mut Conn, tape_id: i32, limit: i64) -> Result<Vec<TapeHealth>> {
    super::tapes::find(conn, tape_id)?;
    Ok(tape_health::table
        .filter(tape_health::tape_id.eq(tape_id))
        .order(tape_health::id.desc())
        .limit(limit)
        .select(TapeHealth::as_select())
        .load(conn)?)
}

/// A time that a tape lay in a drive, as lists of a drive show it.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct TapeHealthListed {
    /// The figures.
    #[serde(flatten)]
    pub row: TapeHealth,
    /// Label of the tape.
    pub tape_label: String,
}

/// The last so many times that a tape lay in this drive, newest first.
pub fn of_drive(conn: &mut Conn, drive_id: i32, limit: i64) -> Result<Vec<TapeHealthListed>> {
    super::drives::find(conn, drive_id)?;
    let rows: Vec<(TapeHealth, String)> = tape_health::table
        .inner_join(tapes::table)
        .filter(tape_health::drive_id.eq(drive_id))
        .order(tape_health::id.desc())
        .limit(limit)
        .select((TapeHealth::as_select(), tapes::label))
        .load(conn)?;
    Ok(rows.into_iter().map(|(row, tape_label)| TapeHealthListed { row, tape_label }).collect())
}

/// What is known of the life of a tape; `None` is what no drive told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Life {
    /// How often it was loaded.
    pub mounts: Option<i64>,
    /// Bytes written to it.
    pub bytes_written: Option<i64>,
    /// Writes that failed.
    pub unrecovered_write_errors: Option<i64>,
    /// Reads that failed.
    pub unrecovered_read_errors: Option<i64>,
    /// When a drive last told of it.
    pub counted_at: Option<NaiveDateTime>,
}

/// Counters of a life only grow: the highest is the newest, also where the last drive told less.
type Highest = (Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<NaiveDateTime>);

impl From<Highest> for Life {
    fn from((mounts, bytes_written, write_errors, read_errors, counted_at): Highest) -> Self {
        Life {
            mounts,
            bytes_written,
            unrecovered_write_errors: write_errors,
            unrecovered_read_errors: read_errors,
            counted_at,
        }
    }
}

/// The life of a tape, if a drive told of it.
pub fn life(conn: &mut Conn, tape_id: i32) -> Result<Option<Life>> {
    let highest: Highest = tape_health::table
        .filter(tape_health::tape_id.eq(tape_id))
        .select((
            max(tape_health::mounts),
            max(tape_health::bytes_written),
            max(tape_health::unrecovered_write_errors),
            max(tape_health::unrecovered_read_errors),
            max(tape_health::updated_at),
        ))
        .first(conn)?;
    Ok(Some(Life::from(highest)).filter(|life| life.counted_at.is_some()))
}

/// The lives of all tapes of which drives told anything.
pub fn lives(conn: &mut Conn) -> Result<Vec<(i32, Life)>> {
    let rows: Vec<(i32, Highest)> = tape_health::table
        .group_by(tape_health::tape_id)
        .select((
            tape_health::tape_id,
            (
                max(tape_health::mounts),
                max(tape_health::bytes_written),
                max(tape_health::unrecovered_write_errors),
                max(tape_health::unrecovered_read_errors),
                max(tape_health::updated_at),
            ),
        ))
        .load(conn)?;
    Ok(rows.into_iter().map(|(tape, highest)| (tape, Life::from(highest))).collect())
}

/// Writes and reads of a tape that had failed before a moment, as far as drives told by then.
pub fn lost_before(conn: &mut Conn, tape_id: i32, moment: NaiveDateTime) -> Result<i64> {
    let (writes, reads): (Option<i64>, Option<i64>) = tape_health::table
        .filter(tape_health::tape_id.eq(tape_id).and(tape_health::updated_at.lt(moment)))
        .select((max(tape_health::unrecovered_write_errors), max(tape_health::unrecovered_read_errors)))
        .first(conn)?;
    Ok(writes.unwrap_or_default() + reads.unwrap_or_default())
}

/// The TapeAlert flags that were ever raised with a tape in a drive, by tape; of one tape or of all.
pub fn flags(conn: &mut Conn, tape_id: Option<i32>) -> Result<BTreeMap<i32, Vec<u8>>> {
    let mut query = tape_health::table
        .filter(tape_health::tape_alert_flags.ne(""))
        .select((tape_health::tape_id, tape_health::tape_alert_flags))
        .distinct()
        .into_boxed();
    if let Some(id) = tape_id {
        query = query.filter(tape_health::tape_id.eq(id));
    }
    let mut all: BTreeMap<i32, Vec<u8>> = BTreeMap::new();
    for (tape, flags) in query.load::<(i32, String)>(conn)? {
        all.entry(tape).or_default().extend(flags.split(',').filter_map(|flag| flag.trim().parse::<u8>().ok()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{drives, testing};

    #[test]
    fn each_time_in_a_drive_is_a_row() {
        let db = testing::database();
        let conn = &mut db.conn();
        let new = drives::NewDrive { device_path: "/dev/sg1".into(), ..Default::default() };
        let drive = drives::insert(conn, &new).expect("drive").id;
        let tape = testing::tape(conn, "T1").id;
        let first = Figures {
            tape_id: tape,
            drive_id: Some(drive),
            mounts: Some(3),
            write_compression_ratio: Some(2.0),
            ..Default::default()
        };
        let row = record(conn, None, &first).expect("row");
        let more = Figures { bytes_written: Some(700), write_compression_ratio: Some(2.5), ..first.clone() };
        assert_eq!(record(conn, Some(row), &more).expect("same row"), row);
        let later = Figures { mounts: Some(4), write_compression_ratio: None, ..first };
        assert_ne!(record(conn, None, &later).expect("another row"), row);
        let rows = of_tape(conn, tape, 10).expect("rows");
        let told: Vec<_> = rows.iter().map(|row| (row.mounts, row.bytes_written)).collect();
        assert_eq!(told, [(Some(4), None), (Some(3), Some(700))]);
        // a row is never taken for one of another tape
        let other = Figures { tape_id: testing::tape(conn, "T2").id, ..Figures::default() };
        assert_ne!(record(conn, Some(row), &other).expect("a row of its own"), row);
        assert!(of_tape(conn, 99, 10).is_err());
        let of_drive: Vec<_> =
            of_drive(conn, drive, 10).expect("rows").into_iter().map(|row| (row.tape_label, row.row.mounts)).collect();
        assert_eq!(of_drive, [("T1".to_owned(), Some(4)), ("T1".to_owned(), Some(3))]);
    }
}
