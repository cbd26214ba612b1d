//! A table of contents as records on tape: plain, compressed, or sealed.
//!
//! * plain: the JSON, then NULs up to a whole record;
//! * compressed (over 16 MiB): zstd frames, then a skippable zstd frame up to a whole record, so that `zstd -d` is content;
//! * sealed (encrypted sets): a readable head of 4096 bytes, then one of the two, encrypted, then NULs.

use super::spool::FinishedToc;
use super::{RECORD, json};
use crate::crypt::{Key, LockedKey, SealWriter, ciphertext_length, toc_context};
use crate::{FormatError, Result};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use tape_drive::TapeDrive;
use uuid::Uuid;

/// Bytes of the readable head of a sealed table.
pub const SEALED_HEAD: usize = 4096;

/// What is readable of a sealed table of contents without the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedHead {
    /// As in every table of contents.
    pub magic: String,
    /// As in every table of contents.
    pub version: u32,
    /// How it is encrypted: `AES256_GCM_HKDF_1MB`.
    pub sealed: String,
    /// The set.
    pub set: Uuid,
    /// Number of the part.
    pub part: u32,
    /// Fingerprint of the key.
    pub key_fingerprint: String,
    /// Number of the part's data file on tape.
    pub tape_file: u64,
    /// Its blocks.
    pub block_count: u64,
    /// Its bytes.
    pub stream_bytes: u64,
    /// Bytes of ciphertext behind this head.
    pub sealed_bytes: u64,
    /// What should be a [`LockedKey`]: the key, closed with a passphrase, if that was wished for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locked_key: Option<serde_json::Value>,
}

/// The name of the encryption in [`SealedHead`].
pub(super) const SEALED: &str = "AES256_GCM_HKDF_1MB";

impl SealedHead {
    /// The head of the table of contents of a part.
    pub(crate) fn new(
        set: Uuid,
        part: &super::PartInfo,
        key_fingerprint: String,
        locked_key: Option<&LockedKey>,
    ) -> Result<SealedHead> {
        let locked_key = locked_key.map(serde_json::to_value).transpose();
        Ok(SealedHead {
            magic: json::MAGIC.into(),
            version: json::VERSION,
            sealed: SEALED.into(),
            set,
            part: part.number,
            key_fingerprint,
            tape_file: part.tape_file,
            block_count: part.block_count,
            stream_bytes: part.stream_bytes,
            sealed_bytes: 0,
            locked_key: locked_key.map_err(|error| FormatError::LockedKey(error.to_string()))?,
        })
    }

    /// The key of the set as it lies beside it, closed with a passphrase; `None` if it does not.
    ///
    /// # Errors
    /// [`FormatError::LockedKey`] if it cannot be used.
    pub fn locked_key(&self) -> Option<Result<LockedKey>> {
        self.locked_key.as_ref().map(|value| LockedKey::parse(value, &self.key_fingerprint))
    }

    /// The head in the first bytes of a tape file; `None` if there is none.
    pub fn decode(start: &[u8]) -> Option<SealedHead> {
        let head = start.get(..SEALED_HEAD)?;
        let end = head.iter().position(|&b| b == 0)?;
        let head: SealedHead = serde_json::from_slice(head.get(..end)?).ok()?;
        (head.magic == json::MAGIC && head.version == json::VERSION && head.sealed == SEALED).then_some(head)
    }

    fn encode(&self) -> Result<Vec<u8>> {
        let failed = |reason: String| FormatError::Toc(format!("its head cannot be written ({reason})"));
        let mut bytes = serde_json::to_vec(self).map_err(|e| failed(e.to_string()))?;
        if bytes.len() >= SEALED_HEAD {
            return Err(failed("too long".into()));
        }
        bytes.resize(SEALED_HEAD, 0);
        Ok(bytes)
    }
}

/// How a table of contents is written.
pub(crate) enum Sealing<'a> {
    /// Readable.
    None,
    /// Encrypted with the key of its set.
    With(&'a Key, SealedHead),
}

