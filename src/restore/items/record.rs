//! Members as bytes in a temporary file.

use crate::catalog::kind;
use crate::restore::plan::Item;

/// A page of members.
pub fn write(items: &[Item]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(items.len() * 160);
    for item in items {
        let flags = u8::from(item.sha256.is_some()) | u8::from(item.on_tape.is_some()) << 1;
        bytes.extend([kind::to_code(&item.kind) as u8, flags]);
        bytes.extend(item.size.to_le_bytes());
        bytes.extend(item.mtime_ns.to_le_bytes());
        bytes.extend((item.set as u64).to_le_bytes());
        bytes.extend(item.tar_offset.to_le_bytes());
        bytes.extend(item.tar_length.to_le_bytes());
        bytes.extend(item.sha256.iter().flatten());
        for path in [Some(&item.path), item.on_tape.as_ref()].into_iter().flatten() {
            bytes.extend((path.len() as u32).to_le_bytes());
            bytes.extend_from_slice(path);
        }
    }
    bytes
}

/// The members of a page; none if it was not written by [`write`].
pub fn read(mut bytes: &[u8]) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    while !bytes.is_empty() {
        let [code, flags] = take(&mut bytes)?;
        let mut number = || take(&mut bytes).map(u64::from_le_bytes);
        let (size, mtime_ns, set) = (number()?, number()? as i64, usize::try_from(number()?).ok()?);
        let (tar_offset, tar_length) = (number()?, number()?);
        let sha256 = if flags & 1 != 0 { Some(take(&mut bytes)?) } else { None };
        let path = text(&mut bytes)?;
        let on_tape = if flags & 2 != 0 { Some(text(&mut bytes)?) } else { None };
        let kind = kind::from_code(code.into())?;
        items.push(Item { path, on_tape, kind, size, sha256, mtime_ns, set, tar_offset, tar_length });
    }
    Some(items)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

fn text(bytes: &mut &[u8]) -> Option<Box<[u8]>> {
    let length = u32::from_le_bytes(take(bytes)?) as usize;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(text.into())
}
