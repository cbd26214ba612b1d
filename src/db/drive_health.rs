//! What drives have done and what they complain about: statistics and alerts.

use super::Conn;
use super::errors::changed;
use super::kinds::Severity;
use super::schema::{drive_alerts, drive_statistics};
use super::time::{now, rfc3339, rfc3339_option};
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// What a drive has done in its life, as far as it tells.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = drive_statistics)]
pub struct DriveStatistics {
    /// The drive.
    pub drive_id: i32,
    /// Bytes read in its life.
    pub total_bytes_read: i64,
    /// Bytes written in its life.
    pub total_bytes_written: i64,
    /// Read errors it did not correct.
    pub read_errors: i64,
    /// Write errors it did not correct.
    pub write_errors: i64,
    /// Loads in its life.
    pub total_load_count: i64,
    /// It asks to be cleaned.
    pub cleaning_required: bool,
    /// When a cleaning cartridge was last used.
    #[serde(serialize_with = "rfc3339_option")]
    pub last_cleaned_at: Option<NaiveDateTime>,
    /// Hours with power.
    pub power_on_hours: i64,
    /// Hours with the tape moving.
    pub tape_motion_hours: f64,
    /// Temperature in °C.
    pub temperature_c: Option<i32>,
    /// Active TapeAlert flags, numbers with commas.
    pub tape_alert_flags: String,
    /// How often it had to stop and go back because no data came.
    pub back_hitches: i64,
    /// Milliseconds it waited for data.
    pub starved_ms: i64,
    /// How often it was switched on; 0: it does not tell.
    pub lifetime_power_cycles: i64,
    /// Bytes of the host for each 100 bytes on the tape, of what it last wrote: 250 is 2.5 to 1. 0: not told.
    pub write_compression_pct: f64,
    /// The same of what it last read.
    pub read_compression_pct: f64,
    /// When this was last read.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
}

/// Values to set; `None` leaves one as it is.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = drive_statistics)]
pub struct StatisticsChanges {
    /// Bytes read in its life.
    pub total_bytes_read: Option<i64>,
    /// Bytes written in its life.
    pub total_bytes_written: Option<i64>,
    /// Read errors it did not correct.
    pub read_errors: Option<i64>,
    /// Write errors it did not correct.
    pub write_errors: Option<i64>,
    /// Loads in its life.
    pub total_load_count: Option<i64>,
    /// It asks to be cleaned.
    pub cleaning_required: Option<bool>,
    /// When a cleaning cartridge was last used.
    pub last_cleaned_at: Option<Option<NaiveDateTime>>,
    /// Hours with power.
    pub power_on_hours: Option<i64>,
    /// Hours with the tape moving.
    pub tape_motion_hours: Option<f64>,
    /// Temperature in °C.
    pub temperature_c: Option<Option<i32>>,
    /// Active TapeAlert flags.
    pub tape_alert_flags: Option<String>,
    /// Back-hitches.
    pub back_hitches: Option<i64>,
    /// Milliseconds it waited for data.
    pub starved_ms: Option<i64>,
    /// How often it was switched on.
    pub lifetime_power_cycles: Option<i64>,
    /// Bytes of the host for each 100 bytes on the tape, of what it last wrote.
    pub write_compression_pct: Option<f64>,
    /// The same of what it last read.
    pub read_compression_pct: Option<f64>,
}

/// An alert of a drive.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = drive_alerts)]
pub struct DriveAlert {
    /// Its id.
    pub id: i32,
    /// The drive.
    pub drive_id: i32,
    /// How bad.
    pub severity: Severity,
    /// What it is about: `tape_alert`, `cleaning`, `error` …
    pub category: String,
    /// What it says.
    pub message: String,
    /// Whether it is over.
    pub resolved: bool,
    /// Since when.
    #[serde(serialize_with = "rfc3339_option")]
    pub resolved_at: Option<NaiveDateTime>,
    /// When it came up.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
}

/// An alert to be recorded.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = drive_alerts)]
pub struct NewAlert {
    /// The drive.
    pub drive_id: i32,
    /// How bad.
    pub severity: Severity,
    /// What it is about.
    pub category: String,
    /// What it says.
    pub message: String,
}

