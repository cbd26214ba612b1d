//! Everything a tree can hold goes through, and GNU tar gets it back.

use crate::backup::engine::EngineOptions;
use crate::backup::testing::{Run, options, run, text, tree};
use crate::backup::warning::WarningKind;
use crate::backup::xattr;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tape_format::MemberKind;
use tape_format::codec::Codec;

/// Bytes that do not repeat, so that a mix-up is seen.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length.div_ceil(8))
        .flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .take(length)
        .collect()
}

fn at(root: &Path, name: &[u8]) -> PathBuf {
    root.join(OsStr::from_bytes(name))
}

fn full_tree(root: &Path) {
    let write = |name: &[u8], content: &[u8]| {
        let path = at(root, name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    for (number, name) in [
        b"-rf".as_slice(),
        b"--help",
        b"new\nline",
        b"back\\slash",
        b" space ",
        b"caf\xc3\xa9",
        b"latin-\xe9\xff",
        b"*?[x]",
        b"...",
        b"a/deep/er/file",
    ]
    .into_iter()
    .enumerate()
    {
        write(name, &noise(number * 700, number as u64));
    }
    write(&[b'n'; 255], b"long name");
    write(&[&[b'd'; 200], b"/".as_slice(), &[b'e'; 200], b"/", &[b'f'; 100]].concat(), b"long path");
    std::fs::create_dir_all(root.join("empty/dir")).unwrap();
    write(b"large/one", &noise((20 << 20) + 12_345, 1));
    write(b"large/exactly", &noise((8 << 20) - 512, 2));
    write(b"large/two", &noise((9 << 20) + 1, 3));
    std::fs::hard_link(root.join("large/one"), root.join("large/other name")).unwrap();
    std::fs::hard_link(root.join("a/deep/er/file"), root.join("zlink")).unwrap();
    std::os::unix::fs::symlink("../nowhere\n", root.join("a/symlink")).unwrap();
    std::os::unix::fs::symlink(OsStr::from_bytes(&[b'x'; 300]), root.join("a/long link")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from(0o640),
        0,
    )
    .unwrap();
    for (name, size, runs) in [
        ("sparse/large", 64u64 << 20, vec![(5u64 << 20, 100_000usize), (40 << 20, 3 << 20)]),
        ("sparse/small", 900_000, vec![(300_000, 5000)]),
        ("sparse/only a hole", 3 << 20, vec![]),
    ] {
        std::fs::create_dir_all(root.join("sparse")).unwrap();
        let file = std::fs::File::create(root.join(name)).unwrap();
        file.set_len(size).unwrap();
        for (offset, length) in runs {
            file.write_all_at(&noise(length, offset), offset).unwrap();
        }
    }
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(at(root, b"-rf"), "user.note", b"a\0b=\n\xff", flags).unwrap();
    rustix::fs::setxattr(root.join("empty"), "user.dir", b"on a directory", flags).unwrap();
    rustix::fs::setxattr(root.join("large/two"), "user.big", &noise(3000, 9), flags).unwrap();
    // user::rw- user:33:r-- group::r-- mask::r-- other::---, as the kernel keeps it.
    let mut acl = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in
        [(1u16, 6u16, u32::MAX), (2, 4, 33), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 0, u32::MAX)]
    {
        acl.extend([tag.to_le_bytes(), permissions.to_le_bytes()].concat());
        acl.extend(id.to_le_bytes());
    }
    rustix::fs::setxattr(root.join("zlink"), "system.posix_acl_access", &acl, flags).unwrap();
    let set_mode = |name: &[u8], mode| {
        std::fs::set_permissions(at(root, name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set_mode(b"--help", 0o4751);
    set_mode(b"empty/dir", 0o1777);
    set_mode(b"...", 0o400);
    let old = std::fs::File::open(at(root, b"...")).unwrap();
    old.set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 123_456_789)).unwrap();
}

#[derive(Debug, PartialEq)]
struct Facts {
    kind: String,
    mode: u32,
    owner: (u32, u32),
    mtime: i64,
    size: u64,
    content: Option<[u8; 32]>,
    link: Option<PathBuf>,
    /// The first of the names of the same file.
    first_name: String,
    xattrs: xattr::Xattrs,
    blocks_less_than_size: bool,
}

fn facts(root: &Path) -> BTreeMap<String, Facts> {
    let mut all = BTreeMap::new();
    let mut names = BTreeMap::new();
    let mut todo = vec![root.to_path_buf()];
    while let Some(path) = todo.pop() {
        let meta = path.symlink_metadata().unwrap();
        if meta.is_dir() {
            let mut children: Vec<_> = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
            children.sort_by(|a, b| b.cmp(a));
            todo.extend(children);
        }
        let name = text(path.strip_prefix(root).unwrap().as_os_str().as_bytes());
        let parent = std::fs::File::open(path.parent().unwrap()).unwrap();
        let facts = Facts {
            kind: format!("{:?}", meta.file_type()),
            mode: meta.mode(),
            owner: (meta.uid(), meta.gid()),
            mtime: meta.mtime(),
            size: if meta.is_file() { meta.size() } else { 0 },
            content: meta.is_file().then(|| openssl::sha::sha256(&std::fs::read(&path).unwrap())),
            link: path.read_link().ok(),
            first_name: names.entry(meta.ino()).or_insert(name.clone()).clone(),
            xattrs: xattr::of_entry(&parent, path.file_name().unwrap().as_bytes()).attributes,
            blocks_less_than_size: meta.is_file() && meta.blocks() * 512 < meta.size() / 2,
        };
        all.insert(name, facts);
    }
    all
}

fn extract(run: &Run) -> tempfile::TempDir {
    let out = tree();
    let mut tar = Command::new("tar")
        .args(["-x", "-p", "-f", "-", "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-C"])
        .arg(out.path())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("GNU tar is needed for the tests");
    tar.stdin.take().unwrap().write_all(&run.tar).unwrap();
    let output = tar.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // What says that a name is not UTF-8 is known to libarchive only; GNU tar takes names as bytes anyway.
    let known = "tar: Ignoring unknown extended header keyword 'hdrcharset'";
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        assert_eq!(line, known);
    }
    out
}

#[test]
fn gnu_tar_gets_everything_back() {
    let source = tree();
    full_tree(source.path());
    let wanted = facts(source.path());
    for (codec, workers) in [
        (Codec::None, 1),
        (Codec::None, 4),
        (Codec::Zstd { level: 1 }, 1),
        (Codec::Zstd { level: 1 }, 4),
        (Codec::Gzip { level: 1 }, 2),
    ] {
        let run = run(EngineOptions { codec, workers, most_workers: workers, ..options(source.path()) });
        assert_eq!(run.warnings(), []);
        assert_eq!(run.members.len(), wanted.len());
        assert!(run.members.len() as u64 == run.report.members);
        let out = extract(&run);
        let got = facts(out.path());
        assert_eq!(got.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
        for (path, wanted) in &wanted {
            assert_eq!(&got[path], wanted, "{path} with {codec:?}, {workers} workers");
        }
    }
}

#[test]
fn records_tell_what_the_catalog_needs() {
    let source = tree();
    full_tree(source.path());
    let run = run(options(source.path()));
    let meta = source.path().join("large/two").metadata().unwrap();
    let two = run.member("large/two");
    assert_eq!((two.inode, two.size), (meta.ino(), meta.size()));
    assert_eq!(two.mtime_ns, meta.mtime() * 1_000_000_000 + meta.mtime_nsec());
    assert_eq!(two.ctime_ns, meta.ctime() * 1_000_000_000 + meta.ctime_nsec());
    assert_eq!((two.user.as_str(), two.group.as_str()), ("root", "root"));
    assert_eq!(run.member("...").mtime_ns, 1_000_000_000_123_456_789);
    let other = run.member("large/other name");
    assert_eq!((&other.kind, other.link.as_deref()), (&MemberKind::Hardlink, Some(b"large/one".as_slice())));
    assert_eq!(run.member("zlink").kind, MemberKind::Hardlink);
    assert_eq!(run.member("fifo").kind, MemberKind::Fifo);
    assert_eq!(run.members[0].path, b".");
    assert!(run.tar.len() < 60 << 20, "holes are not stored");
}

#[test]
fn sockets_are_told_and_left_out() {
    let source = tree();
    let _socket = std::os::unix::net::UnixListener::bind(source.path().join("s")).unwrap();
    let run = run(options(source.path()));
    assert_eq!(run.paths(), ["."]);
    assert_eq!(run.warnings(), [(WarningKind::Socket, "s".to_string())]);
    assert_eq!(run.report.warnings.warnings(), 0, "nothing is missing");
}

#[test]
fn devices_are_members() {
    let run =
        run(EngineOptions { filter: crate::backup::testing::filter(&["/null", "/zero"], &[]), ..options("/dev") });
    assert_eq!(run.paths(), [".", "null", "zero"]);
    let mut reader = tape_format::tar::Reader::new(&run.tar[run.member("null").tar_offset as usize..]);
    let member = reader.next_member().unwrap().unwrap();
    assert_eq!((member.kind, member.device), (MemberKind::CharDevice, Some((1, 3))));
}

#[test]
fn paths_longer_than_the_kernel_takes_at_once() {
    let source = tree();
    let name = "p".repeat(250);
    let mut dir = std::fs::File::open(source.path()).unwrap();
    for _ in 0..20 {
        rustix::fs::mkdirat(&dir, name.as_str(), rustix::fs::Mode::from(0o755)).unwrap();
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
        dir = rustix::fs::openat(&dir, name.as_str(), flags, rustix::fs::Mode::empty()).unwrap().into();
    }
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CREATE;
    let file = rustix::fs::openat(&dir, "file", flags, rustix::fs::Mode::from(0o644)).unwrap();
    std::fs::File::from(file).write_all(b"found").unwrap();
    let run = run(options(source.path()));
    let deepest = run.members.last().unwrap();
    assert_eq!((deepest.path.len(), deepest.size), (251 * 20 + 4, 5));
    assert_eq!(run.warnings(), []);
}

#[test]
fn many_small_files_fill_several_frames() {
    let source = tree();
    for dir in 0..20 {
        let dir = source.path().join(format!("{dir:02}"));
        std::fs::create_dir(&dir).unwrap();
        for file in 0..100 {
            std::fs::write(dir.join(format!("{file:02}")), noise(file * 67, file as u64)).unwrap();
        }
    }
    let run = run(EngineOptions { workers: 4, ..options(source.path()) });
    assert_eq!(run.members.len(), 1 + 20 + 2000);
    assert!(run.frames.len() >= 2, "{}", run.frames.len());
    assert_eq!(run.data("07/99"), noise(99 * 67, 99));
}

#[test]
fn more_attributes_than_a_frame_holds() {
    let source = tree();
    let flags = rustix::fs::XattrFlags::empty();
    let dir = tempfile::Builder::new().tempdir_in("/dev/shm");
    // Only some file systems take large attributes; tmpfs does for this many.
    let root = match &dir {
        Ok(dir) if rustix::fs::setxattr(dir.path(), "user.x", &[1; 60_000], flags).is_ok() => dir.path(),
        _ => source.path(),
    };
    let length = if root == source.path() { 1000 } else { 60_000 };
    for number in 0..200 {
        let path = root.join(format!("{number:03}"));
        std::fs::write(&path, b"x").unwrap();
        rustix::fs::setxattr(&path, "user.big", &noise(length, number), flags).unwrap();
    }
    let run = run(options(root));
    assert_eq!(run.members.len(), 201);
}
