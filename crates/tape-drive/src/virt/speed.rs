//! How long things take on a real drive: speed matching, its buffer, back-hitches, and winding the tape.
//!
//! The model is coarse on purpose: a drive writes at the speed of the host between its slowest and its native speed; when
//! its buffer runs empty it stops, has to wind back to take a run-up, and goes on when a quarter of the buffer is filled.
//! A tape is a serpentine: [`SpeedSpec::wraps`] tracks side by side, read to and fro, so that what lies far apart in bytes
//! may lie side by side on tape.

use crate::lto::Generation;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Whether modelled time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Calls take as long as on a real drive.
    #[default]
    Real,
    /// Calls return at once; the time they would have taken is added up.
    Counted,
}

/// Speeds and times of a drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpeedSpec {
    /// Bytes per second at full speed.
    pub native_bytes_per_s: u64,
    /// Bytes per second below which the tape has to stop.
    pub slowest_bytes_per_s: u64,
    /// Stop, wind back, run up: milliseconds.
    pub back_hitch_ms: u64,
    /// Drawing in and threading a cartridge.
    pub load_ms: u64,
    /// Unthreading and ejecting one, from the beginning of the tape.
    pub unload_ms: u64,
    /// From one end of the tape to the other at full winding speed.
    pub wind_ms: u64,
    /// What every change of position takes besides winding.
    pub seek_ms: u64,
    /// Tracks side by side; even, so that the last ends where the first begins.
    pub wraps: u32,
    /// Whether the time passes.
    #[serde(default)]
    pub clock: Clock,
}

impl SpeedSpec {
    /// About what drives of this generation do: the speeds are those of [`Generation`], times and wraps of the order that
    /// manuals of LTO-9 drives give (17 s to load, 24 s to unload, a minute for an average rewind, 280 wraps).
    pub fn of(generation: Generation) -> SpeedSpec {
        SpeedSpec {
            native_bytes_per_s: generation.native_speed(),
            slowest_bytes_per_s: generation.slowest_speed(),
            back_hitch_ms: 3_000,
            load_ms: 17_000,
            unload_ms: 24_000,
            wind_ms: 118_000,
            seek_ms: 2_000,
            wraps: 280,
            clock: Clock::Real,
        }
    }

    /// Milliseconds from byte `from` to byte `to` of a tape that holds `capacity` bytes.
    pub fn seek_time_ms(&self, capacity: u64, from: u64, to: u64) -> u64 {
        if from == to {
            return 0;
        }
        let place = |at| crate::lto::along_tape(capacity, self.wraps, at);
        let distance = (place(from) - place(to)).abs();
        self.seek_ms.saturating_add((distance * self.wind_ms as f64) as u64)
    }
}

/// What the tape is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Motion {
    /// Nothing is to be written.
    Idle,
    /// The tape moves under the head.
    Streaming,
    /// The buffer ran empty at this time: winding back, or waiting for the host.
    Starved(Duration),
}

/// Counts time for one drive.
#[derive(Debug)]
pub struct Pace {
    spec: SpeedSpec,
    buffer_bytes: f64,
    epoch: Instant,
    /// Time that was counted and not waited.
    skipped: Duration,
    /// Until when `level` is right.
    updated: Duration,
    /// Bytes in the buffer: to be written, or read ahead.
    level: f64,
    ahead: f64,
    motion: Motion,
    moved: Duration,
    starved: Duration,
    back_hitches: u64,
}

/// The model proceeds in steps of this length.
const STEP: Duration = Duration::from_millis(5);

impl Pace {
    /// A drive at rest.
    pub fn new(spec: SpeedSpec, buffer_bytes: u64) -> Pace {
        Pace {
            spec,
            buffer_bytes: buffer_bytes.max(1) as f64,
            epoch: Instant::now(),
            skipped: Duration::ZERO,
            updated: Duration::ZERO,
            level: 0.0,
            ahead: 0.0,
            motion: Motion::Idle,
            moved: Duration::ZERO,
            starved: Duration::ZERO,
            back_hitches: 0,
        }
    }

    /// Times the buffer ran empty while writing.
    pub fn back_hitches(&self) -> u64 {
        self.back_hitches
    }

