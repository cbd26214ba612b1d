//! Encryption by the drive: the right key for what is read, and no block in the clear that was to be encrypted.
//!
//! [`KeyedDrive`] stands between a task and its drive. *Invariants*: before the first block is written, and again after every
//! unit attention, the drive has been asked how it encrypts, and says what was asked for; a key that was only needed for
//! reading is not used for writing; when the task is over the drive has the key that it had to have before, mostly none.

use std::ops::DerefMut;
use tape_drive::*;
use tape_format::crypt::{Key, Keys};
use tape_scsi::{Attribute, TapeAlert};

/// Keys by which a block may have been encrypted.
pub trait DriveKeys: Keys + Send {
    /// All of them, to be tried on blocks that do not name theirs.
    fn all(&self) -> Vec<Key>;
}

/// Keys that are at hand.
impl DriveKeys for Vec<Key> {
    fn all(&self) -> Vec<Key> {
        self.clone()
    }
}

/// The key as a drive takes it. Its key-associated data is the fingerprint, so that every block names its key.
pub fn drive_key(key: &Key) -> Result<DriveKey> {
    DriveKey::new(*key.bytes(), &hex::decode(key.fingerprint()).unwrap_or_default())
}

/// A drive with keys.
pub struct KeyedDrive<D, K> {
    identity: DriveIdentity,
    inner: D,
    keys: K,
    /// What blocks are to be encrypted with.
    wanted: Option<DriveKey>,
    /// Whether the drive encrypts as wanted is not known.
    unsure: bool,
    /// It was given a key, or one was taken away.
    touched: bool,
}

impl<'t, D: DerefMut<Target = dyn TapeDrive + 't>, K: DriveKeys> KeyedDrive<D, K> {
    /// Puts the keys before a drive that is to encrypt with `standing` whatever a task does not encrypt otherwise.
    pub fn new(inner: D, keys: K, standing: Option<&DriveKey>) -> KeyedDrive<D, K> {
        let identity = inner.identity().clone();
        KeyedDrive { identity, inner, keys, wanted: standing.cloned(), unsure: true, touched: false }
    }

    /// The task is over: the drive gets back the key it is to have, mostly none. A drive that does not take that now is set right before
    /// the next block is written to it.
    pub fn finish(mut self, standing: Option<&DriveKey>) {
        if self.touched && self.inner.set_encryption(standing).is_err() {
            // told of something that happened before
            let _ = self.inner.set_encryption(standing);
        }
    }

    /// Notes what a failed command says about the drive's state.
    fn noted<T>(&mut self, result: Result<T>) -> Result<T> {
        use DriveErrorKind::{MediumChanged, ParametersChanged, Reset};
        if let Err(error) = &result
            && matches!(error.kind, MediumChanged | ParametersChanged | Reset)
        {
            self.unsure = true;
        }
        result
    }

    /// Makes sure that the drive encrypts as wanted.
    fn establish(&mut self) -> Result<()> {
        if !self.unsure {
            return Ok(());
        }
        let before = match self.inner.encryption() {
            Err(error) if error.kind == DriveErrorKind::Unsupported && self.wanted.is_none() => None,
            result => Some(result?),
        };
        let right = |state: &EncryptionState| match &self.wanted {
            Some(key) => state.uses(key),
            None => state.is_off(),
        };
        // The name of a key proves only which key it is called: one that this task did not give is given anew.
        let known = before.as_ref().is_none_or(|state| self.wanted.is_none() && right(state));
        if !known {
            self.touched = true;
            self.inner.set_encryption(self.wanted.as_ref())?;
            let state = self.inner.encryption()?;
            if !right(&state) {
                let message = format!(
                    "the drive was told how to encrypt and says {:?} with decryption {:?}: nothing was written; take its \
                     encryption out of the hands of the library or of other programs",
                    state.mode, state.decryption
                );
                return Err(DriveError::new(DriveErrorKind::HardwareError, Operation::Encryption, message));
            }
        }
        self.unsure = false;
        Ok(())
    }

    fn give(&mut self, key: &Key) -> Result<()> {
        self.touched = true;
        self.unsure = true;
        self.inner.set_encryption(Some(&drive_key(key)?))
    }

    /// Reads a block for which the drive has no key.
    fn read_locked(&mut self, buffer: &mut [u8], refused: DriveError) -> Result<ReadOutcome> {
        let named = match self.inner.next_block()? {
            NextBlock::Encrypted { key_associated_data: Some(name), .. } => Some(hex::encode(name)),
            _ => None,
        };
        if let Some(key) = named.as_deref().and_then(|name| self.keys.find(name)) {
            self.give(&key)?;
            return self.inner.read_block(buffer);
        }
        // Blocks that another program had encrypted name their key in its own way.
        for key in self.keys.all() {
            self.give(&key)?;
            match self.inner.read_block(buffer) {
                Err(error) if error.kind == DriveErrorKind::KeyRequired => {}
                result => return result,
            }
        }
        Err(match named {
            Some(name) => refused.saying(format!(
                "the drive encrypted this with the key {name}, which is not here: import it from its key sheet"
            )),
            None => refused,
        })
    }
}

