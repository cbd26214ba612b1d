//! Key-associated data descriptors (SSC-5, 8.5.4): what is stored with a block besides the block.

use crate::bytes::{u8_at, u16_at};

/// What the data are (KEY DESCRIPTOR TYPE).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DescriptorKind {
    /// 00h: anybody can read and change them.
    Unauthenticated,
    /// 01h: anybody can read them; changed ones are noticed.
    Authenticated,
    /// 02h: nonce.
    Nonce,
    /// 03h: metadata.
    Metadata,
    /// Another code.
    Other(u8),
}

/// One descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// What it is.
    pub kind: DescriptorKind,
    /// AUTHENTICATED, 3 bits: 0 not covered, 1 no attempt to check, 2 checked, 3 failed (status pages only).
    pub authenticated: u8,
    /// The data.
    pub data: Vec<u8>,
}

impl DescriptorKind {
    fn from_code(code: u8) -> DescriptorKind {
        match code {
            0 => DescriptorKind::Unauthenticated,
            1 => DescriptorKind::Authenticated,
            2 => DescriptorKind::Nonce,
            3 => DescriptorKind::Metadata,
            other => DescriptorKind::Other(other),
        }
    }

    fn code(self) -> u8 {
        match self {
            DescriptorKind::Unauthenticated => 0,
            DescriptorKind::Authenticated => 1,
            DescriptorKind::Nonce => 2,
            DescriptorKind::Metadata => 3,
            DescriptorKind::Other(code) => code,
        }
    }
}

/// Reads a list; a descriptor that is cut off ends it.
pub fn decode(mut bytes: &[u8]) -> Vec<Descriptor> {
    let mut list = Vec::new();
    while let (Some(kind), Some(flags), Some(length)) = (u8_at(bytes, 0), u8_at(bytes, 1), u16_at(bytes, 2)) {
        let end = 4 + usize::from(length);
        let Some(data) = bytes.get(4..end) else { break };
        list.push(Descriptor {
            kind: DescriptorKind::from_code(kind),
            authenticated: flags & 0x07,
            data: data.to_vec(),
        });
        bytes = bytes.get(end..).unwrap_or_default();
    }
    list
}

/// Writes a list.
pub fn encode(list: &[Descriptor]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for descriptor in list {
        let data = descriptor.data.get(..0xffff).unwrap_or(&descriptor.data);
        bytes.extend([descriptor.kind.code(), descriptor.authenticated & 0x07]);
        bytes.extend((data.len() as u16).to_be_bytes());
        bytes.extend(data);
    }
    bytes
}

/// The unauthenticated data in a list, if there are any.
pub fn unauthenticated(list: &[Descriptor]) -> Option<&[u8]> {
    let found = list.iter().find(|descriptor| descriptor.kind == DescriptorKind::Unauthenticated)?;
    (!found.data.is_empty()).then_some(found.data.as_slice())
}

/// A list with unauthenticated data only; none if they are empty.
pub fn of_unauthenticated(data: &[u8]) -> Vec<Descriptor> {
    let descriptor = Descriptor { kind: DescriptorKind::Unauthenticated, authenticated: 0, data: data.to_vec() };
    if data.is_empty() { Vec::new() } else { vec![descriptor] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let list = decode(&bytes);
            prop_assert_eq!(decode(&encode(&list)), list.clone());
            let _ = unauthenticated(&list);
        }
    }
}