    /// Time from the buffer running empty until the tape streamed again.
    pub fn starved(&self) -> Duration {
        self.starved
    }

    /// Time the tape was in motion.
    pub fn moved(&self) -> Duration {
        self.moved
    }

    /// The host hands over `bytes` to be written: waits until the buffer has room.
    pub fn write(&mut self, bytes: u64) {
        self.ahead = 0.0;
        self.catch_up();
        let bytes = bytes as f64;
        while self.level > 0.0 && self.level + bytes > self.buffer_bytes {
            if self.motion == Motion::Idle {
                self.motion = Motion::Streaming;
            }
            self.wait(STEP);
            self.catch_up();
        }
        self.level += bytes;
        if self.motion == Motion::Idle && self.level >= self.buffer_bytes / 4.0 {
            self.motion = Motion::Streaming;
        }
    }

    /// Everything in the buffer goes to the tape.
    pub fn flush(&mut self) {
        self.catch_up();
        if let Motion::Starved(since) = self.motion {
            self.starved += self.updated.saturating_sub(since);
        }
        let time = seconds(self.level / self.spec.native_bytes_per_s.max(1) as f64);
        self.moved += time;
        self.wait(time);
        self.level = 0.0;
        self.motion = Motion::Idle;
        self.updated = self.now();
    }

    /// The host takes `bytes` from the tape; the drive reads ahead as far as its buffer goes.
    pub fn read(&mut self, bytes: u64) {
        let speed = self.spec.native_bytes_per_s.max(1) as f64;
        let now = self.now();
        let passed = now.saturating_sub(self.updated).as_secs_f64();
        self.updated = now;
        self.ahead = (self.ahead + passed * speed).min(self.buffer_bytes) - bytes as f64;
        self.moved += seconds(bytes as f64 / speed);
        if self.ahead < 0.0 {
            self.wait(seconds(-self.ahead / speed));
            self.ahead = 0.0;
            self.updated = self.now();
        }
    }

    /// Goes from byte `from` to byte `to` of a tape of `capacity` bytes.
    pub fn seek(&mut self, capacity: u64, from: u64, to: u64) {
        self.move_for(self.spec.seek_time_ms(capacity, from, to));
    }

    /// Draws in a cartridge.
    pub fn load(&mut self) {
        self.move_for(self.spec.load_ms);
    }

    /// Draws in a cartridge while nobody waits for it; returns how long it takes.
    pub fn load_in_background(&mut self) -> Duration {
        let time = milliseconds(self.spec.load_ms);
        self.moved += time;
        match self.spec.clock {
            Clock::Real => time,
            Clock::Counted => {
                self.skipped += time;
                Duration::ZERO
            }
        }
    }

    /// Ejects one.
    pub fn unload(&mut self) {
        self.move_for(self.spec.unload_ms);
    }

    fn move_for(&mut self, ms: u64) {
        self.flush();
        self.ahead = 0.0;
        let time = milliseconds(ms);
        self.moved += time;
        self.wait(time);
        self.updated = self.now();
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed() + self.skipped
    }

    fn wait(&mut self, time: Duration) {
        match self.spec.clock {
            Clock::Real => std::thread::sleep(time),
            Clock::Counted => self.skipped += time,
        }
    }

    /// Brings the buffer and the motion up to date.
    fn catch_up(&mut self) {
        let now = self.now();
        while self.updated < now {
            // With nothing in the buffer and no motion nothing changes any more, however long the host is away.
            if self.level <= 0.0 && self.motion != Motion::Streaming {
                self.updated = now;
                return;
            }
            let step = STEP.min(now - self.updated);
            self.updated += step;
            self.advance(step);
        }
    }

    fn advance(&mut self, step: Duration) {
        match self.motion {
            Motion::Idle => {}
            Motion::Starved(since) => {
                let wound_back = self.updated.saturating_sub(since) >= milliseconds(self.spec.back_hitch_ms);
                if wound_back && self.level >= self.buffer_bytes / 4.0 {
                    self.starved += self.updated.saturating_sub(since);
                    self.motion = Motion::Streaming;
                }
            }
            Motion::Streaming => {
                self.moved += step;
                self.level -= self.speed() * step.as_secs_f64();
                if self.level <= 0.0 {
                    self.level = 0.0;
                    self.back_hitches += 1;
                    self.motion = Motion::Starved(self.updated);
                }
            }
        }
    }

