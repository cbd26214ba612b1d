//! `library`: tape libraries and their robots.

use super::args::{Body, Sure, Wait};
use super::exit::{CliError, CliResult};
use super::follow;
use super::output::{Context, Format, count, id_of, text, text_at, time, yes_no};
use super::resolve::{self, LIBRARY};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// List, find, add and operate tape libraries
#[derive(Debug, Args)]
#[command(after_help = "\
Slots and drive bays are named by their element address, as `library slots` shows them.

Examples:
  tapebackarr library scan
  tapebackarr library add --name Rack-2 --with-drives
  tapebackarr library add /dev/sg4 --name Rack-2
  tapebackarr library slots Rack-2
  tapebackarr library load Rack-2 --slot 1003 --drive 256
  tapebackarr library unload Rack-2 --drive 256 --slot 1003")]
pub struct LibraryArgs {
    #[command(subcommand)]
    command: LibraryCommand,
}

#[derive(Debug, Subcommand)]
enum LibraryCommand {
    /// List libraries
    List,
    /// Look for libraries on this server
    Scan,
    /// Add a library, alone or with all drives that sit in it
    Add {
        /// Device: /dev/tape/by-id/…-changer, /dev/sg…, or virtual:DIR#changer; the one that `scan` finds if not given
        device_path: Option<String>,
        /// Add all drives that sit in it, too
        #[arg(long)]
        with_drives: bool,
        /// What to call it
        #[arg(long)]
        name: String,
    },
    /// Remove a library from the server
    Remove {
        /// Which library
        library: String,
        #[command(flatten)]
        sure: Sure,
    },
    /// Let the library look again at what is where
    Inventory {
        /// Which library
        library: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Show what is where
    Slots {
        /// Which library
        library: String,
    },
    /// Move a tape from a slot into a drive
    Load {
        /// Which library
        library: String,
        /// From this slot
        #[arg(long, value_name = "ADDRESS")]
        slot: u16,
        /// Into this drive bay
        #[arg(long, value_name = "ADDRESS")]
        drive: u16,
        #[command(flatten)]
        wait: Wait,
    },
    /// Move a tape from a drive into a slot
    Unload {
        /// Which library
        library: String,
        /// From this drive bay
        #[arg(long, value_name = "ADDRESS")]
        drive: u16,
        /// Into this slot; where it came from if not given
        #[arg(long, value_name = "ADDRESS")]
        slot: Option<u16>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Move a tape from slot to slot, also to and from mail slots
    Transfer {
        /// Which library
        library: String,
        /// From this slot
        #[arg(long, value_name = "ADDRESS")]
        from: u16,
        /// Into this slot
        #[arg(long, value_name = "ADDRESS")]
        to: u16,
        #[command(flatten)]
        wait: Wait,
    },
}

/// Runs the subcommand.
pub fn run(args: LibraryArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        LibraryCommand::List => {
            let columns = [
                text("id", "id"),
                text("name", "name"),
                text("vendor", "vendor"),
                text("model", "model"),
                count("slots", "num_slots"),
                count("drives", "num_drives"),
                count("mail slots", "num_import_export"),
                text("device", "device_path"),
                time("inventory", "last_inventory_at"),
            ];
            format.list(&client.get("libraries")?, &columns, "No library yet: tapebackarr library scan finds them")
        }
        LibraryCommand::Scan => {
            let columns = [
                text("device", "device_path"),
                text("vendor", "vendor"),
                text("model", "model"),
                text("serial", "serial_number"),
                text("library", "library_id"),
                text("drives", "drives"),
                text("problem", "problem"),
            ];
            format.list(&client.get("libraries/scan")?, &columns, "No tape library was found on the server.")
        }
        LibraryCommand::Add { device_path, with_drives, name } => {
            let device_path = device_path.map_or_else(|| the_one_found(context), Ok)?;
            let body = Body::new().with("name", name.as_str()).with("device_path", device_path);
            let body = body.with("with_drives", with_drives);
            let answer = client.post("libraries", &body.json())?;
            let drives = answer.get("drives").and_then(Value::as_array).map_or(0, Vec::len);
            let said = match (with_drives, drives) {
                (false, _) => format!("Added the library {name}"),
                (true, 1) => format!("Added the library {name} and its drive"),
                (true, drives) => format!("Added the library {name} and {drives} drives"),
            };
            format.done(&answer, &said)
        }
        LibraryCommand::Remove { library, sure } => {
            let row = resolve::find(client, LIBRARY, &library)?;
            let name = text_at(&row, "name").unwrap_or(&library).to_owned();
            sure.confirm(&format!("This removes the library {name}; its tapes stay known."), &name)?;
            format.done(&client.delete(&format!("libraries/{}", id_of(&row)?))?, &format!("Removed the library {name}"))
        }
        LibraryCommand::Inventory { library, wait } => {
            let id = resolve::id(client, LIBRARY, &library)?;
            let answer = client.post(&format!("libraries/{id}/inventory"), &json!({}))?;
            follow::started(context, &answer, wait, "Took inventory")?;
            match (format, wait.no_wait) {
                (Format::Human, false) => slots(context, id),
                _ => Ok(()),
            }
        }
        LibraryCommand::Slots { library } => slots(context, resolve::id(client, LIBRARY, &library)?),
        LibraryCommand::Load { library, slot, drive, wait } => {
            let body = json!({ "slot_number": slot, "drive_number": drive });
            robot(context, &library, "load", &body, wait, &format!("Element {slot} → element {drive}"))
        }
        LibraryCommand::Unload { library, drive, slot, wait } => {
            let body = Body::new().with("drive_number", drive).maybe("slot_number", slot).json();
            robot(context, &library, "unload", &body, wait, &format!("Element {drive} → slot"))
        }
        LibraryCommand::Transfer { library, from, to, wait } => {
            let body = json!({ "source_slot": from, "dest_slot": to });
            robot(context, &library, "transfer", &body, wait, &format!("Element {from} → element {to}"))
        }
    }
}

/// The device of the only library that was found and is not known yet.
fn the_one_found(context: &Context) -> CliResult<String> {
    let found = context.client.get("libraries/scan")?;
    let found = found.as_array().map(Vec::as_slice).unwrap_or_default();
    let new: Vec<&str> = found
        .iter()
        .filter(|library| library.get("library_id").is_none_or(Value::is_null))
        .filter_map(|library| text_at(library, "device_path"))
        .collect();
    match new.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(CliError::failed("no library was found that is not known yet; see: tapebackarr library scan")),
        several => {
            let several = several.join(", ");
            Err(CliError::usage(format!("several libraries were found; say which one to add: {several}")))
        }
    }
}

fn robot(context: &Context, library: &str, verb: &str, body: &serde_json::Value, wait: Wait, what: &str) -> CliResult {
    let id = resolve::id(&context.client, LIBRARY, library)?;
    let answer = context.client.post(&format!("libraries/{id}/{verb}"), body)?;
    follow::started(context, &answer, wait, what)
}

fn slots(context: &Context, id: i64) -> CliResult {
    let columns = [
        text("name", "name"),
        text("address", "slot_number"),
        text("type", "slot_type"),
        yes_no("empty", "is_empty"),
        text("bar code", "barcode"),
        text("tape", "tape_label"),
        text("drive", "drive_id"),
        text("problem", "exception"),
    ];
    let rows = context.client.get(&format!("libraries/{id}/slots"))?;
    context.format.list(&rows, &columns, "No slots known: tapebackarr library inventory reads them")
}
