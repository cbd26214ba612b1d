//! Encryption of streams: AES-256-GCM in Tink's streaming format (AES256_GCM_HKDF, 1 MiB segments).
//!
//! A stream is a header (length byte 40, 32-byte salt, 7-byte nonce prefix) and segments of 1 MiB of ciphertext, the
//! first one shorter by the header, the last one as short as it needs to be. The segments' key is derived with
//! HKDF-SHA256 from the key, the salt, and the associated data, which binds a stream to its set and part. The nonce of
//! a segment is prefix, 4-byte big-endian number, and a flag that marks the last one: cutting, reordering and changing
//! are all noticed, and any segment can be opened alone.

mod key;
mod layout;
mod locked;
mod mark;
mod opener;
mod sealer;

pub use key::{Key, Keys, test_record};
pub use layout::{HEADER_SIZE, SEGMENT_SIZE, TAG_SIZE, ciphertext_length, plaintext_length, segment_of, segment_room};
pub use locked::{Lock, LockedKey};
pub use mark::part_of;
pub use opener::{OpenReader, Opener};
pub use sealer::{SealWriter, Sealer};

use uuid::Uuid;

/// The header of a stream: length byte, salt, nonce prefix. Not secret.
pub type StreamHeader = [u8; HEADER_SIZE];

/// Whether more segments follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentEnd {
    /// More follow: the segment must be full.
    More,
    /// It ends the stream.
    Last,
}

/// The associated data of a part's data stream: `<set uuid>:<part>`.
pub fn data_context(set: &Uuid, part: u32) -> Vec<u8> {
    format!("{set}:{part}").into_bytes()
}

/// The associated data of a part's table of contents: `<set uuid>:<part>:toc`.
pub fn toc_context(set: &Uuid, part: u32) -> Vec<u8> {
    format!("{set}:{part}:toc").into_bytes()
}

fn failed(action: &'static str, error: openssl::error::ErrorStack) -> crate::FormatError {
    crate::FormatError::Crypto { action, reason: error.to_string() }
}

/// HKDF-SHA256 (RFC 5869) as Tink uses it: the stream's salt, and the associated data as info.
fn derive(key: &Key, salt: &[u8], context: &[u8]) -> crate::Result<zeroize::Zeroizing<[u8; 32]>> {
    let mut derived = zeroize::Zeroizing::new([0; 32]);
    let run = |out: &mut [u8]| -> Result<(), openssl::error::ErrorStack> {
        let mut hkdf = openssl::pkey_ctx::PkeyCtx::new_id(openssl::pkey::Id::HKDF)?;
        hkdf.derive_init()?;
        hkdf.set_hkdf_md(openssl::md::Md::sha256())?;
        hkdf.set_hkdf_key(key.bytes())?;
        hkdf.set_hkdf_salt(salt)?;
        hkdf.add_hkdf_info(context)?;
        hkdf.derive(Some(out))?;
        Ok(())
    };
    run(derived.as_mut_slice()).map_err(|e| failed("derive a key", e))?;
    Ok(derived)
}

fn nonce(header: &StreamHeader, segment: u32, end: SegmentEnd) -> [u8; 12] {
    let mut nonce = [0; 12];
    let (prefix, rest) = nonce.split_at_mut(7);
    prefix.copy_from_slice(&header[33..]);
    rest[..4].copy_from_slice(&segment.to_be_bytes());
    rest[4] = u8::from(end == SegmentEnd::Last);
    nonce
}
