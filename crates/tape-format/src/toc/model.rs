//! The objects in a table of contents.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The tape as its label names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapeInfo {
    /// Name.
    pub label: String,
    /// Identity.
    pub uuid: Uuid,
    /// Pool.
    pub pool: String,
}

/// What a set is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetKind {
    /// Everything.
    Full,
    /// What changed since its parent.
    Incremental,
    /// A copy of the server's database.
    Database,
}

/// The set, as far as it is known when a part begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetInfo {
    /// Identity.
    pub uuid: Uuid,
    /// Name of the job.
    pub job: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: SetKind,
    /// The set an incremental is based on.
    pub parent: Option<Uuid>,
    /// When it began, in Unix seconds.
    pub start: i64,
    /// `none`, `lto`, `gzip` or `zstd`.
    pub compression: String,
    /// If it is a copy: the set it is a copy of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<Uuid>,
}

/// Numbers of members and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Members: files, directories, links, devices.
    pub members: u64,
    /// Regular files among them.
    pub files: u64,
    /// Content bytes of those.
    pub bytes: u64,
}

impl std::ops::Add for Totals {
    type Output = Totals;

    fn add(self, other: Totals) -> Totals {
        Totals {
            members: self.members.saturating_add(other.members),
            files: self.files.saturating_add(other.files),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

impl std::ops::Sub for Totals {
    type Output = Totals;

    fn sub(self, other: Totals) -> Totals {
        Totals {
            members: self.members.saturating_sub(other.members),
            files: self.files.saturating_sub(other.files),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

/// The member that a part ends inside of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Its path as text (see [`path_text`](crate::path_text)).
    pub path: String,
    /// Bytes of its tar data that are in this part and those before it.
    pub data_offset: u64,
    /// Bytes of its tar data in all.
    pub data_size: u64,
    /// Hex of SHA-256's intermediate value behind the content in this part and those before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256_state: Option<String>,
}

impl Cut {
    /// [`sha256_state`](Self::sha256_state) as bytes; `None` if it is not there, or no such thing.
    pub fn chaining(&self) -> Option<[u8; 32]> {
        let mut value = [0; 32];
        hex::decode_to_slice(self.sha256_state.as_ref()?, &mut value).ok()?;
        Some(value)
    }
}

/// The part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartInfo {
    /// Number in the set, from 1.
    pub number: u32,
    /// Whether the set ends with it.
    pub last: bool,
    /// Number of its data file on tape.
    pub tape_file: u64,
    /// Logical object number of its first block.
    pub first_block: u64,
    /// Its blocks.
    pub block_count: u64,
    /// Size of each but the last.
    pub block_size: u32,
    /// Offset of its first frame in the set's tar stream.
    pub tar_start: u64,
    /// Offset behind its last frame.
    pub tar_end: u64,
    /// Length of its opening records, which are not part of the set's tar stream.
    pub prelude_bytes: u64,
    /// Bytes of the data file.
    pub stream_bytes: u64,
    /// Hex header of the encrypted stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_header: Option<String>,
    /// The member that goes on in the next part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// What ends in this part.
    #[serde(flatten)]
    pub totals: Totals,
}

/// One part of a set on the tape, in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The set.
    pub set: Uuid,
    /// Name of the job; empty where an encrypted set is listed in a table that is not.
    pub job: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: SetKind,
    /// When the set began, in Unix seconds.
    pub start: i64,
    /// When the part ended.
    pub end: i64,
    /// Number of the part in the set.
    pub part: u32,
    /// Whether the set ends with it.
    pub last: bool,
    /// Number of its data file; its table of contents is the next.
    pub tape_file: u64,
    /// Logical object number of its first data block.
    pub first_block: u64,
    /// Logical object number of its table of contents.
    pub toc_block: u64,
    /// Fingerprint of its key, empty if it is not encrypted.
    #[serde(default)]
    pub key_fingerprint: String,
    /// What ends in the part.
    #[serde(flatten)]
    pub totals: Totals,
}

/// Everything in a table of contents but the members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TocHead {
    /// The tape it was written to.
    pub tape: TapeInfo,
    /// The set.
    pub set: SetInfo,
    /// When the part was ended, in Unix seconds.
    pub end: i64,
    /// Fingerprint of the set's key, empty if it is not encrypted.
    pub key_fingerprint: String,
    /// What the set holds up to the end of this part.
    pub totals: Totals,
    /// The part.
    pub part: PartInfo,
    /// Where its frames are: (tar offset, stream offset).
    pub frames: Vec<(u64, u64)>,
    /// The earlier sets on the tape, oldest first.
    pub earlier: Vec<Summary>,
}
