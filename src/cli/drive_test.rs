//! `drive test` and `drive speed`: whether a drive does what backups rely on, and how fast. Directly on the device: no server
//! needs to run, and one that runs must have let go of the drive.

mod bench;
mod looking;
mod report;
mod speed;
mod writing;

use super::exit::{CliError, CliResult, Doing};
use super::human;
use super::output::Format;
use bench::Bench;
use clap::Args;
use report::Report;
use tape_drive::{DriveErrorKind, DriveState, TapeDrive, open_drive};
use tape_format::part::read_label;

/// Unit attentions in a row that are taken.
const ATTENTIONS: u32 = 8;

/// Which drive, and what may be done to the tape in it.
#[derive(Debug, Args)]
pub struct Device {
    /// Device: /dev/…, or virtual:DIR#drive0. A running server must have let go of it: `drive edit DRIVE --enabled no`
    device: String,
    /// Overwrite the tape even if something is recorded on it
    #[arg(long)]
    force: bool,
}

/// Check that a drive does what backups rely on
#[derive(Debug, Args)]
#[command(after_help = "\
Without --destructive nothing is written: the drive, its counters and the beginning of the tape are looked at.

Examples:
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
pub fn test(args: &TestArgs, format: Format) -> CliResult {
    let mut drive = open(&args.device)?;
    let mut bench = Bench::new(drive.as_mut());
    let mut report = Report::new(&args.device.device, bench.drive.identity().clone());
    looking::run(&mut bench, &mut report);
    if args.destructive {
        may_overwrite(bench.drive, &args.device)?;
        writing::run(&mut bench, &mut report, args.fill);
    }
    report.finish(format)
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

/// The status, with unit attentions out of the way.
fn settled(drive: &mut dyn TapeDrive) -> tape_drive::Result<tape_drive::DriveStatus> {
    use DriveErrorKind::{MediumChanged, ParametersChanged, Reset};
    let mut last = drive.status();
    for _ in 0..ATTENTIONS {
        match &last {
            Err(error) if matches!(error.kind, MediumChanged | ParametersChanged | Reset) => last = drive.status(),
            _ => break,
        }
    }
    last
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
