//! Where the tape is: the logical position that SSC-5 READ POSITION (long form) reports.

use serde::{Deserialize, Serialize};

/// A place to go to: partition and logical object number.
///
/// The logical object number counts blocks *and* filemarks from the beginning of the partition (SSC-5, 4.2.9), so the
/// first block of a tape is 0, and the label block and its filemark put the next object at 2. It says where the next
/// object will be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub struct Position {
    /// Partition number; 0 on a tape that is not partitioned.
    pub partition: u8,
    /// Logical object number within the partition.
    pub block: u64,
}

impl Position {
    /// Beginning of partition 0.
    pub const START: Position = Position { partition: 0, block: 0 };

    /// The object `block` of partition 0.
    pub const fn block(block: u64) -> Position {
        Position { partition: 0, block }
    }

    /// Whether the tape would be at `other` after the object here was written or read, or was not.
    pub(crate) fn is_at_or_just_before(self, other: Position) -> bool {
        self.partition == other.partition
            && (self.block == other.block || self.block.checked_add(1) == Some(other.block))
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.partition == 0 {
            write!(f, "block {}", self.block)
        } else {
            write!(f, "partition {} block {}", self.partition, self.block)
        }
    }
}

/// The answer of READ POSITION, long form (SSC-5, 7.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapePosition {
    /// Where the next object will be read or written.
    pub at: Position,
    /// Logical file number: the filemarks between the beginning of the partition and here; `None` where the drive
    /// cannot tell.
    pub file: Option<u64>,
    /// At the beginning of the partition (BOP).
    pub beginning: bool,
    /// Between early warning and the end of the partition (EOP).
    pub end_zone: bool,
}
