//! A schedule in words, the way a person would say it: "every weekday at 01:30 (Europe/Berlin)".

use super::cron::{Cron, Rule};
use super::field::Field;
use chrono::TimeDelta;
use chrono_tz::Tz;

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// More clock times than this are told as a rule, not as a list.
const MOST_TIMES: usize = 6;

/// The schedule with its time zone. `@every` needs none.
pub fn schedule(cron: &Cron, zone: Tz) -> String {
    match cron.rule() {
        Rule::Every(_) => cron.explain(),
        Rule::Calendar(_) => format!("{} ({})", cron.explain(), zone.name()),
    }
}

pub(super) fn rule(rule: &Rule) -> String {
    match rule {
        Rule::Every(interval) => format!("every {}", duration(*interval)),
        Rule::Calendar(rule) => calendar(&rule.0),
    }
}

fn calendar(fields: &[Field; 6]) -> String {
    let [second, minute, hour, day_of_month, month, day_of_week] = fields;
    let days = days(day_of_month, day_of_week);
    let months = match month.is_all() {
        true => String::new(),
        false => format!(" in {}", and(&named(month, |value| MONTHS.get(usize::from(value) - 1).copied()))),
    };
    match clock_times(second, minute, hour) {
        Some(times) => format!("{} at {}{months}", days.unwrap_or_else(|| "every day".to_owned()), and(&times)),
        None => {
            let often = often(second, minute, hour);
            match days {
                Some(days) => format!("{often}, {days}{months}"),
                None => format!("{often}{months}"),
            }
        }
    }
}

/// `01:30`, if the schedule has few enough times of the day.
fn clock_times(second: &Field, minute: &Field, hour: &Field) -> Option<Vec<String>> {
    if hour.is_all() || minute.is_all() || second.is_all() {
        return None;
    }
    let mut times = Vec::new();
    for hour in hour.values() {
        for minute in minute.values() {
            for second in second.values() {
                times.push(match second {
                    0 => format!("{hour:02}:{minute:02}"),
                    second => format!("{hour:02}:{minute:02}:{second:02}"),
                });
            }
        }
    }
    (times.len() <= MOST_TIMES).then_some(times)
}

/// `every 15 minutes`, `every hour at minute 30`, …
fn often(second: &Field, minute: &Field, hour: &Field) -> String {
    let seconds = match (second.only(), second.is_all(), second.step()) {
        (Some(0), ..) => None,
        (_, true, _) => Some("every second".to_owned()),
        (.., Some(step)) => Some(format!("every {step} seconds")),
        _ => Some(format!("at second {}", and(&numbers(second)))),
    };
    let minutes = match (minute.only(), minute.is_all(), minute.step()) {
        (Some(0), ..) if hour.is_all() || hour.step().is_some() => None,
        (_, true, _) if second.is_all() => None,
        (_, true, _) => Some("every minute".to_owned()),
        (.., Some(step)) => Some(format!("every {step} minutes")),
        _ => Some(format!("at minute {}", and(&numbers(minute)))),
    };
    let hours = match (hour.is_all(), hour.step()) {
        (true, _) if minute.is_all() || minute.step().is_some() => None,
        (true, _) => Some("every hour".to_owned()),
        (_, Some(step)) => Some(format!("every {step} hours")),
        _ => Some(format!("in the hours {}", and(&numbers(hour)))),
    };
    // The coarsest first, except when a finer one says "every …".
    let parts: Vec<String> = match (&minutes, &hours) {
        (Some(text), Some(hours)) if text.starts_with("every") => [seconds, Some(format!("{text} {}", within(hours)))],
        (Some(minutes), Some(hours)) => [seconds, Some(format!("{hours} {minutes}"))],
        _ => [seconds, minutes.or(hours)],
    }
    .into_iter()
    .flatten()
    .collect();
    parts.join(", ")
}

/// `every 2 hours` behind "every minute" reads as "of every 2nd hour".
fn within(hours: &str) -> String {
    match hours.strip_prefix("every ").and_then(|rest| rest.strip_suffix(" hours")) {
        Some(step) => format!("of every {} hour", ordinal(step.parse().unwrap_or(0))),
        None => hours.to_owned(),
    }
}

/// `every weekday`, `on the 1st of the month`; nothing if every day.
fn days(day_of_month: &Field, day_of_week: &Field) -> Option<String> {
    let week = (!day_of_week.is_all()).then(|| weekdays(day_of_week));
    let month = (!day_of_month.is_all())
        .then(|| day_of_month.values().into_iter().map(|day| ordinal(u32::from(day))).collect::<Vec<_>>());
    let on_the = |days: &[String]| format!("on the {} of the month", and(days));
    match (month, week) {
        (None, None) => None,
        (Some(month), None) => Some(on_the(&month)),
        (None, Some(week)) => Some(week),
        (Some(month), Some(week)) if day_of_month.starred || day_of_week.starred => {
            Some(format!("{week} that is the {} of the month", list(&month, "or")))
        }
        (Some(month), Some(week)) => Some(format!("{} and {week}", on_the(&month))),
    }
}

