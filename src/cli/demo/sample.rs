//! A small folder with everything in it that makes backups go wrong, always the same, and what a busy week does to it.

use rustix::fs as raw;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// A file of [`make`] that stays as it is, for restoring it alone.
pub const ONE_FILE: &str = "letters/2026/letter-17.txt";
/// Files in `photos`.
const PHOTOS: u64 = 24;
/// Everything is given times from here on, in seconds since 1970: 2026-01-05, a Monday.
const BEGINNING: i64 = 1_767_600_000;

/// Makes the folder.
pub fn make(root: &Path) -> io::Result<()> {
    fs::create_dir_all(root)?;
    for year in 2023..2027u64 {
        for number in 0..40 {
            write(root, &format!("letters/{year}/letter-{number:02}.txt"), &letter(year * 100 + number))?;
        }
    }
    for number in 0..PHOTOS {
        // Photos do not compress.
        write(root, &format!("photos/{number:03}.jpg"), &noise(number, 400_000 + number as usize * 37))?;
    }
    write(root, "ledger.db", &ledger(6 << 20))?;
    // Sizes on both sides of what tar, frames and blocks are cut at.
    for size in [0, 1, 511, 512, 513, 262_143, 262_144, 262_145, 1 << 20, (8 << 20) + 1] {
        write(root, &format!("sizes/{size}"), &noise(size as u64, size))?;
    }
    let long = "a-name-of-255-bytes-".repeat(12) + "and-no-longer..";
    write(root, &format!("names/{long}"), b"long")?;
    write(root, &format!("names/{}/end", ["deep"; 30].join("/")), b"deep")?;
    write(root, "names/ with blanks , quotes ' \" and a\nnew line ", b"odd")?;
    write(root, "names/Grüße 東京 🎞", b"unicode")?;
    let latin = root.join(OsStr::from_bytes(b"names/caf\xe9 (not UTF-8)"));
    fs::write(latin, b"bytes")?;
    fs::create_dir_all(root.join("empty/also empty"))?;
    symlink("../letters/2026/letter-01.txt", root.join("empty/link"))?;
    symlink("/nowhere/at/all", root.join("empty/dangling"))?;
    fs::hard_link(root.join("letters/2026/letter-01.txt"), root.join("letters/again.txt"))?;
    raw::mknodat(raw::CWD, root.join("fifo"), raw::FileType::Fifo, raw::Mode::from(0o640), 0)?;
    sparse(&root.join("sparse.img"))?;
    write(root, "bin/tool", b"#!/bin/sh\nexit 0\n")?;
    fs::set_permissions(root.join("bin/tool"), fs::Permissions::from_mode(0o4755))?;
    fs::set_permissions(root.join("letters/2023/letter-00.txt"), fs::Permissions::from_mode(0o400))?;
    note(&root.join("ledger.db"), "user.note", b"keep for ten years")?;
    give_times(root, root, 0)
}

/// Changes the folder: new, changed, renamed, deleted, replaced, and only touched.
pub fn change(root: &Path) -> io::Result<()> {
    const WEEK: i64 = 7 * 86_400;
    let mut touched = Vec::new();
    let mut add = |path: &str, content: &[u8]| {
        write(root, path, content)?;
        touched.push(PathBuf::from(path));
        io::Result::Ok(())
    };
    add("letters/2026/letter-90.txt", &letter(90))?;
    add("letters/2026/letter-05.txt", b"Rewritten, shorter.\n")?;
    add("new/folder/with/a/file", b"new")?;
    // The same size and the same seconds: only the nanoseconds tell.
    add("letters/2025/letter-07.txt", &letter(2025 * 100 + 8))?;
    fs::remove_file(root.join("photos/003.jpg"))?;
    fs::remove_dir_all(root.join("letters/2023"))?;
    fs::rename(root.join("photos/004.jpg"), root.join("photos/best.jpg"))?;
    fs::remove_file(root.join("empty/link"))?;
    write(root, "empty/link", b"was a link, is a file")?;
    fs::remove_file(root.join("sizes/511"))?;
    fs::create_dir(root.join("sizes/511"))?;
    fs::set_permissions(root.join("bin/tool"), fs::Permissions::from_mode(0o755))?;
    let mut ledger = fs::OpenOptions::new().write(true).open(root.join("ledger.db"))?;
    ledger.seek(SeekFrom::Start(1 << 20))?;
    ledger.write_all(b"one changed page")?;
    drop(ledger);
    touched.extend(["empty/link", "ledger.db"].map(PathBuf::from));
    for path in &touched {
        set_time(&root.join(path), BEGINNING + WEEK, 7)?;
    }
    set_time(&root.join("letters/2025/letter-07.txt"), time_of(Path::new("letters/2025/letter-07.txt")), 2)?;
    // Folders whose lists of names changed, the deepest first.
    for path in ["new/folder/with/a", "new/folder/with", "new/folder", "new", "sizes/511", "sizes", "photos", "empty"] {
        set_time(&root.join(path), BEGINNING + WEEK, 9)?;
    }
    for path in ["letters/2026", "letters", ""] {
        set_time(&root.join(path), BEGINNING + WEEK, 9)?;
    }
    Ok(())
}

