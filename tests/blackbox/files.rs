//! Source folders with everything that a file system can hold, and their comparison.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use tapebackarr::cli::compare;

/// Bytes that do not compress, the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
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

/// A folder with many kinds of things in it.
pub fn fill(root: &Path) {
    fs::create_dir_all(root.join("docs/deep/deeper")).unwrap();
    fs::create_dir_all(root.join("empty")).unwrap();
    for number in 0..200u64 {
        fs::write(root.join(format!("docs/file{number:03}.txt")), noise(number, (number * 37) as usize)).unwrap();
    }
    fs::write(root.join("docs/deep/deeper/big.bin"), noise(4711, 20 << 20)).unwrap();
    fs::write(root.join("docs/zero"), b"").unwrap();
    fs::write(root.join("-leading dash"), b"dash").unwrap();
    fs::write(root.join("new\nline"), b"newline").unwrap();
    fs::write(root.join("back\\slash"), b"backslash").unwrap();
    fs::write(root.join(std::ffi::OsStr::from_bytes(b"latin1-\xe4\xf6\xfc")), b"not UTF-8").unwrap();
    fs::write(root.join("x".repeat(255)), b"longest name").unwrap();
    symlink("docs/file001.txt", root.join("link")).unwrap();
    symlink("/nowhere/at all", root.join("dangling")).unwrap();
    fs::hard_link(root.join("docs/file199.txt"), root.join("hard")).unwrap();
    fs::set_permissions(root.join("docs/file002.txt"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(root.join("empty"), fs::Permissions::from_mode(0o1777)).unwrap();
}

/// Cuts the fractions off the modification times of everything below a folder, and of itself.
pub fn whole_seconds(root: &Path) {
    if root.symlink_metadata().unwrap().is_dir() {
        for entry in fs::read_dir(root).unwrap() {
            whole_seconds(&entry.unwrap().path());
        }
    }
    whole_second(root);
}

/// Cuts the fraction off the modification time of one file, link or folder.
pub fn whole_second(path: &Path) {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};
    let tv_sec = path.symlink_metadata().unwrap().mtime();
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec, tv_nsec: 0 },
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// Fails the test unless both trees are equal in content, kind, mode, owner, time, links and xattrs.
#[track_caller]
pub fn assert_equal(expected: &Path, found: &Path) {
    let report = compare::trees(expected, found, compare::Owners::expected()).unwrap();
    assert!(report.mismatches == 0, "{:#?}", report.differences);
    assert!(report.files > 0, "nothing was compared");
}
