//! Directory trees as `tests/python/tree.py` describes them.
#![allow(dead_code, reason = "each test file uses its own part of this")]

use super::quiet;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize, Debug, Clone)]
pub struct Tree {
    pub euid: u32,
    pub entries: Vec<Entry>,
}

#[derive(Deserialize, Debug, Clone)]
pub struct Entry {
    pub path: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime_ns: i64,
    pub inode: u64,
    #[serde(default)]
    pub size: u64,
    #[serde(default)]
    pub allocated: u64,
    pub sha256: Option<String>,
    pub link: Option<String>,
    pub device: Option<(u32, u32)>,
    #[serde(default)]
    pub xattrs: BTreeMap<String, String>,
}

fn script() -> String {
    format!("{}/tests/python/tree.py", env!("CARGO_MANIFEST_DIR"))
}

pub fn describe(dir: &Path) -> Tree {
    let json = quiet("python3", &[&script(), "describe", dir.to_str().unwrap()], dir, "python3");
    serde_json::from_slice(&json).unwrap()
}

pub fn make(dir: &Path, kind: &str) {
    quiet("python3", &[&script(), "make", dir.to_str().unwrap(), kind], Path::new("/"), "python3");
}

impl Tree {
    pub fn get(&self, path: &[u8]) -> &Entry {
        let wanted = hex::encode(path);
        let found = self.entries.iter().find(|entry| entry.path == wanted);
        found.unwrap_or_else(|| panic!("{} is missing", String::from_utf8_lossy(path)))
    }
}

pub fn sha256(data: &[u8]) -> String {
    hex::encode(openssl::sha::sha256(data))
}
