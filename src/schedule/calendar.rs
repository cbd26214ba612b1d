//! Which wall-clock times an expression names, without any time zone: the part the `cron` crate does.
//!
//! The crate reads another dialect than people write: it wants the seconds first, counts weekdays from 1 = Sunday (so
//! its `1-5` is Sunday to Thursday), and takes day of month *and* day of week together where cron takes either. So
//! our own reader understands the expression, and the crate is given it spelled out: numbers as lists, **weekdays by
//! name** (the only spelling that means the same in both dialects), and two schedules where "either" is meant.

use super::field::{Field, FieldName, weekday_short_name};
use chrono::{NaiveDateTime, TimeZone, Utc};
use std::str::FromStr;

/// The wall-clock times of an expression: those of any of its schedules.
#[derive(Debug, Clone)]
pub(super) struct Calendar(Vec<cron::Schedule>);

impl Calendar {
    /// From the six fields. `None` if the `cron` crate refuses the spelling, which would be a defect of ours.
    pub fn new(fields: &[Field; 6]) -> Option<Self> {
        let [.., day_of_month, _, day_of_week] = fields;
        let either = !day_of_month.starred && !day_of_week.starred;
        let spellings = match either {
            true => vec![spell(fields, Some(FieldName::DayOfWeek)), spell(fields, Some(FieldName::DayOfMonth))],
            false => vec![spell(fields, None)],
        };
        spellings.iter().map(|text| cron::Schedule::from_str(text).ok()).collect::<Option<Vec<_>>>().map(Calendar)
    }

    /// The first wall-clock time after `after`, up to the year 2100.
    pub fn next_after(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        // UTC has no clock changes, so the crate's own handling of time zones stays out of the way.
        let after = Utc.from_utc_datetime(&after);
        self.0.iter().filter_map(|schedule| schedule.after(&after).next()).min().map(|next| next.naive_utc())
    }
}

/// The fields in the dialect of the `cron` crate; `ignored` is written as `*`.
fn spell(fields: &[Field; 6], ignored: Option<FieldName>) -> String {
    let spelled = fields.iter().map(|field| {
        if field.is_all() || ignored == Some(field.name) {
            return "*".to_owned();
        }
        let values = field.values().into_iter().map(|value| match field.name {
            FieldName::DayOfWeek => weekday_short_name(value).to_owned(),
            _ => value.to_string(),
        });
        values.collect::<Vec<_>>().join(",")
    });
    spelled.collect::<Vec<_>>().join(" ")
}
