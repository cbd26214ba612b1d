use super::*;
use chrono::TimeDelta;

fn start() -> DateTime<Utc> {
    "2026-11-21T01:30:00Z".parse().unwrap()
}

/// Half a second per step, with 100 bytes of content and 80 on tape in each.
fn run(recorder: &mut Recorder, from: DateTime<Utc>, steps: i32) -> Vec<Point> {
    let at = |step: i32| Reading {
        content_bytes: 100 * step as u64,
        tape_bytes: 80 * step as u64,
        buffer_percent: 50,
        starved_seconds: 0.1 * f64::from(step),
    };
    let pace = |step: i32| if step % 2 == 0 { Pace::Waits } else { Pace::Works };
    (0..=steps)
        .filter_map(|step| recorder.add(from + TimeDelta::milliseconds(500) * step, at(step), pace(step)))
        .collect()
}

#[test]
fn a_stretch_tells_what_happened_in_it() {
    let mut recorder = Recorder::new(start());
    let points = run(&mut recorder, start(), 4);
    assert_eq!(points.len(), 2);
    assert_eq!((points[1].end, points[1].seconds, points[1].content_bytes, points[1].tape_bytes), (2.0, 1.0, 200, 160));
    assert!((points[1].starved_seconds - 0.2).abs() < 1e-9, "{points:?}");
    assert_eq!((points[1].waited_seconds, points[1].buffer_percent), (0.5, 50.0));
}

#[test]
fn a_long_run_has_no_more_points_and_loses_nothing() {
    let mut recorder = Recorder::new(start());
    // twelve hours
    run(&mut recorder, start(), 86_400);
    let view = recorder.view();
    assert!(view.ends.len() <= MOST_POINTS + 1 && view.ends.len() > MOST_POINTS / 2, "{}", view.ends.len());
    assert_eq!(view.stretch_seconds, 64);
    assert_eq!(view.content_bytes.iter().sum::<u64>(), 8_640_000);
    assert_eq!(view.tape_bytes.iter().sum::<u64>(), 6_912_000);
    assert_eq!(view.ends.last(), Some(&43_200.0));
    assert!((view.seconds.iter().sum::<f64>() - 43_200.0).abs() < 1.0);
    assert!(view.ends.is_sorted());
}

#[test]
fn it_goes_on_after_a_restart_with_a_gap() {
    let mut recorder = Recorder::new(start());
    run(&mut recorder, start(), 9);
    let stored = recorder.to_store(End::Over).expect("something to store");
    let earlier = Throughput::read(&stored);
    assert_eq!(earlier.ends, [1.0, 2.0, 3.0, 4.0, 4.5]);
    let later = start() + TimeDelta::seconds(100);
    let mut recorder = Recorder::behind(&earlier, later);
    assert_eq!(recorder.to_store(End::GoesOn), None, "nothing is new");
    run(&mut recorder, later, 2);
    let view = recorder.view();
    assert_eq!((view.began_at, view.ends.len()), (Some(start()), 6));
    assert_eq!((view.ends[5], view.seconds[5], view.content_bytes[5]), (101.0, 1.0, 200));
}

#[test]
fn counters_that_begin_anew_do_no_harm() {
    let mut recorder = Recorder::new(start());
    let reading =
        |content_bytes| Reading { content_bytes, starved_seconds: content_bytes as f64, ..Default::default() };
    recorder.add(start(), reading(1000), Pace::Works);
    recorder.add(start() + TimeDelta::milliseconds(500), reading(10), Pace::Works);
    let point = recorder.add(start() + TimeDelta::seconds(1), reading(30), Pace::Works).expect("a second is over");
    assert_eq!((point.content_bytes, point.starved_seconds), (1020, 0.5));
    // nor does a clock that is set back
    recorder.add(start() - TimeDelta::seconds(9), reading(50), Pace::Works);
    assert!(recorder.view().seconds.iter().all(|seconds| *seconds >= 0.0));
}

#[test]
fn what_moved_nothing_is_not_stored_and_nonsense_is_not_believed() {
    let mut recorder = Recorder::new(start());
    recorder.add(start(), Reading::default(), Pace::Waits);
    recorder.add(start() + TimeDelta::seconds(5), Reading::default(), Pace::Waits);
    assert_eq!(recorder.to_store(End::Over), None);
    assert_eq!(Throughput::read("[1"), Throughput::default());
    let odd = r#"{"began_at":"2026-11-21T01:30:00Z","stretch_seconds":1,"ends":[1.0,2.0],"seconds":[1.0],"content_bytes":[],"tape_bytes":[],"buffer_percent":[],"starved_seconds":[],"waited_seconds":[]}"#;
    let odd = Throughput::read(odd);
    assert!(odd.points().is_empty());
    assert_eq!(Recorder::behind(&odd, start()).stretch_seconds(), 1);
}
