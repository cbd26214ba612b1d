//! `drive`: tape drives.

use super::args::{Body, Sure, Wait};
use super::exit::CliResult;
use super::follow;
use super::output::{Column, Context, Format, bytes, count, id_of, json, text, text_at, time, yes_no};
use super::pool::yes_or_no;
use super::resolve::{self, DRIVE, LIBRARY};
use super::{Global, drive_test};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// List, find, add and operate tape drives
#[derive(Debug, Args)]
#[command(after_help = "\
A drive is named by its id, its name or its device path.

Examples:
  tapebackarr drive scan
  tapebackarr drive add /dev/tape/by-id/scsi-HU1234-nst --name 'LTO-8 left'
  tapebackarr drive inspect 'LTO-8 left'
  tapebackarr drive eject 1")]
pub struct DriveArgs {
    #[command(subcommand)]
    command: DriveCommand,
}

#[derive(Debug, Subcommand)]
enum DriveCommand {
    /// List the drives that were added
    List,
    /// Look for drives on this server
    Scan,
    /// Add a drive
    Add {
        /// Device: /dev/…, or virtual:DIR#drive0
        device_path: String,
        /// What to call it
        #[arg(long)]
        name: Option<String>,
    },
    /// Rename, enable or disable a drive
    Edit {
        /// Which drive
        drive: String,
        /// New name
        #[arg(long)]
        name: Option<String>,
        /// Whether jobs may use it
        #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
        enabled: Option<bool>,
        /// The library it sits in, if that does not tell by itself
        #[arg(long, requires = "bay")]
        library: Option<String>,
        /// Element address of its bay there, as `library slots` shows it
        #[arg(long, value_name = "ADDRESS", requires = "library")]
        bay: Option<u16>,
    },
    /// Remove a drive from the server
    Remove {
        /// Which drive
        drive: String,
        #[command(flatten)]
        sure: Sure,
    },
    /// Show what the drive reports; moves nothing
    Status {
        /// Which drive
        drive: String,
    },
    /// Draw in the tape that lies in the mouth of the drive
    Load(DriveAndWait),
    /// Rewind and eject
    Eject(DriveAndWait),
    /// Go to the beginning of the tape
    Rewind(DriveAndWait),
    /// Read what is on the loaded tape
    Inspect {
        /// Which drive
        drive: String,
    },
    /// Start a cleaning run with the loaded cleaning cartridge
    Clean(DriveAndWait),
    /// Wind the tape to its end and back, which evens out its tension
    Retension(DriveAndWait),
    /// Show counters and health
    #[command(visible_alias = "health")]
    Stats {
        /// Which drive
        drive: String,
    },
    /// Show the last alerts
    Alerts {
        /// Which drive
        drive: String,
    },
    Test(drive_test::TestArgs),
    Speed(drive_test::SpeedArgs),
}

#[derive(Debug, Args)]
struct DriveAndWait {
    /// Which drive
    drive: String,
    #[command(flatten)]
    wait: Wait,
}

/// Columns of a list of drives.
pub const COLUMNS: &[Column] = &[
    text("id", "id"),
    text("name", "display_name"),
    text("status", "status"),
    text("tape", "current_tape"),
    text("vendor", "vendor"),
    text("model", "model"),
    text("serial", "serial_number"),
    text("device", "device_path"),
    yes_no("enabled", "enabled"),
];

/// Runs the subcommand.
pub fn run(args: DriveArgs, global: &Global) -> CliResult {
    match &args.command {
        DriveCommand::Test(args) => return drive_test::test(args, global),
        DriveCommand::Speed(args) => return drive_test::speed(args, Format::of(global)),
        _ => {}
    }
    let context = &Context::connect(global)?;
    let Context { client, format } = context;
    let path = |drive: &str, what: &str| Ok(format!("drives/{}/{what}", resolve::id(client, DRIVE, drive)?));
    match args.command {
        DriveCommand::List => {
            format.list(&client.get("drives")?, COLUMNS, "No drive yet: tapebackarr drive scan finds them")
        }
        DriveCommand::Scan => {
            let columns = [
                text("device", "device_path"),
                text("status", "status"),
                text("vendor", "vendor"),
                text("model", "model"),
                text("serial", "serial_number"),
                text("firmware", "firmware"),
                text("library", "library_serial"),
                text("bay", "library_drive_number"),
                text("problem", "problem"),
            ];
            format.list(&client.get("drives/scan")?, &columns, "No tape drive was found on the server.")
        }
        DriveCommand::Add { device_path, name } => {
            let body = Body::new().with("device_path", device_path.as_str()).maybe("display_name", name);
            format.done(&client.post("drives", &body.json())?, &format!("Added the drive {device_path}"))
        }
        DriveCommand::Edit { drive, name, enabled, library, bay } => {
            let id = resolve::id(client, DRIVE, &drive)?;
            let library = library.map(|library| resolve::id(client, LIBRARY, &library)).transpose()?;
            let body = Body::new().maybe("display_name", name).maybe("enabled", enabled);
            let body = body.maybe("library_id", library).maybe("library_drive_number", bay).changes()?;
            format.done(&client.put(&format!("drives/{id}"), &body)?, &format!("Changed the drive {drive}"))
        }
        DriveCommand::Remove { drive, sure } => {
            let row = resolve::find(client, DRIVE, &drive)?;
            let name = text_at(&row, "display_name").or(text_at(&row, "device_path")).unwrap_or(&drive).to_owned();
            sure.confirm(&format!("This removes the drive {name} with its statistics."), &name)?;
            format.done(&client.delete(&format!("drives/{}", id_of(&row)?))?, &format!("Removed the drive {name}"))
        }
        DriveCommand::Status { drive } => status(*format, &client.get(&path(&drive, "status")?)?),
        DriveCommand::Load(args) => command(context, &args, "load-tape", "Loaded"),
        DriveCommand::Eject(args) => command(context, &args, "eject", "Ejected"),
        DriveCommand::Rewind(args) => command(context, &args, "rewind", "Rewound"),
        DriveCommand::Retension(args) => command(context, &args, "retension", "Retensioning"),
        // Done above, without a server.
        DriveCommand::Test(_) | DriveCommand::Speed(_) => Ok(()),
        DriveCommand::Clean(args) => command(context, &args, "clean", "Cleaning"),
        DriveCommand::Inspect { drive } => inspect(*format, &client.get(&path(&drive, "inspect-tape")?)?),
        DriveCommand::Stats { drive } => statistics(*format, &client.get(&path(&drive, "statistics")?)?),
        DriveCommand::Alerts { drive } => {
            let columns = [
                time("when", "created_at"),
                text("severity", "severity"),
                text("category", "category"),
                text("message", "message"),
                yes_no("resolved", "resolved"),
            ];
            format.list(&client.get(&path(&drive, "alerts")?)?, &columns, "No alerts.")
        }
    }
}