/// The statistics of a drive; all zero while it has told none.
pub fn statistics(conn: &mut Conn, drive_id: i32) -> Result<DriveStatistics> {
    super::drives::find(conn, drive_id)?;
    let row = drive_statistics::table
        .filter(drive_statistics::drive_id.eq(drive_id))
        .select(DriveStatistics::as_select())
        .first(conn)
        .optional()?;
    match row {
        Some(row) => Ok(row),
        None => update_statistics(conn, drive_id, &StatisticsChanges::default()),
    }
}

/// The statistics of all drives that have told some.
pub fn all_statistics(conn: &mut Conn) -> Result<Vec<DriveStatistics>> {
    Ok(drive_statistics::table.select(DriveStatistics::as_select()).load(conn)?)
}

/// Sets what is given of a drive's statistics.
pub fn update_statistics(conn: &mut Conn, drive_id: i32, changes: &StatisticsChanges) -> Result<DriveStatistics> {
    let time = now();
    diesel::insert_into(drive_statistics::table)
        .values((drive_statistics::drive_id.eq(drive_id), drive_statistics::updated_at.eq(time)))
        .on_conflict_do_nothing()
        .execute(conn)?;
    Ok(diesel::update(drive_statistics::table.filter(drive_statistics::drive_id.eq(drive_id)))
        .set((changes, drive_statistics::updated_at.eq(time)))
        .returning(DriveStatistics::as_returning())
        .returned(conn)?)
}

/// Records an alert unless the same one is open already; `None` in that case.
pub fn raise_alert(conn: &mut Conn, new: &NewAlert) -> Result<Option<DriveAlert>> {
    super::write_transaction(conn, |conn| {
        let open: i64 = drive_alerts::table
            .filter(drive_alerts::drive_id.eq(new.drive_id).and(drive_alerts::resolved.eq(false)))
            .filter(drive_alerts::category.eq(&new.category).and(drive_alerts::message.eq(&new.message)))
            .count()
            .returned(conn)?;
        if open > 0 {
            return Ok(None);
        }
        let values = (new, drive_alerts::created_at.eq(now()));
        let row = diesel::insert_into(drive_alerts::table).values(values).returning(DriveAlert::as_returning());
        Ok(Some(row.returned(conn)?))
    })
}

/// Open alerts of a category are over; how many there were.
pub fn resolve_category(conn: &mut Conn, drive_id: i32, category: &str) -> Result<usize> {
    let open = drive_alerts::table
        .filter(drive_alerts::drive_id.eq(drive_id).and(drive_alerts::resolved.eq(false)))
        .filter(drive_alerts::category.eq(category));
    let over = (drive_alerts::resolved.eq(true), drive_alerts::resolved_at.eq(now()));
    Ok(diesel::update(open).set(over).execute(conn)?)
}

/// Open alerts of a category that say something else than these are over; how many there were.
pub fn resolve_others(conn: &mut Conn, drive_id: i32, category: &str, still: &[String]) -> Result<usize> {
    let open = drive_alerts::table
        .filter(drive_alerts::drive_id.eq(drive_id).and(drive_alerts::resolved.eq(false)))
        .filter(drive_alerts::category.eq(category).and(drive_alerts::message.ne_all(still)));
    let over = (drive_alerts::resolved.eq(true), drive_alerts::resolved_at.eq(now()));
    Ok(diesel::update(open).set(over).execute(conn)?)
}

/// Whether one of these TapeAlert flags was set when the drive was last asked.
pub fn has_flag(conn: &mut Conn, drive_id: i32, flags: &[u8]) -> Result<bool> {
    let set: Option<String> = drive_statistics::table
        .filter(drive_statistics::drive_id.eq(drive_id))
        .select(drive_statistics::tape_alert_flags)
        .first(conn)
        .optional()?;
    let set = set.unwrap_or_default();
    Ok(set.split(',').filter_map(|flag| flag.parse().ok()).any(|flag: u8| flags.contains(&flag)))
}

