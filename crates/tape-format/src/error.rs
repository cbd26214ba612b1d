//! Everything that can go wrong between bytes in memory and bytes on a tape.
//!
//! Each variant says what failed, on which object, and what the operator can do about it.

use tape_drive::DriveError;

/// Result of everything in this crate.
pub type Result<T, E = FormatError> = std::result::Result<T, E>;

/// What failed, on what, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// A label, pool or other name that cannot be written to a tape.
    #[error("the {what} {value:?} cannot be written to a tape: {reason}; choose another")]
    InvalidName {
        /// Which field it is.
        what: &'static str,
        /// What was asked for.
        value: String,
        /// Why it does not do.
        reason: String,
    },
    /// The first block of the tape is not a label of this program.
    #[error(
        "this is not the label of a TapeBackarr tape: {0}; the tape may be foreign: look what is on it before you label it"
    )]
    NotALabel(String),
    /// A member cannot be described in a tar header.
    #[error("the file {path:?} cannot be described in a tar header: {reason}; leave it out, or rename it")]
    Unrepresentable {
        /// Path as text.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A tar stream that is damaged, or not tar.
    #[error("the tar stream is damaged at offset {offset}: {reason}; what lies before it is good, go on behind it")]
    Tar {
        /// Offset in the stream that was read.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A stream ended before it was complete.
    #[error("the {what} ends early: {missing} bytes are missing; they may be in the set's next part")]
    Truncated {
        /// What ends early.
        what: String,
        /// How much is missing at least.
        missing: u64,
    },
    /// A frame could not be compressed or decompressed.
    #[error("cannot {action} with {codec}: {reason}")]
    Codec {
        /// "compress" or "decompress".
        action: &'static str,
        /// Name of the codec.
        codec: &'static str,
        /// What the library says.
        reason: String,
    },
    /// The set is encrypted and no key was given.
    #[error("the set is encrypted with the key {fingerprint}: import that key and try again")]
    KeyNeeded {
        /// Hex SHA-256 of the key.
        fingerprint: String,
    },
    /// The key that was given is not the one the set was written with.
    #[error("the set is encrypted with the key {wanted}, not with {given}: import that key and try again")]
    WrongKey {
        /// Fingerprint of the key that is needed.
        wanted: String,
        /// Fingerprint of the key at hand.
        given: String,
    },
    /// A key that is closed with another passphrase.
    #[error("this is not the passphrase with which the key on the tape is closed")]
    Passphrase,
    /// A key that is closed with a passphrase, and that none opens any more.
    #[error(
        "the key on the tape that a passphrase opens cannot be used: {0}; take the key sheet, or another tape with the same key"
    )]
    LockedKey(String),
    /// Ciphertext that does not authenticate.
    #[error(
        "segment {segment} of the encrypted stream is not authentic: damaged, cut short, moved, or another key; nothing of it was used"
    )]
    NotAuthentic {
        /// Number of the 1 MiB segment, from 0.
        segment: u64,
    },
    /// The cryptographic library failed.
    #[error("the cryptographic library failed to {action}: {reason}")]
    Crypto {
        /// What it should have done.
        action: &'static str,
        /// What it says.
        reason: String,
    },
    /// A table of contents that cannot be used.
    #[error("the table of contents is not usable: {0}; read the part's data instead, or use another copy of the tape")]
    Toc(String),
    /// A frame table, layout or other stored description that contradicts itself or the tape.
    #[error("{what} is inconsistent: {reason}; rebuild it from the tape's table of contents")]
    Inconsistent {
        /// Which description.
        what: &'static str,
        /// How it is wrong.
        reason: String,
    },
    /// The tape is not where, or does not hold what, the description says.
    #[error(
        "the tape does not hold what was expected at {place}: {reason}; check that it is the right tape, then verify it"
    )]
    Unexpected {
        /// Where on tape.
        place: String,
        /// Expected and found.
        reason: String,
    },
    /// The drive reported an error.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The source of a backup failed; the text is its own.
    #[error("{0}")]
    Source(String),
    /// Reading or writing something that is not a tape.
    #[error("input or output failed: {0}")]
    Io(#[from] std::io::Error),
}

impl FormatError {
    /// A damaged tar stream at `offset`.
    pub(crate) fn tar(offset: u64, reason: impl Into<String>) -> Self {
        FormatError::Tar { offset, reason: reason.into() }
    }

    /// The same error as an [`std::io::Error`], for implementations of [`std::io::Read`].
    pub fn into_io(self) -> std::io::Error {
        match self {
            FormatError::Io(error) => error,
            other => std::io::Error::other(other),
        }
    }

    /// The reverse of [`into_io`](Self::into_io): an error of this crate that travelled through [`std::io::Read`] comes
    /// out as it went in.
    pub fn from_io(error: std::io::Error) -> Self {
        match error.downcast::<FormatError>() {
            Ok(inner) => inner,
            Err(error) => FormatError::Io(error),
        }
    }
}
