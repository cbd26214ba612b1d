//! How fast an execution is, over its whole length: a series of at most [`MOST_POINTS`] points, however long it takes.
//!
//! A point is a stretch of time with what happened in it. When there are too many, each two neighbours become one, and
//! from then on stretches are twice as long: a day is drawn as well as a minute, and nothing is left out, only blurred.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// More points say no more on a screen.
pub const MOST_POINTS: usize = 720;
/// The shortest stretch.
const FIRST_STRETCH: Duration = Duration::from_secs(1);

/// How fast an execution was, column by column: the same place of each belongs to the same stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Throughput {
    /// When the first stretch began; none: nothing was measured.
    pub began_at: Option<DateTime<Utc>>,
    /// Length of a stretch; it doubles when there are too many.
    pub stretch_seconds: u64,
    /// When each ended, in seconds since `began_at`. Between a shutdown and the next start there are none.
    pub ends: Vec<f64>,
    /// How long each lasted, in seconds.
    pub seconds: Vec<f64>,
    /// Content bytes in each: of files backed up, restored, verified.
    pub content_bytes: Vec<u64>,
    /// Bytes written to tape in each, after compression and encryption.
    pub tape_bytes: Vec<u64>,
    /// Mean fill of the buffer before the drive, in percent.
    pub buffer_percent: Vec<f64>,
    /// Seconds of each in which the drive waited for data.
    pub starved_seconds: Vec<f64>,
    /// Seconds of each in which it waited for a tape, a drive or a person, or was paused.
    pub waited_seconds: Vec<f64>,
}

/// One point of a series, for those who watch.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ThroughputNews {
    /// The execution.
    pub execution_id: i32,
    /// Length of a stretch. If it is not what it was, all points have become others.
    pub stretch_seconds: u64,
    /// The point.
    pub point: Point,
}

/// What happened in a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = ThroughputPoint)]
pub struct Point {
    /// When it ended, in seconds since the first began.
    pub end: f64,
    /// How long it lasted, in seconds.
    pub seconds: f64,
    /// Content bytes in it.
    pub content_bytes: u64,
    /// Bytes written to tape in it.
    pub tape_bytes: u64,
    /// Mean fill of the buffer in percent.
    pub buffer_percent: f64,
    /// Seconds in which the drive waited for data.
    pub starved_seconds: f64,
    /// Seconds in which it waited for a tape, a drive or a person, or was paused.
    pub waited_seconds: f64,
}

impl Point {
    /// Both, one after the other.
    fn and(self, later: Point) -> Point {
        let seconds = self.seconds + later.seconds;
        let filled = self.buffer_percent * self.seconds + later.buffer_percent * later.seconds;
        Point {
            end: later.end,
            seconds,
            content_bytes: self.content_bytes.saturating_add(later.content_bytes),
            tape_bytes: self.tape_bytes.saturating_add(later.tape_bytes),
            buffer_percent: if seconds > 0.0 { filled / seconds } else { 0.0 },
            starved_seconds: self.starved_seconds + later.starved_seconds,
            waited_seconds: self.waited_seconds + later.waited_seconds,
        }
    }
}

/// To tenths: more digits would be noise.
fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

impl Throughput {
    fn new(began_at: DateTime<Utc>, stretch: Duration, points: &[Point]) -> Throughput {
        let column = |of: fn(&Point) -> f64| points.iter().map(|point| tenths(of(point))).collect();
        Throughput {
            began_at: Some(began_at),
            stretch_seconds: stretch.as_secs(),
            ends: column(|point| point.end),
            seconds: column(|point| point.seconds),
            content_bytes: points.iter().map(|point| point.content_bytes).collect(),
            tape_bytes: points.iter().map(|point| point.tape_bytes).collect(),
            buffer_percent: column(|point| point.buffer_percent),
            starved_seconds: column(|point| point.starved_seconds),
            waited_seconds: column(|point| point.waited_seconds),
        }
    }

    /// What was stored, if that can be read.
    pub fn read(stored: &str) -> Throughput {
        serde_json::from_str(stored).unwrap_or_else(|error| {
            tracing::warn!(%error, "a series of throughput cannot be read");
            Throughput::default()
        })
    }

