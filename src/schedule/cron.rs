//! Cron expressions as people write them.
//!
//! | form | meaning |
//! | --- | --- |
//! | `30 1 * * MON-FRI` | five fields: minute, hour, day of month, month, day of week |
//! | `15 30 1 * * 1-5` | six fields: the same with the second first |
//! | `@hourly` `@daily` `@midnight` `@weekly` `@monthly` `@yearly` `@annually` | the usual names |
//! | `@every 6h` | every six hours of real time (`d`, `h`, `m`, `s`; at least one minute), counted from 1970-01-01 00:00 UTC, so that a restart changes nothing |
//!
//! A field is `*`, a value, a range `a-b`, a list `a,b-c`, each with an optional step `/n`; `a/n` runs from `a` to the
//! end. Months and weekdays have names (JAN, MON, any case). Weekdays are 0–7, 0 and 7 are Sunday, and a range may end
//! on Sunday (`FRI-SUN`). As in every cron: when both day fields are restricted, a day that fits **either** counts; a
//! field written with `*` (also `*/2`) or `?` does not restrict.

use super::calendar::Calendar;
use super::field::{Field, FieldName};
use super::{ScheduleError, explain};
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use std::fmt;

/// Longest expression accepted, in characters.
const MAX_LENGTH: usize = 1000;
const FIELDS: [FieldName; 6] = [
    FieldName::Second,
    FieldName::Minute,
    FieldName::Hour,
    FieldName::DayOfMonth,
    FieldName::Month,
    FieldName::DayOfWeek,
];

/// A cron expression that was understood. Compares and prints as the text it came from.
#[derive(Debug, Clone)]
pub struct Cron {
    source: String,
    rule: Rule,
}

/// What the expression says.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    /// At wall-clock times.
    Calendar(Box<([Field; 6], Calendar)>),
    /// At real-time intervals.
    Every(TimeDelta),
}

impl Cron {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`ScheduleError`] with the field, the token and the column that cannot be understood.
    pub fn parse(expression: &str) -> Result<Self, ScheduleError> {
        let length = expression.chars().count();
        if length > MAX_LENGTH {
            return Err(ScheduleError::TooLong { found: length, max: MAX_LENGTH });
        }
        let words = words_with_columns(expression);
        let source = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" ");
        let rule = match words.as_slice() {
            [(first, _), ..] if first.starts_with("TZ=") || first.starts_with("CRON_TZ=") => {
                return Err(ScheduleError::ZoneInExpression((*first).to_owned()));
            }
            [(name, _), rest @ ..] if name.starts_with('@') => named(name, rest)?,
            words => calendar(words, expression)?,
        };
        Ok(Cron { source, rule })
    }

    /// The expression in words, without a time zone: `every weekday at 01:30`.
    pub fn explain(&self) -> String {
        explain::rule(&self.rule)
    }

    pub(super) fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Runs in every hour of the day, so its runs follow real hours and not the face of the clock.
    pub fn is_hourly(&self) -> bool {
        match &self.rule {
            Rule::Calendar(rule) => rule.0[2].is_all(),
            Rule::Every(_) => true,
        }
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Cron {}

fn words_with_columns(expression: &str) -> Vec<(&str, usize)> {
    let start = expression.as_ptr() as usize;
    let column =
        |word: &str| expression.get(..word.as_ptr() as usize - start).map_or(0, |head| head.chars().count()) + 1;
    expression.split_whitespace().map(|word| (word, column(word))).collect()
}

fn calendar(words: &[(&str, usize)], expression: &str) -> Result<Rule, ScheduleError> {
    let names = match words.len() {
        6 => FIELDS.as_slice(),
        5 => &FIELDS[1..],
        found => return Err(ScheduleError::FieldCount { found, expression: expression.to_owned() }),
    };
    let mut fields = FIELDS.map(|name| Field::single(name, 0));
    let skipped = FIELDS.len() - names.len();
    for ((field, name), (word, column)) in fields.iter_mut().skip(skipped).zip(names).zip(words) {
        *field = Field::parse(*name, word, *column)?;
    }
    from_fields(fields, expression)
}

fn from_fields(fields: [Field; 6], expression: &str) -> Result<Rule, ScheduleError> {
    let never = || ScheduleError::NeverRuns(expression.to_owned());
    let calendar = Calendar::new(&fields).ok_or_else(never)?;
    // Four years hold every date there is; the run of 2096 to 2104 without a 29 February does not matter here.
    calendar.next_after(some_day()).ok_or_else(never)?;
    Ok(Rule::Calendar(Box::new((fields, calendar))))
}

/// Any day will do as long as four full years follow before 2100.
fn some_day() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2020, 1, 1).and_then(|day| day.and_hms_opt(0, 0, 0)).unwrap_or_default()
}

