//! The tar stream: POSIX pax, as GNU tar and libarchive read it, without their help.
//!
//! A member is a ustar header block, preceded by a pax record block only where ustar cannot say something (long or
//! non-ASCII names, sizes over 8 GiB, times before 1970, extended attributes, sparse files); its data follows, padded to
//! 512 bytes. [`write_header`] makes the headers, [`Reader`] reads every dialect that GNU tar and bsdtar write.

mod acl;
mod fields;
mod header;
mod number;
mod pax;
mod reader;
mod sparse;
mod volume;

pub use header::write_header;
pub use reader::{MemberPlace, Reader};
pub use sparse::{MAX_EXTENTS, align_extents, sparse_map};
pub use volume::{VolumeStart, write_prelude};

use crate::{Member, MemberKind};

/// Size of a tar block in bytes.
pub const BLOCK: usize = 512;

/// The two zero blocks that end an archive. They end the last frame of a set.
pub const EOF: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// Whether a block is a header of a member or of records, by its magic and its checksum: what to look for behind damage.
pub fn is_header(block: &[u8; BLOCK]) -> bool {
    let known = matches!(block[156], b'0'..=b'7' | b'x' | b'g' | b'L' | b'K' | b'S' | b'M' | 0);
    known && &block[257..262] == b"ustar" && fields::verify(block, 0).is_ok()
}

/// Zero bytes that pad `length` bytes of data to whole blocks: 0 to 511.
pub fn padding(length: u64) -> usize {
    // BLOCK is a power of two, so this is right for every u64.
    (length.wrapping_neg() % BLOCK as u64) as usize
}

/// Bytes of tar data that follow the header of `member`, without padding: nothing unless it is a regular file; for a
/// sparse file the map and the runs of data.
pub fn data_size(member: &Member) -> u64 {
    if member.kind != MemberKind::File {
        return 0;
    }
    match &member.sparse {
        None => member.size,
        Some(extents) => extents
            .iter()
            .fold(sparse::map_size(extents, member.size) as u64, |sum, extent| sum.saturating_add(extent.length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_fills_blocks() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
        assert_eq!(padding(u64::MAX), 1);
    }
}
