//! Tape data encryption: the pages of security protocol 20h (SSC-5, 8.5). One page per file; SECURITY PROTOCOL IN and OUT
//! themselves are in [`command::security_protocol`](crate::command::security_protocol).

pub mod capabilities;
pub mod key_associated_data;
pub mod key_formats;
pub mod next_block;
pub mod page_list;
pub mod set;
pub mod status;

pub use capabilities::{Algorithm, Capabilities};
pub use key_associated_data::{Descriptor, DescriptorKind};
pub use next_block::{BlockEncryption, NextBlockStatus};
pub use set::SetDataEncryption;
pub use status::DataEncryptionStatus;

use crate::Malformed;
use crate::bytes::u16_at;

/// AES-256 with GCM and a 16-byte tag, the algorithm of LTO drives (SPC-5, security algorithm codes).
pub const AES_256_GCM: u32 = 0x0001_0014;

/// The body of a page with this code: what PAGE LENGTH says, as far as it is there.
fn body<'a>(bytes: &'a [u8], code: u16, of: &'static str) -> Result<&'a [u8], Malformed> {
    let (Some(found), Some(length)) = (u16_at(bytes, 0), u16_at(bytes, 2)) else { return Err(Malformed::short(of)) };
    if found != code {
        return Err(Malformed { of, why: "it is another page" });
    }
    let rest = bytes.get(4..).unwrap_or_default();
    Ok(rest.get(..usize::from(length)).unwrap_or(rest))
}

/// A page with this code and body, which is cut at what the length field can say.
fn page(code: u16, body: &[u8]) -> Vec<u8> {
    let body = body.get(..0xffff).unwrap_or(body);
    let mut bytes = Vec::with_capacity(4 + body.len());
    bytes.extend(code.to_be_bytes());
    bytes.extend((body.len() as u16).to_be_bytes());
    bytes.extend(body);
    bytes
}
