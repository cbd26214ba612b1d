//! What the demonstration says while it works: one line per step, with sizes, times and speed.

use super::super::exit::CliResult;
use super::super::human;
use super::super::output::{Format, line};
use std::time::{Duration, Instant};

/// Tells the steps: on standard output, or on standard error when that belongs to JSON.
pub struct Narrator {
    format: Format,
    started: Instant,
}

impl Narrator {
    /// Begins the clock.
    pub fn new(format: Format) -> Self {
        Narrator { format, started: Instant::now() }
    }

    /// Since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The same in seconds, to the millisecond.
    pub fn seconds(&self) -> f64 {
        (self.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
    }

    /// Says a line.
    pub fn say(&self, text: &str) -> CliResult {
        let text = human::printable_lines(text);
        match self.format {
            Format::Human => line(&text),
            Format::Json => {
                eprintln!("{text}");
                Ok(())
            }
        }
    }

    /// Says the heading of a part.
    pub fn heading(&self, text: &str) -> CliResult {
        self.say(&format!("\n── {text}"))
    }
}

/// `1 234 files, 5.6 GB in 12 s (467 MB/s)`
pub fn amount(files: u64, bytes: u64, took: Duration) -> String {
    let speed = match took.as_secs_f64() {
        seconds if seconds > 0.0 && bytes > 0 => format!(" ({})", human::rate(bytes as f64 / seconds)),
        _ => String::new(),
    };
    format!("{} files, {} in {}{speed}", human::count(files), human::bytes(bytes), human::duration(took))
}