fn named(name: &str, rest: &[(&str, usize)]) -> Result<Rule, ScheduleError> {
    if name == "@every" {
        let text = rest.iter().map(|(word, _)| *word).collect::<Vec<_>>().concat();
        return every(&text).map(Rule::Every);
    }
    let expression = match name.to_ascii_lowercase().as_str() {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        _ => return Err(ScheduleError::UnknownName(name.to_owned())),
    };
    match rest {
        [] => calendar(&words_with_columns(expression), expression),
        _ => Err(ScheduleError::UnknownName(rest.iter().fold(name.to_owned(), |all, (word, _)| all + " " + word))),
    }
}

fn every(text: &str) -> Result<TimeDelta, ScheduleError> {
    let wrong = |reason| ScheduleError::Every { token: text.to_owned(), reason };
    let mut seconds: i64 = 0;
    let mut digits = String::new();
    for character in text.chars() {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        let unit = match character {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return Err(wrong("expected a duration such as 90m, 6h or 1d12h")),
        };
        let number: i64 = digits.parse().map_err(|_| wrong("expected a whole number before each unit, as in 1h30m"))?;
        digits.clear();
        let part = number.checked_mul(unit).ok_or_else(|| wrong("far too long"))?;
        seconds = seconds.checked_add(part).ok_or_else(|| wrong("far too long"))?;
    }
    if text.is_empty() || !digits.is_empty() {
        return Err(wrong("expected a duration with its unit, such as 90m, 6h or 1d12h"));
    }
    match seconds {
        60..=31_622_400 => Ok(TimeDelta::seconds(seconds)),
        ..60 => Err(wrong("at least one minute")),
        _ => Err(wrong("at most 366 days")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(expression: &str) -> String {
        Cron::parse(expression).unwrap_err().to_string()
    }

    fn next(expression: &str, after: &str) -> String {
        let Rule::Calendar(rule) = Cron::parse(expression).unwrap().rule else { panic!("not a calendar") };
        rule.1.next_after(after.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn weekday_numbers_are_those_of_cron_and_not_of_the_crate() {
        // 2026-11-20 is a Friday.
        for sunday in ["0", "7", "SUN", "sun", "7-7", "0-0"] {
            assert_eq!(next(&format!("0 12 * * {sunday}"), "2026-11-20T00:00:00"), "2026-11-22 12:00:00", "{sunday}");
        }
        assert_eq!(next("0 12 * * 1", "2026-11-20T00:00:00"), "2026-11-23 12:00:00");
        assert_eq!(next("0 12 * * 6", "2026-11-20T00:00:00"), "2026-11-21 12:00:00");
        assert_eq!(next("0 12 * * SAT-SUN", "2026-11-21T13:00:00"), "2026-11-22 12:00:00");
        assert_eq!(next("0 12 * * 5-7", "2026-11-22T13:00:00"), "2026-11-27 12:00:00");
        assert_eq!(next("0 12 * * FRI-0", "2026-11-21T13:00:00"), "2026-11-22 12:00:00");
    }

    #[test]
    fn five_and_six_fields() {
        assert_eq!(next("30 1 * * *", "2026-11-20T00:00:00"), "2026-11-20 01:30:00");
        assert_eq!(next("15 30 1 * * *", "2026-11-20T00:00:00"), "2026-11-20 01:30:15");
        assert_eq!(next("  30   1 * *\t* ", "2026-11-20T01:30:00"), "2026-11-21 01:30:00");
    }

    #[test]
    fn names_of_schedules() {
        assert_eq!(next("@hourly", "2026-11-20T00:00:00"), "2026-11-20 01:00:00");
        assert_eq!(next("@daily", "2026-11-20T00:00:00"), "2026-11-21 00:00:00");
        assert_eq!(next("@midnight", "2026-11-20T00:00:00"), "2026-11-21 00:00:00");
        assert_eq!(next("@weekly", "2026-11-20T00:00:00"), "2026-11-22 00:00:00");
        assert_eq!(next("@monthly", "2026-11-20T00:00:00"), "2026-12-01 00:00:00");
        assert_eq!(next("@yearly", "2026-11-20T00:00:00"), "2027-01-01 00:00:00");
        assert_eq!(next("@Annually", "2026-11-20T00:00:00"), "2027-01-01 00:00:00");
    }

    #[test]
    fn either_day_field_when_both_are_restricted() {
        // The 13th, or any Friday.
        assert_eq!(next("0 0 13 * FRI", "2026-11-10T00:00:00"), "2026-11-13 00:00:00");
        assert_eq!(next("0 0 13 * FRI", "2026-11-13T00:00:00"), "2026-11-20 00:00:00");
        assert_eq!(next("0 0 13 * FRI", "2026-12-12T00:00:00"), "2026-12-13 00:00:00");
        // A star does not restrict: every second day of the month that is a Friday.
        assert_eq!(next("0 0 */2 * FRI", "2026-11-20T00:00:00"), "2026-11-27 00:00:00");
        assert_eq!(next("0 0 ? * FRI", "2026-11-20T00:00:00"), "2026-11-27 00:00:00");
    }

    #[test]
    fn lists_ranges_and_steps() {
        assert_eq!(next("*/20 * * * *", "2026-11-20T00:41:00"), "2026-11-20 01:00:00");
        assert_eq!(next("5/20 * * * *", "2026-11-20T00:26:00"), "2026-11-20 00:45:00");
        assert_eq!(next("0 9-17/4,23 * * *", "2026-11-20T17:00:00"), "2026-11-20 23:00:00");
        assert_eq!(next("0 0 1 jan,JUL *", "2026-11-20T00:00:00"), "2027-01-01 00:00:00");
        assert_eq!(next("0 0 29 2 *", "2026-11-20T00:00:00"), "2028-02-29 00:00:00");
    }

    #[test]
    fn errors_say_what_and_where() {
        assert_eq!(message("61 1 * * *"), "minute: \"61\" at column 1: out of range, expected a number from 0 to 59");
        assert_eq!(message("0 1,25 * * *"), "hour: \"25\" at column 5: out of range, expected a number from 0 to 23");
        assert_eq!(
            message("0  1 * * MON,FRY"),
            "day of week: \"FRY\" at column 14: not understood, expected a number from 0 to 7 (0 and 7 are Sunday) or a \
             name from SUN to SAT"
        );
        assert_eq!(message("0 22-4 * * *"), "hour: \"22-4\" at column 3: the range runs backwards; write 22-23,0-4");
        assert_eq!(
            message("*/0 * * * *"),
            "minute: \"*/0\" at column 1: the step behind \"/\" must be a number from 1 to 60"
        );
        assert!(message("0 0 L * *").contains("L, W and # are not supported"));
        assert!(message("0 0 * * 5#2").contains("L, W and # are not supported"));
        assert!(message("0 ? * * *").contains("hour: \"?\" at column 3: not understood"));
        assert!(message("0,, 1 * * *").contains("minute: \"\" at column 3: something is missing"));
        assert!(message("0 2 * *").contains("found 4: [0 2 * *]"));
        assert!(message("0 0 2 * * * 2027").contains("found 7"));
        assert!(message("").contains("found 0"));
        assert!(message("@fortnightly").contains("unknown schedule name \"@fortnightly\""));
        assert!(message("@daily 3").contains("unknown schedule name \"@daily 3\""));
        assert!(message("0 0 30 2 *").contains("it would never run"));
        assert!(message("0 0 31 4,6 *").contains("it would never run"));
        assert!(message("TZ=Europe/Berlin 0 0 * * *").contains("does not belong into the expression"));
        assert!(message(&"*,".repeat(1000)).contains("at most 1000 characters"));
        assert_eq!(message("@every 30s"), "@every: \"30s\": at least one minute");
        assert!(message("@every 6").contains("with its unit"));
        assert!(message("@every h").contains("whole number"));
        assert!(message("@every 99999999999999999999d").contains("whole number"));
        assert!(message("@every").contains("such as 90m"));
        assert!(message("@every 900d").contains("at most 366 days"));
    }

    #[test]
    fn the_rest_api_gets_code_and_place() {
        let error = crate::Error::from(Cron::parse("0 1,25 * * *").unwrap_err());
        assert_eq!(error.code, "invalid_schedule");
        assert!(error.message.starts_with("invalid cron expression: hour"));
        assert_eq!(error.details.unwrap()["column"], 5);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = Cron::parse(&text);
        }

        #[test]
        fn nothing_that_looks_like_cron_makes_it_panic(text in "[-0-9*/,?A-Z@ ]{0,40}") {
            let _ = Cron::parse(&text);
        }

        #[test]
        fn what_it_names_is_what_comes(minute in 0u32..60, hour in 0u32..24, weekday in 0u32..8) {
            use chrono::{Datelike, Timelike};
            let text = format!("{minute} {hour} * * {weekday}");
            let Rule::Calendar(rule) = Cron::parse(&text).unwrap().rule else { panic!("not a calendar") };
            let next = rule.1.next_after(some_day()).unwrap();
            assert_eq!((next.minute(), next.hour()), (minute, hour));
            assert_eq!(next.weekday().num_days_from_sunday(), weekday % 7);
        }
    }
}
