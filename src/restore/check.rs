//! Compares a member on tape with what the catalog says of it, without writing anything.

use super::extract::Failed;
use super::plan::Item;
use super::write::{self, Sum};
use std::io::Read;
use std::sync::atomic::AtomicBool;
use tape_format::{Member, MemberKind};

/// Bytes read at a time; the size of the buffer that [`member`] wants.
pub const BUFFER: usize = write::BUFFER;

/// Reads all of a member's data and gives the SHA-256 of its content, holes as zeros.
pub fn digest(member: &Member, data: &mut dyn Read, buffer: &mut [u8], stop: &AtomicBool) -> Result<[u8; 32], Failed> {
    let mut sum = Sum::always();
    write::runs(member, data, buffer, stop, &mut |offset, bytes| sum.add(offset, bytes, stop))?;
    Ok(sum.finish(member.size, stop)?)
}

/// Reads all of a member's data and compares kind, size and SHA-256.
pub fn member(
    item: &Item,
    member: &Member,
    data: &mut dyn Read,
    buffer: &mut [u8],
    stop: &AtomicBool,
) -> Result<(), Failed> {
    let differs = |what: &str, tape: String, catalog: String| {
        Err(Failed::Member(format!("its {what} on tape is {tape}, but the catalog says {catalog}")))
    };
    if member.kind != item.kind {
        return differs("kind", member.kind.as_str().into(), item.kind.as_str().into());
    }
    if member.kind != MemberKind::File {
        return Ok(());
    }
    if member.size != item.size {
        return differs("size", member.size.to_string(), item.size.to_string());
    }
    let expected = item.expected();
    if expected.is_none() {
        return Err(Failed::Member("the catalog has no SHA-256 to compare it with".into()));
    }
    let mut sum = Sum::new(expected.as_ref());
    write::runs(member, data, buffer, stop, &mut |offset, bytes| sum.add(offset, bytes, stop))?;
    Ok(sum.check(member.size, expected.as_ref(), stop)?)
}
