//! What an encrypted data file says of itself in clear: its set and its part, in the salt of its header.
//!
//! The associated data of a stream must be known to open it. A table of contents names it; this is for a data file whose
//! table is lost. For Tink, and for HKDF, a salt is any 32 bytes: eight random ones here, and the seven of the nonce
//! prefix, tell the streams of one part apart, of which there are a handful at most.

use super::StreamHeader;
use uuid::Uuid;

/// How a salt begins that names its part.
const MAGIC: &[u8; 4] = b"TBK2";

/// Puts set and part into the salt of a header whose other bytes are random.
pub(super) fn mark(header: &mut StreamHeader, set: &Uuid, part: u32) {
    header[1..5].copy_from_slice(MAGIC);
    header[5..21].copy_from_slice(set.as_bytes());
    header[21..25].copy_from_slice(&part.to_be_bytes());
}

/// The set and the part that a data file's stream names; `None` on tapes that were written before streams did. Only a
/// segment that opens proves it.
pub fn part_of(header: &StreamHeader) -> Option<(Uuid, u32)> {
    let salt = header.get(1..25)?.strip_prefix(MAGIC)?;
    let (set, part) = salt.split_at_checked(16)?;
    Some((Uuid::from_slice(set).ok()?, u32::from_be_bytes(part.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::super::{Key, OpenReader, Sealer, SegmentEnd, data_context};
    use super::*;
    use std::io::Read;

    #[test]
    fn a_data_file_names_its_part_and_a_table_does_not() {
        let (key, set) = (Key::new([1; 32]), Uuid::from_u128(0x1234_5678_9abc_def0));
        let one = *Sealer::for_part(&key, &set, 7).unwrap().header();
        let two = *Sealer::for_part(&key, &set, 7).unwrap().header();
        assert_eq!((part_of(&one), part_of(&two)), (Some((set, 7)), Some((set, 7))));
        assert_ne!(one, two, "the rest of it is random");
        assert_eq!(part_of(Sealer::new(&key, b"x").unwrap().header()), None);
        assert_eq!(part_of(&[40; 40]), None);
    }

    #[test]
    fn the_name_is_bound_to_the_content() {
        let (key, set) = (Key::new([1; 32]), Uuid::from_u128(5));
        let mut sealer = Sealer::for_part(&key, &set, 1).unwrap();
        let mut segment = *b"content";
        let tag = sealer.seal(&mut segment, SegmentEnd::Last).unwrap();
        let mut sealed = [sealer.header().as_slice(), &segment, &tag].concat();
        let open = |sealed: &[u8]| {
            let mut plain = Vec::new();
            let reader = OpenReader::new(&key, &data_context(&set, 1), sealed);
            reader.unwrap().read_to_end(&mut plain).map(|_| plain)
        };
        assert_eq!(open(&sealed).unwrap(), b"content");
        sealed[24] ^= 1;
        assert!(open(&sealed).is_err(), "the name is part of what the key is derived from");
    }
}