    fn points(&self) -> Vec<Point> {
        let point = |at: usize| {
            Some(Point {
                end: *self.ends.get(at)?,
                seconds: *self.seconds.get(at)?,
                content_bytes: *self.content_bytes.get(at)?,
                tape_bytes: *self.tape_bytes.get(at)?,
                buffer_percent: *self.buffer_percent.get(at)?,
                starved_seconds: *self.starved_seconds.get(at)?,
                waited_seconds: *self.waited_seconds.get(at)?,
            })
        };
        (0..=MOST_POINTS).map_while(point).collect()
    }
}

/// What the counters of an execution say at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reading {
    /// Content bytes moved so far.
    pub content_bytes: u64,
    /// Bytes written to tape so far.
    pub tape_bytes: u64,
    /// Fill of the buffer in percent.
    pub buffer_percent: u64,
    /// Seconds so far in which the drive waited for data.
    pub starved_seconds: f64,
}

/// Whether an execution goes on or stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// It works.
    Works,
    /// It waits for a tape, a drive or a person, or is paused.
    Waits,
}

/// Makes the series of a running execution.
#[derive(Debug)]
pub struct Recorder {
    began_at: DateTime<Utc>,
    stretch: Duration,
    points: Vec<Point>,
    open: Point,
    last: (DateTime<Utc>, Reading),
    stored: usize,
}

impl Recorder {
    /// For an execution that begins now, with all counters at zero.
    pub fn new(now: DateTime<Utc>) -> Recorder {
        Recorder {
            began_at: now,
            stretch: FIRST_STRETCH,
            points: Vec::new(),
            open: Point::default(),
            last: (now, Reading::default()),
            stored: 0,
        }
    }

    /// For one that goes on behind what was stored of it.
    pub fn behind(earlier: &Throughput, now: DateTime<Utc>) -> Recorder {
        let points = earlier.points();
        match earlier.began_at {
            Some(began_at) if began_at <= now && !points.is_empty() => Recorder {
                stretch: Duration::from_secs(earlier.stretch_seconds.clamp(1, 1 << 30)),
                stored: points.len(),
                points,
                last: (now, Reading::default()),
                ..Recorder::new(began_at)
            },
            _ => Recorder::new(now),
        }
    }

    /// Adds what the counters say now. The point that this completed, if it did.
    pub fn add(&mut self, now: DateTime<Utc>, at: Reading, pace: Pace) -> Option<Point> {
        let (before, last) = std::mem::replace(&mut self.last, (now, at));
        let seconds = (now - before).as_seconds_f64().max(0.0);
        // counters that fall back were set anew: what they count from then on is there with the next reading
        let since = |now: u64, before: u64| now.saturating_sub(before);
        self.open = self.open.and(Point {
            end: (now - self.began_at).as_seconds_f64().max(0.0),
            seconds,
            content_bytes: since(at.content_bytes, last.content_bytes),
            tape_bytes: since(at.tape_bytes, last.tape_bytes),
            buffer_percent: at.buffer_percent as f64,
            starved_seconds: (at.starved_seconds - last.starved_seconds).clamp(0.0, seconds),
            waited_seconds: if pace == Pace::Waits { seconds } else { 0.0 },
        });
        (self.open.seconds >= self.stretch.as_secs_f64()).then(|| self.close())
    }

    fn close(&mut self) -> Point {
        let point = std::mem::take(&mut self.open);
        self.points.push(point);
        if self.points.len() > MOST_POINTS {
            self.points =
                self.points.chunks(2).map(|two| two.iter().copied().reduce(Point::and).unwrap_or_default()).collect();
            self.stretch *= 2;
        }
        point
    }

    /// Length of a stretch in seconds.
    pub fn stretch_seconds(&self) -> u64 {
        self.stretch.as_secs()
    }

    /// The series so far, with the stretch that is not over.
    pub fn view(&self) -> Throughput {
        let mut points = self.points.clone();
        if self.open.seconds > 0.0 {
            points.push(self.open);
        }
        Throughput::new(self.began_at, self.stretch, &points)
    }

    /// What has to be stored: nothing if that is stored already, or if no data moved.
    pub fn to_store(&mut self, end: End) -> Option<String> {
        let new = self.points.len() != self.stored || end == End::Over && self.open.seconds > 0.0;
        let view = self.view();
        if !new || view.content_bytes.iter().chain(&view.tape_bytes).all(|bytes| *bytes == 0) {
            return None;
        }
        self.stored = self.points.len();
        serde_json::to_string(&view).ok()
    }
}

/// Whether more will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Yes.
    GoesOn,
    /// No: the last stretch ends now.
    Over,
}

#[cfg(test)]
mod tests;
