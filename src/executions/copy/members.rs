//! The members of a set in the order of its stream, in a file until their frames come: there may be more than fit into memory.

use crate::catalog::partial;
use crate::db::Conn;
use crate::{Error, Result};
use std::io::{BufReader, Seek, SeekFrom};
use std::iter::Peekable;
use std::path::Path;
use tape_format::MemberRecord;

/// Speed counts more than size.
const LEVEL: i32 = 1;

/// Members that are taken one by one.
pub struct Members(Peekable<Box<dyn Iterator<Item = Result<MemberRecord>> + Send>>);

impl Members {
    /// Of this set, as the catalog has them. The file is in `folder`, and has no name.
    pub fn of(conn: &mut Conn, set_id: i32, folder: &Path) -> Result<Members> {
        let mut file = zstd::Encoder::new(tempfile::tempfile_in(folder)?, LEVEL)?;
        let mut count = 0_u64;
        partial::members(conn, set_id, None, &mut |record| {
            // a directory that is only known by what is in it has no place of its own
            if record.tar_length > 0 {
                // paths are bytes, which JSON would write as lists of numbers
                rmp_serde::encode::write(&mut file, &record).map_err(damaged)?;
                count += 1;
            }
            Ok(())
        })?;
        let mut file = file.finish()?;
        file.seek(SeekFrom::Start(0))?;
        let mut file = BufReader::new(zstd::Decoder::new(file)?);
        let all = (0..count).map(move |_| rmp_serde::from_read(&mut file).map_err(damaged));
        let all: Box<dyn Iterator<Item = Result<MemberRecord>> + Send> = Box::new(all);
        Ok(Members(all.peekable()))
    }

    /// The next one, which stays.
    pub fn peek(&mut self) -> Result<Option<&MemberRecord>> {
        match self.0.peek() {
            None => Ok(None),
            Some(Ok(record)) => Ok(Some(record)),
            Some(Err(error)) => Err(Error::internal(error.message.clone())),
        }
    }

    /// Takes the next one if it ends at or before an offset of the stream.
    pub fn ending_by(&mut self, end: u64) -> Result<Option<MemberRecord>> {
        match self.peek()? {
            Some(next) if ends_at(next) <= end => self.0.next().transpose(),
            _ => Ok(None),
        }
    }
}

fn damaged(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("the list of members in the spool folder: {error}"))
}

/// Where a member ends, with padding.
pub fn ends_at(record: &MemberRecord) -> u64 {
    record.tar_offset.saturating_add(record.tar_length)
}
