//! Encryption by the drive (SECURITY PROTOCOL 20h).

use super::SscDrive;
use crate::*;
use tape_scsi::command::security_protocol as protocol;
use tape_scsi::encryption::next_block::BlockEncryption;
use tape_scsi::encryption::{AES_256_GCM, SetDataEncryption, key_associated_data};
use tape_scsi::{ScsiError, Transport};

impl<T: Transport> SscDrive<T> {
    fn answered<A>(&mut self, answer: Result<A, ScsiError>) -> Result<Option<A>> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.is_unknown_command() || error.is_unknown_field() => Ok(None),
            Err(error) => Err(self.failed(Operation::Encryption, error)),
        }
    }

    /// Index of the drive's AES-256-GCM; `None` if it does not encrypt, or not so.
    pub(super) fn algorithm(&mut self) -> Result<Option<u8>> {
        let answer = protocol::data_encryption_capabilities(&mut self.transport);
        let Some(capabilities) = self.answered(answer)? else { return Ok(None) };
        let fits = capabilities.algorithms.iter().find(|algorithm| {
            algorithm.code == AES_256_GCM && algorithm.key_bytes == 32 && algorithm.encrypts() && algorithm.decrypts()
        });
        Ok(fits.map(|algorithm| algorithm.index))
    }

    /// How the drive encrypts now; `None` if it has no such page.
    fn state(&mut self) -> Result<Option<EncryptionState>> {
        let answer = protocol::data_encryption_status(&mut self.transport);
        let Some(status) = self.answered(answer)? else { return Ok(None) };
        Ok(Some(EncryptionState {
            mode: match status.encryption_mode {
                0 => EncryptionMode::Off,
                1 => EncryptionMode::External,
                _ => EncryptionMode::On,
            },
            decryption: match status.decryption_mode {
                0 => DecryptionMode::Off,
                1 => DecryptionMode::Raw,
                2 => DecryptionMode::On,
                _ => DecryptionMode::Mixed,
            },
            algorithm: (status.encryption_mode != 0 || status.decryption_mode != 0).then_some(status.algorithm),
            key_instance: status.key_instance,
            key_associated_data: key_associated_data::unauthenticated(&status.associated).map(<[u8]>::to_vec),
        }))
    }

    pub(super) fn encryption_state(&mut self) -> Result<EncryptionState> {
        self.state()?.ok_or_else(DriveError::cannot_encrypt)
    }

    pub(super) fn give_key(&mut self, key: Option<&DriveKey>) -> Result<()> {
        let set = match key {
            Some(key) => {
                let algorithm = self.algorithm()?.ok_or_else(DriveError::cannot_encrypt)?;
                SetDataEncryption::with_key(algorithm, key.bytes(), key.associated())
            }
            None => {
                // Nothing is sent where there is no key: a drive whose keys the library manages refuses the command.
                let in_use = self.state()?.and_then(|state| state.algorithm);
                let Some(algorithm) = in_use else { return Ok(()) };
                SetDataEncryption::off(algorithm)
            }
        };
        protocol::set_data_encryption(&mut self.transport, &set)
            .map_err(|error| self.failed(Operation::Encryption, error))
    }

    pub(super) fn what_is_next(&mut self) -> Result<NextBlock> {
        let answer = protocol::next_block_encryption_status(&mut self.transport);
        let Some(status) = self.answered(answer)? else { return Ok(NextBlock::Unknown) };
        let encrypted = |readable| NextBlock::Encrypted {
            readable,
            key_associated_data: key_associated_data::unauthenticated(&status.associated).map(<[u8]>::to_vec),
        };
        Ok(match status.encryption {
            BlockEncryption::NotABlock => NextBlock::NotABlock,
            BlockEncryption::Clear => NextBlock::Clear,
            BlockEncryption::Readable => encrypted(true),
            BlockEncryption::Locked | BlockEncryption::OtherAlgorithm => encrypted(false),
            BlockEncryption::Unknown | BlockEncryption::NotYet | BlockEncryption::Other(_) => NextBlock::Unknown,
        })
    }
}