impl<'t, D: DerefMut<Target = dyn TapeDrive + 't> + Send, K: DriveKeys> TapeDrive for KeyedDrive<D, K> {
    fn identity(&self) -> &DriveIdentity {
        &self.identity
    }

    fn write_block(&mut self, block: &[u8]) -> Result<WriteOutcome> {
        let result = self.establish().and_then(|()| self.inner.write_block(block));
        self.noted(result)
    }

    fn write_filemarks(&mut self, count: u32, sync: FilemarkSync) -> Result<WriteOutcome> {
        let result = self.inner.write_filemarks(count, sync);
        self.noted(result)
    }

    fn read_block(&mut self, buffer: &mut [u8]) -> Result<ReadOutcome> {
        let result = match self.inner.read_block(buffer) {
            Err(error) if error.kind == DriveErrorKind::KeyRequired => self.read_locked(buffer, error),
            result => result,
        };
        self.noted(result)
    }

    /// Takes effect before the next block is written; until then the drive may have another key, or none.
    fn set_encryption(&mut self, key: Option<&DriveKey>) -> Result<()> {
        self.wanted = key.cloned();
        self.unsure = true;
        let result = self.establish();
        self.noted(result)
    }

    fn encryption(&mut self) -> Result<EncryptionState> {
        let result = self.inner.encryption();
        self.noted(result)
    }

    fn unload(&mut self) -> Result<()> {
        self.unsure = true;
        let result = self.inner.unload();
        self.noted(result)
    }

    fn block_limits(&mut self) -> Result<BlockLimits> {
        let result = self.inner.block_limits();
        self.noted(result)
    }

    fn status(&mut self) -> Result<DriveStatus> {
        let result = self.inner.status();
        self.noted(result)
    }

    fn load(&mut self) -> Result<()> {
        let result = self.inner.load();
        self.noted(result)
    }

    fn rewind(&mut self) -> Result<()> {
        let result = self.inner.rewind();
        self.noted(result)
    }

    fn locate(&mut self, to: Position) -> Result<()> {
        let result = self.inner.locate(to);
        self.noted(result)
    }

    fn space_filemarks(&mut self, count: i64) -> Result<()> {
        let result = self.inner.space_filemarks(count);
        self.noted(result)
    }

    fn space_to_end_of_data(&mut self) -> Result<()> {
        let result = self.inner.space_to_end_of_data();
        self.noted(result)
    }

    fn position(&mut self) -> Result<TapePosition> {
        let result = self.inner.position();
        self.noted(result)
    }

    fn medium(&mut self) -> Result<Medium> {
        let result = self.inner.medium();
        self.noted(result)
    }

    fn read_attribute(&mut self, id: u16) -> Result<Option<Attribute>> {
        let result = self.inner.read_attribute(id);
        self.noted(result)
    }

    fn write_attribute(&mut self, attribute: &Attribute) -> Result<()> {
        let result = self.inner.write_attribute(attribute);
        self.noted(result)
    }

    fn alerts(&mut self) -> Result<Vec<TapeAlert>> {
        let result = self.inner.alerts();
        self.noted(result)
    }

    fn health(&mut self) -> Result<DriveHealth> {
        let result = self.inner.health();
        self.noted(result)
    }

    fn volume_health(&mut self) -> Result<VolumeHealth> {
        let result = self.inner.volume_health();
        self.noted(result)
    }

    fn capabilities(&mut self) -> Result<Capabilities> {
        let result = self.inner.capabilities();
        self.noted(result)
    }

    fn next_block(&mut self) -> Result<NextBlock> {
        let result = self.inner.next_block();
        self.noted(result)
    }

    fn set_compression(&mut self, compression: Compression) -> Result<()> {
        let result = self.inner.set_compression(compression);
        self.noted(result)
    }

    fn set_programmable_early_warning(&mut self, bytes: u64) -> Result<()> {
        let result = self.inner.set_programmable_early_warning(bytes);
        self.noted(result)
    }

    fn set_removal(&mut self, removal: Removal) -> Result<()> {
        let result = self.inner.set_removal(removal);
        self.noted(result)
    }

    fn erase(&mut self) -> Result<()> {
        let result = self.inner.erase();
        self.noted(result)
    }

    fn retension(&mut self) -> Result<()> {
        let result = self.inner.retension();
        self.noted(result)
    }
}
