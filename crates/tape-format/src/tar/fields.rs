//! What the fields of a header block, and the records before it, say about a member.

use super::pax::Records;
use super::{BLOCK, VolumeStart, number};
use crate::{FormatError, Member, MemberKind, Result, path_text};

/// The field up to its NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    field.get(..end).unwrap_or(field)
}

pub(super) fn verify(block: &[u8; BLOCK], at: u64) -> Result<()> {
    let stored = number::read(&block[148..156]);
    let (mut unsigned, mut signed) = (0i64, 0i64);
    for (place, &byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&place) { b' ' } else { byte };
        unsigned += i64::from(byte);
        // Some old writers added signed bytes.
        signed += i64::from(byte as i8);
    }
    match stored {
        Some(sum) if sum == unsigned || sum == signed => Ok(()),
        _ => Err(FormatError::tar(at, "there is no valid tar header here")),
    }
}

pub(super) fn size_field(block: &[u8; BLOCK], at: u64) -> Result<u64> {
    number::read(&block[124..136])
        .and_then(|size| u64::try_from(size).ok())
        .ok_or_else(|| FormatError::tar(at, "the size of a member is not a number"))
}

pub(super) fn kind_of(typeflag: u8, path: &[u8]) -> MemberKind {
    match typeflag {
        b'1' => MemberKind::Hardlink,
        b'2' => MemberKind::Symlink,
        b'3' => MemberKind::CharDevice,
        b'4' => MemberKind::BlockDevice,
        b'5' | b'D' => MemberKind::Directory,
        b'6' => MemberKind::Fifo,
        // v7 had no type for directories; others that are unknown are files (POSIX).
        b'0' | 0 if path.ends_with(b"/") => MemberKind::Directory,
        _ => MemberKind::File,
    }
}

/// Members are named without a slash at the end and without `./` in front; the root is `.`. Anything else, also an
/// absolute path or `..`, is left as it is for the one who restores to judge.
pub(super) fn clean(path: &mut Vec<u8>) {
    while path.len() > 1 && path.ends_with(b"/") {
        path.pop();
    }
    let mut rest = path.as_slice();
    while let Some(shorter) = rest.strip_prefix(b"./") {
        let slashes = shorter.iter().take_while(|&&b| b == b'/').count();
        rest = shorter.get(slashes..).unwrap_or(&[]);
    }
    let start = path.len() - rest.len();
    path.drain(..start);
}

pub(super) fn id(value: Option<i64>) -> u32 {
    // Ids that do not fit belong to nobody here.
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or(65534)
}

pub(super) fn name(record: Option<Vec<u8>>, field: &[u8]) -> String {
    match record {
        Some(bytes) => path_text::to_text(&bytes).into_owned(),
        None => path_text::to_text(field).into_owned(),
    }
}

pub(super) fn device(
    block: &[u8; BLOCK],
    kind: &MemberKind,
    records: (Option<u32>, Option<u32>),
) -> Option<(u32, u32)> {
    if !matches!(kind, MemberKind::CharDevice | MemberKind::BlockDevice) {
        return None;
    }
    let field =
        |range: std::ops::Range<usize>| number::read(&block[range]).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    Some((records.0.unwrap_or_else(|| field(329..337)), records.1.unwrap_or_else(|| field(337..345))))
}

/// GNU format's own continuation header.
pub(super) fn old_volume(block: &[u8; BLOCK], member: &Member) -> Option<VolumeStart> {
    let offset = number::read(&block[369..381]).and_then(|n| u64::try_from(n).ok())?;
    Some(VolumeStart { path: member.path.clone(), size: member.size, offset })
}

pub(super) fn merge(base: &mut Records, local: Records) {
    base.path = local.path.or(base.path.take());
    base.link = local.link.or(base.link.take());
    base.user = local.user.or(base.user.take());
    base.group = local.group.or(base.group.take());
    base.uid = local.uid.or(base.uid);
    base.gid = local.gid.or(base.gid);
    base.size = local.size.or(base.size);
    base.mtime_ns = local.mtime_ns.or(base.mtime_ns);
    base.device = (local.device.0.or(base.device.0), local.device.1.or(base.device.1));
    base.xattrs = local.xattrs;
    base.sparse = local.sparse;
}
