//! How a part begins: the records that name it, and those that let GNU tar go on with a member cut by the last part.

use super::sparse::map_size;
use super::{pax, write_header};
use crate::{Continuation, Member, MemberKind, Result};
use uuid::Uuid;

/// Version of the format that the prelude names.
pub(crate) const FORMAT_VERSION: u32 = 2;

/// A member that goes on at the beginning of an archive (`GNU.volume.*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeStart {
    /// Path of the member.
    pub path: Vec<u8>,
    /// Bytes of its tar data that follow here.
    pub size: u64,
    /// Bytes of its tar data that came before; for a sparse file its apparent size without `size`.
    pub offset: u64,
}

/// Appends what opens a part: a pax global header whose comment names set, part and format, and if the part begins
/// inside a member GNU tar's multi-volume records and a header for the rest.
///
/// # Errors
/// Those of [`write_header`].
pub fn write_prelude(set: &Uuid, part: u32, continues: Option<&Continuation>, out: &mut Vec<u8>) -> Result<()> {
    let mut records = Vec::new();
    pax::record(
        &mut records,
        b"comment",
        format!("TAPEBACKARR set={set} part={part} format={FORMAT_VERSION}").as_bytes(),
    );
    let Some(cut) = continues else {
        pax::block(out, b'g', &records);
        return Ok(());
    };
    let rest = cut.data_size.saturating_sub(cut.data_offset);
    pax::record(&mut records, b"GNU.volume.filename", &cut.member.path);
    let (size, offset) = volume_numbers(cut, rest);
    pax::record(&mut records, b"GNU.volume.size", size.to_string().as_bytes());
    pax::record(&mut records, b"GNU.volume.offset", offset.to_string().as_bytes());
    pax::block(out, b'g', &records);
    write_header(&rest_of(&cut.member, rest, part), out)
}

/// Size and offset as GNU tar counts them when it reads. Of a sparse file it holds the holes for something that came
/// before; but as long as it has only read the map, it thinks that all of the apparent size is to come.
fn volume_numbers(cut: &Continuation, rest: u64) -> (u64, u64) {
    match &cut.member.sparse {
        None => (rest, cut.data_offset),
        Some(extents) if cut.data_offset <= map_size(extents, cut.member.size) as u64 => (cut.member.size, 0),
        Some(_) => (rest, cut.member.size.saturating_sub(rest)),
    }
}

/// The rest as a file of its own, under the name GNU tar gives it: what a reader of this part alone extracts.
fn rest_of(member: &Member, size: u64, part: u32) -> Member {
    let split = member.path.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
    let base = member.path.get(split..).unwrap_or(&[]);
    let path = [b"GNUFileParts/", base, format!(".{part}").as_bytes()].concat();
    Member {
        path,
        kind: MemberKind::File,
        size,
        link: None,
        device: None,
        xattrs: Vec::new(),
        sparse: None,
        ..member.clone()
    }
}
