//! `virtual`: libraries and tapes made of files. Works on the library's folder itself, with or without a server.

use super::exit::{CliError, CliResult, Doing, Exit};
use super::output::{self, Format, bytes, count, text, yes_no};
use super::{Global, human};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use tape_drive::lto::Generation;
use tape_drive::virt::cartridge::{CartridgeSpec, WriteProtection};
use tape_drive::virt::image::{Image, ImageAccess, ImageRead};
use tape_drive::virt::library::{self, Door, LibrarySpec, Place};
use tape_drive::virt::state::{LibraryState, Slot};

/// Blocks are never longer (the limit of the image format).
const LONGEST_BLOCK: u64 = (1 << 28) - 1;

/// Make and handle virtual libraries: tapes as image files
#[derive(Debug, Args)]
#[command(after_help = "\
Give a virtual library to a server by its device paths: virtual:DIR#changer, virtual:DIR#drive0, virtual:DIR#drive1 … \
DIR must be an absolute path then.

Examples:
  tapebackarr virtual create lib --drives 2 --slots 8 --cartridges 6 --capacity 20G
  tapebackarr virtual list lib
  tapebackarr virtual add lib A00007L9
  tapebackarr virtual dump lib/cartridges/A00001L9.tap --file 1 | tar tv
  tapebackarr virtual door lib open
  tapebackarr virtual move lib A00001L9 --to shelf")]
pub struct VirtualArgs {
    #[command(subcommand)]
    command: VirtualCommand,
}

