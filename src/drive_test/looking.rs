//! Checks that write nothing.

use super::bench::{Bench, fail, skip};
use super::report::{Outcome, Report};
use crate::human;
use tape_drive::{DriveErrorKind, lto};
use tape_scsi::AlertSeverity;

/// Runs them.
pub fn run(bench: &mut Bench<'_>, report: &mut Report) {
    report.check("it says who it is", || identity(bench));
    report.check("block sizes", || limits(bench));
    report.check("what it can do", || capabilities(bench));
    report.check("the tape in it", || medium(bench));
    report.check("alerts", || alerts(bench));
    report.check("counters of the drive", || health(bench));
    report.check("life of the tape", || volume(bench));
    report.check("cartridge memory", || memory(bench));
    report.check("encryption", || encryption(bench));
    report.check("rewind and position", || rewind(bench));
    report.check("end of data and back", || end_of_data(bench));
}

fn identity(bench: &mut Bench<'_>) -> Outcome {
    let identity = bench.drive.identity();
    match identity.serial.is_empty() {
        true => fail("it has no serial number: it cannot be told from another one"),
        false => Ok(format!("{} {}", identity.vendor, identity.product)),
    }
}

fn limits(bench: &mut Bench<'_>) -> Outcome {
    let limits = bench.drive.block_limits()?;
    match limits.max >= 256 << 10 {
        true => Ok(format!("{} to {}", human::bytes(limits.min.into()), human::bytes(limits.max.into()))),
        false => fail(format!("blocks have at most {}, and 256 KiB are needed", human::bytes(limits.max.into()))),
    }
}

fn capabilities(bench: &mut Bench<'_>) -> Outcome {
    let can = bench.drive.capabilities()?;
    let mut words = Vec::new();
    for (has, word) in [
        (can.encryption, "encrypts"),
        (can.compression, "compresses"),
        (can.worm, "takes write-once tapes"),
        (can.programmable_early_warning, "warns before early warning"),
    ] {
        if has {
            words.push(word.to_owned());
        }
    }
    for density in &can.densities {
        let verb = if density.writable { "writes" } else { "reads" };
        words.push(format!("{verb} {} ({:02x}h)", density.name, density.code));
    }
    Ok(if words.is_empty() { "nothing that it tells".into() } else { words.join(", ") })
}

fn medium(bench: &mut Bench<'_>) -> Outcome {
    let medium = bench.drive.medium()?;
    let format = lto::format_of_density(medium.density).map_or("of an unknown format", |format| format.name);
    let left = medium.remaining_bytes.map_or("unknown".to_owned(), human::bytes);
    let protected = if medium.write_protected { ", write-protected" } else { "" };
    let size = human::bytes(medium.capacity_bytes);
    Ok(format!("{format} ({:02x}h), {:?}, {size}, room {left}{protected}", medium.density, medium.kind))
}

fn alerts(bench: &mut Bench<'_>) -> Outcome {
    let alerts = bench.drive.alerts()?;
    if let Some(alert) = alerts.iter().find(|alert| alert.severity() == AlertSeverity::Critical) {
        return fail(alert.to_string());
    }
    let words: Vec<String> = alerts.iter().map(ToString::to_string).collect();
    Ok(if words.is_empty() { "none".into() } else { words.join("; ") })
}

fn health(bench: &mut Bench<'_>) -> Outcome {
    let health = bench.drive.health()?;
    if health.cleaning_required {
        return fail("the drive asks for a cleaning cartridge");
    }
    let known = |number: Option<u64>| number.map_or("?".to_owned(), human::count);
    Ok(format!(
        "{} written, {} read, {} write and {} read errors, {} loads, {} hours, {} °C",
        human::bytes(health.bytes_written),
        human::bytes(health.bytes_read),
        health.write_errors,
        health.read_errors,
        human::count(health.load_count),
        known(health.power_on_hours),
        health.temperature_c.map_or("?".to_owned(), |degrees| degrees.to_string()),
    ))
}

fn volume(bench: &mut Bench<'_>) -> Outcome {
    let volume = bench.drive.volume_health()?;
    let Some(mounts) = volume.mounts else { return skip("the drive does not tell") };
    let errors = volume.unrecovered_write_errors.unwrap_or(0) + volume.unrecovered_read_errors.unwrap_or(0);
    let written = volume.bytes_written.map_or("?".to_owned(), human::bytes);
    Ok(format!("{} mounts, {written} written, {errors} errors", human::count(mounts)))
}

fn memory(bench: &mut Bench<'_>) -> Outcome {
    match bench.drive.read_attribute(tape_scsi::attribute_id::MEDIUM_SERIAL) {
        Ok(Some(serial)) => Ok(format!("serial number {}", serial.as_str().unwrap_or("?"))),
        Ok(None) => skip("it has no serial number"),
        Err(error) if error.kind == DriveErrorKind::Unsupported => skip("the drive does not read it"),
        Err(error) => Err(error.into()),
    }
}

fn encryption(bench: &mut Bench<'_>) -> Outcome {
    match bench.drive.encryption() {
        Ok(state) if state.is_off() => Ok("off".into()),
        Ok(_) => Ok("ON: somebody gave the drive a key, and what is written is encrypted with it".into()),
        Err(error) if error.kind == DriveErrorKind::Unsupported => skip("the drive does not encrypt"),
        Err(error) => Err(error.into()),
    }
}

fn rewind(bench: &mut Bench<'_>) -> Outcome {
    bench.drive.rewind()?;
    match bench.drive.position()?.beginning {
        true => Ok("at the beginning".into()),
        false => fail("after a rewind the tape is not at its beginning"),
    }
}

fn end_of_data(bench: &mut Bench<'_>) -> Outcome {
    bench.drive.space_to_end_of_data()?;
    let end = bench.drive.position()?.at;
    bench.drive.rewind()?;
    Ok(format!("{end}"))
}
