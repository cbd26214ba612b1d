//! Moments as the old database and old tapes write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

/// The moment in UTC; `None` if the text is none, or is what Go calls the zero time.
///
/// Understood are RFC 3339, what Go's `time.String()` writes (`2026-02-08 10:00:00.1 +0100 CET m=+12.3`), and what SQLite's
/// CURRENT_TIMESTAMP writes, which is UTC.
pub fn parse(text: &str) -> Option<NaiveDateTime> {
    let text = text.split(" m=").next().unwrap_or(text).trim();
    let time = with_zone(text).or_else(|| without_zone(text))?;
    (time.date() > NaiveDate::from_ymd_opt(1, 1, 1)?).then_some(time)
}

fn with_zone(text: &str) -> Option<NaiveDateTime> {
    let utc = |time: DateTime<chrono::FixedOffset>| time.with_timezone(&Utc).naive_utc();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(utc(time));
    }
    // the name of the zone behind the offset says nothing more
    let mut words = text.split_whitespace();
    let (date, clock, offset) = (words.next()?, words.next()?, words.next().unwrap_or_default());
    let text = format!("{date} {clock}{offset}");
    ["%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%:z"]
        .iter()
        .find_map(|format| DateTime::parse_from_str(&text, format).ok())
        .map(utc)
}

fn without_zone(text: &str) -> Option<NaiveDateTime> {
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_way_of_writing_is_understood() {
        for (text, expected) in [
            ("2026-02-08 10:00:00.1 +0000 UTC m=+12.3", "2026-02-08 10:00:00.100"),
            ("2026-02-08 10:00:00.123456789 +0100 CET", "2026-02-08 09:00:00.123456789"),
            ("2026-02-08 10:00:00 -0330 NST m=-1.5", "2026-02-08 13:30:00"),
            ("2026-11-20 19:46:04.066+00:00", "2026-11-20 19:46:04.066"),
            ("2026-11-20 19:46:04", "2026-11-20 19:46:04"),
            ("2026-02-08T10:00:00.5Z", "2026-02-08 10:00:00.500"),
            ("2026-02-08T10:00:00+02:00", "2026-02-08 08:00:00"),
            ("2026-02-08T10:00:00", "2026-02-08 10:00:00"),
            ("1969-12-31 23:59:59", "1969-12-31 23:59:59"),
        ] {
            assert_eq!(parse(text).map(|time| time.to_string()).as_deref(), Some(expected), "{text}");
        }
        for text in
            ["", "yesterday", "0001-01-01 00:00:00 +0000 UTC", "0001-01-01T00:00:00Z", "2026-13-01 00:00:00", "1"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