fn weekdays(field: &Field) -> String {
    match field.values().as_slice() {
        [1, 2, 3, 4, 5] => "every weekday".to_owned(),
        [0, 6] => "every Saturday and Sunday".to_owned(),
        _ => {
            let mut names = named(field, |value| WEEKDAYS.get(usize::from(value)).copied());
            // Weeks are told from Monday on.
            if field.values().first() == Some(&0) {
                names.rotate_left(1);
            }
            format!("every {}", and(&names))
        }
    }
}

fn named(field: &Field, name: impl Fn(u8) -> Option<&'static str>) -> Vec<String> {
    field.values().into_iter().filter_map(name).map(str::to_owned).collect()
}

fn numbers(field: &Field) -> Vec<String> {
    field.values().into_iter().map(|value| value.to_string()).collect()
}

/// `a`, `a and b`, `a, b and c`.
fn and(items: &[String]) -> String {
    list(items, "and")
}

fn list(items: &[String], word: &str) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

fn duration(interval: TimeDelta) -> String {
    let units = [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];
    let mut rest = interval.num_seconds();
    let mut parts = Vec::new();
    for (name, seconds) in units {
        match rest / seconds {
            0 => {}
            1 => parts.push(format!("1 {name}")),
            many => parts.push(format!("{many} {name}s")),
        }
        rest %= seconds;
    }
    match parts.as_slice() {
        [only] => only.strip_prefix("1 ").unwrap_or(only).to_owned(),
        _ => and(&parts),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Schedule;

    #[test]
    fn reads_like_a_sentence() {
        let cases = [
            ("30 1 * * 1-5", "every weekday at 01:30"),
            ("30 1 * * MON-FRI", "every weekday at 01:30"),
            ("@daily", "every day at 00:00"),
            ("@hourly", "every hour"),
            ("30 * * * *", "every hour at minute 30"),
            ("0,30 * * * *", "every hour at minute 0 and 30"),
            ("*/15 * * * *", "every 15 minutes"),
            ("* * * * *", "every minute"),
            ("* * * * * *", "every second"),
            ("30 0 2 * * *", "every day at 02:00:30"),
            ("@weekly", "every Sunday at 00:00"),
            ("@monthly", "on the 1st of the month at 00:00"),
            ("@yearly", "on the 1st of the month at 00:00 in January"),
            ("0 6,18 * * SAT,SUN", "every Saturday and Sunday at 06:00 and 18:00"),
            ("0 3 * * SUN,WED", "every Wednesday and Sunday at 03:00"),
            ("0 */4 * * *", "every day at 00:00, 04:00, 08:00, 12:00, 16:00 and 20:00"),
            ("0 */2 * * *", "every 2 hours"),
            ("15 */2 * * *", "every 2 hours at minute 15"),
            ("*/10 */2 * * *", "every 10 minutes of every 2nd hour"),
            ("*/10 9-17 * * 1-5", "every 10 minutes in the hours 9, 10, 11, 12, 13, 14, 15, 16 and 17, every weekday"),
            ("0 0 13 * FRI", "on the 13th of the month and every Friday at 00:00"),
            ("0 0 */10 * FRI", "every Friday that is the 1st, 11th, 21st or 31st of the month at 00:00"),
            ("0 4 1 JAN,JUL *", "on the 1st of the month at 04:00 in January and July"),
        ];
        for (expression, words) in cases {
            let schedule = Schedule::parse(expression, "Europe/Berlin").unwrap();
            assert_eq!(schedule.explain(), format!("{words} (Europe/Berlin)"), "{expression}");
        }
    }

    #[test]
    fn intervals() {
        for (expression, words) in [
            ("@every 1h", "every hour"),
            ("@every 6h", "every 6 hours"),
            ("@every 1d1h30m", "every 1 day, 1 hour and 30 minutes"),
        ] {
            assert_eq!(Schedule::parse(expression, "UTC").unwrap().explain(), words);
        }
    }

    proptest::proptest! {
        #[test]
        fn everything_has_words(text in "([0-5]?[0-9]|\\*|\\*/[1-9]) (2[0-3]|\\*|\\*/[1-9]|1,2) (\\*|[1-9]) (\\*|[1-9]) (\\*|[0-7])") {
            if let Ok(schedule) = Schedule::parse(&text, "UTC") {
                proptest::prop_assert!(schedule.explain().len() > 8);
            }
        }
    }
}
