//! What went through a virtual drive since its cartridge was loaded.

/// Bytes on both sides of a drive's compression, since the cartridge was loaded (SSC-5, 8.2, page 1Bh). Filemarks and what
/// encryption adds are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transferred {
    /// Bytes from hosts.
    pub received: u64,
    /// Bytes that were written of them.
    pub written: u64,
    /// Bytes that were read.
    pub read: u64,
    /// Bytes to hosts.
    pub sent: u64,
}

impl Transferred {
    /// Bytes from hosts per byte that was written; `None` before the first.
    pub fn write_ratio(&self) -> Option<f64> {
        (self.written > 0).then(|| self.received as f64 / self.written as f64)
    }

    /// Bytes to hosts per byte that was read; `None` before the first.
    pub fn read_ratio(&self) -> Option<f64> {
        (self.read > 0).then(|| self.sent as f64 / self.read as f64)
    }
}
