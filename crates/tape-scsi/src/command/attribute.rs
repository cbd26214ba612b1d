//! READ ATTRIBUTE and WRITE ATTRIBUTE (SPC-5, 6.17 and 6.49): the memory of the cartridge.

use crate::bytes::u32_at;
use crate::{Attribute, AttributeError, Command, Data, Malformed, ScsiError, Timeout, Transport};

const READ: &str = "READ ATTRIBUTE";
const WRITE: &str = "WRITE ATTRIBUTE";

/// Bytes asked for: more than a whole cartridge memory of today (16 KiB) holds in attributes.
const CAPACITY: u32 = 16 << 10;

/// Asks for the values of all attributes of partition 0 from `first` on.
pub fn read_command(first: u16, capacity: u32) -> Command {
    let mut cdb = [0; 16];
    cdb[0] = 0x8c;
    cdb[8..10].copy_from_slice(&first.to_be_bytes());
    cdb[10..14].copy_from_slice(&capacity.to_be_bytes());
    Command::new(READ, Timeout::Short, cdb)
}

/// Writes a list of so many bytes, through to the cartridge (WTC = 1).
pub fn write_command(length: u32) -> Command {
    let mut cdb = [0; 16];
    cdb[0] = 0x8d;
    cdb[1] = 0x01;
    cdb[10..14].copy_from_slice(&length.to_be_bytes());
    Command::new(WRITE, Timeout::Short, cdb)
}

/// The attributes in an answer, as far as the answer holds them whole. Those that cannot be read are left out: one
/// spoilt text must not hide the rest.
pub fn decode(answer: &[u8]) -> Result<Vec<Attribute>, Malformed> {
    let available = u32_at(answer, 0).ok_or(Malformed::short(READ))?;
    let end = usize::try_from(available).unwrap_or(usize::MAX).saturating_add(4).min(answer.len());
    let mut rest = answer.get(4..end).unwrap_or(&[]);
    let mut attributes = Vec::new();
    while let [_, _, _, high, low, ..] = *rest {
        match Attribute::decode(rest) {
            Ok((attribute, _)) => attributes.push(attribute),
            Err(AttributeError::Truncated { .. }) => break,
            Err(_) => {}
        }
        rest = rest.get(5 + usize::from(u16::from_be_bytes([high, low]))..).unwrap_or(&[]);
    }
    Ok(attributes)
}

/// The data of WRITE ATTRIBUTE.
pub fn encode(attributes: &[Attribute]) -> Result<Vec<u8>, AttributeError> {
    let mut data = vec![0; 4];
    for attribute in attributes {
        attribute.encode(&mut data)?;
    }
    let length = (data.len() - 4) as u32;
    data[..4].copy_from_slice(&length.to_be_bytes());
    Ok(data)
}

/// All attributes of the cartridge.
pub fn read_attributes(transport: &mut dyn Transport) -> Result<Vec<Attribute>, ScsiError> {
    Ok(decode(&transport.fetch(&read_command(0, CAPACITY), CAPACITY as usize)?)?)
}

/// One attribute; `None` if the cartridge does not have it. A drive says so by INVALID FIELD IN CDB, or by beginning its
/// list with the next one.
pub fn read_attribute(transport: &mut dyn Transport, id: u16) -> Result<Option<Attribute>, ScsiError> {
    match transport.fetch(&read_command(id, CAPACITY), CAPACITY as usize) {
        Err(error) if error.is_unknown_field() => Ok(None),
        answer => Ok(decode(&answer?)?.into_iter().find(|attribute| attribute.id == id)),
    }
}

/// Writes a list that [`encode`] made.
pub fn write_attributes(transport: &mut dyn Transport, data: &[u8]) -> Result<(), ScsiError> {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    transport.run(&write_command(length), Data::Out(data)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute_id;
    use crate::transport::{Scripted, Step};
    use crate::{Sense, SenseKey};
    use proptest::prelude::*;

    #[test]
    fn lists_come_back() {
        let written = vec![
            Attribute::ascii(attribute_id::BARCODE, "TB0001L9"),
            Attribute::text(attribute_id::MEDIA_POOL, "Täglich"),
        ];
        assert_eq!(decode(&encode(&written).unwrap()), Ok(written));
    }

    #[test]
    fn what_is_spoilt_does_not_hide_the_rest() {
        // An ASCII attribute with a control character, then a good one of one byte, then one that is cut off.
        let list = [8, 1, 1, 0, 1, 7, 4, 8, 0, 0, 1, 0x80, 4, 1, 1, 0, 32, b'A'];
        let mut answer = vec![0, 0, 0, 60];
        answer.extend(list);
        let ids: Vec<u16> = decode(&answer).unwrap().iter().map(|attribute| attribute.id).collect();
        assert_eq!(ids, [attribute_id::MEDIUM_TYPE]);
    }

    #[test]
    fn an_attribute_that_is_not_there() {
        let refused = Sense::new(SenseKey::IllegalRequest, 0x24, 0);
        let mut script = Scripted::new([Step::on(&[0x8c]).check(refused), Step::on(&[0x8c]).data(&[0, 0, 0, 0])]);
        assert_eq!(read_attribute(&mut script, attribute_id::OWNING_HOST), Ok(None));
        assert_eq!(read_attribute(&mut script, attribute_id::OWNING_HOST), Ok(None));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }
}
