//! SECURITY PROTOCOL IN and OUT (SPC-5) with protocol 20h, tape data encryption. The pages are in
//! [`crate::encryption`].

use crate::encryption::{Capabilities, DataEncryptionStatus, NextBlockStatus, SetDataEncryption};
use crate::encryption::{capabilities, next_block, page_list, set, status};
use crate::{Command, Data, ScsiError, Timeout, Transport};

/// Tape data encryption.
pub const PROTOCOL: u8 = 0x20;
/// Longest answer that is asked for.
const ALLOCATION: u32 = 0x2000;

/// SECURITY PROTOCOL IN for a page of tape data encryption.
pub fn command_in(page: u16, allocation: u32) -> Command {
    Command::new("SECURITY PROTOCOL IN", Timeout::Short, cdb(0xa2, page, allocation))
}

/// SECURITY PROTOCOL OUT for a page of so many bytes.
pub fn command_out(page: u16, bytes: u32) -> Command {
    Command::new("SECURITY PROTOCOL OUT", Timeout::Short, cdb(0xb5, page, bytes))
}

fn cdb(code: u8, page: u16, length: u32) -> [u8; 12] {
    let [page_high, page_low] = page.to_be_bytes();
    let [a, b, c, d] = length.to_be_bytes();
    [code, PROTOCOL, page_high, page_low, 0, 0, a, b, c, d, 0, 0]
}

fn page(transport: &mut dyn Transport, code: u16) -> Result<Vec<u8>, ScsiError> {
    transport.fetch(&command_in(code, ALLOCATION), ALLOCATION as usize)
}

/// The pages that can be read.
pub fn pages_in(transport: &mut dyn Transport) -> Result<Vec<u16>, ScsiError> {
    Ok(page_list::decode(&page(transport, page_list::IN)?, page_list::IN)?)
}

/// What the drive can do.
pub fn data_encryption_capabilities(transport: &mut dyn Transport) -> Result<Capabilities, ScsiError> {
    Ok(capabilities::decode(&page(transport, capabilities::CODE)?)?)
}

/// How the drive encrypts now.
pub fn data_encryption_status(transport: &mut dyn Transport) -> Result<DataEncryptionStatus, ScsiError> {
    Ok(status::decode(&page(transport, status::CODE)?)?)
}

/// What the next block is.
pub fn next_block_encryption_status(transport: &mut dyn Transport) -> Result<NextBlockStatus, ScsiError> {
    Ok(next_block::decode(&page(transport, next_block::CODE)?)?)
}

/// Gives the drive a key, or takes it away.
pub fn set_data_encryption(transport: &mut dyn Transport, to: &SetDataEncryption) -> Result<(), ScsiError> {
    let bytes = to.encode();
    transport.run(&command_out(set::CODE, bytes.len() as u32), Data::Out(&bytes)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Scripted, Step};

    #[test]
    fn the_commands() {
        let off = SetDataEncryption::off(1);
        let script = Scripted::new([
            Step::on(&[0xb5, 0x20, 0, 0x10, 0, 0, 0, 0, 0, 20, 0, 0]).with_data(&off.encode()),
            Step::on(&[0xa2, 0x20, 0, 0x20, 0, 0, 0, 0, 0x20, 0, 0, 0])
                .data(&status::encode(&DataEncryptionStatus { key_instance: 3, ..Default::default() })),
        ]);
        let mut transport = script.clone();
        set_data_encryption(&mut transport, &off).unwrap();
        assert_eq!(data_encryption_status(&mut transport).unwrap().key_instance, 3);
        script.finished();
    }
}
