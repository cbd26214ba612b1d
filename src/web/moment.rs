//! Moments in questions: days or times, as people type them.

use crate::{Error, Result};
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime};

/// Which end of a day counts when only the day is named.
#[derive(Debug, Clone, Copy)]
pub enum Day {
    /// Its first moment.
    Begin,
    /// The first moment behind it.
    End,
}

/// The moment that the parameter `name` names: a time (RFC 3339) or a day (`2026-11-20`, UTC); none if it is empty.
pub fn moment(name: &str, text: Option<&str>, day: Day) -> Result<Option<NaiveDateTime>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(Some(time.naive_utc()));
    }
    let date = text.parse::<NaiveDate>().ok();
    let date = match day {
        Day::Begin => date,
        Day::End => date.and_then(|date| date.checked_add_days(Days::new(1))),
    };
    date.map(|date| Some(date.and_time(NaiveTime::MIN))).ok_or_else(|| {
        let message = format!("{name} = {text:?} is neither a date (2026-11-20) nor a time (2026-11-20T22:00:00Z)");
        Error::bad_request(message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_are_understood() {
        let time = |text, day| moment("x", Some(text), day).unwrap().map(|time| time.to_string());
        assert_eq!(time("2026-11-20", Day::Begin).as_deref(), Some("2026-11-20 00:00:00"));
        assert_eq!(time("2026-11-20", Day::End).as_deref(), Some("2026-11-21 00:00:00"));
        assert_eq!(time("2026-11-20T10:00:00+02:00", Day::End).as_deref(), Some("2026-11-20 08:00:00"));
        assert_eq!(time(" ", Day::End), None);
        assert!(moment("x", Some("yesterday"), Day::Begin).is_err());
    }
}
