//! Each kind of difference is made, and must be found.

use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

/// A tree with everything in it, made the same way each time.
fn make(root: &Path) {
    fs::create_dir_all(root.join("sub/empty")).unwrap();
    fs::write(root.join("file"), b"content").unwrap();
    fs::write(root.join("sub/big"), vec![7u8; BUFFER + 5]).unwrap();
    fs::write(root.join(OsStr::from_bytes(b"not\xffutf8")), b"x").unwrap();
    fs::hard_link(root.join("file"), root.join("sub/second-name")).unwrap();
    symlink("file", root.join("link")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, root.join("fifo"), raw::FileType::Fifo, raw::Mode::from(0o600), 0).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_600_000_000, 123_456_789);
    for path in ["file", "sub/big", "sub/empty", "sub", "", "fifo", "link"] {
        set_time(&root.join(path), time);
    }
    set_time(&root.join(OsStr::from_bytes(b"not\xffutf8")), time);
}

fn set_time(path: &Path, time: SystemTime) {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let spec = raw::Timespec { tv_sec: since.as_secs() as i64, tv_nsec: i64::from(since.subsec_nanos()) };
    let times = raw::Timestamps { last_access: spec, last_modification: spec };
    raw::utimensat(raw::CWD, path, &times, raw::AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// The difference found after `change` to the second of two equal trees.
fn difference(change: impl FnOnce(&Path)) -> Vec<String> {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for side in [&a, &b] {
        fs::set_permissions(side.path(), fs::Permissions::from_mode(0o755)).unwrap();
        make(side.path());
    }
    change(b.path());
    let result = trees(a.path(), b.path(), Owners::expected()).unwrap();
    assert_eq!(result.mismatches as usize, result.differences.len());
    let words = |(path, reason): &(PathBuf, String)| format!("{}: {reason}", path.display());
    let times = |text: &String| !text.contains("modification time");
    let all: Vec<String> = result.differences.iter().map(words).collect();
    // A changed entry also changes the time of its folder; that is told only when it is all there is.
    let others: Vec<String> = all.iter().filter(|text| times(text)).cloned().collect();
    if others.is_empty() { all } else { others }
}

#[test]
fn equal_trees_are_equal() {
    assert_eq!(difference(|_| {}), Vec::<String>::new());
    let tree = tempfile::tempdir().unwrap();
    make(tree.path());
    let result = trees(tree.path(), tree.path(), Owners::Compare).unwrap();
    assert_eq!((result.entries, result.files, result.mismatches), (9, 4, 0));
    assert_eq!(result.bytes, 7 + BUFFER as u64 + 5 + 1, "content of two names is compared once");
}

#[test]
fn each_difference_is_found() {
    assert_eq!(difference(|root| fs::remove_file(root.join("link")).unwrap()), ["link: is missing"]);
    assert_eq!(difference(|root| fs::write(root.join("new"), b"").unwrap()), ["new: should not exist"]);
    assert_eq!(
        difference(|root| {
            let mut content = vec![7u8; BUFFER + 5];
            content[BUFFER + 3] = 8;
            fs::write(root.join("sub/big"), content).unwrap();
        }),
        [format!("sub/big: content differs from byte {} on", BUFFER + 3)]
    );
    assert_eq!(
        difference(|root| fs::write(root.join("sub/big"), b"short").unwrap()),
        [format!("sub/big: has 5 bytes, should have {}", BUFFER + 5)]
    );
    assert_eq!(
        difference(|root| {
            fs::remove_file(root.join("link")).unwrap();
            symlink("elsewhere", root.join("link")).unwrap();
        }),
        ["link: points to elsewhere, should point to file"]
    );
    assert_eq!(
        difference(|root| {
            fs::remove_dir(root.join("sub/empty")).unwrap();
            fs::write(root.join("sub/empty"), b"").unwrap();
        }),
        ["sub/empty: is a file, should be a folder"]
    );
    let mode = difference(|root| {
        fs::set_permissions(root.join("sub/big"), fs::Permissions::from_mode(0o4755)).unwrap();
    });
    assert!(mode[0].starts_with("sub/big: mode is 4755, should be 6"), "{mode:?}");
}

#[test]
fn a_nanosecond_is_a_difference() {
    let late = SystemTime::UNIX_EPOCH + Duration::new(1_600_000_000, 123_456_790);
    let found = difference(|root| set_time(&root.join("sub"), late));
    assert_eq!(found, ["sub: modification time is 1600000000.123456790, should be 1600000000.123456789"]);
}

#[test]
fn broken_and_invented_hard_links_are_found() {
    let found = difference(|root| {
        fs::remove_file(root.join("sub/second-name")).unwrap();
        fs::copy(root.join("file"), root.join("sub/second-name")).unwrap();
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("is a file of its own, should be a hard link of another name"), "{found:?}");
    let found = difference(|root| {
        fs::remove_file(root.join("sub/big")).unwrap();
        fs::hard_link(root.join("file"), root.join("sub/big")).unwrap();
    });
    assert!(found.iter().any(|text| text.ends_with("should be a file of its own")), "{found:?}");
}

#[test]
fn extended_attributes_are_compared() {
    let set =
        |root: &Path, value: &[u8]| raw::lsetxattr(root.join("file"), "user.note", value, raw::XattrFlags::empty());
    let probe = tempfile::tempdir().unwrap();
    make(probe.path());
    if set(probe.path(), b"x").is_err() {
        // This file system keeps none, so there is nothing to compare.
        return;
    }
    let found = difference(|root| set(root, b"one").unwrap());
    assert_eq!(found.len(), 2, "both names of the file: {found:?}");
    assert!(found[0].ends_with("extended attribute user.note should not exist"), "{found:?}");
}

#[test]
fn a_missing_root_is_an_error() {
    let error = trees(Path::new("/nonexistent/a"), Path::new("/"), Owners::Ignore).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/a"));
}
