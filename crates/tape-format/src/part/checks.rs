//! What must hold before a part is written, and after each flush.

use super::layout::MAX_BLOCK;
use super::spec::{PartErrorKind, PartSpec};
use crate::tar::BLOCK;
use crate::{Codec, FormatError, Result};
use tape_drive::{Position, TapeDrive};

/// Compares where the tape is with where it must be.
pub(super) fn check_position(drive: &mut dyn TapeDrive, block: u64, file: u64) -> Result<(), PartErrorKind> {
    let found = drive.position().map_err(FormatError::Drive)?;
    if found.at == Position::block(block) && found.file.is_none_or(|found| found == file) {
        return Ok(());
    }
    let found_file = found.file.map(|file| format!(" of file {file}")).unwrap_or_default();
    Err(PartErrorKind::WrongPosition {
        expected: format!("{} of file {file}", Position::block(block)),
        found: format!("{}{found_file}", found.at),
    })
}

/// The table of contents names the compression of the set; it must be the one the frames have.
pub(super) fn check_compression(spec: &PartSpec) -> Result<()> {
    let named = Codec::from_name(&spec.set.compression)?.name();
    if named == spec.codec.name() {
        return Ok(());
    }
    let reason = format!("the set says {named}, and its frames are {}", spec.codec.name());
    Err(FormatError::Inconsistent { what: "the compression of the set", reason })
}

pub(super) fn check_block_size(drive: &mut dyn TapeDrive, size: u32) -> Result<(), PartErrorKind> {
    let limits = drive.block_limits().map_err(FormatError::Drive)?;
    if size < BLOCK as u32 || size < limits.min || size > limits.max.min(MAX_BLOCK) {
        let reason = format!("{size} bytes, and this drive takes {} to {}", limits.min, limits.max);
        return Err(FormatError::Inconsistent { what: "the block size", reason }.into());
    }
    Ok(())
}
