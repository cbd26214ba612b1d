//! Which key opens the data of a tape of version 1: nothing on the tape tells for certain, so they are tried.

use crate::actors::drive::{DriveTask, Unit};
use crate::db;
use crate::executions::{Context, Lease};
use crate::{Error, ErrorKind, Result};
use std::io::Read;
use tape_drive::{Position, TapeDrive};
use tape_format::FormatError;
use tape_format::crypt::Key;
use tape_format::part::FileReader;
use tape_format::v1;

/// The key that opens the data file that begins at `block`, with its row: the one with row `named`, or whichever does.
///
/// # Errors
/// 422 `wrong_key`, `key_unknown`.
pub fn find(context: &Context, lease: &Lease, block: u64, named: Option<i32>) -> Result<(i32, Key)> {
    let start = context.perform(lease, Start { block })?;
    let mut conn = context.conn()?;
    let candidates = match named {
        Some(id) => vec![db::encryption_keys::find(&mut conn, id)?],
        None => db::encryption_keys::list(&mut conn)?,
    };
    for candidate in &candidates {
        context.check()?;
        let key = context.services.keys.for_reading(&mut conn, &candidate.key_fingerprint)?;
        if v1::opens(&key, &start) {
            context.log(&format!("The data is encrypted with key '{}'.", candidate.name));
            return Ok((candidate.id, key));
        }
    }
    let refused = |code, message: String| Err(Error::new(ErrorKind::Unprocessable, code, message));
    match (named, candidates.first()) {
        (Some(_), Some(key)) => refused("wrong_key", format!("key '{}' does not open the data on this tape", key.name)),
        _ => refused(
            "key_unknown",
            format!(
                "version 1 encrypted this, and none of the {} keys of this server opens it: import the key from its key \
                 sheet, or from the old database",
                candidates.len()
            ),
        ),
    }
}

/// Bytes that are enough to try a key: a whole chunk, in the format that has them.
const ENOUGH: u64 = (1 << 20) + 4096;

/// The first bytes of the tape file that begins at a block.
struct Start {
    block: u64,
}

impl DriveTask for Start {
    type Output = Vec<u8>;
    const NAME: &'static str = "read how a tape file begins";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<Vec<u8>> {
        drive.locate(Position::block(self.block))?;
        let mut start = Vec::new();
        let read = FileReader::new(drive)?.take(ENOUGH).read_to_end(&mut start);
        read.map_err(FormatError::from_io)?;
        Ok(start)
    }
}
