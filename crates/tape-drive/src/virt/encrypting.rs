//! Compression and encryption in a virtual drive: blocks on their way to the image and back, and what the drive says about
//! them.

use super::drive::*;
use super::image::ImageRead;
use super::sealed::{self, Content, Sealed, Unopened};
use super::squeezed::Squeezed;
use crate::drive::{Compression, ReadOutcome};
use crate::encryption::*;
use crate::{DriveError, DriveErrorKind, Operation, Position, Result};
use std::borrow::Cow;
use tape_scsi::{Sense, SenseKey};

/// The key of a drive, as long as it has one.
#[derive(Debug, Default)]
pub(super) struct Encryption {
    key: Option<DriveKey>,
    /// Counts the keys (KEY INSTANCE COUNTER, SSC-5, 8.5.2).
    instance: u32,
}

impl Encryption {
    /// Takes the key away: told so, or by a reset, or with the cartridge.
    pub fn set(&mut self, key: Option<DriveKey>) {
        if key.is_some() || self.key.is_some() {
            self.instance = self.instance.wrapping_add(1);
        }
        self.key = key;
    }

    pub fn state(&self) -> EncryptionState {
        let (mode, decryption) = match self.key {
            Some(_) => (EncryptionMode::On, DecryptionMode::Mixed),
            None => (EncryptionMode::Off, DecryptionMode::Off),
        };
        EncryptionState {
            mode,
            decryption,
            algorithm: self.key.as_ref().map(|_| 1),
            key_instance: self.instance,
            key_associated_data: self.key.as_ref().map(|key| key.associated().to_vec()),
        }
    }

    /// The block as it is stored: compressed if that saves something, then encrypted.
    pub fn stored<'a>(&self, block: &'a [u8], compression: Compression) -> Result<Stored<'a>> {
        let squeezed = match compression {
            Compression::On => Squeezed::of(block),
            Compression::Off => None,
        };
        let content = match &squeezed {
            Some(squeezed) => Content::Squeezed(squeezed),
            None if self.key.is_none() && !sealed::looks_sealed(block) => {
                return Ok(Stored { bytes: Cow::Borrowed(block), content: block.len() });
            }
            None => Content::AsIs(block),
        };
        let bytes = sealed::seal(content, self.key.as_ref()).map(Cow::Owned).map_err(|error| {
            let error = format!("the block cannot be encrypted: {error}");
            DriveError::new(DriveErrorKind::HardwareError, Operation::Write, error)
        })?;
        Ok(Stored { bytes, content: squeezed.map_or(block.len(), |squeezed| squeezed.bytes().len()) })
    }
}

/// A block as it is stored.
pub(super) struct Stored<'a> {
    pub bytes: Cow<'a, [u8]>,
    /// How much of it is data, compressed or not.
    pub content: usize,
}

/// What a read found, with the block still as the host wrote it or as the image stores it.
pub(super) enum Found {
    /// As the image gave it.
    AsIs(ImageRead),
    /// A sealed block was opened into the buffer.
    Opened {
        /// Bytes in the buffer.
        length: usize,
        /// Bytes of data that were stored of it.
        stored: usize,
    },
    /// It holds more than the buffer.
    TooLong(u64),
    /// It cannot be opened: the tape stays before it (SSC-5, 4.2.21).
    Sealed(Unopened),
}

impl VirtualDrive {
    /// Reads the object at the position into `buffer`, opened if it is sealed and there is a key for it.
    pub(super) fn read_object(&mut self, buffer: &mut [u8]) -> Result<Found> {
        let key = self.encryption.key.clone();
        let tape = self.threaded(Operation::Read)?;
        let at = Position::block(tape.position);
        let failed = |error: std::io::Error| super::commands::disk_error(Operation::Read, at, &error);
        let found = tape.image.read(tape.position, buffer).map_err(failed)?;
        let stored = match found {
            ImageRead::Block(length) => {
                let stored = buffer.get(..length).unwrap_or_default();
                if !sealed::looks_sealed(stored) {
                    return Ok(Found::AsIs(found));
                }
                stored.to_vec()
            }
            // What is stored is longer than what it holds: it may fit.
            ImageRead::TooLong(actual) => {
                let mut stored = vec![0; usize::try_from(actual).unwrap_or(usize::MAX)];
                match tape.image.read(tape.position, &mut stored).map_err(failed)? {
                    ImageRead::Block(_) if sealed::looks_sealed(&stored) => stored,
                    ImageRead::Damaged => return Ok(Found::AsIs(ImageRead::Damaged)),
                    _ => return Ok(Found::AsIs(found)),
                }
            }
            _ => return Ok(Found::AsIs(found)),
        };
        let Some(sealed) = Sealed::parse(&stored) else { return Ok(Found::AsIs(ImageRead::Damaged)) };
        let block = match sealed.open(&stored, key.as_ref()) {
            Ok(block) => block,
            Err(Unopened::Damaged) => return Ok(Found::AsIs(ImageRead::Damaged)),
            Err(reason) => return Ok(Found::Sealed(reason)),
        };
        let Some(target) = buffer.get_mut(..block.len()) else { return Ok(Found::TooLong(block.len() as u64)) };
        target.copy_from_slice(&block);
        Ok(Found::Opened { length: block.len(), stored: sealed.len() })
    }

    /// What the block at the position is, without moving.
    pub(super) fn look_at_next_block(&mut self) -> Result<NextBlock> {
        let key = self.encryption.key.clone();
        let operation = Operation::Encryption;
        let tape = self.ready(operation)?;
        let at = Position::block(tape.position);
        let failed = |error: std::io::Error| super::commands::disk_error(operation, at, &error);
        let length = match tape.image.read(tape.position, &mut []).map_err(failed)? {
            ImageRead::Filemark | ImageRead::EndOfData => return Ok(NextBlock::NotABlock),
            ImageRead::TooLong(length) => length,
            ImageRead::Block(_) | ImageRead::Damaged => return Ok(NextBlock::Unknown),
        };
        let mut stored = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        tape.image.read(tape.position, &mut stored).map_err(failed)?;
        Ok(match Sealed::parse(&stored) {
            Some(sealed) if sealed.is_encrypted() => NextBlock::Encrypted {
                readable: key.is_some_and(|key| sealed.needs(&key)),
                key_associated_data: (!sealed.associated.is_empty()).then(|| sealed.associated.to_vec()),
            },
            _ => NextBlock::Clear,
        })
    }
}

/// The answer to a read that met a sealed block without the key for it.
pub(super) fn sealed_error(reason: Unopened, at: Position) -> DriveError {
    let (key, asc, ascq) = match reason {
        Unopened::NoKey => (SenseKey::DataProtect, 0x74, 0x01),
        Unopened::OtherKey => (SenseKey::DataProtect, 0x74, 0x03),
        Unopened::Changed => (SenseKey::DataProtect, 0x74, 0x04),
        Unopened::Damaged => (SenseKey::MediumError, 0x11, 0x00),
    };
    sense(Operation::Read, key, asc, ascq).at(at)
}

/// The answer to a read with a buffer that was too short.
pub(super) fn too_long(actual: u64, buffer: usize, at: Position) -> Result<ReadOutcome> {
    let residual = (buffer as u64).wrapping_sub(actual);
    let sense = Sense { ili: true, ..Sense::new(SenseKey::NoSense, 0x00, 0x00) }.with_information(residual);
    let kind = DriveErrorKind::BlockTooLong { actual: Some(actual) };
    let message = format!("the block has {actual} bytes, the buffer {buffer}");
    Err(DriveError::new(kind, Operation::Read, message).with_sense(sense).at(at))
}
