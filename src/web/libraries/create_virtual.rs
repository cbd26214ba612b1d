//! Making a virtual library: to try everything without hardware, or to keep backups on disks.

use super::create::{CreatedLibrary, NewLibraryRequest, make_known};
use crate::app::App;
use crate::web::AuditNote;
use crate::web::fields::{self, invalid};
use crate::web::query::block;
use crate::{Error, Result};
use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use tape_drive::lto::Generation;
use tape_drive::virt::CartridgeSpec;
use tape_drive::virt::library::{self, LibrarySpec, Place};
use utoipa::ToSchema;

/// Most drives and slots of a library that is made here; the command line makes larger ones.
const MOST_DRIVES: u16 = 16;
const MOST_SLOTS: u16 = 1000;
/// The smallest cartridge: label, a set and its table of contents must fit.
const LEAST_CAPACITY: u64 = 64 << 20;

/// A virtual library to be made.
#[derive(Debug, Deserialize, ToSchema)]
pub struct VirtualLibraryRequest {
    /// What people call it; its folder is named after it.
    name: String,
    /// Number of drives, 1 to 16; 2 if absent.
    drives: Option<u16>,
    /// Number of slots, 1 to 1000; 8 if absent.
    slots: Option<u16>,
    /// Blank cartridges put into it; none if absent.
    cartridges: Option<u16>,
    /// LTO generation of its drives and cartridges; 9 if absent.
    generation: Option<u8>,
    /// Bytes that fit on a cartridge; those of its generation if absent. Images grow as they are written.
    capacity_bytes: Option<u64>,
}

struct Plan {
    name: String,
    library: LibrarySpec,
    cartridges: Vec<CartridgeSpec>,
}

impl VirtualLibraryRequest {
    fn check(self) -> Result<Plan> {
        let name = fields::name("name", Some(&self.name))?;
        let (drives, slots, count) = (self.drives.unwrap_or(2), self.slots.unwrap_or(8), self.cartridges.unwrap_or(0));
        if !(1..=MOST_DRIVES).contains(&drives) {
            return Err(invalid("drives", format!("drives must be between 1 and {MOST_DRIVES}, not {drives}")));
        }
        if !(1..=MOST_SLOTS).contains(&slots) {
            return Err(invalid("slots", format!("slots must be between 1 and {MOST_SLOTS}, not {slots}")));
        }
        if count > slots {
            return Err(invalid("cartridges", format!("{count} cartridges do not fit into {slots} slots")));
        }
        let number = self.generation.unwrap_or(9);
        let generation = Generation::new(number)
            .ok_or_else(|| invalid("generation", format!("there is no LTO generation {number}")))?;
        if self.capacity_bytes.is_some_and(|bytes| bytes < LEAST_CAPACITY) {
            return Err(invalid("capacity_bytes", format!("capacity_bytes must be at least {LEAST_CAPACITY}")));
        }
        let suffix = generation.format().suffix;
        let cartridges = (1..=count).map(|number| {
            let spec = CartridgeSpec::new(&format!("V{number:05}{suffix}"));
            match self.capacity_bytes {
                Some(bytes) => spec.with_capacity(bytes),
                None => spec,
            }
        });
        let library = LibrarySpec { drives, slots, generation, ..LibrarySpec::default() };
        Ok(Plan { name, library, cartridges: cartridges.collect() })
    }
}

/// Makes a virtual library with its cartridges in a folder of its own, and makes it and its drives known.
#[utoipa::path(operation_id = "create_virtual_library", tag = "libraries", request_body = VirtualLibraryRequest,
    responses((status = 201, body = CreatedLibrary), (status = 400), (status = 409)))]
#[post("/libraries/virtual")]
pub async fn create_virtual(
    app: web::Data<App>,
    note: AuditNote,
    body: web::Json<VirtualLibraryRequest>,
) -> Result<HttpResponse> {
    let plan = body.into_inner().check()?;
    let (name, parent) = (plan.name.clone(), app.services.config.virtual_dir());
    let folder = block(move || build(&parent, &plan)).await?;
    let device_path = Some(format!("virtual:{}#changer", folder.display()));
    let request = NewLibraryRequest { name: Some(name), device_path, with_drives: true, ..Default::default() };
    make_known(&app, &note, request).await
}

/// Makes the folder, the library and its cartridges; nothing is left of it where that fails.
fn build(parent: &Path, plan: &Plan) -> Result<PathBuf> {
    std::fs::create_dir_all(parent)
        .map_err(|error| Error::from(error).context(format!("the folder of virtual libraries {}", parent.display())))?;
    let parent = parent.canonicalize()?;
    let folder = new_folder(&parent, &folder_name(&plan.name))?;
    let made = library::create(&folder, &plan.library).and_then(|()| {
        plan.cartridges.iter().try_for_each(|spec| library::add_cartridge(&folder, spec, Place::AnySlot))
    });
    if let Err(error) = made {
        if let Err(left) = std::fs::remove_dir_all(&folder) {
            tracing::warn!(folder = %folder.display(), %left, "an unfinished virtual library is left");
        }
        return Err(error.into());
    }
    Ok(folder)
}

/// Letters and digits of the name, small, with a `-` for everything between them.
fn folder_name(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join("-").to_lowercase();
    let short: String = joined.chars().take(40).collect();
    if short.is_empty() { "library".into() } else { short }
}

/// A folder that was not there before: the name, or with a number behind it.
fn new_folder(parent: &Path, name: &str) -> Result<PathBuf> {
    for number in 1..1000 {
        let folder = parent.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::from(error).context(format!("cannot make {}", folder.display()))),
        }
    }
    Err(Error::conflict("already_exists", format!("there are too many libraries called {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: serde_json::Value) -> VirtualLibraryRequest {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn names_become_folders_that_cannot_lead_elsewhere() {
        assert_eq!(folder_name("My Library, 2nd"), "my-library-2nd");
        assert_eq!(folder_name("../../etc"), "etc");
        assert_eq!(folder_name("Ünï"), "n");
        assert_eq!(folder_name("…"), "library");
    }

    #[test]
    fn a_library_is_made_with_its_cartridges_and_never_twice_in_one_folder() {
        let parent = tempfile::tempdir().unwrap();
        let plan = || request(serde_json::json!({"name": "Try", "cartridges": 3, "capacity_bytes": 100 << 20}));
        let first = build(parent.path(), &plan().check().unwrap()).unwrap();
        let second = build(parent.path(), &plan().check().unwrap()).unwrap();
        assert_eq!((first.file_name().unwrap(), second.file_name().unwrap()), ("try".as_ref(), "try-2".as_ref()));
        assert_eq!(library::cartridges(&first).unwrap(), ["V00001L9", "V00002L9", "V00003L9"]);
        assert_eq!(library::read(&first).unwrap().drives.len(), 2);
    }

    #[test]
    fn senseless_libraries_are_refused_by_field() {
        for (body, field) in [
            (serde_json::json!({"name": " "}), "name"),
            (serde_json::json!({"name": "x", "drives": 0}), "drives"),
            (serde_json::json!({"name": "x", "slots": 2, "cartridges": 3}), "cartridges"),
            (serde_json::json!({"name": "x", "generation": 77}), "generation"),
            (serde_json::json!({"name": "x", "capacity_bytes": 5}), "capacity_bytes"),
        ] {
            let error = request(body).check().err().unwrap();
            assert_eq!(error.details.unwrap()["field"], field);
        }
    }
}
