//! What a person does with a drive: load, eject, rewind, retension, clean.

use super::{Context, DriveAction, DriveRequest, Lease, cleaning, drive_test, mount};
use crate::Result;
use crate::actors::drive::tasks::{FirstBlock, Retension, Rewind, SetEncryption, UnloadMedium};
use crate::db;
use crate::keys::drive_key;
use serde_json::{Value, json};

/// Does it, on the drive that was named.
pub fn run(context: &Context, request: &DriveRequest) -> Result<Value> {
    let lease = context.take_drive(request.drive_id, None)?;
    let status = match request.action {
        DriveAction::Load => {
            load(context, &lease)?;
            "loaded"
        }
        DriveAction::Eject => {
            eject(context, &lease)?;
            "ejected"
        }
        DriveAction::Rewind => {
            context.phase("rewinding", "Rewinding.")?;
            context.perform(&lease, Rewind)?;
            "rewound"
        }
        DriveAction::Retension => {
            context.phase("winding", "Winding to the end of data and back.")?;
            context.perform(&lease, Retension)?;
            "retensioned"
        }
        DriveAction::Clean => {
            cleaning::clean(context, &lease)?;
            "cleaned"
        }
        DriveAction::Test { destructive, fill } => return drive_test::run(context, &lease, destructive, fill),
        DriveAction::Encrypt { encryption_key_id } => {
            let key = context.services.keys.for_writing(&mut *context.conn()?, encryption_key_id)?;
            context.perform(&lease, SetEncryption { key: Some((encryption_key_id, drive_key(&key)?)) })?;
            let message = "The drive encrypts what is written to the tape that is in it.";
            return Ok(json!({
                "message": message, "drive_id": request.drive_id, "encryption_key_id": encryption_key_id,
            }));
        }
        DriveAction::Decrypt => {
            context.perform(&lease, SetEncryption { key: None })?;
            return Ok(json!({"message": "The drive does not encrypt.", "drive_id": request.drive_id}));
        }
    };
    Ok(json!({"status": status, "drive_id": request.drive_id}))
}

/// Threads the cartridge and says what it is.
pub fn load(context: &Context, lease: &Lease) -> Result<FirstBlock> {
    context.phase("loading", "Loading the tape.")?;
    let found = context.load(lease)?;
    context.log(&match &found {
        FirstBlock::Ours(label) => format!("The tape is '{}' (UUID {}).", label.label, label.uuid),
        FirstBlock::Blank => "The tape is blank.".into(),
        FirstBlock::Foreign(what) => format!("The tape is not ours: {what}."),
    });
    Ok(found)
}

/// Ejects the tape; the robot of the drive's library puts it away.
pub fn eject(context: &Context, lease: &Lease) -> Result<()> {
    context.phase("ejecting", "Ejecting the tape.")?;
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    match drive.library_id {
        Some(library) => mount::put_away(context, lease, library, None).map(drop),
        None => context.perform(lease, UnloadMedium),
    }
}
