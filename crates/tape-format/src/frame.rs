//! The frame: the unit of compression, random access, spanning and resuming.
//!
//! A frame is a run of at most [`MAX_FRAME`] bytes of the set's tar stream, a multiple of 512 bytes, that never begins
//! inside the header records of a member. Frames are compressed independently and travel in order.

use crate::{MemberRecord, Result};
use serde::{Deserialize, Serialize};

/// Most bytes of tar stream in one frame: 8 MiB.
pub const MAX_FRAME: usize = 8 << 20;

/// A member that goes on in a frame: what the next tape must repeat if a part is cut before this frame
/// (`GNU.volume.filename`, `.size`, `.offset`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continuation {
    /// The member whose data the frame begins in, as its own header described it.
    pub member: std::sync::Arc<crate::Member>,
    /// Bytes of the member's tar data before this frame.
    pub data_offset: u64,
    /// Total bytes of the member's tar data (for a sparse file: map and data).
    pub data_size: u64,
}

/// A member that goes on behind a frame, with all that is needed to send the rest of it another day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The member, and how much of it is in this frame and those before.
    pub continuation: Continuation,
    /// What the maker of the frames needs to know besides; nobody else looks into it.
    pub state: Vec<u8>,
    /// SHA-256's intermediate value (FIPS 180-4: H) behind the content that is in this frame and those before. With it a
    /// tape can be verified without the one on which the member goes on. None of a sparse member, and where nobody knows it.
    #[serde(default)]
    pub chaining: Option<[u8; 32]>,
}

/// One frame on its way to the tape.
#[derive(Debug, Default)]
pub struct Frame {
    /// What goes to tape: the run of tar stream, compressed with the set's codec.
    pub data: Vec<u8>,
    /// Offset of its first byte in the set's tar stream.
    pub tar_offset: u64,
    /// Its length in the tar stream before compression; a multiple of 512.
    pub tar_length: u64,
    /// Set when the frame begins inside a member's data.
    pub continues: Option<Continuation>,
    /// Set when the frame ends inside a member's data.
    pub goes_on: Option<Unfinished>,
    /// The members whose last byte (with padding) is in this frame, in order. `tar_offset`s are absolute.
    pub members: Vec<MemberRecord>,
}

/// Where a part writer takes its frames from; implemented by the ring, and by a list in tests.
pub trait FrameSource: Send {
    /// The next frame in order; waits for it. `None`: the set is complete. `Err`: the source failed.
    fn next_frame(&mut self) -> Result<Option<Frame>>;

    /// Gives a frame's buffers back for use again. Not every frame comes back (those that wait for another tape do not),
    /// and of some only the buffer does.
    fn recycle(&mut self, frame: Frame);
}