/// Writes the records at the tape's position, and returns their number.
pub(crate) fn write(drive: &mut dyn TapeDrive, toc: &mut FinishedToc, sealing: Sealing) -> Result<u64> {
    let compressed = toc.compressed();
    let length = toc.length();
    let mut records = RecordWriter { drive, record: Vec::with_capacity(RECORD), written: 0 };
    let mut source = toc.reader()?;
    match sealing {
        Sealing::None => {
            copy(&mut source, &mut records)?;
            if compressed {
                records.pad_with_skippable_frame()?;
            } else {
                records.pad()?;
            }
        }
        Sealing::With(key, mut head) => {
            let context = toc_context(&head.set, head.part);
            head.sealed_bytes = ciphertext_length(length);
            records.write_all(&head.encode()?).map_err(FormatError::from_io)?;
            let mut sealed = SealWriter::new(key, &context, records)?;
            copy(&mut source, &mut sealed)?;
            records = sealed.finish()?;
            records.pad()?;
        }
    }
    Ok(records.written)
}

fn copy(source: &mut dyn Read, target: &mut dyn Write) -> Result<()> {
    let mut buffer = vec![0; RECORD];
    loop {
        let length = source.read(&mut buffer).map_err(FormatError::from_io)?;
        if length == 0 {
            return Ok(());
        }
        target.write_all(buffer.get(..length).unwrap_or(&[])).map_err(FormatError::from_io)?;
    }
}

/// Cuts what is written into records.
struct RecordWriter<'a> {
    drive: &'a mut dyn TapeDrive,
    record: Vec<u8>,
    written: u64,
}

impl RecordWriter<'_> {
    fn flush_record(&mut self) -> Result<()> {
        self.drive.write_block(&self.record)?;
        self.written += 1;
        self.record.clear();
        Ok(())
    }

    fn pad(&mut self) -> Result<()> {
        if !self.record.is_empty() {
            self.record.resize(RECORD, 0);
            self.flush_record()?;
        }
        Ok(())
    }

    fn pad_with_skippable_frame(&mut self) -> Result<()> {
        const FRAME_HEADER: usize = 8;
        let room = RECORD - self.record.len();
        if room == 0 || self.record.is_empty() {
            return self.pad();
        }
        let content = if room >= FRAME_HEADER { room - FRAME_HEADER } else { room + RECORD - FRAME_HEADER };
        let mut frame = 0x184D_2A50_u32.to_le_bytes().to_vec();
        frame.extend_from_slice(&(content as u32).to_le_bytes());
        frame.resize(FRAME_HEADER + content, 0);
        self.write_all(&frame).map_err(FormatError::from_io)?;
        self.pad()
    }
}

impl Write for RecordWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = RECORD - self.record.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.record.extend_from_slice(taken);
        if self.record.len() == RECORD {
            self.flush_record().map_err(FormatError::into_io)?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn head(more: &[(&str, Value)]) -> Option<SealedHead> {
        let mut head = json!({
            "magic": json::MAGIC, "version": json::VERSION, "sealed": SEALED, "set": Uuid::from_u128(1), "part": 1,
            "key_fingerprint": "ab", "tape_file": 1, "block_count": 3, "stream_bytes": 4, "sealed_bytes": 5,
        });
        for (name, value) in more {
            head[*name] = value.clone();
        }
        let mut bytes = head.to_string().into_bytes();
        bytes.resize(SEALED_HEAD, 0);
        SealedHead::decode(&bytes)
    }

    #[test]
    fn a_head_with_no_key_with_a_damaged_one_or_with_something_newer_is_read() {
        assert!(head(&[]).unwrap().locked_key().is_none());
        assert!(head(&[("newer", json!([{"a": 1}]))]).unwrap().locked_key().is_none());
        for damaged in [json!(1), json!({}), json!({"kdf": "argon2id", "memory_kib": -1}), json!([[[]]]), json!("x")] {
            let head = head(&[("locked_key", damaged.clone())]).unwrap();
            assert!(matches!(head.locked_key(), Some(Err(FormatError::LockedKey(_)))), "{damaged}");
        }
    }
}
