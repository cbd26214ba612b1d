//! One message (RFC 7143, 11): a header of 48 bytes, additional header segments, data, and a checksum behind each.

use super::Broken;
use std::io::{self, Read, Write};

/// Length of the basic header segment.
pub(crate) const HEADER: usize = 48;
/// Largest data segment that this side receives (MaxRecvDataSegmentLength).
pub(crate) const MAX_DATA: usize = 256 << 10;
/// A tag that names nothing.
pub(crate) const NO_TAG: u32 = 0xffff_ffff;

/// Opcodes of the initiator (RFC 7143, 11.2.1.2).
pub(crate) mod initiator {
    pub const NOP_OUT: u8 = 0x00;
    pub const SCSI_COMMAND: u8 = 0x01;
    pub const TASK_MANAGEMENT: u8 = 0x02;
    pub const LOGIN: u8 = 0x03;
    pub const TEXT: u8 = 0x04;
    pub const DATA_OUT: u8 = 0x05;
    pub const LOGOUT: u8 = 0x06;
}

/// Opcodes of the target.
pub(crate) mod target {
    pub const NOP_IN: u8 = 0x20;
    pub const SCSI_RESPONSE: u8 = 0x21;
    pub const TASK_MANAGEMENT: u8 = 0x22;
    pub const LOGIN: u8 = 0x23;
    pub const TEXT: u8 = 0x24;
    pub const DATA_IN: u8 = 0x25;
    pub const LOGOUT: u8 = 0x26;
    pub const READY_TO_TRANSFER: u8 = 0x31;
    pub const REJECT: u8 = 0x3f;
}

/// FINAL, and in login and text messages TRANSIT and FINAL.
pub(crate) const FINAL: u8 = 0x80;
/// CONTINUE of login and text messages.
pub(crate) const CONTINUE: u8 = 0x40;

/// Which checksums (CRC32C) both sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Digests {
    pub header: bool,
    pub data: bool,
}

/// A message without its additional headers, which no command for tapes needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pdu {
    pub header: [u8; HEADER],
    pub data: Vec<u8>,
}

impl Pdu {
    /// A message of the target, with FINAL set.
    pub fn new(opcode: u8) -> Pdu {
        let mut header = [0; HEADER];
        header[0] = opcode;
        header[1] = FINAL;
        Pdu { header, data: Vec::new() }
    }

    pub fn opcode(&self) -> u8 {
        self.header[0] & 0x3f
    }

    /// Immediate delivery: without a place in the order of commands.
    pub fn immediate(&self) -> bool {
        self.header[0] & 0x40 != 0
    }

    pub fn flags(&self) -> u8 {
        self.header[1]
    }

    pub fn is_final(&self) -> bool {
        self.flags() & FINAL != 0
    }

    /// Initiator task tag.
    pub fn tag(&self) -> u32 {
        self.u32(16)
    }

    /// The logical unit, in the two addressing methods that say a number below 16384 (SAM-5, 4.7.7); `None` for others.
    pub fn lun(&self) -> Option<u16> {
        let [high, low, rest @ ..] = [8, 9, 10, 11, 12, 13, 14, 15].map(|at| self.header[at]);
        let simple = high >> 6 <= 1 && rest.iter().all(|&byte| byte == 0);
        simple.then_some(u16::from_be_bytes([high & 0x3f, low]))
    }

    pub fn u32(&self, at: usize) -> u32 {
        let word = self.header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        u32::from_be_bytes(word.unwrap_or_default())
    }

    pub fn set_u32(&mut self, at: usize, value: u32) {
        if let Some(place) = self.header.get_mut(at..at + 4) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }

    /// Copies the logical unit and the task tag of a request.
    pub fn answers(mut self, request: &Pdu) -> Pdu {
        self.header[8..20].copy_from_slice(&request.header[8..20]);
        self
    }

