//! The members of a set in the order of its stream, in a file until their frames come: there may be more than fit into memory.

use crate::Result;
use crate::catalog::partial;
use crate::db::Conn;
use std::io::{BufReader, Seek, SeekFrom, Write};
use std::iter::Peekable;
use std::path::Path;
use tape_format::MemberRecord;

/// Speed counts more than size.
const LEVEL: i32 = 1;

/// Members that are taken one by one.
pub struct Members(Peekable<Box<dyn Iterator<Item = serde_json::Result<MemberRecord>> + Send>>);

impl Members {
    /// Of this set, as the catalog has them. The file is in `folder`, and has no name.
    pub fn of(conn: &mut Conn, set_id: i32, folder: &Path) -> Result<Members> {
        let mut file = zstd::Encoder::new(tempfile::tempfile_in(folder)?, LEVEL)?;
        partial::members(conn, set_id, None, &mut |record| {
            // a directory that is only known by what is in it has no place of its own
            if record.tar_length > 0 {
                serde_json::to_writer(&mut file, &record)?;
                file.write_all(b"\n")?;
            }
            Ok(())
        })?;
        let mut file = file.finish()?;
        file.seek(SeekFrom::Start(0))?;
        let lines = BufReader::new(zstd::Decoder::new(file)?);
        let all = serde_json::Deserializer::from_reader(lines).into_iter::<MemberRecord>();
        let all: Box<dyn Iterator<Item = serde_json::Result<MemberRecord>> + Send> = Box::new(all);
        Ok(Members(all.peekable()))
    }

    /// The next one, which stays.
    pub fn peek(&mut self) -> Result<Option<&MemberRecord>> {
        match self.0.peek() {
            None => Ok(None),
            Some(Ok(record)) => Ok(Some(record)),
            Some(Err(error)) => {
                Err(crate::Error::internal(format!("the list of members in the spool folder: {error}")))
            }
        }
    }

    /// Takes the next one if it ends at or before an offset of the stream.
    pub fn ending_by(&mut self, end: u64) -> Result<Option<MemberRecord>> {
        match self.peek()? {
            Some(next) if ends_at(next) <= end => Ok(self.0.next().transpose()?),
            _ => Ok(None),
        }
    }
}

/// Where a member ends, with padding.
pub fn ends_at(record: &MemberRecord) -> u64 {
    record.tar_offset.saturating_add(record.tar_length)
}
