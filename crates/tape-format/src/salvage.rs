//! Reading what can be read: tapes that are damaged, and data files whose table of contents is lost.
//!
//! [`survey`] walks over a tape and pairs data files with their tables. A table that is whole ([`read_table`]) says all.
//! For a data file without one, [`read_part`] makes the same things from the data itself: a [`MemberRecord`] of each
//! member, with the SHA-256 of what was read, and a [`PartLayout`] with which [`PartReader`](crate::part::PartReader)
//! reads any of them back. So whoever restores, or rebuilds a catalog, goes on as if there were a table.
//!
//! ```no_run
//! # use tape_format::{Result, salvage::*, crypt::Key};
//! # fn rebuild(drive: &mut dyn tape_drive::TapeDrive, keys: &[Key]) -> Result<()> {
//! struct Members;
//! impl SalvageSink for Members {
//!     fn member(&mut self, member: SalvagedMember) -> Result<()> {
//!         if member.is_whole() { /* member.record has path, size, SHA-256, place */ }
//!         Ok(())
//!     }
//! }
//! for part in survey(drive)?.parts {
//!     if part.toc_block.is_none() {
//!         let salvaged = read_part(drive, &Place::of(&part), keys, &mut Members)?;
//!         println!("{:?}: {:?}", salvaged.identity, salvaged.layout);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Damage costs what it touches. Every layer goes on behind it at the next place that proves itself: a block that can be
//! read, an encrypted segment that authenticates, a compressed frame whose checksum is right, a tar header whose sum is
//! right. What a layer lost is a hole, of known length where blocks and segments tell it, for the layer above.
//!
//! Three layers are stacked for a part: `blocks` → `unseal` (if encrypted) → `frames` (none, zstd or gzip), and `members`
//! reads tar on top.

mod blocks;
mod frames;
mod members;
mod part;
mod survey;
mod table;
mod unseal;

pub use part::{Identity, Place, SalvagedPart, read_part};
pub use survey::{FoundPart, Survey, survey};
pub use table::read_table;

use crate::tar::VolumeStart;
use crate::{MemberRecord, Result};

/// Takes what is found in a data file, in order.
pub trait SalvageSink {
    /// A member was read to its end, or as far as it goes.
    ///
    /// # Errors
    /// Whatever shall end the reading.
    fn member(&mut self, member: SalvagedMember) -> Result<()>;

    /// Something could not be read.
    ///
    /// # Errors
    /// Whatever shall end the reading.
    fn damage(&mut self, _damage: &Damage) -> Result<()> {
        Ok(())
    }

    /// Told now and then: bytes of the data file that were read.
    ///
    /// # Errors
    /// Whatever shall end the reading.
    fn progress(&mut self, _stream_bytes: u64) -> Result<()> {
        Ok(())
    }
}

/// A member as the data itself describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalvagedMember {
    /// What it is and where. `ctime_ns` and `inode` are 0: they are only in tables of contents. `sha256` is that of what
    /// was read, and only there if the whole member was. Offsets are those of [`SalvagedPart::layout`].
    pub record: MemberRecord,
    /// Its beginning is in the part before; `record` then has its real path, but not its kind, owner and times.
    pub continues: Option<VolumeStart>,
    /// Its end is in the next part: so many bytes of its tar data are in this part, of so many that were to follow.
    pub cut: Option<(u64, u64)>,
    /// Why it is not whole, if it was damaged.
    pub damage: Option<String>,
    /// The first that was found behind damage: records before its header (a long name, attributes) may be lost with it.
    pub after_damage: bool,
}

impl SalvagedMember {
    /// Whether all of it is in this part, and readable.
    pub fn is_whole(&self) -> bool {
        self.continues.is_none() && self.cut.is_none() && self.damage.is_none()
    }
}

/// A place that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Offset in the layout's tar stream at which it begins.
    pub tar_offset: u64,
    /// In words: what was found there, and what that costs.
    pub reason: String,
}

/// What a layer gives next.
enum Next {
    /// Bytes were appended.
    Bytes,
    /// Something is missing here.
    Hole(Hole),
    /// Nothing more comes.
    End,
}

/// Bytes that are missing.
struct Hole {
    /// How many: exactly, or for compressed data as many as the layout counts for it.
    bytes: u64,
    why: String,
}

/// A stream with holes.
trait Source {
    /// Appends what comes next to `out`.
    ///
    /// # Errors
    /// Only what ends the whole reading: a drive that fails.
    fn next(&mut self, out: &mut Vec<u8>) -> Result<Next>;

    /// Bytes of the data file that were read or passed so far.
    fn stream_bytes(&self) -> u64;
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<Next> {
        (**self).next(out)
    }

    fn stream_bytes(&self) -> u64 {
        (**self).stream_bytes()
    }
}
