//! A list of paths of any length that takes little memory: in memory while it is short, then in a temporary file
//! without a name.

use crate::{Error, Result};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use tempfile::SpooledTempFile;

/// Bytes that are kept in memory.
const IN_MEMORY: usize = 1 << 20;

/// A list that is being written.
pub struct PathSpool {
    file: SpooledTempFile,
    count: u64,
}

/// A complete list; an iterator over its paths.
pub struct Paths {
    file: BufReader<SpooledTempFile>,
    left: u64,
}

impl Default for PathSpool {
    fn default() -> Self {
        PathSpool { file: SpooledTempFile::new(IN_MEMORY), count: 0 }
    }
}

impl PathSpool {
    /// Appends a path.
    pub fn push(&mut self, path: &[u8]) -> Result<()> {
        let mut record = Vec::with_capacity(path.len() + 4);
        record.extend_from_slice(&(path.len() as u32).to_le_bytes());
        record.extend_from_slice(path);
        self.file.write_all(&record).map_err(temporary)?;
        self.count += 1;
        Ok(())
    }

    /// Visits all paths; more can be appended afterwards.
    pub fn for_each(&mut self, visit: &mut dyn FnMut(&[u8]) -> tape_format::Result<()>) -> tape_format::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::with_capacity(64 << 10, &mut self.file);
        for _ in 0..self.count {
            visit(&read_path(&mut reader)?)?;
        }
        self.file.seek(SeekFrom::End(0))?;
        Ok(())
    }

    /// The list, from its beginning.
    pub fn finish(mut self) -> Result<Paths> {
        self.file.seek(SeekFrom::Start(0)).map_err(temporary)?;
        Ok(Paths { file: BufReader::with_capacity(64 << 10, self.file), left: self.count })
    }
}

impl Paths {
    /// How many paths are still to come.
    pub fn len(&self) -> u64 {
        self.left
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }
}

fn read_path(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut path = vec![0; u32::from_le_bytes(length) as usize];
    from.read_exact(&mut path)?;
    Ok(path)
}

impl Iterator for Paths {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let path = read_path(&mut self.file).map_err(temporary);
        if path.is_err() {
            self.left = 0;
        }
        Some(path)
    }
}

fn temporary(error: std::io::Error) -> Error {
    Error::from(error).context("the temporary file with the deleted paths (make room in the temporary directory)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_from_memory_and_from_disk() {
        for count in [0u32, 3, 100_000] {
            let mut spool = PathSpool::default();
            let path = |n: u32| [b"d/\xff\n".as_slice(), n.to_string().as_bytes()].concat();
            for n in 0..count {
                spool.push(&path(n)).unwrap();
            }
            let mut visited = Vec::new();
            spool
                .for_each(&mut |path| {
                    visited.push(path.to_vec());
                    Ok(())
                })
                .unwrap();
            assert_eq!(visited.len(), count as usize);
            let paths = spool.finish().unwrap();
            assert_eq!((paths.len(), paths.is_empty()), (u64::from(count), count == 0));
            let back: Vec<_> = paths.map(|path| path.unwrap()).collect();
            assert_eq!(back.len(), count as usize);
            assert!(back.iter().zip(0..).all(|(got, n)| *got == path(n)));
        }
    }
}
