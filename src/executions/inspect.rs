//! Reads what is on the tape in a drive: label, sets, the first files; nothing is written.

use super::{Context, InspectRequest};
use crate::actors::drive::tasks::FirstBlock;
use crate::actors::drive::{DriveTask, Unit};
use crate::db;
use crate::{Error, Result};
use serde_json::{Value, json};
use tape_drive::TapeDrive;
use tape_format::part::{self, ScannedFile};

/// Files listed at most.
const MAX_FILES: usize = 1000;

struct Scan;

impl DriveTask for Scan {
    type Output = Vec<ScannedFile>;
    const NAME: &'static str = "read the contents of the tape";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<Vec<ScannedFile>> {
        part::scan(drive, MAX_FILES).map_err(Error::from)
    }
}

/// Inspects the tape.
pub fn run(context: &Context, request: &InspectRequest) -> Result<Value> {
    let lease = context.take_drive(request.drive_id, None)?;
    let drive = db::drives::find(&mut *context.conn()?, request.drive_id)?;
    let base = json!({"drive_id": drive.id, "device_path": drive.device_path});
    let found = match super::drive_action::load(context, &lease) {
        Ok(found) => found,
        Err(error) if error.code == "no_tape" => {
            return Ok(merge(base, json!({"status": "no_tape", "drive_online": true, "message": error.message,
                "has_tapebackarr_label": false, "contents": []})));
        }
        Err(error) => return Err(error),
    };
    let medium = futures_executor::block_on(context.services.drives.snapshot(drive.id))?.medium;
    let lto = medium.as_ref().and_then(|medium| tape_drive::lto::format_of_density(medium.density)).map(|format| format.name);
    let facts = json!({
        "status": "complete", "drive_online": true, "lto_type": lto,
        "capacity_bytes": medium.as_ref().map(|medium| medium.capacity_bytes),
        "barcode": medium.as_ref().and_then(|medium| medium.barcode.clone()),
    });
    let described = match found {
        FirstBlock::Blank => json!({"has_tapebackarr_label": false, "label_message": "the tape is blank", "contents": []}),
        FirstBlock::Foreign(what) => {
            json!({"has_tapebackarr_label": false, "label_message": what, "contents": []})
        }
        FirstBlock::Ours(label) => {
            context.phase("reading", format!("Reading the contents of tape {}.", label.label))?;
            let known = db::tapes::find_by_uuid(&mut *context.conn()?, &label.uuid.to_string())?;
            let mut described = json!({
                "has_tapebackarr_label": true, "label": label.label, "uuid": label.uuid, "pool": label.pool,
                "timestamp": label.timestamp, "encryption_key_fingerprint": label.key_fingerprint,
                "encrypted": !label.key_fingerprint.is_empty(), "compression_type": label.compression,
                "compressed": !matches!(label.compression.as_str(), "" | "none"),
                "known": known.is_some(), "tape_id": known.map(|tape| tape.id), "contents": [],
            });
            match context.perform(&lease, Scan) {
                Ok(files) => described["contents"] = contents(&files),
                Err(error) => described["contents_error"] = json!(error.message),
            }
            described
        }
    };
    Ok(merge(merge(base, facts), described))
}

fn contents(files: &[ScannedFile]) -> Value {
    serde_json::to_value(files).unwrap_or_default()
}

fn merge(mut into: Value, from: Value) -> Value {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
    into
}
