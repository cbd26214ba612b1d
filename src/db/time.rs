//! Times: UTC in the database, RFC 3339 with `Z` in JSON.

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Timelike, Utc};
use serde::Serializer;

/// Now in UTC, whole milliseconds.
pub fn now() -> NaiveDateTime {
    let now = Utc::now().naive_utc();
    now.with_nanosecond(now.nanosecond() / 1_000_000 % 1000 * 1_000_000).unwrap_or(now)
}

/// The time `seconds` after 1970-01-01 UTC, as labels on tape carry it; `None` outside of what a calendar can hold.
pub fn from_unix(seconds: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp(seconds, 0).map(|time| time.naive_utc())
}

/// As people and programs read it: `2026-11-20T22:13:26.5Z`.
pub fn to_rfc3339(time: &NaiveDateTime) -> String {
    time.and_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// For `#[serde(serialize_with = …)]`.
pub fn rfc3339<S: Serializer>(time: &NaiveDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&to_rfc3339(time))
}

/// For `#[serde(serialize_with = …)]`; `None` is null.
pub fn rfc3339_option<S: Serializer>(time: &Option<NaiveDateTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// A text column that holds JSON, for `#[serde(serialize_with = …)]`: as JSON, or as text should it be none.
pub fn json_text<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => serializer.serialize_some(&value),
        Err(_) => serializer.serialize_str(text),
    }
}

/// As [`json_text`]; `None` is null.
pub fn json_text_option<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match text {
        Some(text) => json_text(text, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_times_are_utc_and_say_so() {
        let time = from_unix(1_700_000_000).expect("time");
        assert_eq!(to_rfc3339(&time), "2023-11-14T22:13:20Z");
        assert_eq!(now().nanosecond() % 1_000_000, 0);
        assert_eq!(from_unix(i64::MAX), None);
    }
}