fn command(context: &Context, args: &DriveAndWait, verb: &str, done: &str) -> CliResult {
    let id = resolve::id(&context.client, DRIVE, &args.drive)?;
    let answer = context.client.post(&format!("drives/{id}/{verb}"), &json!({}))?;
    follow::started(context, &answer, args.wait, &format!("{done}: drive {}", args.drive))
}

fn status(format: Format, answer: &Value) -> CliResult {
    let fields = [
        text("Device", "device_path"),
        text("Type", "drive_type"),
        yes_no("Online", "online"),
        yes_no("Ready", "ready"),
        yes_no("Busy", "busy"),
        yes_no("Write protected", "write_protect"),
        count("Tape file", "file_number"),
        count("Block", "block_number"),
        text("Density", "density"),
        time("As of", "last_checked"),
        text("Error", "error"),
    ];
    format.record(answer, &fields)
}

fn inspect(format: Format, answer: &Value) -> CliResult {
    if format == Format::Json {
        return json(answer);
    }
    let fields = [
        text("Status", "status"),
        text("Error", "error"),
        text("Message", "message"),
        text("Tape type", "lto_type"),
        bytes("Capacity", "capacity_bytes"),
        yes_no("Labelled", "has_tapebackarr_label"),
        text("Label", "label"),
        text("Bar code", "barcode"),
        yes_no("Known to the server", "known"),
        text("Uuid", "uuid"),
        text("Pool", "pool"),
        time("Labelled at", "timestamp"),
        text("Key fingerprint", "encryption_key_fingerprint"),
        text("Compression", "compression_type"),
        text("Note", "label_message"),
        text("Contents", "contents_error"),
    ];
    format.record(answer, &fields)?;
    let columns = [
        text("mode", "permissions"),
        text("owner", "owner"),
        bytes("size", "size"),
        text("date", "date"),
        text("path", "path"),
    ];
    let sets = [
        count("tape file", "tape_file"),
        text("set", "uuid"),
        count("part", "part"),
        bytes("on tape", "stored_bytes"),
        yes_no("encrypted", "encrypted"),
    ];
    for (list, columns) in [("sets", sets.as_slice()), ("contents", columns.as_slice())] {
        if let Some(rows) = answer.get(list).filter(|rows| rows.as_array().is_some_and(|rows| !rows.is_empty())) {
            super::output::line("")?;
            format.list(rows, columns, "")?;
        }
    }
    Ok(())
}

fn statistics(format: Format, answer: &Value) -> CliResult {
    let fields = [
        bytes("Written", "total_bytes_written"),
        bytes("Read", "total_bytes_read"),
        count("Write errors", "write_errors"),
        count("Read errors", "read_errors"),
        count("Loads", "total_load_count"),
        count("Back-hitches", "back_hitches"),
        yes_no("Cleaning required", "cleaning_required"),
        time("Last cleaned", "last_cleaned_at"),
        count("Power-on hours", "power_on_hours"),
        count("Times switched on", "lifetime_power_cycles"),
        text("Compression of what was written, %", "write_compression_pct"),
        text("Compression of what was read, %", "read_compression_pct"),
        count("Hours of tape motion", "tape_motion_hours"),
        text("Temperature, °C", "temperature_c"),
        text("TapeAlert flags", "tape_alert_flags"),
        time("As of", "updated_at"),
    ];
    format.record(answer, &fields)
}