fn write(root: &Path, path: &str, content: &[u8]) -> io::Result<()> {
    let path = root.join(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}

fn letter(seed: u64) -> Vec<u8> {
    let words = ["tape", "magazine", "quarter", "archive", "invoice", "robot", "the", "and", "of", "slot", "safe"];
    let numbers = noise(seed, 600 + (seed % 7) as usize * 900);
    let text = numbers.iter().map(|byte| words.get(usize::from(*byte) % words.len()).copied().unwrap_or("tape"));
    text.collect::<Vec<_>>().join(" ").into_bytes()
}

fn ledger(size: usize) -> Vec<u8> {
    let line =
        |number: usize| format!("{number:08};2026-01-{:02};{:>10}.00;booked\n", number % 28 + 1, number * 37 % 99_991);
    (0..).flat_map(|number| line(number).into_bytes()).take(size).collect()
}

/// Bytes that look random and are the same every time (xorshift).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn sparse(path: &Path) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    for (offset, content) in [(0, "head"), (32 << 20, "middle")] {
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(content.as_bytes())?;
    }
    file.set_len(64 << 20)
}

/// An extended attribute, where the file system keeps such.
fn note(path: &Path, name: &str, value: &[u8]) -> io::Result<()> {
    match raw::lsetxattr(path, name, value, raw::XattrFlags::empty()) {
        Err(error) if error != rustix::io::Errno::OPNOTSUPP => Err(error.into()),
        _ => Ok(()),
    }
}

/// Gives everything below `path` its time, contents before their folder.
fn give_times(root: &Path, path: &Path, depth: u32) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() && depth < 64 {
        for entry in fs::read_dir(path)? {
            give_times(root, &entry?.path(), depth + 1)?;
        }
    }
    set_time(path, time_of(path.strip_prefix(root).unwrap_or(path)), 1)
}

/// The same path always has the same time, different ones mostly different.
fn time_of(path: &Path) -> i64 {
    let bytes = path.as_os_str().as_bytes().iter();
    BEGINNING + bytes.fold(7i64, |sum, byte| (sum * 31 + i64::from(*byte)) % 86_400)
}

fn set_time(path: &Path, seconds: i64, nanoseconds: i64) -> io::Result<()> {
    let time = raw::Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = raw::Timestamps { last_access: time, last_modification: time };
    Ok(raw::utimensat(raw::CWD, path, &times, raw::AtFlags::SYMLINK_NOFOLLOW)?)
}

#[cfg(test)]
mod tests {
    use super::super::super::compare::{Owners, trees};
    use super::*;

    #[test]
    fn it_is_the_same_every_time_and_changes_the_same_way() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        make(&a).unwrap();
        make(&b).unwrap();
        let equal = trees(&a, &b, Owners::Compare).unwrap();
        assert_eq!(equal.differences, []);
        assert!(equal.files > 190, "{}", equal.files);
        assert!(a.join(ONE_FILE).exists());
        change(&a).unwrap();
        assert!(trees(&a, &b, Owners::Compare).unwrap().mismatches > 10);
        change(&b).unwrap();
        assert_eq!(trees(&a, &b, Owners::Compare).unwrap().differences, []);
        assert!(a.join(ONE_FILE).exists());
    }
}
