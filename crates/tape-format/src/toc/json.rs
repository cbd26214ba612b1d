//! The JSON of a table of contents, made piece by piece.

use super::TocHead;
use crate::{FormatError, MemberRecord, Result, path_text};
use serde::Serialize;
use std::io::Write;

/// What the `magic` of every table of contents says.
pub(super) const MAGIC: &str = "TAPEBACKARR_TOC";
/// Version of the format.
pub(super) const VERSION: u32 = 2;
/// How a table begins that is neither compressed nor encrypted.
pub(super) const START: &[u8] = b"{\"magic\":\"TAPEBACKARR_TOC\",";

/// Pairs of the frame table that are passed on at once.
const PAIRS: usize = 4096;

fn string(text: &str, out: &mut Vec<u8>) {
    // Writing a string into a Vec cannot fail.
    let _ = serde_json::to_writer(out, text);
}

fn number(key: &str, value: impl std::fmt::Display, out: &mut Vec<u8>) {
    let _ = write!(out, ",\"{key}\":{value}");
}

/// Appends a path as a JSON string.
pub(super) fn path(path: &[u8], out: &mut Vec<u8>) {
    string(&path_text::to_text(path), out);
}

/// Appends one member. Fields that say nothing are left out.
pub(super) fn member(record: &MemberRecord, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"path\":");
    path(&record.path, out);
    let _ = write!(out, ",\"type\":\"{}\"", record.kind.as_str());
    number("size", record.size, out);
    number("mode", record.mode, out);
    number("uid", record.uid, out);
    number("gid", record.gid, out);
    for (key, name) in [("user", &record.user), ("group", &record.group)] {
        if !name.is_empty() {
            let _ = write!(out, ",\"{key}\":");
            string(name, out);
        }
    }
    number("mtime_ns", record.mtime_ns, out);
    if record.ctime_ns != 0 {
        number("ctime_ns", record.ctime_ns, out);
    }
    if record.inode != 0 {
        number("inode", record.inode, out);
    }
    if let Some(link) = &record.link {
        out.extend_from_slice(b",\"link\":");
        path(link, out);
    }
    if let Some(hash) = &record.sha256 {
        let mut text = [0; 64];
        // 64 digits are what 32 bytes make.
        let _ = hex::encode_to_slice(hash, &mut text);
        out.extend_from_slice(b",\"sha256\":\"");
        out.extend_from_slice(&text);
        out.push(b'"');
    }
    number("tar_offset", record.tar_offset, out);
    number("tar_length", record.tar_length, out);
    out.push(b'}');
}

/// Passes on everything up to the first member.
pub(super) fn head(head: &TocHead, put: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut out = Vec::new();
    let _ = write!(out, "{{\"magic\":\"{MAGIC}\",\"version\":{VERSION}");
    object("tape", &head.tape, &mut out)?;
    object("set", &head.set, &mut out)?;
    object("end", &head.end, &mut out)?;
    object("key_fingerprint", &head.key_fingerprint, &mut out)?;
    object("totals", &head.totals, &mut out)?;
    object("part", &head.part, &mut out)?;
    out.extend_from_slice(b",\n\"frames\":[");
    for (i, pairs) in head.frames.chunks(PAIRS).enumerate() {
        for (j, (tar, stream)) in pairs.iter().enumerate() {
            let comma = if i + j == 0 { "" } else { "," };
            let _ = write!(out, "{comma}[{tar},{stream}]");
        }
        put(&out)?;
        out.clear();
    }
    out.extend_from_slice(b"],\n\"earlier\":[");
    for (i, summary) in head.earlier.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"\n" } else { b",\n" });
        to_json(summary, &mut out)?;
    }
    out.extend_from_slice(b"],\n\"files\":[");
    put(&out)
}

fn object(key: &str, value: &impl Serialize, out: &mut Vec<u8>) -> Result<()> {
    let _ = write!(out, ",\n\"{key}\":");
    to_json(value, out)
}

fn to_json(value: &impl Serialize, out: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(out, value).map_err(|e| FormatError::Toc(format!("it cannot be written as JSON ({e})")))
}
