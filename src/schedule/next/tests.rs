//! Both clock changes in several zones, and properties that hold for every schedule everywhere.

use super::*;
use proptest::prelude::*;

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The runs after `after` as wall-clock time and offset.
fn runs(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(expression, zone).unwrap();
    let runs = schedule.preview(utc(after), count);
    runs.iter().map(|run| run.format("%d %H:%M:%S %z").to_string()).collect()
}

#[test]
fn spring_a_time_in_the_gap_runs_right_after_it() {
    // Berlin: 02:00 becomes 03:00 on 2026-03-29.
    assert_eq!(
        runs("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 4),
        ["28 02:30:00 +0100", "29 03:00:00 +0200", "30 02:30:00 +0200", "31 02:30:00 +0200"]
    );
    // New York: 02:00 becomes 03:00 on 2026-03-08.
    assert_eq!(
        runs("15 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2),
        ["08 03:00:00 -0400", "09 02:15:00 -0400"]
    );
    // Lord Howe: half an hour, 02:00 becomes 02:30 on 2026-10-04.
    assert_eq!(
        runs("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 2),
        ["04 02:30:00 +1100", "05 02:15:00 +1100"]
    );
    // Beirut: midnight itself is missing on 2026-03-29.
    assert_eq!(runs("@daily", "Asia/Beirut", "2026-03-27T23:00:00Z", 2), ["29 01:00:00 +0300", "30 00:00:00 +0300"]);
    // Samoa left out the whole of 2011-12-30.
    assert_eq!(
        runs("0 12 * * *", "Pacific/Apia", "2011-12-29T10:30:00Z", 3),
        ["29 12:00:00 -1000", "31 00:00:00 +1400", "31 12:00:00 +1400"]
    );
}

#[test]
fn spring_several_times_in_the_gap_run_once() {
    assert_eq!(
        runs("*/20 2-3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 4),
        ["29 03:00:00 +0200", "29 03:20:00 +0200", "29 03:40:00 +0200", "30 02:00:00 +0200"]
    );
}

#[test]
fn autumn_a_time_that_comes_twice_runs_the_first_time() {
    // Berlin: 03:00 becomes 02:00 on 2026-10-25.
    assert_eq!(
        runs("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
        ["25 02:30:00 +0200", "26 02:30:00 +0100"]
    );
    // Asked between the two 02:30: the day's run is over.
    assert_eq!(runs("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z", 1), ["26 02:30:00 +0100"]);
    assert_eq!(
        runs("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2),
        ["01 01:30:00 -0400", "02 01:30:00 -0500"]
    );
    assert_eq!(
        runs("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", 2),
        ["05 01:45:00 +1100", "06 01:45:00 +1030"]
    );
    assert_eq!(
        runs("0 */2 * * *", "Europe/Berlin", "2026-10-24T21:30:00Z", 3),
        ["25 00:00:00 +0200", "25 02:00:00 +0200", "25 04:00:00 +0100"]
    );
}

#[test]
fn every_hour_means_every_real_hour() {
    assert_eq!(
        runs("30 * * * *", "Europe/Berlin", "2026-10-24T23:00:00Z", 4),
        ["25 01:30:00 +0200", "25 02:30:00 +0200", "25 02:30:00 +0100", "25 03:30:00 +0100"]
    );
    assert_eq!(
        runs("30 * * * *", "Europe/Berlin", "2026-03-28T23:45:00Z", 3),
        ["29 01:30:00 +0100", "29 03:30:00 +0200", "29 04:30:00 +0200"]
    );
    // On the hour: the change itself is on the hour, both times.
    assert_eq!(
        runs("@hourly", "Europe/Berlin", "2026-10-24T23:30:00Z", 3),
        ["25 02:00:00 +0200", "25 02:00:00 +0100", "25 03:00:00 +0100"]
    );
    assert_eq!(runs("@hourly", "Europe/Berlin", "2026-03-29T00:30:00Z", 2), ["29 03:00:00 +0200", "29 04:00:00 +0200"]);
    // A change of half an hour.
    assert_eq!(
        runs("*/15 * * * *", "Australia/Lord_Howe", "2026-04-04T14:30:00Z", 4),
        ["05 01:45:00 +1100", "05 01:30:00 +1030", "05 01:45:00 +1030", "05 02:00:00 +1030"]
    );
}

#[test]
fn every_six_hours_counts_real_time() {
    assert_eq!(
        runs("@every 6h", "Europe/Berlin", "2026-10-24T13:00:00Z", 3),
        ["24 20:00:00 +0200", "25 02:00:00 +0200", "25 07:00:00 +0100"]
    );
    assert_eq!(runs("@every 90m", "UTC", "2026-10-24T01:30:00Z", 1), ["24 03:00:00 +0000"]);
}

#[test]
fn a_fraction_of_a_second_does_not_matter() {
    for expression in ["0 12 * * *", "0 * * * *", "@every 1h"] {
        let schedule = Schedule::parse(expression, "UTC").unwrap();
        assert_eq!(schedule.next_after(utc("2026-01-01T11:59:59.999Z")), Some(utc("2026-01-01T12:00:00Z")));
        let next = schedule.next_after(utc("2026-01-01T12:00:00.001Z")).unwrap();
        assert!(next > utc("2026-01-01T12:00:00.001Z"), "{expression}");
    }
}

#[test]
fn the_calendar_ends_in_2100() {
    let schedule = Schedule::parse("0 0 1 1 *", "UTC").unwrap();
    assert_eq!(schedule.next_after(utc("2100-06-01T00:00:00Z")), None);
    assert_eq!(schedule.next_after(DateTime::<Utc>::MAX_UTC - TimeDelta::days(3)), None);
}

#[test]
fn zones_are_found_or_suggested() {
    assert_eq!(parse_time_zone("").unwrap(), Tz::UTC);
    assert_eq!(parse_time_zone("europe/berlin").unwrap(), Tz::Europe__Berlin);
    let message = parse_time_zone("New York").unwrap_err().to_string();
    assert!(message.contains("did you mean America/New_York?"), "{message}");
    assert!(parse_time_zone("Mars/Olympus").unwrap_err().to_string().contains("IANA name"));
}

fn zones() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/Santiago",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "Asia/Beirut",
        "Pacific/Apia",
        "Asia/Kathmandu",
    ])
}

fn expressions() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..60u8, 0..24u8).prop_map(|(minute, hour)| format!("{minute} {hour} * * *")),
        (1..60u8).prop_map(|step| format!("*/{step} * * * *")),
        (0..60u8, 1..13u8).prop_map(|(minute, step)| format!("{minute} */{step} * * *")),
        (0..60u8, 0..24u8, 0..8u8).prop_map(|(minute, hour, day)| format!("{minute} {hour} * * {day}")),
        (60..100_000u32).prop_map(|seconds| format!("@every {seconds}s")),
    ]
}

