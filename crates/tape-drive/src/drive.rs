//! The interface of one tape drive.

use crate::{
    Capabilities, DriveHealth, DriveKey, EncryptionState, NextBlock, Position, Result, TapePosition, VolumeHealth,
};
use serde::{Deserialize, Serialize};
use tape_scsi::{Attribute, TapeAlert};

/// Who a drive is (INQUIRY and its serial number page).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveIdentity {
    /// T10 vendor identification, trimmed.
    pub vendor: String,
    /// Product identification, trimmed.
    pub product: String,
    /// Firmware revision.
    pub revision: String,
    /// Unit serial number.
    pub serial: String,
}

/// READ BLOCK LIMITS, and what the host side can transfer in one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockLimits {
    /// Smallest block in bytes.
    pub min: u32,
    /// Largest block in bytes.
    pub max: u32,
}

/// What TEST UNIT READY and the sense data behind it say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriveState {
    /// A medium is loaded and the drive will take commands.
    Ready,
    /// No medium.
    Empty,
    /// A medium is in the drive but not threaded; LOAD makes it ready.
    Unloaded,
    /// Loading, rewinding, or calibrating; `percent` where the drive tells.
    BecomingReady {
        /// Progress in percent.
        percent: Option<u8>,
    },
}

/// State that can be asked at any time: asking never moves the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveStatus {
    /// Readiness.
    pub state: DriveState,
    /// The loaded medium refuses writes.
    pub write_protected: bool,
}

/// What kind of cartridge is in the drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediumKind {
    /// Ordinary data cartridge.
    Data,
    /// Write once, read many.
    Worm,
    /// Cleaning cartridge.
    Cleaning,
}

/// The loaded medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Medium {
    /// Data, WORM or cleaning.
    pub kind: MediumKind,
    /// Density code (REPORT DENSITY SUPPORT); 0x60 = LTO-9. See [`crate::lto`].
    pub density: u8,
    /// Native capacity in bytes.
    pub capacity_bytes: u64,
    /// Bytes that still fit between the end of data and early warning (log page 31h, or the image), where known.
    pub remaining_bytes: Option<u64>,
    /// The write protect tab, or read-only in this generation of drive.
    pub write_protected: bool,
    /// Serial number of the cartridge from its memory (MAM 0401h), where it has one.
    pub serial: Option<String>,
    /// Bar code as the cartridge memory or the library knows it.
    pub barcode: Option<String>,
}

/// How the drive's own compression is set (mode page 0Fh).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Blocks are stored as they are.
    Off,
    /// The drive compresses.
    On,
}

/// Whether WRITE FILEMARKS waits until everything is on the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilemarkSync {
    /// IMMED=0: returns when the drive's buffer is on the medium: the only proof that data is there.
    Flush,
    /// IMMED=1: returns at once; errors come later, as deferred errors.
    Immediate,
}

/// How a write ended that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Accepted; there is more room.
    Written,
    /// Accepted, and the programmable early warning was passed (00/07): begin the trailer.
    ProgrammableEarlyWarning,
    /// Accepted, and the tape is past early warning (EOM, 00/02): finish, write the TOC, go to the next tape.
    EarlyWarning,
}

/// What a read found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOutcome {
    /// A block of this many bytes is at the start of the buffer.
    Block(usize),
    /// A filemark was passed; the position is behind it.
    Filemark,
    /// End of data: nothing is recorded from here on (08/00/05).
    EndOfData,
}

/// Whether the medium can be taken out by hand or by the robot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// PREVENT ALLOW MEDIUM REMOVAL with prevent = 0.
    Allowed,
    /// With prevent = 1.
    Prevented,
}

/// One tape drive. Whoever holds it owns the device: methods block as long as the drive needs.
///
/// Variable-block mode always: one [`write_block`](TapeDrive::write_block) is one block on tape. Writing at a position
/// makes it the end of data: what lay behind is gone, as on a real tape.
///
/// Errors: a unit attention is delivered by the next command, whatever it is, and that command is not carried out.
pub trait TapeDrive: Send {
    /// Who the drive is; known from opening it.
    fn identity(&self) -> &DriveIdentity;

    /// Block sizes that one command can transfer.
    fn block_limits(&mut self) -> Result<BlockLimits>;

