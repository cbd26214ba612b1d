//! How fast a drive is: write, read back and compare, with the times that single blocks took.

use crate::cli::exit::{CliError, CliResult, Doing};
use crate::cli::output::{self, Format, line};
use crate::drive_test::block;
use crate::human;
use serde::Serialize;
use serde_json::json;
use std::time::{Duration, Instant};
use tape_drive::{FilemarkSync, ReadOutcome, TapeDrive, WriteOutcome};

/// Blocks that are made beforehand and written in turn: making them must not be what is measured.
const DISTINCT: u64 = 64;

#[derive(Debug, Serialize)]
struct Direction {
    bytes: u64,
    seconds: f64,
    bytes_per_second: f64,
    /// Milliseconds that a block took: half of them, 90, 99 and 99.9 of 100, and the slowest.
    block_ms: [f64; 5],
    back_hitches: u64,
}

/// Measures; the tape is overwritten from its beginning.
pub fn run(drive: &mut dyn TapeDrive, size: u64, block_size: u64, format: Format) -> CliResult {
    let limits = drive.block_limits().doing("cannot ask for the block sizes")?;
    if block_size < u64::from(limits.min) || block_size > u64::from(limits.max) {
        let range = format!("{} to {}", limits.min, limits.max);
        return Err(CliError::usage(format!("this drive takes blocks of {range} bytes")));
    }
    let length = block_size as usize;
    let count = size.div_ceil(block_size).max(1);
    let blocks: Vec<Vec<u8>> = (0..DISTINCT.min(count)).map(|number| block(number, length)).collect();
    let of = |number: u64| blocks.get((number % DISTINCT) as usize).map(Vec::as_slice).unwrap_or_default();
    drive.rewind().doing("cannot rewind")?;

    let before = drive.health().doing("cannot read the counters")?;
    let mut written = 0;
    let (mut times, begin) = (Vec::new(), Instant::now());
    while written < count {
        let start = Instant::now();
        let outcome = drive.write_block(of(written)).doing(format_args!("cannot write block {written}"))?;
        times.push(start.elapsed());
        written += 1;
        if outcome == WriteOutcome::EarlyWarning {
            break;
        }
    }
    drive.write_filemarks(1, FilemarkSync::Flush).doing("cannot flush what was written")?;
    let taken = begin.elapsed();
    let middle = drive.health().doing("cannot read the counters")?;
    let hitches = middle.back_hitches.saturating_sub(before.back_hitches);
    let write = direction(written * block_size, taken, times, hitches);

    drive.rewind().doing("cannot rewind")?;
    let mut buffer = vec![0; length];
    let (mut times, begin) = (Vec::new(), Instant::now());
    for number in 0..written {
        let start = Instant::now();
        let found = drive.read_block(&mut buffer).doing(format_args!("cannot read block {number}"))?;
        times.push(start.elapsed());
        if found != ReadOutcome::Block(length) || buffer != of(number) {
            return Err(CliError::failed(format!("block {number} is not what was written: {found:?}")));
        }
    }
    let taken = begin.elapsed();
    let after = drive.health().doing("cannot read the counters")?;
    let hitches = after.back_hitches.saturating_sub(middle.back_hitches);
    let read = direction(written * block_size, taken, times, hitches);
    drive.rewind().and_then(|()| drive.erase()).and_then(|()| drive.rewind()).doing("cannot erase the tape again")?;

    if format == Format::Json {
        return output::json(&json!({"block_size": block_size, "write": write, "read": read, "compared": true}));
    }
    for (name, direction) in [("Written", &write), ("Read back and compared", &read)] {
        let [half, ninety, ninety_nine, most, slowest] = direction.block_ms;
        line(&format!(
            "{name}: {} in {:.1} s, {}",
            human::bytes(direction.bytes),
            direction.seconds,
            human::rate(direction.bytes_per_second)
        ))?;
        line(&format!(
            "  a block took {half:.2} ms (half of them), {ninety:.2} ms (90 %), {ninety_nine:.2} ms (99 %), {most:.2} ms \
             (99.9 %), {slowest:.2} ms at most"
        ))?;
        line(match direction.back_hitches {
            0 => "  the tape did not have to stop",
            _ => "  the tape had to stop and go back: data came too slowly, or the counters are of another use",
        })?;
    }
    Ok(())
}

fn direction(bytes: u64, taken: Duration, mut times: Vec<Duration>, back_hitches: u64) -> Direction {
    times.sort_unstable();
    let at = |share: f64| {
        let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    };
    let seconds = taken.as_secs_f64();
    Direction {
        bytes,
        seconds,
        bytes_per_second: bytes as f64 / seconds.max(1e-9),
        block_ms: [at(0.5), at(0.9), at(0.99), at(0.999), at(1.0)],
        back_hitches,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        let times = (1..=1000).rev().map(Duration::from_millis).collect();
        let direction = direction(1 << 20, Duration::from_secs(2), times, 0);
        assert_eq!(direction.block_ms, [501.0, 901.0, 991.0, 1000.0, 1000.0]);
        assert_eq!(direction.bytes_per_second, f64::from(1 << 19));
        assert_eq!(super::direction(0, Duration::ZERO, Vec::new(), 0).block_ms, [0.0; 5]);
    }
}
