//! `tape`: cartridges and their life.

use super::args::{Body, Sure, Wait};
use super::exit::{CliError, CliResult};
use super::output::{Context, bytes, count, id_of, text, text_at, time};
use super::resolve::{self, DRIVE, LIBRARY, POOL, TAPE};
use super::{follow, human};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// List, label, format, move and retire tapes
#[derive(Debug, Args)]
#[command(after_help = "\
A tape is named by its label, bar code, uuid or id.

Examples:
  tapebackarr tape batch-label --library Rack-2 --pool DAILY   all blank tapes, by bar code
  tapebackarr tape create DAILY-001 --pool DAILY --drive 1 --write-label
  tapebackarr tape verify DAILY-001
  tapebackarr tape copy DAILY-001 --to OFFSITE
  tapebackarr tape export DAILY-001 --to 'Safe 2'
  tapebackarr tape lost DAILY-001 --reason 'water damage'
  tapebackarr tape format DAILY-001 --drive 1")]
pub struct TapeArgs {
    #[command(subcommand)]
    command: TapeCommand,
}

#[derive(Debug, Subcommand)]
enum TapeCommand {
    /// List tapes
    List,
    /// Show what drives counted of a tape, each time that it lay in one
    Health {
        /// Id, label, bar code or uuid
        tape: String,
    },
    /// Show one tape
    Show {
        /// Label, bar code, uuid or id
        tape: String,
    },
    /// Make a tape known, and label it if it lies in a drive
    Create {
        /// Its label
        label: String,
        /// The pool it belongs to
        #[arg(long)]
        pool: Option<String>,
        /// Its bar code
        #[arg(long)]
        barcode: Option<String>,
        /// LTO-5, LTO-6, …; found out if it lies in a drive
        #[arg(long)]
        lto_type: Option<String>,
        /// Capacity, such as 2.5T; that of its type if not given
        #[arg(long, value_parser = human::parse_size)]
        capacity: Option<u64>,
        /// The drive it lies in
        #[arg(long)]
        drive: Option<String>,
        /// Write the label on the tape in that drive
        #[arg(long, requires = "drive")]
        write_label: bool,
    },
    /// Change label (before it is written), bar code, pool, status or place
    Edit {
        /// Label, bar code, uuid or id
        tape: String,
        /// New label
        #[arg(long)]
        label: Option<String>,
        /// New bar code
        #[arg(long)]
        barcode: Option<String>,
        /// New pool
        #[arg(long)]
        pool: Option<String>,
        /// New status: blank, active, full, expired, retired
        #[arg(long)]
        status: Option<String>,
        /// Where it is kept
        #[arg(long)]
        location: Option<String>,
        /// Why it must not be written; '' takes that back
        #[arg(long, value_name = "REASON")]
        hold: Option<String>,
    },
    /// Write a label on a blank tape
    Label {
        /// Label, bar code, uuid or id
        tape: String,
        /// The new label; its known one if not given
        #[arg(long = "as")]
        new_label: Option<String>,
        /// The drive it lies in; found if not given
        #[arg(long)]
        drive: Option<String>,
        /// Label it although it holds data, which is then lost
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        wait: Wait,
    },
    /// Label many blank tapes: all of a library, or one after the other in a drive
    BatchLabel(BatchLabel),
    /// Erase a tape: everything on it is lost
    Format {
        /// Label, bar code, uuid or id
        tape: String,
        /// The drive it lies in; found if not given
        #[arg(long)]
        drive: Option<String>,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        wait: Wait,
    },
    /// Note that a tape left the building
    Export {
        /// Label, bar code, uuid or id
        tape: String,
        /// Where it goes
        #[arg(long = "to", value_name = "PLACE")]
        location: String,
    },
    /// Note that a tape is back
    Import {
        /// Label, bar code, uuid or id
        tape: String,
        /// Check its label in this drive
        #[arg(long)]
        drive: Option<String>,
    },
    /// Give a tape up for lost: nothing asks for it any more, and what is on it counts as no copy
    Lost {
        /// Label, bar code, uuid or id
        tape: String,
        /// What became of it
        #[arg(long)]
        reason: Option<String>,
        /// Also if it lies in a drive or a library: it can never be read again
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        sure: Sure,
    },
    /// A tape that was lost is there again: everything is as before
    Found {
        /// Label, bar code, uuid or id
        tape: String,
    },
    /// Read the label of a tape in a drive and compare it with what is known
    Inspect {
        /// Label, bar code, uuid or id
        tape: String,
        /// The drive it lies in; found if not given
        #[arg(long)]
        drive: Option<String>,
    },
    /// Read everything on a tape back and compare every hash
    Verify {
        /// Label, bar code, uuid or id
        tape: String,
        /// The drive to use; any if not given
        #[arg(long)]
        drive: Option<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Copy all complete sets of a tape to tapes of another pool
    Copy {
        /// Label, bar code, uuid or id
        tape: String,
        /// The pool
        #[arg(long = "to", value_name = "POOL")]
        pool: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Forget a tape that holds nothing
    Delete {
        /// Label, bar code, uuid or id
        tape: String,
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Debug, Args)]
struct BatchLabel {
    /// Label every blank tape of this library, named by its bar code
    #[arg(long, conflicts_with_all = ["drive", "prefix"], required_unless_present = "drive")]
    library: Option<String>,
    /// Label tapes put one after the other into this drive
    #[arg(long, requires = "prefix")]
    drive: Option<String>,
    /// What their labels begin with
    #[arg(long)]
    prefix: Option<String>,
    /// The first number
    #[arg(long, default_value_t = 1)]
    start_number: u32,
    /// How many
    #[arg(long, default_value_t = 1)]
    count: u32,
    /// How many digits a number has
    #[arg(long, default_value_t = 3)]
    digits: u32,
    /// The pool they belong to
    #[arg(long)]
    pool: Option<String>,
    #[command(flatten)]
    wait: Wait,
}

/// Runs the subcommand.
pub fn run(args: TapeArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        TapeCommand::List => list(context),
        TapeCommand::Show { tape } => show(context, &tape),
        TapeCommand::Health { tape } => health(context, &tape),
        TapeCommand::Create { label, pool, barcode, lto_type, capacity, drive, write_label } => {
            let body = Body::new()
                .with("label", label.as_str())
                .maybe("pool_id", resolve::optional_id(client, POOL, pool.as_deref())?)
                .maybe("barcode", barcode)
                .maybe("lto_type", lto_type)
                .maybe("capacity_bytes", capacity)
                .maybe("drive_id", resolve::optional_id(client, DRIVE, drive.as_deref())?)
                .with("write_label", write_label);
            follow::started(
                context,
                &client.post("tapes", &body.json())?,
                Wait::default(),
                &format!("Added the tape {label}"),
            )
        }
        TapeCommand::Edit { tape, label, barcode, pool, status, location, hold } => {
            let id = resolve::id(client, TAPE, &tape)?;
            let body = Body::new()
                .maybe("label", label)
                .maybe("barcode", barcode)
                .maybe("pool_id", resolve::optional_id(client, POOL, pool.as_deref())?)
                .maybe("status", status)
                .maybe("offsite_location", location)
                .maybe("hold_reason", hold);
            format.done(&client.put(&format!("tapes/{id}"), &body.changes()?)?, &format!("Changed the tape {tape}"))
        }
        TapeCommand::Label { tape, new_label, drive, force, wait } => {
            let row = resolve::find(client, TAPE, &tape)?;
            let known = text_at(&row, "label").unwrap_or(&tape).to_owned();
            let label = new_label.unwrap_or(known);
            let body = Body::new()
                .with("label", label.as_str())
                .with("force", force)
                .maybe("drive_id", resolve::optional_id(client, DRIVE, drive.as_deref())?);
            let answer = client.post(&format!("tapes/{}/label", id_of(&row)?), &body.json())?;
            follow::started(context, &answer, wait, &format!("Labelling {label}"))
        }
        TapeCommand::BatchLabel(batch) => batch_label(context, batch),
        TapeCommand::Format { tape, drive, sure, wait } => {
            let row = resolve::find(client, TAPE, &tape)?;
            let label = text_at(&row, "label").unwrap_or(&tape).to_owned();
            sure.confirm(&format!("Everything on the tape {label} will be lost."), &label)?;
            let drive = resolve::optional_id(client, DRIVE, drive.as_deref())?;
            let body = Body::new().with("confirm", true).maybe("drive_id", drive);
            let answer = client.post(&format!("tapes/{}/format", id_of(&row)?), &body.json())?;
            follow::started(context, &answer, wait, &format!("Formatting {label}"))
        }
        TapeCommand::Export { tape, location } => {
            let id = resolve::id(client, TAPE, &tape)?;
            let answer = client.post(&format!("tapes/{id}/export"), &json!({ "offsite_location": location }))?;
            follow::started(context, &answer, Wait::default(), &format!("{tape} is now at {location}"))
        }
        TapeCommand::Import { tape, drive } => {
            let id = resolve::id(client, TAPE, &tape)?;
            let body = Body::new().maybe("drive_id", resolve::optional_id(client, DRIVE, drive.as_deref())?);
            let answer = client.post(&format!("tapes/{id}/import"), &body.json())?;
            follow::started(context, &answer, Wait::default(), &format!("{tape} is back"))
        }
        TapeCommand::Lost { tape, reason, force, sure } => lose(context, &tape, reason, force, sure),
        TapeCommand::Found { tape } => {
            let id = resolve::id(client, TAPE, &tape)?;
            format.done(&client.post(&format!("tapes/{id}/found"), &json!({}))?, &format!("{tape} is there again"))
        }
        TapeCommand::Verify { tape, drive, wait } => {
            let id = resolve::id(client, TAPE, &tape)?;
            let body = Body::new().maybe("drive_id", resolve::optional_id(client, DRIVE, drive.as_deref())?);
            let answer = client.post(&format!("tapes/{id}/verify"), &body.json())?;
            follow::started(context, &answer, wait, &format!("Verifying tape {tape}"))
        }
        TapeCommand::Copy { tape, pool, wait } => {
            let id = resolve::id(client, TAPE, &tape)?;
            let body = json!({ "pool_id": resolve::id(client, POOL, &pool)? });
            let answer = client.post(&format!("tapes/{id}/copy"), &body)?;
            follow::started(context, &answer, wait, &format!("Copying tape {tape} to pool {pool}"))
        }
        TapeCommand::Inspect { tape, drive } => inspect(context, &tape, drive.as_deref()),
        TapeCommand::Delete { tape, sure } => {
            let row = resolve::find(client, TAPE, &tape)?;
            let label = text_at(&row, "label").unwrap_or(&tape).to_owned();
            sure.confirm(&format!("The server forgets the tape {label}."), &label)?;
            format.done(&client.delete(&format!("tapes/{}", id_of(&row)?))?, &format!("Forgot the tape {label}"))
        }
    }
}

fn list(context: &Context) -> CliResult {
    let columns = [
        text("id", "id"),
        text("label", "label"),
        text("bar code", "barcode"),
        text("type", "lto_type"),
        text("pool", "pool_name"),
        text("status", "status"),
        bytes("used", "used_bytes"),
        bytes("capacity", "capacity_bytes"),
        count("writes", "write_count"),
        time("last written", "last_written_at"),
        text("place", "offsite_location"),
        time("lost since", "lost_at"),
    ];
    context.format.list(&context.client.get("tapes")?, &columns, "No tape yet: tapebackarr tape batch-label --help")
}

fn show(context: &Context, tape: &str) -> CliResult {
    let id = resolve::id(&context.client, TAPE, tape)?;
    let fields = [
        text("Id", "id"),
        text("Label", "label"),
        text("Bar code", "barcode"),
        text("Uuid", "uuid"),
        text("Type", "lto_type"),
        text("Pool", "pool_name"),
        text("Status", "status"),
        text("On hold", "hold_reason"),
        super::output::yes_no("Write-once", "write_once"),
        time("Lost since", "lost_at"),
        text("Lost because", "lost_reason"),
        bytes("Used", "used_bytes"),
        bytes("Capacity", "capacity_bytes"),
        count("Writes", "write_count"),
        time("Labelled", "labeled_at"),
        time("Last written", "last_written_at"),
        time("Last verified", "last_verified_at"),
        text("Key", "encryption_key_name"),
        text("Is in", "place"),
        text("Slot", "slot_number"),
        text("Drive", "drive_id"),
        text("Away at", "offsite_location"),
        time("Exported", "export_time"),
        time("Imported", "import_time"),
    ];
    context.format.record(&context.client.get(&format!("tapes/{id}"))?, &fields)
}

fn health(context: &Context, tape: &str) -> CliResult {
    let id = resolve::id(&context.client, TAPE, tape)?;
    let columns = [
        time("last asked", "updated_at"),
        text("drive", "drive_serial"),
        count("mounts", "mounts"),
        bytes("written", "bytes_written"),
        bytes("read", "bytes_read"),
        count("write retries", "write_retries"),
        count("read retries", "read_retries"),
        count("lost writes", "unrecovered_write_errors"),
        count("lost reads", "unrecovered_read_errors"),
        count("rewrites", "rewrites"),
        bytes("effective capacity", "effective_capacity_bytes"),
        text("compression", "write_compression_ratio"),
        text("TapeAlert", "tape_alert_flags"),
    ];
    let answer = context.client.get(&format!("tapes/{id}/health"))?;
    context.format.list(&answer, &columns, "No drive has told anything of this tape yet.")
}

fn lose(context: &Context, tape: &str, reason: Option<String>, force: bool, sure: Sure) -> CliResult {
    let row = resolve::find(&context.client, TAPE, tape)?;
    let label = text_at(&row, "label").unwrap_or(tape).to_owned();
    let cost = format!("Nothing will read the tape {label} any more, and what is on it counts as no copy.");
    sure.confirm(&cost, &label)?;
    let body = Body::new().maybe("reason", reason).with("force", force);
    let answer = context.client.post(&format!("tapes/{}/lost", id_of(&row)?), &body.json())?;
    let list = |field: &str| answer.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let full_next = list("full_next");
    let names: Vec<&str> = full_next.iter().filter_map(Value::as_str).collect();
    let mut words = format!(
        "{label} is recorded as lost: {} backup sets cannot be restored in full any more, {} can from copies",
        list("lost_sets").len(),
        list("from_copies").len()
    );
    if !names.is_empty() {
        words += &format!("; the next run is a full backup of {}", names.join(", "));
    }
    context.format.done(&answer, &words)
}

fn batch_label(context: &Context, batch: BatchLabel) -> CliResult {
    let client = &context.client;
    let body = Body::new().maybe("pool_id", resolve::optional_id(client, POOL, batch.pool.as_deref())?);
    let body = match (&batch.library, &batch.drive) {
        (Some(library), _) => body.with("library_id", resolve::id(client, LIBRARY, library)?).with("barcodes", true),
        (None, Some(drive)) => body
            .with("drive_id", resolve::id(client, DRIVE, drive)?)
            .maybe("prefix", batch.prefix)
            .with("start_number", batch.start_number)
            .with("count", batch.count)
            .with("digits", batch.digits),
        (None, None) => return Err(CliError::usage("name a library (--library) or a drive (--drive)")),
    };
    let answer = client.post("tapes/batch-label", &body.json())?;
    follow::started(context, &answer, batch.wait, "Labelling tapes")
}

fn inspect(context: &Context, tape: &str, drive: Option<&str>) -> CliResult {
    let client = &context.client;
    let id = resolve::id(client, TAPE, tape)?;
    let drive = resolve::optional_id(client, DRIVE, drive)?.map(|id| id.to_string());
    let answer: Value = client.get_with(&format!("tapes/{id}/read-label"), &[("drive_id", drive)])?;
    let fields = [
        super::output::yes_no("Labelled", "labeled"),
        text("Label", "label"),
        text("Uuid", "uuid"),
        text("Pool", "pool"),
        time("Labelled at", "timestamp"),
        text("Note", "message"),
    ];
    context.format.record(&answer, &fields)
}