    /// Reads the next message; `None` if the other side closed the connection between two.
    pub fn read(stream: &mut impl Read, digests: Digests) -> Result<Option<Pdu>, Broken> {
        let mut header = [0; HEADER];
        let mut have = 0;
        while have < HEADER {
            match stream.read(&mut header[have..]) {
                Ok(0) if have == 0 => return Ok(None),
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(count) => have += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let data_length = u32::from_be_bytes([0, header[5], header[6], header[7]]) as usize;
        if data_length > MAX_DATA {
            return Err(Broken::Protocol("a data segment over MaxRecvDataSegmentLength"));
        }
        // At most 255 words, by the size of the field.
        let mut additional = [0; 4 * 255];
        let additional = &mut additional[..4 * usize::from(header[4])];
        stream.read_exact(additional)?;
        if digests.header && read_digest(stream)? != crc32c::crc32c_append(crc32c::crc32c(&header), additional) {
            return Err(Broken::Protocol("the checksum of a header is wrong"));
        }
        let mut data = vec![0; data_length.next_multiple_of(4)];
        stream.read_exact(&mut data)?;
        if digests.data && data_length > 0 && read_digest(stream)? != crc32c::crc32c(&data) {
            return Err(Broken::Protocol("the checksum of a data segment is wrong"));
        }
        data.truncate(data_length);
        Ok(Some(Pdu { header, data }))
    }

    /// Writes the message with its lengths and checksums.
    pub fn write(&mut self, stream: &mut impl Write, digests: Digests) -> io::Result<()> {
        let [_, high, middle, low] = (self.data.len() as u32).to_be_bytes();
        self.header[4] = 0;
        self.header[5..8].copy_from_slice(&[high, middle, low]);
        let mut bytes = Vec::with_capacity(HEADER + self.data.len() + 12);
        bytes.extend(self.header);
        if digests.header {
            bytes.extend(crc32c::crc32c(&self.header).to_le_bytes());
        }
        let data_at = bytes.len();
        bytes.extend(&self.data);
        bytes.resize(data_at + self.data.len().next_multiple_of(4), 0);
        if digests.data && !self.data.is_empty() {
            bytes.extend(crc32c::crc32c(&bytes[data_at..]).to_le_bytes());
        }
        stream.write_all(&bytes)
    }
}

/// RFC 7143, 13.1: the checksum travels with its lowest byte first.
fn read_digest(stream: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn logical_units_are_numbers() {
        let mut pdu = Pdu::new(initiator::SCSI_COMMAND);
        pdu.header[9] = 3;
        assert_eq!(pdu.lun(), Some(3));
        pdu.header[8] = 0x41;
        assert_eq!(pdu.lun(), Some(0x103));
        pdu.header[8] = 0xc1;
        assert_eq!(pdu.lun(), None, "well-known logical units are not here");
        pdu.header[8] = 0;
        pdu.header[15] = 1;
        assert_eq!(pdu.lun(), None, "there are no levels");
    }

    #[test]
    fn damage_is_noticed() {
        let digests = Digests { header: true, data: true };
        let mut bytes = Vec::new();
        Pdu { data: vec![7; 5], ..Pdu::new(target::TEXT) }.write(&mut bytes, digests).unwrap();
        assert_eq!(bytes.len(), HEADER + 4 + 8 + 4);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Pdu::read(&mut damaged.as_slice(), digests).is_err(), "byte {at}");
        }
        let long = [0, 0, 0, 0, 0, 0xff, 0xff, 0xff].into_iter().chain([0; 40]).collect::<Vec<u8>>();
        assert!(matches!(Pdu::read(&mut long.as_slice(), Digests::default()), Err(Broken::Protocol(_))));
    }

    proptest! {
        #[test]
        fn messages_come_back(
            bytes in proptest::collection::vec(any::<u8>(), HEADER),
            data in proptest::collection::vec(any::<u8>(), 0..70),
            with_header in any::<bool>(),
            with_data in any::<bool>(),
        ) {
            let mut header: [u8; HEADER] = bytes.try_into().unwrap();
            header[4] = 0;
            let digests = Digests { header: with_header, data: with_data };
            let mut bytes = Vec::new();
            let mut pdu = Pdu { header, data };
            pdu.write(&mut bytes, digests).unwrap();
            prop_assert_eq!(Pdu::read(&mut bytes.as_slice(), digests).unwrap(), Some(pdu));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Pdu::read(&mut bytes.as_slice(), Digests { header: false, data: true });
            let _ = Pdu::read(&mut bytes.as_slice(), Digests::default());
        }
    }
}