proptest! {
    /// Runs come strictly one after the other, and asking from just before a run gives that run.
    #[test]
    fn runs_go_forward_and_none_is_skipped(
        expression in expressions(), zone in zones(), seconds in 1_300_000_000i64..2_000_000_000
    ) {
        let schedule = Schedule::parse(&expression, zone).unwrap();
        let start = DateTime::from_timestamp(seconds, 0).unwrap();
        let runs: Vec<_> = schedule.runs_after(start).take(5).collect();
        prop_assert_eq!(runs.len(), 5);
        let mut last = start;
        for run in runs {
            prop_assert!(run > last);
            prop_assert_eq!(schedule.next_after(run - TimeDelta::seconds(1)), Some(run));
            prop_assert_eq!(schedule.next_after(last + (run - last) / 2), Some(run));
            last = run;
        }
    }

    /// One run on every day that exists, whatever the clocks do.
    #[test]
    fn a_daily_schedule_runs_once_on_each_day(
        minute in 0..60u8, hour in 0..24u8, seconds in 1_400_000_000i64..2_000_000_000, zone in zones()
    ) {
        let schedule = Schedule::parse(&format!("{minute} {hour} * * *"), zone).unwrap();
        let start = DateTime::from_timestamp(seconds, 0).unwrap();
        let days: Vec<_> = schedule.preview(start, 400).iter().map(|run| run.date_naive()).collect();
        for pair in days.windows(2) {
            prop_assert_eq!(pair[1], pair[0].succ_opt().unwrap());
        }
    }

    /// Every run of an hourly schedule is one real hour after the last one, where changes are whole hours.
    #[test]
    fn an_hourly_schedule_runs_each_real_hour(
        minute in 0..60u8, seconds in 1_400_000_000i64..2_000_000_000,
        zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "America/Santiago", "Africa/Cairo"])
    ) {
        let schedule = Schedule::parse(&format!("{minute} * * * *"), zone).unwrap();
        let runs: Vec<_> = schedule.runs_after(DateTime::from_timestamp(seconds, 0).unwrap()).take(300).collect();
        for pair in runs.windows(2) {
            prop_assert_eq!(pair[1] - pair[0], TimeDelta::hours(1));
        }
    }
}
