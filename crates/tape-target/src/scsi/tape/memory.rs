//! READ ATTRIBUTE and WRITE ATTRIBUTE (SPC-5, 6.18 and 6.43): the cartridge memory.

use super::*;
use tape_scsi::Attribute;

/// Identifiers that a cartridge can have: of the device, of the medium, of the host, and of vendors.
const IDENTIFIERS: [std::ops::RangeInclusive<u16>; 6] =
    [0x0000..=0x000f, 0x0200..=0x022f, 0x0340..=0x034f, 0x0400..=0x040f, 0x0800..=0x083f, 0x1400..=0x143f];

impl Drive {
    pub(super) fn read_attribute(&mut self, cdb: &[u8]) -> Outcome {
        let first = field(cdb, 8, 2) as u16;
        let identifiers = IDENTIFIERS.into_iter().flatten();
        let body = match byte(cdb, 1) & 0x1f {
            // ATTRIBUTE VALUES
            0 => {
                let mut body = Vec::new();
                let mut asked = false;
                for id in identifiers.filter(|&id| id >= first) {
                    // One command of the host is one for the fault plan.
                    let found =
                        if asked { self.drive.inner().read_attribute(id) } else { self.drive.read_attribute(id) };
                    asked = true;
                    if let Some(attribute) = found? {
                        // What could be stored can be encoded.
                        let _ = attribute.encode(&mut body);
                    } else if id == first && first != 0 {
                        // SPC-5, 6.18.2: the first one asked for must be there.
                        return Err(invalid_field());
                    }
                }
                body
            }
            // ATTRIBUTE LIST
            1 => {
                let mut body = Vec::new();
                for id in identifiers {
                    if self.drive.inner().read_attribute(id)?.is_some() {
                        body.extend(id.to_be_bytes());
                    }
                }
                body
            }
            // SUPPORTED ATTRIBUTES
            5 => identifiers.flat_map(u16::to_be_bytes).collect(),
            _ => return Err(invalid_field()),
        };
        let mut data = (body.len() as u32).to_be_bytes().to_vec();
        data.extend(body);
        Ok(Answer::data(cut(data, cdb, 10, 4)))
    }

    pub(super) fn write_attribute(&mut self, cdb: &[u8], list: &[u8]) -> Outcome {
        let length = field(cdb, 10, 4) as usize;
        let list = list.get(..length).ok_or_else(wrong_length)?;
        if list.is_empty() {
            return Ok(Answer::default());
        }
        let body = list.get(4..4 + field(list, 0, 4) as usize).ok_or_else(wrong_length)?;
        let attributes = Attribute::decode_list(body).map_err(|_| invalid_parameter())?;
        for attribute in attributes {
            // READ ONLY is the device's to say.
            self.drive.write_attribute(&Attribute { read_only: false, ..attribute })?;
        }
        Ok(Answer::default())
    }
}
