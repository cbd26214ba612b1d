//! What travels from the drive's thread to whoever takes the members: runs of tar stream through a bounded channel.

use crossbeam_channel::{Receiver, Sender};
use std::io::{self, Read};

/// Most messages under way; with [`CHUNK`] the memory between the drive and the disk.
pub const DEPTH: usize = 64;

/// Most bytes of one message.
pub const CHUNK: usize = 1 << 20;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A run begins, or goes on behind something that was lost, at this offset of the set's tar stream.
    Begin {
        /// Index of the run in the plan.
        run: usize,
        /// Offset of the first byte that follows: the beginning of a member.
        at: u64,
    },
    /// The next bytes.
    Data(Vec<u8>),
    /// What comes next, up to the next message that is not data, could not be read; why.
    Lost(String),
    /// Nothing more comes of this run.
    End {
        /// Index of the run in the plan.
        run: usize,
        /// Why something is missing, if so.
        missing: Option<String>,
    },
}

/// The sending end.
pub type Sending = Sender<Message>;

/// The receiving end.
pub type Receiving = Receiver<Message>;

/// A channel of the usual size.
pub fn channel() -> (Sending, Receiving) {
    crossbeam_channel::bounded(DEPTH)
}

/// The bytes of a run, up to the next message that is something else.
pub(super) struct Stream<'r> {
    receiver: &'r Receiving,
    chunk: Vec<u8>,
    used: usize,
    /// Offset in the set's tar stream of the next byte.
    offset: u64,
    /// What came instead of data.
    next: Option<Next>,
}

/// What ended a stream of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Message(Message),
    /// The sender is gone.
    HungUp,
}

impl<'r> Stream<'r> {
    pub(super) fn new(receiver: &'r Receiving, at: u64) -> Stream<'r> {
        Stream { receiver, chunk: Vec::new(), used: 0, offset: at, next: None }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// What came instead of data, once the data is used up.
    pub(super) fn ended(&self) -> Option<&Next> {
        self.next.as_ref().filter(|_| self.used == self.chunk.len())
    }

    /// Passes bytes up to `offset`; `false` if the stream ends before.
    pub(super) fn skip_to(&mut self, offset: u64) -> bool {
        while self.offset < offset {
            if !self.fill() {
                return false;
            }
            let left = self.chunk.len() - self.used;
            let wanted = usize::try_from(offset - self.offset).map_or(left, |wanted| wanted.min(left));
            self.used += wanted;
            self.offset += wanted as u64;
        }
        self.offset == offset
    }

    /// Passes all data that is left and gives what came behind it.
    pub(super) fn finish(mut self) -> Next {
        loop {
            self.used = self.chunk.len();
            if !self.fill() {
                return self.next.unwrap_or(Next::HungUp);
            }
        }
    }

    /// Makes sure that there is something in the chunk; `false` at the end.
    fn fill(&mut self) -> bool {
        while self.used == self.chunk.len() {
            if self.next.is_some() {
                return false;
            }
            match self.receiver.recv() {
                Ok(Message::Data(bytes)) => {
                    self.chunk = bytes;
                    self.used = 0;
                }
                Ok(other) => self.next = Some(Next::Message(other)),
                Err(_) => self.next = Some(Next::HungUp),
            }
        }
        true
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.fill() {
            return match &self.next {
                Some(Next::Message(Message::Lost(why) | Message::End { missing: Some(why), .. })) => {
                    Err(io::Error::other(why.clone()))
                }
                Some(Next::Message(_)) => Ok(0),
                Some(Next::HungUp) | None => Err(io::Error::other("the drive stopped reading")),
            };
        }
        let left = self.chunk.get(self.used..).unwrap_or_default();
        let length = left.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), left.get(..length)) {
            to.copy_from_slice(from);
        }
        self.used += length;
        self.offset += length as u64;
        Ok(length)
    }
}
