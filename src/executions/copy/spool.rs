//! Frames on their way from tape to tape: through a bounded channel if there are two drives, through a file if not.
//!
//! The file has no name, and what an encrypted set holds is encrypted in it with a key that only this process knows.

use crate::{Error, Result};
use crossbeam_channel::{Receiver, Sender};
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use tape_format::{FormatError, Frame, FrameSource};

/// Frames that may be under way.
pub const DEPTH: usize = 8;

/// Bytes of an authentication tag.
const TAG: usize = 16;

/// Frames that come while they are read, or why they do not.
pub struct Live(pub Receiver<Result<Frame, String>>);

impl FrameSource for Live {
    fn next_frame(&mut self) -> tape_format::Result<Option<Frame>> {
        match self.0.recv() {
            Ok(Ok(frame)) => Ok(Some(frame)),
            Ok(Err(why)) => Err(FormatError::Source(why)),
            // whoever sends says so when it is not the end
            Err(_) => Ok(None),
        }
    }

    fn recycle(&mut self, _: Frame) {}
}

/// Where frames go.
pub enum Sink {
    /// To the drive that writes.
    Live(Sender<Result<Frame, String>>),
    /// To a file.
    File(Box<Spool>),
}

impl Sink {
    /// Takes a frame; `false` if nobody wants more.
    pub fn push(&mut self, frame: Frame) -> Result<bool> {
        match self {
            Sink::Live(sender) => Ok(sender.send(Ok(frame)).is_ok()),
            Sink::File(spool) => spool.push(frame).map(|()| true),
        }
    }

    /// Tells that the rest does not come.
    pub fn fail(&mut self, error: &Error) {
        if let Sink::Live(sender) = self {
            let _ = sender.send(Err(error.message.clone()));
        }
    }
}

/// A frame whose data is in the file.
struct Stored {
    frame: Frame,
    length: usize,
}

/// Frames in a file.
pub struct Spool {
    file: File,
    stored: VecDeque<Stored>,
    /// None: what is in it is on tape in clear, too.
    key: Option<[u8; 32]>,
    written: u64,
    read: u64,
}

impl Spool {
    /// An empty one in this folder.
    pub fn new(folder: &Path, secret: bool) -> Result<Spool> {
        let mut key = [0; 32];
        openssl::rand::rand_bytes(&mut key).map_err(crypto)?;
        let file = tempfile::tempfile_in(folder)?;
        Ok(Spool { file, stored: VecDeque::new(), key: secret.then_some(key), written: 0, read: 0 })
    }

    fn push(&mut self, mut frame: Frame) -> Result<()> {
        let data = std::mem::take(&mut frame.data);
        let data = match &self.key {
            None => data,
            Some(key) => {
                let mut tag = [0; TAG];
                let nonce = nonce(self.written);
                let mut sealed =
                    encrypt_aead(Cipher::aes_256_gcm(), key, Some(&nonce), &[], &data, &mut tag).map_err(crypto)?;
                sealed.extend_from_slice(&tag);
                sealed
            }
        };
        self.file.write_all(&data)?;
        self.written += 1;
        self.stored.push_back(Stored { frame, length: data.len() });
        Ok(())
    }

    /// Everything is in it: from now on it is read.
    pub fn rewind(mut self) -> Result<Spool> {
        self.file.seek(SeekFrom::Start(0))?;
        Ok(self)
    }

    fn pop(&mut self) -> Result<Option<Frame>> {
        let Some(Stored { mut frame, length }) = self.stored.pop_front() else { return Ok(None) };
        let mut data = vec![0; length];
        self.file.read_exact(&mut data)?;
        let number = self.read;
        self.read += 1;
        frame.data = match &self.key {
            None => data,
            Some(key) => {
                let (sealed, tag) = data
                    .split_at_checked(length.saturating_sub(TAG))
                    .ok_or_else(|| Error::internal("the spool is shorter than it was"))?;
                decrypt_aead(Cipher::aes_256_gcm(), key, Some(&nonce(number)), &[], sealed, tag).map_err(crypto)?
            }
        };
        Ok(Some(frame))
    }
}

/// Each frame has its own; the key is used for one file only.
fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    if let Some(low) = nonce.last_chunk_mut::<8>() {
        *low = number.to_be_bytes();
    }
    nonce
}

fn crypto(error: openssl::error::ErrorStack) -> Error {
    Error::internal(format!("the spool of the copy could not be encrypted: {error}"))
}

impl FrameSource for Spool {
    fn next_frame(&mut self) -> tape_format::Result<Option<Frame>> {
        self.pop().map_err(|error| FormatError::Source(error.message))
    }

    fn recycle(&mut self, _: Frame) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_and_secrets_are_not_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        for secret in [false, true] {
            let mut spool = Spool::new(folder.path(), secret).unwrap();
            for number in 0..3u8 {
                let frame = Frame { data: vec![number; 1000], tar_offset: u64::from(number), ..Frame::default() };
                spool.push(frame).unwrap();
            }
            let mut spool = spool.rewind().unwrap();
            let mut disk = Vec::new();
            spool.file.read_to_end(&mut disk).unwrap();
            assert_eq!(disk.windows(100).any(|window| window == [1; 100]), !secret);
            let mut spool = spool.rewind().unwrap();
            for number in 0..3u8 {
                let frame = spool.next_frame().unwrap().unwrap();
                assert_eq!((frame.data, frame.tar_offset), (vec![number; 1000], u64::from(number)));
            }
            assert!(spool.next_frame().unwrap().is_none());
        }
    }
}
