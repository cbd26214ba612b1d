//! The content of one file: from the archive to a new file, hashed on the way, with its holes.

use super::extract::Expected;
use super::safe::SafeError;
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use tape_format::{DataExtent, Member};

/// Bytes that are read, hashed and written at a time.
pub const BUFFER: usize = 256 << 10;

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Why a file's content is not there.
#[derive(Debug)]
pub enum Broken {
    /// The archive could not be read.
    Source(std::io::Error),
    /// The destination could not be written.
    Destination(SafeError),
    /// The content is not what it should be.
    Content(String),
}

/// The sum over a file's apparent content: holes are zeros.
pub struct Sum {
    sha: Option<openssl::sha::Sha256>,
    at: u64,
}

impl Sum {
    /// A sum that is really made only if somebody wants to compare it.
    pub fn new(expected: Option<&Expected>) -> Sum {
        Sum { sha: expected.map(|_| openssl::sha::Sha256::new()), at: 0 }
    }

    /// A sum that is really made.
    pub fn always() -> Sum {
        Sum { sha: Some(openssl::sha::Sha256::new()), at: 0 }
    }

    /// Ends the file at `size`; the sum of it.
    pub fn finish(mut self, size: u64, stop: &AtomicBool) -> Result<[u8; 32], Broken> {
        self.add(size, &[], stop)?;
        Ok(self.sha.unwrap_or_default().finish())
    }

    /// Takes data at an offset not before the end of the last.
    pub fn add(&mut self, offset: u64, data: &[u8], stop: &AtomicBool) -> Result<(), Broken> {
        if let Some(sha) = &mut self.sha {
            let mut hole = offset.saturating_sub(self.at);
            while hole > 0 {
                check(stop)?;
                // a terabyte of nothing takes minutes: look at `stop` now and then
                for _ in 0..1024 {
                    let length = usize::try_from(hole).map_or(ZEROS.len(), |hole| hole.min(ZEROS.len()));
                    sha.update(ZEROS.get(..length).unwrap_or(&ZEROS));
                    hole -= length as u64;
                }
            }
            sha.update(data);
        }
        self.at = offset.saturating_add(data.len() as u64);
        Ok(())
    }

    /// Ends the file at `size` and compares.
    pub fn check(mut self, size: u64, expected: Option<&Expected>, stop: &AtomicBool) -> Result<(), Broken> {
        self.add(size, &[], stop)?;
        match (self.sha.map(openssl::sha::Sha256::finish), expected) {
            (Some(found), Some(expected)) if found != expected.sha256 => Err(Broken::Content(
                "its SHA-256 is not that of the catalog: the data on this tape is damaged; use another copy or an older \
                 version"
                    .into(),
            )),
            _ => Ok(()),
        }
    }
}

fn check(stop: &AtomicBool) -> Result<(), Broken> {
    match stop.load(Ordering::Relaxed) {
        true => Err(Broken::Source(std::io::Error::new(std::io::ErrorKind::Interrupted, "told to stop"))),
        false => Ok(()),
    }
}

/// Takes bytes at an offset of the file.
type Sink<'s> = &'s mut dyn FnMut(u64, &[u8]) -> Result<(), Broken>;

/// Passes a member's data, run by run with offsets in the file, to `sink`.
pub fn runs(
    member: &Member,
    data: &mut dyn Read,
    buffer: &mut [u8],
    stop: &AtomicBool,
    sink: Sink<'_>,
) -> Result<(), Broken> {
    let whole = [DataExtent { offset: 0, length: member.size }];
    for extent in member.sparse.as_deref().unwrap_or(&whole) {
        let mut done = 0;
        while done < extent.length {
            check(stop)?;
            let room = usize::try_from(extent.length - done).map_or(buffer.len(), |left| left.min(buffer.len()));
            let space = buffer.get_mut(..room).unwrap_or_default();
            let length = match data.read(space) {
                Ok(0) => {
                    let missing = extent.length - done;
                    return Err(Broken::Content(format!(
                        "its data ends early on tape: at least {missing} bytes are missing"
                    )));
                }
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted && !stop.load(Ordering::Relaxed) => {
                    continue;
                }
                Err(error) => return Err(Broken::Source(error)),
            };
            sink(extent.offset.saturating_add(done), space.get(..length).unwrap_or_default())?;
            done += length as u64;
        }
    }
    Ok(())
}

/// Writes a member's content to an empty file and compares it with what is expected.
pub fn content(
    file: &File,
    member: &Member,
    expected: Option<&Expected>,
    data: &mut dyn Read,
    buffer: &mut [u8],
    stop: &AtomicBool,
) -> Result<(), Broken> {
    let mut sum = Sum::new(expected);
    runs(member, data, buffer, stop, &mut |offset, bytes| {
        sum.add(offset, bytes, stop)?;
        file.write_all_at(bytes, offset).map_err(failed("write it"))
    })?;
    if member.sparse.is_some() {
        file.set_len(member.size).map_err(failed("give it its size"))?;
    }
    sum.check(member.size, expected, stop)
}

/// Reads a file back from the disk: its size and SHA-256.
pub fn read_back(file: &File, buffer: &mut [u8], stop: &AtomicBool) -> Result<(u64, [u8; 32]), Broken> {
    // so that the disk is asked and not the memory; a file system that cannot do this is read all the same
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    let mut sha = openssl::sha::Sha256::new();
    let mut size = 0;
    loop {
        check(stop)?;
        match (&mut &*file).read(buffer) {
            Ok(0) => return Ok((size, sha.finish())),
            Ok(length) => {
                sha.update(buffer.get(..length).unwrap_or_default());
                size += length as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed("read it back")(error)),
        }
    }
}

/// For `map_err`: what was tried at the destination.
pub fn failed(action: &'static str) -> impl Fn(std::io::Error) -> Broken {
    move |error| {
        let error = error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error);
        Broken::Destination(SafeError::System { action, error })
    }
}
