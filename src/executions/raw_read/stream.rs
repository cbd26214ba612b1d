//! One tape file as a stream of tar: read on the drive's thread, taken on the execution's.

use crate::actors::drive::{DriveTask, Unit};
use crate::executions::{Context, Lease};
use crate::{Error, Result};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tape_drive::{DriveErrorKind, Position, Removal, TapeDrive};
use tape_format::FormatError;
use tape_format::crypt::Key;
use tape_format::part::{FileReader, PartKey, PartStream};
use tape_format::v1;
use uuid::Uuid;

/// Bytes of one message, and messages under way.
const CHUNK: usize = 1 << 20;
const DEPTH: usize = 32;
/// How often reading is begun again behind something that cannot be read; each place is tried twice.
const MOST_LOST: u32 = 2000;

/// What opens an encrypted file.
pub enum FileKey {
    /// A part of today.
    Part {
        /// The key.
        key: Key,
        /// The set that it belongs to.
        set: Uuid,
        /// Number of the part.
        part: u32,
    },
    /// The data file of a tape of version 1.
    V1(Key),
    /// Nothing: the bytes are wanted as they are on tape.
    Bytes,
    /// Nothing, and what cannot be read is passed over: reading goes on behind an error, at the beginning of the next
    /// block. Only for plain tar, where the next member can be found again, and for members whose content is checked.
    Forgiving,
}

enum Message {
    Data(Vec<u8>),
    Broken(io::Error),
    End,
}

/// Lets `take` read the tape file that begins at `block`, decrypted and decompressed.
pub fn read<T>(
    context: &Context,
    lease: &Lease,
    block: u64,
    key: Option<FileKey>,
    take: &mut dyn FnMut(&mut dyn Read) -> T,
) -> Result<T> {
    let (sender, receiver) = bounded(DEPTH);
    let task = StreamFile { block, key, sender, stop: context.control.flag() };
    std::thread::scope(|scope| {
        let reading = std::thread::Builder::new()
            .name(format!("tape-{}", context.id))
            .spawn_scoped(scope, || context.perform(lease, task))?;
        let mut chunks = Chunks { receiver, chunk: Vec::new(), used: 0, ended: false };
        let taken = take(&mut chunks);
        // the drive is to notice that nobody reads on
        drop(chunks);
        reading.join().unwrap_or_else(|_| Err(Error::internal("the thread that reads the tape panicked")))?;
        Ok(taken)
    })
}

struct StreamFile {
    block: u64,
    key: Option<FileKey>,
    sender: Sender<Message>,
    stop: Arc<AtomicBool>,
}

impl DriveTask for StreamFile {
    type Output = ();
    const NAME: &'static str = "read a tape file";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<()> {
        drive.set_removal(Removal::Prevented)?;
        let sent = self.send(drive);
        drive.set_removal(Removal::Allowed)?;
        if let Err(error) = sent {
            // whoever takes the data tells it; nobody may be there any more
            let _ = self.sender.send(Message::Broken(error.into_io()));
        }
        Ok(())
    }
}

impl StreamFile {
    fn send(&self, drive: &mut dyn TapeDrive) -> tape_format::Result<()> {
        if let Some(FileKey::Forgiving) = &self.key {
            return self.send_what_can_be_read(drive);
        }
        drive.locate(Position::block(self.block))?;
        let mut stream: Box<dyn Read + '_> = match &self.key {
            Some(FileKey::Part { key, set, part }) => {
                Box::new(PartStream::open(drive, Some(PartKey { key, set: *set, part: *part }))?)
            }
            Some(FileKey::V1(key)) => Box::new(v1::open(drive, Some(key))?),
            Some(FileKey::Bytes | FileKey::Forgiving) => Box::new(FileReader::new(drive)?),
            None => Box::new(v1::open(drive, None)?),
        };
        self.send_all(&mut stream)
    }

    /// Goes on behind every block that cannot be read.
    fn send_what_can_be_read(&self, drive: &mut dyn TapeDrive) -> tape_format::Result<()> {
        let mut block = self.block;
        let mut tried = None;
        for _ in 0..MOST_LOST {
            drive.locate(Position::block(block))?;
            let mut file = FileReader::new(drive)?;
            let sent = self.send_all(&mut file);
            let read = file.blocks();
            drop(file);
            let Err(error) = sent else { return Ok(()) };
            block += read;
            match &error {
                FormatError::Drive(drive) if drive.kind == DriveErrorKind::MediumError => {}
                _ => return Err(error),
            }
            // once more, before it is given up
            if tried.replace(block) != Some(block) {
                continue;
            }
            block += 1;
            if self.sender.send(Message::Broken(error.into_io())).is_err() {
                return Ok(());
            }
        }
        Err(FormatError::Source(format!(
            "{} blocks could not be read; the rest of the tape was not tried",
            MOST_LOST / 2
        )))
    }

    fn send_all(&self, stream: &mut dyn Read) -> tape_format::Result<()> {
        while !self.stop.load(Ordering::Relaxed) {
            let mut chunk = Vec::with_capacity(CHUNK);
            let length = (&mut *stream).take(CHUNK as u64).read_to_end(&mut chunk).map_err(FormatError::from_io);
            let good = !chunk.is_empty();
            if good && self.sender.send(Message::Data(chunk)).is_err() {
                return Ok(());
            }
            length?;
            if !good {
                let _ = self.sender.send(Message::End);
                return Ok(());
            }
        }
        Ok(())
    }
}

struct Chunks {
    receiver: Receiver<Message>,
    chunk: Vec<u8>,
    used: usize,
    ended: bool,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.used == self.chunk.len() {
            if self.ended {
                return Ok(0);
            }
            match self.receiver.recv() {
                Ok(Message::Data(chunk)) => {
                    self.chunk = chunk;
                    self.used = 0;
                }
                Ok(Message::End) => self.ended = true,
                Ok(Message::Broken(error)) => return Err(error),
                Err(_) => return Err(io::Error::other("the drive stopped reading")),
            }
        }
        let left = self.chunk.get(self.used..).unwrap_or_default();
        let length = left.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), left.get(..length)) {
            to.copy_from_slice(from);
        }
        self.used += length;
        Ok(length)
    }
}