/// One alert is over.
pub fn resolve(conn: &mut Conn, id: i32) -> Result<()> {
    let over = (drive_alerts::resolved.eq(true), drive_alerts::resolved_at.eq(now()));
    changed(diesel::update(drive_alerts::table.find(id)).set(over).execute(conn), format_args!("alert {id}"))
}

/// The alerts of a drive that are not over, newest first.
pub fn open_alerts(conn: &mut Conn, drive_id: i32) -> Result<Vec<DriveAlert>> {
    Ok(drive_alerts::table
        .filter(drive_alerts::drive_id.eq(drive_id).and(drive_alerts::resolved.eq(false)))
        .order(drive_alerts::id.desc())
        .select(DriveAlert::as_select())
        .load(conn)?)
}

/// Whether a drive wanted to be cleaned when it was last asked.
pub fn wants_cleaning(conn: &mut Conn, drive_id: i32) -> Result<bool> {
    let wants: Option<bool> = drive_statistics::table
        .filter(drive_statistics::drive_id.eq(drive_id))
        .select(drive_statistics::cleaning_required)
        .first(conn)
        .optional()?;
    Ok(wants.unwrap_or_default())
}

/// The last 50 alerts of a drive, newest first.
pub fn alerts(conn: &mut Conn, drive_id: i32) -> Result<Vec<DriveAlert>> {
    super::drives::find(conn, drive_id)?;
    Ok(drive_alerts::table
        .filter(drive_alerts::drive_id.eq(drive_id))
        .order(drive_alerts::id.desc())
        .limit(50)
        .select(DriveAlert::as_select())
        .load(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{drives, testing};

    fn drive(conn: &mut Conn) -> i32 {
        drives::insert(conn, &drives::NewDrive { device_path: "/dev/nst0".into(), ..Default::default() })
            .expect("drive")
            .id
    }

    #[test]
    fn statistics_begin_at_zero_and_keep_what_is_not_told() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let id = drive(conn);
        assert_eq!(statistics(conn, id).expect("none yet").total_load_count, 0);
        let loads = StatisticsChanges { total_load_count: Some(7), ..Default::default() };
        update_statistics(conn, id, &loads).expect("loads");
        let hot = StatisticsChanges { temperature_c: Some(Some(41)), ..Default::default() };
        let row = update_statistics(conn, id, &hot).expect("hot");
        assert_eq!((row.total_load_count, row.temperature_c), (7, Some(41)));
        assert_eq!(statistics(conn, 99).expect_err("no drive").message, "drive 99 not found");
    }

    #[test]
    fn the_same_alert_is_raised_once_until_it_is_over() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let new = NewAlert {
            drive_id: drive(conn),
            severity: Severity::Critical,
            category: "tape_alert".into(),
            message: "Clean now".into(),
        };
        let first = raise_alert(conn, &new).expect("raise").expect("new");
        assert_eq!(raise_alert(conn, &new).expect("again"), None);
        assert_eq!(resolve_category(conn, new.drive_id, "tape_alert").expect("resolve"), 1);
        assert!(raise_alert(conn, &new).expect("later").is_some());
        let all = alerts(conn, new.drive_id).expect("list");
        assert_eq!((all.len(), all[1].id, all[1].resolved), (2, first.id, true));
        let other = NewAlert { message: "Hardware A".into(), ..new.clone() };
        raise_alert(conn, &other).expect("other");
        assert_eq!(resolve_others(conn, new.drive_id, "tape_alert", &[other.message]).expect("one"), 1);
        let open: Vec<String> =
            alerts(conn, new.drive_id).expect("list").into_iter().filter(|a| !a.resolved).map(|a| a.message).collect();
        assert_eq!(open, ["Hardware A"]);
        let flags = StatisticsChanges { tape_alert_flags: Some("3,31".into()), ..Default::default() };
        update_statistics(conn, new.drive_id, &flags).expect("flags");
        assert!(has_flag(conn, new.drive_id, &[30, 31]).expect("set"));
        assert!(!has_flag(conn, new.drive_id, &[1, 13]).expect("not set"));
        assert_eq!(resolve(conn, 99).expect_err("none").message, "alert 99 not found");
    }
}