    /// Readiness. Never moves the tape, and is allowed at any time. Empty is an answer, not an error.
    fn status(&mut self) -> Result<DriveStatus>;

    /// Threads the medium and goes to its beginning.
    fn load(&mut self) -> Result<()>;

    /// Writes what is buffered, rewinds and ejects, so that a person or the robot can take the cartridge.
    fn unload(&mut self) -> Result<()>;

    /// Goes to the beginning of the tape, after writing what is buffered.
    fn rewind(&mut self) -> Result<()>;

    /// Writes one block at the current position. `Err` of kind `EndOfMedium`: this block is not on tape.
    fn write_block(&mut self, block: &[u8]) -> Result<WriteOutcome>;

    /// Writes `count` filemarks; 0 with [`FilemarkSync::Flush`] flushes the drive's buffer and writes nothing.
    fn write_filemarks(&mut self, count: u32, sync: FilemarkSync) -> Result<WriteOutcome>;

    /// Reads the next block or filemark. The buffer must hold the largest block expected, else `BlockTooLong`.
    fn read_block(&mut self, buffer: &mut [u8]) -> Result<ReadOutcome>;

    /// Goes to a logical object. Going past the end of data is `BlankCheck`, and leaves the tape at the end of data.
    fn locate(&mut self, to: Position) -> Result<()>;

    /// Passes `count` filemarks, forwards and stops behind the last, or backwards (negative) and stops before it.
    /// Where there are not so many it stops at the end of data or at the beginning, with `BlankCheck`.
    fn space_filemarks(&mut self, count: i64) -> Result<()>;

    /// Goes to the end of data, where the next append belongs.
    fn space_to_end_of_data(&mut self) -> Result<()>;

    /// Where the tape is. Does not move it.
    fn position(&mut self) -> Result<TapePosition>;

    /// What is loaded. Does not move the tape.
    fn medium(&mut self) -> Result<Medium>;

    /// One attribute of the cartridge memory (READ ATTRIBUTE, SPC-5 7.4); `None` if the cartridge does not have it.
    fn read_attribute(&mut self, id: u16) -> Result<Option<Attribute>>;

    /// Writes one attribute of the cartridge memory.
    fn write_attribute(&mut self, attribute: &Attribute) -> Result<()>;

    /// TapeAlert flags that are raised now. Asking does not clear them where the drive can do that (log page 12h).
    fn alerts(&mut self) -> Result<Vec<TapeAlert>>;

    /// Counters and condition of the drive.
    fn health(&mut self) -> Result<DriveHealth>;

    /// The life of the loaded cartridge; what the drive does not know is `None`. Does not move the tape.
    fn volume_health(&mut self) -> Result<VolumeHealth>;

    /// What the drive can do. Needs no cartridge.
    fn capabilities(&mut self) -> Result<Capabilities>;

    /// How the drive encrypts now. `Unsupported` where it cannot.
    fn encryption(&mut self) -> Result<EncryptionState>;

    /// Gives the drive the key for blocks written and read from now on, or takes it away. With a key, blocks that are not
    /// encrypted can still be read (decryption mode MIXED). The drive forgets the key when the cartridge is unloaded, when
    /// it is reset and when its power fails: read the state back before writing, and after every unit attention.
    ///
    /// Errors: `Unsupported` where the drive cannot encrypt; taking away a key it cannot have is no error.
    fn set_encryption(&mut self, key: Option<&DriveKey>) -> Result<()>;

    /// Whether the block at the current position is encrypted, and with which key. Does not move the tape.
    fn next_block(&mut self) -> Result<NextBlock>;

    /// Turns the drive's own compression on or off for the blocks written from now on.
    fn set_compression(&mut self, compression: Compression) -> Result<()>;

    /// Asks for [`WriteOutcome::ProgrammableEarlyWarning`] when `bytes` before early warning are reached (device
    /// configuration extension page); 0 turns it off. `Unsupported` where the drive has no such thing.
    fn set_programmable_early_warning(&mut self, bytes: u64) -> Result<()>;

    /// Locks the medium in the drive, or lets it go.
    fn set_removal(&mut self, removal: Removal) -> Result<()>;

    /// Erases from the current position on (short erase: writes an end of data there).
    fn erase(&mut self) -> Result<()>;

    /// Winds the tape to its end and back, which evens out its tension. Leaves it at the beginning.
    fn retension(&mut self) -> Result<()>;
}
