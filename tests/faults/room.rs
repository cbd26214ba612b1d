//! How much room the server's disk has.

use crate::house::House;
use std::path::PathBuf;

/// What is limited from the next start on.
#[derive(Debug, Default)]
pub struct Room {
    /// Bytes of each file.
    pub file: Option<u64>,
    /// Pages of the database.
    pub pages: Option<u64>,
    /// Bytes of the disk of the data folder, which then has one of its own.
    pub disk: Option<u64>,
    /// `database.reserve_mb`, if it is another than the default.
    pub reserve: Option<u64>,
}

impl House {
    /// From the next start on no file of the server may grow beyond this.
    pub fn limit_files(&mut self, bytes: Option<u64>) {
        self.room.file = bytes;
    }

    /// From the next start on the database may have so many pages more than it has now: then its disk is full.
    pub fn limit_database(&mut self, more: Option<u64>) {
        let length = std::fs::metadata(self.folder.path().join("data/tapebackarr.db")).unwrap().len();
        self.room.pages = more.map(|more| length / 4096 + more);
    }

    /// From the next start on the data folder (but not the tapes) lies on a disk of this size of its own, which is gone when
    /// the server is.
    pub fn limit_disk(&mut self, bytes: Option<u64>) {
        self.room.disk = bytes;
    }

    /// From the next start on runs begin although the disk is nearly full.
    pub fn begin_without_room(&mut self) {
        self.room.reserve = Some(0);
    }

    /// The data folder as the server sees it, if it has a disk of its own.
    pub fn inside(&self) -> PathBuf {
        let pid = self.child.as_ref().expect("a server").id();
        let data = self.folder.path().join("data");
        PathBuf::from(format!("/proc/{pid}/root{}", data.display()))
    }

    /// Takes all but so many bytes of the server's disk.
    pub fn fill_disk(&self, but: u64) {
        let data = self.inside();
        let state = rustix::fs::statvfs(&data).unwrap();
        let free = state.f_bavail * state.f_frsize;
        let chunk = vec![0x5a; 1 << 20];
        let mut ballast = std::fs::File::create(data.join("ballast")).unwrap();
        let mut left = free.saturating_sub(but);
        while left > 0 {
            let length = left.min(chunk.len() as u64) as usize;
            std::io::Write::write_all(&mut ballast, &chunk[..length]).unwrap();
            left -= length as u64;
        }
    }

    /// Gives it back.
    pub fn free_disk(&self) {
        std::fs::remove_file(self.inside().join("ballast")).unwrap();
    }
}
