//! The loaded tape that the old program's first page showed: that of the first drive which has one.

use crate::Result;
use crate::actors::drive::DriveSnapshot;
use crate::db::{Conn, FormatType, tapes};
use serde::Serialize;
use utoipa::ToSchema;

/// The loaded tape. All empty when no drive has one with a label.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct LoadedTape {
    /// Its name.
    loaded_tape: String,
    /// Its identity.
    loaded_tape_uuid: String,
    /// Its pool's name when it was labelled.
    loaded_tape_pool: String,
    /// Whether there are encrypted sets on it.
    loaded_tape_encrypted: bool,
    /// Fingerprint of the key of the last of them.
    loaded_tape_enc_key_fingerprint: String,
    /// Compression it was prepared for.
    loaded_tape_compression: String,
    /// `raw` or `ltfs`.
    loaded_tape_format_type: String,
    /// The drive it is in.
    loaded_tape_drive_id: Option<i32>,
}

impl LoadedTape {
    /// That of the first drive which has one.
    pub fn first(conn: &mut Conn, seen: &[DriveSnapshot]) -> Result<LoadedTape> {
        let Some((drive, label)) = seen.iter().find_map(|seen| Some((seen.drive_id, seen.label.as_ref()?))) else {
            return Ok(LoadedTape::default());
        };
        let row = tapes::find_by_uuid(conn, &label.uuid)?;
        let fingerprint = match &row {
            Some(tape) => tape.encryption_key_fingerprint.clone(),
            None => label.key_fingerprint.clone(),
        };
        Ok(LoadedTape {
            loaded_tape: label.label.clone(),
            loaded_tape_uuid: label.uuid.clone(),
            loaded_tape_pool: label.pool.clone(),
            loaded_tape_encrypted: !fingerprint.is_empty(),
            loaded_tape_enc_key_fingerprint: fingerprint,
            loaded_tape_compression: label.compression.clone(),
            loaded_tape_format_type: row.map_or(FormatType::Raw, |tape| tape.format_type).as_str().into(),
            loaded_tape_drive_id: Some(drive),
        })
    }
}
