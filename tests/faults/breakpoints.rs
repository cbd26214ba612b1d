//! Where a server is killed, and what it passes: see `tape_drive::breakpoint`.

use crate::house::House;
use std::path::PathBuf;
use tempfile::TempDir;

/// A place at which the server is killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breakpoint {
    /// Its name in a trace.
    pub place: String,
    /// The how manyeth time it is passed, from 1.
    pub nth: u64,
}

impl std::fmt::Display for Breakpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}, time {}", self.place, self.nth)
    }
}

/// The file that says what is to happen.
pub fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("break")
}

impl House {
    /// The server gets killed there.
    pub fn arm(&self, at: &Breakpoint) {
        self.order(&format!("{} {}", at.nth, at.place));
    }

    /// The server writes down what it passes, and which faults happen.
    pub fn keep_trace(&self) {
        self.order("trace");
    }

    fn order(&self, text: &str) {
        let temporary = self.folder.path().join("break.new");
        std::fs::write(&temporary, text).unwrap();
        std::fs::rename(temporary, file(&self.folder)).unwrap();
    }

    /// What was written down so far, in order.
    pub fn trace(&self) -> Vec<String> {
        let text = std::fs::read_to_string(file(&self.folder).with_extension("trace")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// From the next start on it is not killed any more. The place at which it was.
    pub fn disarm(&self) -> Option<String> {
        let _ = std::fs::remove_file(file(&self.folder));
        let hit = file(&self.folder).with_extension("hit");
        let place = std::fs::read_to_string(&hit).ok();
        let _ = std::fs::remove_file(hit);
        place
    }
}
