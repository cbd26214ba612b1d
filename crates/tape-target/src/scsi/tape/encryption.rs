//! SECURITY PROTOCOL IN and OUT, protocol 20h: tape data encryption (SSC-5, 8.5).

use super::*;
use tape_drive::{DecryptionMode, DriveKey, EncryptionMode, NextBlock};
use tape_scsi::encryption::capabilities::{self, Algorithm, Capabilities};
use tape_scsi::encryption::next_block::{self, BlockEncryption, NextBlockStatus};
use tape_scsi::encryption::set::{self, SetDataEncryption};
use tape_scsi::encryption::status::{self, DataEncryptionStatus};
use tape_scsi::encryption::{key_associated_data, key_formats, page_list};

const PROTOCOL: u8 = 0x20;
/// The one algorithm of an LTO drive.
const ALGORITHM: u8 = 1;
const ALL_NEXUSES: u8 = 2;

impl Drive {
    /// SECURITY PROTOCOL IN.
    pub(super) fn protocol_in(&mut self, cdb: &[u8]) -> Outcome {
        let data = match (byte(cdb, 1), field(cdb, 2, 2) as u16) {
            // Which protocols there are (SPC-5, 7.7.1).
            (0x00, 0x0000) => vec![0, 0, 0, 0, 0, 0, 0, 2, 0x00, PROTOCOL],
            (PROTOCOL, page_list::IN) => {
                let pages = [
                    page_list::IN,
                    page_list::OUT,
                    capabilities::CODE,
                    key_formats::CODE,
                    status::CODE,
                    next_block::CODE,
                ];
                page_list::encode(page_list::IN, &pages)
            }
            (PROTOCOL, page_list::OUT) => page_list::encode(page_list::OUT, &[set::CODE]),
            (PROTOCOL, capabilities::CODE) => {
                capabilities::encode(&Capabilities { configuration: 0, algorithms: vec![Algorithm::lto(ALGORITHM)] })
            }
            (PROTOCOL, key_formats::CODE) => key_formats::encode(&[key_formats::PLAIN_TEXT]),
            (PROTOCOL, status::CODE) => status::encode(&self.encryption_status()?),
            (PROTOCOL, next_block::CODE) => next_block::encode(&self.next_block()?),
            _ => return Err(invalid_field()),
        };
        Ok(Answer::data(cut(data, cdb, 6, 4)))
    }

    fn encryption_status(&mut self) -> Result<DataEncryptionStatus, Failure> {
        let state = self.drive.encryption()?;
        let public = state.mode == EncryptionMode::Off && state.decryption == DecryptionMode::Off;
        let scope = if public { 0 } else { ALL_NEXUSES };
        Ok(DataEncryptionStatus {
            nexus_scope: scope,
            key_scope: scope,
            encryption_mode: match state.mode {
                EncryptionMode::Off => 0,
                EncryptionMode::External => 1,
                EncryptionMode::On => 2,
            },
            decryption_mode: match state.decryption {
                DecryptionMode::Off => 0,
                DecryptionMode::Raw => 1,
                DecryptionMode::On => 2,
                DecryptionMode::Mixed => 3,
            },
            algorithm: state.algorithm.map_or(0, |_| ALGORITHM),
            key_instance: state.key_instance,
            control: 0,
            associated: key_associated_data::of_unauthenticated(state.key_associated_data.as_deref().unwrap_or(&[])),
        })
    }

    fn next_block(&mut self) -> Result<NextBlockStatus, Failure> {
        let next = self.drive.next_block()?;
        let (encryption, associated) = match next {
            NextBlock::Unknown => (BlockEncryption::Unknown, None),
            NextBlock::NotABlock => (BlockEncryption::NotABlock, None),
            NextBlock::Clear => (BlockEncryption::Clear, None),
            NextBlock::Encrypted { readable, key_associated_data } => {
                let encryption = if readable { BlockEncryption::Readable } else { BlockEncryption::Locked };
                (encryption, key_associated_data)
            }
        };
        let encrypted = matches!(encryption, BlockEncryption::Readable | BlockEncryption::Locked);
        Ok(NextBlockStatus {
            object: self.drive.inner().position()?.at.block,
            compression: 0,
            encryption,
            algorithm: if encrypted { ALGORITHM } else { 0 },
            associated: key_associated_data::of_unauthenticated(associated.as_deref().unwrap_or(&[])),
        })
    }

    /// SECURITY PROTOCOL OUT: the set data encryption page.
    pub(super) fn protocol_out(&mut self, cdb: &[u8], list: &[u8]) -> Outcome {
        if byte(cdb, 1) != PROTOCOL || field(cdb, 2, 2) as u16 != set::CODE {
            return Err(invalid_field());
        }
        let list = list.get(..field(cdb, 6, 4) as usize).ok_or_else(wrong_length)?;
        let page = SetDataEncryption::decode(list).map_err(|_| invalid_parameter())?;
        match (page.encryption_mode, page.decryption_mode) {
            (0, 0) => self.drive.set_encryption(None)?,
            // The virtual drive reads with a key what is not encrypted as well, so DECRYPT is not to be had.
            (2, 3) if page.algorithm == ALGORITHM => {
                let key: [u8; 32] = page.key.as_slice().try_into().map_err(|_| invalid_parameter())?;
                let associated = key_associated_data::unauthenticated(&page.associated).unwrap_or(&[]);
                let key = DriveKey::new(key, associated).map_err(|_| invalid_parameter())?;
                self.drive.set_encryption(Some(&key))?;
            }
            _ => return Err(invalid_parameter()),
        }
        Ok(Answer::default())
    }
}