#[derive(Debug, Subcommand)]
enum VirtualCommand {
    /// Make a library, with blank cartridges if wanted
    Create(Create),
    /// Add a blank cartridge; CLN… makes a cleaning cartridge
    Add {
        /// Folder of the library
        dir: PathBuf,
        /// Bar code; its last two characters say the type: L8, L9
        barcode: String,
        /// How much fits; that of its type if not given
        #[arg(long, value_parser = human::parse_size)]
        capacity: Option<u64>,
        /// Where to put it: slot:N, mail:N, drive:N, shelf (outside), any (the first empty slot)
        #[arg(long, default_value = "any", value_parser = parse_place)]
        to: Place,
        /// Set the write protect tab
        #[arg(long)]
        write_protected: bool,
    },
    /// Show what is where
    List {
        /// Folder of the library
        dir: PathBuf,
    },
    /// Write the raw bytes of one tape file to standard output
    Dump {
        /// The image: DIR/cartridges/NAME.tap
        cartridge: PathBuf,
        /// Number of the tape file; 0 is the label, 1 the first data file, 2 its table of contents
        #[arg(long, default_value_t = 0)]
        file: u64,
    },
    /// Open or close the door; while it is open the robot does not move
    Door {
        /// Folder of the library
        dir: PathBuf,
        /// Open or close
        #[arg(value_enum)]
        state: DoorState,
    },
    /// Move a cartridge by hand
    Move {
        /// Folder of the library
        dir: PathBuf,
        /// Name (bar code) of the cartridge
        cartridge: String,
        /// Where to: slot:N, mail:N, drive:N, shelf (outside), any (the first empty slot)
        #[arg(long, value_parser = parse_place)]
        to: Place,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// Folder of the library; it must not be one yet
    dir: PathBuf,
    /// Number of drives
    #[arg(long, default_value_t = 2)]
    drives: u16,
    /// Number of slots
    #[arg(long, default_value_t = 8)]
    slots: u16,
    /// Number of mail slots
    #[arg(long, default_value_t = 1)]
    mail_slots: u16,
    /// LTO generation of the drives
    #[arg(long, default_value_t = 9)]
    generation: u8,
    /// Put in this many blank cartridges
    #[arg(long, default_value_t = 0)]
    cartridges: u16,
    /// What their bar codes begin with
    #[arg(long, default_value = "A")]
    prefix: String,
    /// How much fits on each; that of the generation if not given
    #[arg(long, value_parser = human::parse_size)]
    capacity: Option<u64>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum DoorState {
    Open,
    Close,
}

fn parse_place(text: &str) -> Result<Place, String> {
    let wrong = || "expected slot:N, mail:N, drive:N (counted from 0), shelf or any".to_owned();
    match text.split_once(':') {
        None if text == "shelf" => Ok(Place::Shelf),
        None if text == "any" => Ok(Place::AnySlot),
        None => Err(wrong()),
        Some((kind, number)) => {
            let number = number.parse().map_err(|_| wrong())?;
            match kind {
                "slot" => Ok(Place::Slot(number)),
                "mail" => Ok(Place::MailSlot(number)),
                "drive" => Ok(Place::Drive(number)),
                _ => Err(wrong()),
            }
        }
    }
}

/// Runs the subcommand.
pub fn run(args: VirtualArgs, global: &Global) -> CliResult {
    let format = Format::of(global);
    match args.command {
        VirtualCommand::Create(spec) => {
            let names = create(&spec)?;
            let dir = spec.dir.canonicalize().unwrap_or(spec.dir);
            let answer = json!({ "dir": dir.to_string_lossy(), "cartridges": names });
            let next = format!(
                "Made a library with {} drives and {} slots in {2}\nGive it to a server:\n  tapebackarr library add \
                 'virtual:{2}#changer' --name Virtual\n  tapebackarr drive add 'virtual:{2}#drive0'",
                spec.drives,
                spec.slots,
                dir.display()
            );
            format.done(&answer, &next)
        }
        VirtualCommand::Add { dir, barcode, capacity, to, write_protected } => {
            let mut spec = cartridge(&barcode, capacity);
            if write_protected {
                spec.write_protection = WriteProtection::On;
            }
            library::add_cartridge(&dir, &spec, to).doing(format_args!("cannot add {barcode} to {}", dir.display()))?;
            format.done(&json!({ "cartridge": barcode }), &format!("Added {barcode}"))
        }
        VirtualCommand::List { dir } => list(&dir, format),
        VirtualCommand::Dump { cartridge, file } => dump(&cartridge, file, &mut std::io::stdout().lock()),
        VirtualCommand::Door { dir, state } => {
            let (door, word) = match state {
                DoorState::Open => (Door::Open, "open"),
                DoorState::Close => (Door::Closed, "closed"),
            };
            library::set_door(&dir, door).doing(format_args!("cannot move the door of {}", dir.display()))?;
            format.done(&json!({ "door": word }), &format!("The door is {word}"))
        }
        VirtualCommand::Move { dir, cartridge, to } => {
            library::put(&dir, &cartridge, to).doing(format_args!("cannot move {cartridge}"))?;
            format.done(&json!({ "cartridge": cartridge }), &format!("Moved {cartridge}"))
        }
    }
}

fn cartridge(barcode: &str, capacity: Option<u64>) -> CartridgeSpec {
    let spec = CartridgeSpec::new(barcode);
    match capacity {
        Some(bytes) => spec.with_capacity(bytes),
        None => spec,
    }
}

/// Makes the library and its cartridges; returns their names.
fn create(spec: &Create) -> CliResult<Vec<String>> {
    let generation = Generation::new(spec.generation)
        .ok_or_else(|| CliError::usage(format!("there is no LTO generation {}", spec.generation)))?;
    if spec.cartridges > spec.slots {
        return Err(CliError::usage(format!("{} cartridges do not fit into {} slots", spec.cartridges, spec.slots)));
    }
    let library = LibrarySpec {
        drives: spec.drives,
        slots: spec.slots,
        mail_slots: spec.mail_slots,
        generation,
        ..LibrarySpec::default()
    };
    library::create(&spec.dir, &library).doing(format_args!("cannot make a library in {}", spec.dir.display()))?;
    let names: Vec<String> = (1..=spec.cartridges)
        .map(|number| format!("{}{number:05}{}", spec.prefix, generation.format().suffix))
        .collect();
    for name in &names {
        let added = library::add_cartridge(&spec.dir, &cartridge(name, spec.capacity), Place::AnySlot);
        added.doing(format_args!("cannot add the cartridge {name}"))?;
    }
    Ok(names)
}

fn list(dir: &Path, format: Format) -> CliResult {
    let shown = dir.display();
    let state = library::read(dir).doing(format_args!("cannot read the library {shown}"))?;
    let mut rows = rows_of(dir, &state);
    let inside: Vec<String> = rows.iter().filter_map(|row| row["cartridge"].as_str().map(str::to_owned)).collect();
    let all = library::cartridges(dir).doing(format_args!("cannot list the cartridges of {shown}"))?;
    rows.extend(all.iter().filter(|name| !inside.contains(name)).map(|name| row(dir, "shelf", None, Some(name))));
    if format == Format::Json {
        let door = serde_json::to_value(state.door).doing("door")?;
        return output::json(&json!({ "serial": state.serial, "door": door, "elements": rows }));
    }
    if state.door == Door::Open {
        eprintln!("The door is open.");
    }
    let columns = [
        text("place", "place"),
        text("address", "address"),
        text("cartridge", "cartridge"),
        text("bar code", "barcode"),
        text("kind", "kind"),
        bytes("used", "used_bytes"),
        bytes("capacity", "capacity_bytes"),
        count("files", "tape_files"),
        count("loads", "loads"),
        yes_no("write protected", "write_protected"),
    ];
    format.list(&Value::Array(rows), &columns, "")
}

fn rows_of(dir: &Path, state: &LibraryState) -> Vec<Value> {
    let slot = |kind: &'static str| {
        move |(number, slot): (usize, &Slot)| {
            row(dir, &format!("{kind}:{number}"), Some(slot.address), slot.cartridge.as_deref())
        }
    };
    let drives = state.drives.iter().enumerate();
    let drives =
        drives.map(|(number, bay)| row(dir, &format!("drive:{number}"), Some(bay.address), bay.cartridge.as_deref()));
    drives
        .chain(state.slots.iter().enumerate().map(slot("slot")))
        .chain(state.mail_slots.iter().enumerate().map(slot("mail")))
        .collect()
}

fn row(dir: &Path, place: &str, address: Option<u16>, name: Option<&str>) -> Value {
    let mut row = json!({ "place": place, "address": address, "cartridge": name });
    let Some(name) = name else { return row };
    if let Ok(cartridge) = library::cartridge(dir, name) {
        row["barcode"] = json!(cartridge.barcode);
        row["kind"] = json!(format!("{:?}", cartridge.kind).to_lowercase());
        row["capacity_bytes"] = json!(cartridge.capacity_bytes);
        row["loads"] = json!(cartridge.load_count);
        row["write_protected"] = json!(cartridge.write_protection == WriteProtection::On);
    }
    if let Ok(image) = Image::open(&dir.join("cartridges").join(format!("{name}.tap")), ImageAccess::Read) {
        row["used_bytes"] = json!(image.bytes());
        row["tape_files"] = json!(image.index().files());
    }
    row
}

/// Copies tape file `number` of an image to `out`, block after block.
fn dump(path: &Path, number: u64, out: &mut impl Write) -> CliResult {
    let shown = path.display();
    let image = Image::open(path, ImageAccess::Read).doing(format_args!("cannot open the image {shown}"))?;
    let files = image.index().files();
    let first = match number.checked_sub(1) {
        None => Some(0),
        Some(before) => image.index().filemark(before).map(|mark| mark + 1),
    };
    let first = first.filter(|first| *first < image.objects() || number == 0).ok_or_else(|| {
        CliError::new(Exit::NotFound, format!("{shown} has no tape file {number}; it has {files}, counted from 0"))
    })?;
    let mut block = vec![0; 1 << 20];
    let mut object = first;
    loop {
        match image.read(object, &mut block).doing(format_args!("cannot read {shown}"))? {
            ImageRead::Block(length) => {
                let bytes = block.get(..length).unwrap_or_default();
                out.write_all(bytes).map_err(|error| super::exit::output_error(&error))?;
            }
            ImageRead::TooLong(length) if length <= LONGEST_BLOCK => {
                block.resize(length as usize, 0);
                continue;
            }
            ImageRead::TooLong(_) | ImageRead::Damaged => {
                return Err(CliError::failed(format!("{shown} is damaged at block {object} of tape file {number}")));
            }
            ImageRead::Filemark | ImageRead::EndOfData => break,
        }
        object += 1;
    }
    out.flush().map_err(|error| super::exit::output_error(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(dir: &Path) -> Create {
        Create {
            dir: dir.to_owned(),
            drives: 2,
            slots: 4,
            mail_slots: 1,
            generation: 9,
            cartridges: 3,
            prefix: "T".to_owned(),
            capacity: Some(100_000_000),
        }
    }

    #[test]
    fn a_library_is_made_and_shown() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("lib");
        assert_eq!(create(&spec(&dir)).unwrap(), ["T00001L9", "T00002L9", "T00003L9"]);
        let rows = rows_of(&dir, &library::read(&dir).unwrap());
        let places: Vec<&str> = rows.iter().filter_map(|row| row["place"].as_str()).collect();
        assert_eq!(places, ["drive:0", "drive:1", "slot:0", "slot:1", "slot:2", "slot:3", "mail:0"]);
        assert_eq!(rows[2]["cartridge"], "T00001L9");
        assert_eq!(rows[2]["capacity_bytes"], 100_000_000);
        assert_eq!(rows[2]["tape_files"], 0);
        assert!(create(&spec(&dir)).is_err(), "it is one already");
    }

    #[test]
    fn a_tape_file_is_dumped_byte_for_byte() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.tap");
        Image::create(&path).unwrap();
        let mut image = Image::open(&path, ImageAccess::ReadWrite).unwrap();
        let large = vec![7; (1 << 20) + 3];
        image.append_block(b"label").unwrap();
        image.append_filemarks(1).unwrap();
        image.append_block(b"one").unwrap();
        image.append_block(&large).unwrap();
        image.append_filemarks(2).unwrap();
        image.append_block(b"open").unwrap();
        let file = |number| {
            let mut out = Vec::new();
            dump(&path, number, &mut out).map(|()| out).map_err(|error| error.exit)
        };
        assert_eq!(file(0).unwrap(), b"label");
        assert_eq!(file(1).unwrap(), [b"one".as_slice(), &large].concat());
        assert_eq!(file(2).unwrap(), b"", "between two filemarks");
        assert_eq!(file(3).unwrap(), b"open", "not closed by a filemark");
        assert_eq!(file(4), Err(Exit::NotFound));
    }

    #[test]
    fn places() {
        assert_eq!(parse_place("slot:3"), Ok(Place::Slot(3)));
        assert_eq!(parse_place("drive:0"), Ok(Place::Drive(0)));
        assert_eq!(parse_place("shelf"), Ok(Place::Shelf));
        for text in ["", "slot", "slot:", "slot:x", "attic:1"] {
            assert!(parse_place(text).is_err(), "{text}");
        }
    }
}
