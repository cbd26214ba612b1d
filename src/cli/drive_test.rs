//! `drive test` and `drive speed`: whether a drive does what backups rely on, and how fast. Directly on a device, which a
//! server that runs must have let go; or `drive test` by the server, with a drive of its own.

mod speed;

use super::args::{Body, Wait};
use super::exit::{CliError, CliResult, Doing};
use super::output::{self, Context, Format, line};
use super::resolve::{self, DRIVE};
use super::{Global, follow, human};
use crate::drive_test::{Report, look, settled, write};
use clap::Args;
use serde_json::Value;
use tape_drive::{DriveErrorKind, DriveState, TapeDrive, open_drive};
use tape_format::part::read_label;

/// Which drive, and what may be done to the tape in it.
#[derive(Debug, Args)]
pub struct Device {
    /// A drive of the server by its name or id (to test); or a device: /dev/…, or virtual:DIR#drive0, which a running server
    /// must have let go of: `drive edit DRIVE --enabled no`
    device: String,
    /// Overwrite the tape even if something is recorded on it
    #[arg(long)]
    force: bool,
}

/// Check that a drive does what backups rely on
#[derive(Debug, Args)]
#[command(after_help = "\
Without --destructive nothing is written: the drive, its counters and the beginning of the tape are looked at.

A drive of the server is tested by the server, which also lets the robot of its library take the tape out and bring it back.
With --destructive it takes a blank tape, and nothing else.

Examples:
  tapebackarr drive test 'LTO-8 left'
  tapebackarr drive test /dev/tape/by-id/scsi-HU1234-sg
  tapebackarr drive test virtual:/srv/library#drive0 --destructive")]
pub struct TestArgs {
    #[command(flatten)]
    device: Device,
    /// Write to the tape: it must be blank, or hold nothing but a label of ours, or --force
    #[arg(long)]
    destructive: bool,
    /// Write until the tape is full, which takes hours, to see how its end is announced
    #[arg(long, requires = "destructive")]
    fill: bool,
    #[command(flatten)]
    wait: Wait,
}

/// Measure how fast a drive writes and reads; overwrites the tape
#[derive(Debug, Args)]
pub struct SpeedArgs {
    #[command(flatten)]
    device: Device,
    /// How much to write and to read back
    #[arg(long, default_value = "4GiB", value_parser = human::parse_size)]
    size: u64,
    /// Size of the blocks
    #[arg(long, default_value = "1MiB", value_parser = human::parse_size)]
    block_size: u64,
}

/// Runs the checks.
pub fn test(args: &TestArgs, global: &Global) -> CliResult {
    let named = &args.device.device;
    let is_device = named.starts_with('/') || named.starts_with("virtual:") || named.starts_with("null:");
    match is_device {
        true => here(args, Format::of(global)),
        false => by_server(args, &Context::connect(global)?),
    }
}

/// Directly on a device.
fn here(args: &TestArgs, format: Format) -> CliResult {
    let mut drive = open(&args.device)?;
    let mut report = Report::new(&args.device.device, drive.identity().clone());
    look(drive.as_mut(), &mut report);
    if args.destructive {
        may_overwrite(drive.as_mut(), &args.device)?;
        write(drive.as_mut(), &mut report, args.fill);
    }
    told(&report.json(), format)
}

/// By the server, with a drive of its own.
fn by_server(args: &TestArgs, context: &Context) -> CliResult {
    if args.device.force {
        return Err(CliError::usage("--force is for devices that no server uses; the server takes a blank tape"));
    }
    let id = resolve::id(&context.client, DRIVE, &args.device.device)?;
    let body = Body::new().with("destructive", args.destructive).with("fill", args.fill);
    let answer = context.client.post(&format!("drives/{id}/test"), &body.json())?;
    let ended = follow::ended(context, &answer, args.wait, "Testing the drive")?;
    let Some(execution) = ended else { return Ok(()) };
    match execution.get("result").filter(|result| result.get("checks").is_some()) {
        Some(report) => told(report, context.format),
        None => follow::finish(context, &execution),
    }
}

