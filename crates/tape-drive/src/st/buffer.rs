//! A buffer at the beginning of a page, for which the driver needs no buffer of its own.

const PAGE: usize = 4096;

/// Bytes at the beginning of a page.
#[derive(Debug, Default)]
pub(super) struct PageBuffer {
    bytes: Vec<u8>,
}

impl PageBuffer {
    /// `length` bytes, whatever is in them.
    pub fn take(&mut self, length: usize) -> &mut [u8] {
        if self.bytes.len() < length + PAGE {
            self.bytes.resize(length + PAGE, 0);
        }
        let start = self.bytes.as_ptr().align_offset(PAGE);
        self.bytes.get_mut(start..start + length).unwrap_or(&mut [])
    }
}

/// Whether the driver can transfer from here directly.
pub(super) fn is_aligned(bytes: &[u8]) -> bool {
    bytes.as_ptr().addr().is_multiple_of(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_with_a_page() {
        let mut buffer = PageBuffer::default();
        for length in [1, 4096, 100_000, 5] {
            let bytes = buffer.take(length);
            assert!(bytes.len() == length && is_aligned(bytes));
        }
    }
}
