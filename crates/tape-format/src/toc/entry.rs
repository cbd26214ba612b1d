//! A member as it stands in a table of contents.

use crate::{FormatError, MemberKind, MemberRecord, Result, path_text};
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Entry {
    path: String,
    #[serde(rename = "type")]
    kind: MemberKind,
    #[serde(default)]
    size: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    #[serde(default)]
    user: String,
    #[serde(default)]
    group: String,
    mtime_ns: i64,
    #[serde(default)]
    ctime_ns: i64,
    #[serde(default)]
    inode: u64,
    link: Option<String>,
    sha256: Option<String>,
    tar_offset: u64,
    tar_length: u64,
}

impl Entry {
    /// The record it describes.
    pub(super) fn record(self) -> Result<MemberRecord> {
        let sha256 = match self.sha256 {
            None => None,
            Some(text) => {
                let mut hash = [0; 32];
                hex::decode_to_slice(&text, &mut hash)
                    .map_err(|_| FormatError::Toc(format!("the SHA-256 of {:?} is not one", self.path)))?;
                Some(hash)
            }
        };
        Ok(MemberRecord {
            path: path_text::from_text(&self.path).into_owned(),
            kind: self.kind,
            size: self.size,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            user: self.user,
            group: self.group,
            mtime_ns: self.mtime_ns,
            ctime_ns: self.ctime_ns,
            inode: self.inode,
            link: self.link.map(|link| path_text::from_text(&link).into_owned()),
            sha256,
            tar_offset: self.tar_offset,
            tar_length: self.tar_length,
        })
    }
}