/// Prints what was found; an error if a check failed.
fn told(report: &Value, format: Format) -> CliResult {
    let text = |value: &Value, field: &str| output::text_at(value, field).unwrap_or("?").to_owned();
    let none = Vec::new();
    let checks = report.get("checks").and_then(Value::as_array).unwrap_or(&none);
    let failed = checks.iter().filter(|check| output::text_at(check, "verdict") == Some("failed")).count();
    if format == Format::Json {
        output::json(report)?;
    } else {
        let drive = report.get("drive").unwrap_or(&Value::Null);
        let [vendor, product, revision, serial] =
            ["vendor", "product", "revision", "serial"].map(|field| text(drive, field));
        line(&format!("{vendor} {product} {revision}, serial number {serial} ({})", text(report, "device")))?;
        for check in checks {
            let word = match output::text_at(check, "verdict") {
                Some("passed") => "ok     ",
                Some("skipped") => "skipped",
                _ => "FAILED ",
            };
            line(&format!("{word}  {:<44}  {}", text(check, "check"), human::printable(&text(check, "seen"))))?;
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(CliError::failed(format!("{failed} of {} checks failed", checks.len()))
            .advise("do not use this drive for backups before that is mended; see docs/operator.md")),
    }
}

/// Measures.
pub fn speed(args: &SpeedArgs, format: Format) -> CliResult {
    let mut drive = open(&args.device)?;
    may_overwrite(drive.as_mut(), &args.device)?;
    speed::run(drive.as_mut(), args.size, args.block_size, format)
}

/// Opens the drive and waits until it is ready.
fn open(device: &Device) -> CliResult<Box<dyn TapeDrive>> {
    let path = &device.device;
    let mut drive = open_drive(path).map_err(|error| {
        let busy = error.kind == DriveErrorKind::Busy;
        let failed = CliError::failed(format!("cannot open the drive {path}: {error}"));
        match busy {
            true => failed.advise("if a server uses it: tapebackarr drive edit DRIVE --enabled no, and yes afterwards"),
            false => failed,
        }
    })?;
    let status = settled(drive.as_mut()).doing(format_args!("the drive {path} does not answer"))?;
    match status.state {
        DriveState::Empty => return Err(CliError::failed(format!("there is no tape in the drive {path}; insert one"))),
        DriveState::Ready => {}
        DriveState::Unloaded | DriveState::BecomingReady { .. } => {
            eprintln!("Waiting until the tape is loaded; a new LTO-9 tape takes up to two hours …");
            drive.load().doing(format_args!("cannot load the tape in the drive {path}"))?;
            settled(drive.as_mut()).doing(format_args!("the drive {path} does not answer"))?;
        }
    }
    Ok(drive)
}

/// Refuses to overwrite what may be wanted: anything but a blank tape, or one with nothing but a label of ours.
fn may_overwrite(drive: &mut dyn TapeDrive, device: &Device) -> CliResult {
    if drive.status().doing("the drive does not answer")?.write_protected {
        return Err(CliError::failed("the tape is write-protected; slide its tab, or use another one"));
    }
    if device.force {
        return Ok(());
    }
    drive.space_to_end_of_data().doing("cannot go to the end of the tape")?;
    let end = drive.position().doing("cannot ask for the position")?.at.block;
    let refused = |what: String| {
        CliError::failed(format!("{what}; nothing was written"))
            .advise("take a blank tape, or say --force to destroy it")
    };
    if end == 0 {
        return Ok(());
    }
    match read_label(drive) {
        // A label and its filemark.
        Ok(label) if end == 2 => {
            eprintln!("The tape is '{}' and holds nothing but its label, which is overwritten.", label.label);
            Ok(())
        }
        Ok(label) => Err(refused(format!("the tape is '{}', and there is data on it", label.label))),
        Err(_) => Err(refused("there is data on the tape that is not ours".into())),
    }
}
