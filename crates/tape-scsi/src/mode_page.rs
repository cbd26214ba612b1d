//! Mode pages of tape drives (SSC-5, 8.3) and libraries (SMC-3, 7.3), one per file.
//!
//! A page of a tape drive is kept as the drive sent it, so that bits this program knows nothing of go back as they came.

mod data_compression;
pub mod device_capabilities;
mod device_configuration;
pub mod element_address_assignment;
mod medium_partition;

pub use data_compression::DataCompression;
pub use device_configuration::{DeviceConfiguration, DeviceConfigurationExtension};
pub use medium_partition::MediumPartition;

use crate::Malformed;
use crate::command::mode::PageCode;

/// The page `code` at the beginning of `bytes`, without what follows it, if it has at least `least` bytes.
fn page_bytes(code: PageCode, name: &'static str, least: usize, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let (found, end) = match *bytes {
        // SPF = 1: a subpage, with two bytes of length.
        [first, subpage, high, low, ..] if first & 0x40 != 0 => {
            (PageCode(first & 0x3f, subpage), 4 + usize::from(u16::from_be_bytes([high, low])))
        }
        [first, length, ..] if first & 0x40 == 0 => (PageCode(first & 0x3f, 0), 2 + usize::from(length)),
        _ => return Err(Malformed::short(name)),
    };
    if found != code {
        return Err(Malformed { of: name, why: "it is another page" });
    }
    match bytes.get(..end) {
        Some(page) if page.len() >= least => Ok(page.to_vec()),
        _ => Err(Malformed::short(name)),
    }
}

/// Sets the bits of `mask` in `byte`, or takes them off.
fn set_bits(byte: &mut u8, mask: u8, on: bool) {
    if on { *byte |= mask } else { *byte &= !mask }
}