    /// Speed matching: the emptier the buffer, the slower the tape.
    fn speed(&self) -> f64 {
        let (slowest, native) = (self.spec.slowest_bytes_per_s as f64, self.spec.native_bytes_per_s as f64);
        let filled = (self.level / (self.buffer_bytes * 0.75)).min(1.0);
        slowest + (native - slowest).max(0.0) * filled
    }
}

/// Nothing a drive does takes longer than this, whatever the settings say: they come from a file.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).min(LONGEST)
}

fn milliseconds(ms: u64) -> Duration {
    Duration::from_millis(ms).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    fn pace(buffer: u64) -> Pace {
        Pace::new(SpeedSpec { clock: Clock::Counted, ..SpeedSpec::of(Generation::LTO9) }, buffer)
    }

    /// Writes `total` bytes at `rate` bytes per second.
    fn feed(pace: &mut Pace, total: u64, rate: u64) {
        for _ in 0..total / MB {
            pace.skipped += Duration::from_secs_f64(MB as f64 / rate as f64);
            pace.write(MB);
        }
    }

    #[test]
    fn a_host_between_slowest_and_native_speed_never_starves_the_drive() {
        for rate in [200 * MB, 300 * MB, 1000 * MB] {
            let mut pace = pace(1000 * MB);
            feed(&mut pace, 20_000 * MB, rate);
            assert_eq!((pace.back_hitches(), pace.starved()), (0, Duration::ZERO), "at {rate}");
        }
    }

    #[test]
    fn a_fast_host_is_held_to_native_speed() {
        let mut pace = pace(1000 * MB);
        let before = pace.now();
        feed(&mut pace, 21_000 * MB, 5000 * MB);
        let seconds = (pace.now() - before).as_secs_f64();
        assert!((49.0..53.0).contains(&seconds), "{seconds}");
    }

    #[test]
    fn a_slow_host_makes_it_stop_and_wind_back() {
        let mut pace = pace(1000 * MB);
        feed(&mut pace, 20_000 * MB, 80 * MB);
        assert!(pace.back_hitches() > 10, "{}", pace.back_hitches());
        let share = pace.starved().as_secs_f64() / 250.0;
        assert!((0.3..0.8).contains(&share), "{share}");
    }

    #[test]
    fn waiting_after_a_flush_is_not_starving() {
        let mut pace = pace(1000 * MB);
        feed(&mut pace, 2000 * MB, 400 * MB);
        pace.flush();
        let before = pace.starved();
        pace.skipped += Duration::from_secs(3600);
        pace.write(MB);
        assert_eq!(pace.starved(), before);
    }

    #[test]
    fn senseless_settings_are_survived() {
        let none =
            SpeedSpec { native_bytes_per_s: 0, slowest_bytes_per_s: 9, wraps: 0, ..SpeedSpec::of(Generation::LTO9) };
        let spec = SpeedSpec { load_ms: u64::MAX, wind_ms: u64::MAX, seek_ms: 1, clock: Clock::Counted, ..none };
        let mut pace = Pace::new(spec, 0);
        pace.load();
        pace.load_in_background();
        pace.write(1 << 40);
        pace.seek(0, 0, u64::MAX);
        pace.read(u64::MAX);
        pace.flush();
        assert!(pace.moved() > LONGEST);
    }

    #[test]
    fn neighbouring_tracks_are_near_though_far_apart_in_bytes() {
        let spec = SpeedSpec::of(Generation::LTO9);
        let capacity = 18_000_000 * MB;
        let wrap = capacity / 280;
        assert_eq!(spec.seek_time_ms(capacity, 5, 5), 0);
        assert!(spec.seek_time_ms(capacity, 0, 2 * wrap) < 2_100);
        let across = spec.seek_time_ms(capacity, 0, wrap - 1);
        assert!((119_000..=120_000).contains(&across), "{across}");
    }
}
