//! GNU tar and bsdtar read what this crate writes, and the other way round.

mod common;
#[path = "common/tree.rs"]
mod tree;

use common::*;
use std::io::Read;
use std::path::Path;
use tape_format::{Member, MemberKind, tar};
use tempfile::TempDir;
use tree::{Tree, describe, sha256};

const BSDTAR: (&str, &str) = ("bsdtar", "libarchive-tools");
const GNU_TAR: (&str, &str) = ("tar", "tar");

fn acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut value = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        value.extend(tag.to_le_bytes());
        value.extend(permissions.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    value
}

/// One of everything, in the order a walk would give it.
fn everything() -> Vec<Item> {
    const NOBODY: u32 = u32::MAX;
    let with = |item: Item, change: &dyn Fn(&mut Member)| {
        let mut item = item;
        change(&mut item.member);
        item
    };
    let deep = ["d".repeat(100), "e".repeat(100), "f".repeat(100)].join("/");
    let mut items = vec![
        file("plain", b"hello"),
        file("empty", b""),
        file("block", &noise(512, 1)),
        file("large", &noise(1_000_001, 2)),
        link("hard", MemberKind::Hardlink, "large"),
        link("soft", MemberKind::Symlink, "somewhere/else"),
        link("soft-long", MemberKind::Symlink, "x/".repeat(200)),
        link(b"soft-bytes\xff", MemberKind::Symlink, b"to\xfe"),
        with(Item { member: member("fifo", MemberKind::Fifo), data: vec![] }, &|m| m.mode = 0o600),
        dir("dir"),
        sparse(format!("dir/{}", "s".repeat(150)), 1_000_000, &[(0, 10)], 5),
        with(dir("dir/sticky"), &|m| m.mode = 0o1777),
        with(file("setuid", b"#!"), &|m| m.mode = 0o6755),
        file("n".repeat(255), b"long"),
        file(format!("{}/{}", "p".repeat(150), "n".repeat(100)), b"prefix fits"),
        dir(&deep),
        file(format!("{deep}/{}", "g".repeat(255)), b"deep"),
        file("ümläut/日本", b"utf-8"),
        file(b"\xff\xfe bytes", b"not utf-8"),
        with(file(b"\xff\xfe records", b"not utf-8"), &|m| m.xattrs = vec![(b"user.a".to_vec(), b"b".to_vec())]),
        file([b"\xff".repeat(120), b"\xe4".repeat(120)].concat(), b"long and not utf-8"),
        file("new\nline \\ \" tab\t", b"newline"),
        file("-rf --dash", b"dash"),
        with(file("old", b"1901"), &|m| m.mtime_ns = -2_000_000_000_250_000_000),
        with(file("far", b"2250"), &|m| m.mtime_ns = 8_850_000_000_123_456_789),
        with(file("ids", b"large ids"), &|m| (m.uid, m.gid) = (3_000_000_000, 2_999_999_999)),
        with(file("owner", b"named"), &|m| {
            (m.user, m.group) = ("no such user here".into(), "größe".repeat(10));
        }),
        with(file("attributes", b"x"), &|m| {
            m.xattrs =
                vec![(b"user.binary".to_vec(), b"\0\n=\xff".to_vec()), (b"user.plain".to_vec(), b"value".to_vec())];
            m.mtime_ns += 123_456_789;
        }),
        with(file("acl", b"x"), &|m| {
            let access = acl(&[(1, 6, NOBODY), (2, 4, 54321), (4, 4, NOBODY), (16, 4, NOBODY), (32, 0, NOBODY)]);
            m.xattrs = vec![(b"system.posix_acl_access".to_vec(), access)];
        }),
        with(dir("acl-dir"), &|m| {
            let default = acl(&[(1, 7, NOBODY), (4, 5, NOBODY), (8, 7, 4321), (16, 7, NOBODY), (32, 0, NOBODY)]);
            m.xattrs = vec![(b"system.posix_acl_default".to_vec(), default)];
        }),
        sparse("sparse", 10_000_000, &[(1 << 20, 70_144), (5 << 20, 1)], 3),
        sparse("sparse-dense-end", 2 << 20, &[((2 << 20) - 100, 100)], 4),
        sparse("sparse-all-hole", 3_000_000, &[], 0),
    ];
    if is_root() {
        let device = |path: &str, kind, device| Item {
            member: Member { device: Some(device), ..member(path, kind) },
            data: vec![],
        };
        items.push(device("null", MemberKind::CharDevice, (1, 3)));
        items.push(device("disk", MemberKind::BlockDevice, (259, 70000)));
    }
    items
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn content(item: &Item) -> Vec<u8> {
    let Some(extents) = &item.member.sparse else { return item.data.clone() };
    let mut content = vec![0; item.member.size as usize];
    let mut from = 0;
    for extent in extents {
        let length = extent.length as usize;
        content[extent.offset as usize..][..length].copy_from_slice(&item.data[from..from + length]);
        from += length;
    }
    content
}

#[derive(PartialEq, Clone, Copy)]
enum Dialect {
    Gnu,
    Libarchive,
}

#[derive(PartialEq, Clone, Copy)]
enum Xattrs {
    Compared,
    NotCompared,
}

fn compare(items: &[Item], tree: &Tree, dialect: Dialect) {
    for item in items {
        let m = &item.member;
        let name = String::from_utf8_lossy(&m.path);
        let entry = tree.get(&m.path);
        if m.kind == MemberKind::Hardlink {
            let target = tree.get(m.link.as_ref().unwrap());
            assert_eq!(entry.inode, target.inode, "{name}");
            continue;
        }
        assert_eq!(entry.kind, m.kind.as_str(), "{name}");
        if m.kind == MemberKind::File {
            assert_eq!(entry.sha256.as_deref(), Some(sha256(&content(item)).as_str()), "{name}");
        }
        if m.sparse.is_some() {
            assert!(entry.allocated < m.size / 2, "{name} is not sparse: {} of {}", entry.allocated, m.size);
        }
        if m.kind == MemberKind::Symlink {
            assert_eq!(entry.link, m.link.as_ref().map(hex::encode), "{name}");
        } else {
            assert_eq!(entry.mode, m.mode, "{name}");
        }
        if m.mtime_ns < 0 && dialect == Dialect::Libarchive {
            // libarchive adds the fraction of a negative time instead of subtracting it.
            assert!((entry.mtime_ns - m.mtime_ns).abs() < 1_000_000_000, "{name}");
        } else {
            assert_eq!(entry.mtime_ns, m.mtime_ns, "{name}");
        }
        assert_eq!(entry.device, m.device, "{name}");
        if tree.euid == 0 {
            assert_eq!((entry.uid, entry.gid), (m.uid, m.gid), "{name}");
        }
        if m.kind != MemberKind::Symlink {
            let wanted: Vec<(String, String)> = m
                .xattrs
                .iter()
                .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), hex::encode(value)))
                .collect();
            assert_eq!(entry.xattrs.clone().into_iter().collect::<Vec<_>>(), wanted, "{name}");
        }
    }
}

fn extracted(bytes: &[u8], program: (&str, &str), args: &[&str]) -> (TempDir, Tree) {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("a.tar"), bytes).unwrap();
    let out = dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let mut all = vec!["-x", "-p", "-f", "a.tar", "-C", "out"];
    all.extend(args);
    quiet(program.0, &all, dir.path(), program.1);
    let tree = describe(&out);
    (dir, tree)
}

#[test]
fn gnu_tar_restores_everything() {
    let items = everything();
    let mut with_prelude = Vec::new();
    tar::write_prelude(&uuid::Uuid::from_u128(1), 1, None, &mut with_prelude).unwrap();
    with_prelude.extend(stream(&items).bytes);
    let args = [
        "--numeric-owner",
        "--xattrs",
        "--xattrs-include=*",
        "--acls",
        "--warning=no-timestamp",
        // Long names that are not UTF-8 need a keyword that it does not know.
        "--warning=no-unknown-keyword",
    ];
    let (_dir, tree) = extracted(&with_prelude, GNU_TAR, &args);
    compare(&items, &tree, Dialect::Gnu);
    assert!(tree.entries.len() >= items.len());
}

#[test]
fn bsdtar_restores_everything() {
    let items = everything();
    // libarchive cannot take an ACL of another machine's ids as text without looking them up, but takes these.
    let (_dir, tree) = extracted(&stream(&items).bytes, BSDTAR, &["--numeric-owner", "--xattrs", "--acls"]);
    compare(&items, &tree, Dialect::Libarchive);
}

#[test]
fn owner_names_are_listed() {
    let mut item = file("a", b"");
    (item.member.user, item.member.group) = ("jürgen".into(), "a-group-name-of-more-than-thirty-two-letters".into());
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("a.tar"), stream(&[item]).bytes).unwrap();
    for (program, package) in [GNU_TAR, BSDTAR] {
        let list = String::from_utf8(quiet(program, &["-tvf", "a.tar"], dir.path(), package)).unwrap();
        assert!(list.contains("jürgen"), "{list}");
        assert!(list.contains("a-group-name-of-more-than-thirty-two-letters"), "{list}");
    }
}

#[test]
fn sizes_over_8_gib_are_understood() {
    let huge = Member { size: (8 << 30) + 5, ..member("huge", MemberKind::File) };
    let mut header = Vec::new();
    tar::write_header(&huge, &mut header).unwrap();
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.tar");
    std::fs::write(&path, &header).unwrap();
    let archive = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    archive.set_len(header.len() as u64 + huge.size + tar::padding(huge.size) as u64 + 1024).unwrap();
    for (program, package) in [GNU_TAR, BSDTAR] {
        let list = String::from_utf8(quiet(program, &["-tvf", "a.tar"], dir.path(), package)).unwrap();
        assert!(list.contains("8589934597"), "{program}: {list}");
    }
    let mut reader = tar::Reader::new(header.as_slice());
    assert_eq!(reader.next_member().unwrap().unwrap(), huge);
}

/// Reads an archive of another program and compares it with the tree it was made of.
fn read_and_compare(archive: &[u8], tree: &Tree, what: &str, xattrs: Xattrs) {
    let mut reader = tar::Reader::new(archive);
    let mut seen = std::collections::BTreeSet::new();
    let mut sparse_seen = 0;
    while let Some(m) = reader.next_member().unwrap_or_else(|error| panic!("{what}: {error}")) {
        if m.path == b"." {
            continue;
        }
        let name = format!("{what}: {}", String::from_utf8_lossy(&m.path));
        let entry = tree.get(&m.path);
        seen.insert(m.path.clone());
        let mut data = vec![0; m.size as usize];
        let mut count = 0;
        reader
            .read_extents(&m, &mut |offset, bytes| {
                data[offset as usize..][..bytes.len()].copy_from_slice(bytes);
                count += bytes.len();
                Ok(())
            })
            .unwrap();
        if m.kind == MemberKind::Hardlink {
            assert_eq!(entry.inode, tree.get(m.link.as_ref().unwrap()).inode, "{name}");
            continue;
        }
        assert_eq!(entry.kind, m.kind.as_str(), "{name}");
        assert_eq!(entry.size, m.size, "{name}");
        assert_eq!(entry.link, m.link.as_ref().map(hex::encode), "{name}");
        if m.kind == MemberKind::File {
            assert_eq!(entry.sha256.as_deref(), Some(sha256(&data).as_str()), "{name}");
        }
        if m.sparse.is_some() {
            sparse_seen += 1;
            assert!(count < data.len() / 2, "{name}");
        }
        if m.kind != MemberKind::Symlink {
            assert_eq!(entry.mode, m.mode, "{name}");
        }
        assert_eq!((entry.uid, entry.gid), (m.uid, m.gid), "{name}");
        assert_eq!(entry.device, m.device, "{name}");
        assert_eq!(entry.mtime_ns.div_euclid(1_000_000_000), m.mtime_ns.div_euclid(1_000_000_000), "{name}");
        if xattrs == Xattrs::Compared {
            let mut found: Vec<(String, String)> = m
                .xattrs
                .iter()
                .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), hex::encode(value)))
                .collect();
            found.sort();
            // GNU tar also writes the ACL that says no more than the mode.
            found.retain(|(name, value)| name != "system.posix_acl_access" || value.len() > 2 * 28);
            assert_eq!(found, entry.xattrs.clone().into_iter().collect::<Vec<_>>(), "{name}");
        }
    }
    for entry in &tree.entries {
        let path = hex::decode(&entry.path).unwrap();
        let excluded = what.contains(&format!("--exclude=./{}\"", String::from_utf8_lossy(&path)));
        assert!(seen.contains(&path) != excluded, "{what}: {} was not found", entry.path);
    }
    if what.contains("-S") {
        assert_eq!(sparse_seen, 2, "{what}");
    }
    let mut rest = Vec::new();
    reader.into_inner().read_to_end(&mut rest).unwrap();
    assert!(rest.iter().all(|&b| b == 0), "{what}: data behind the end");
}

fn archives(kind: &str, programs: &[(&str, &str, &[&str], Xattrs)]) {
    let dir = TempDir::new().unwrap();
    let source = dir.path().join("tree");
    tree::make(&source, kind);
    let tree = describe(&source);
    for (program, package, args, xattrs) in programs {
        let mut all = vec!["-c", "-f", "a.tar"];
        all.extend(*args);
        all.extend(["-C", "tree", "."]);
        let output = run(program, &all, dir.path(), package);
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        let archive = std::fs::read(Path::new(dir.path()).join("a.tar")).unwrap();
        read_and_compare(&archive, &tree, &format!("{program} {args:?}"), *xattrs);
    }
}

#[test]
fn archives_of_gnu_tar_are_read() {
    use Xattrs::{Compared, NotCompared};
    archives(
        "full",
        &[
            ("tar", "tar", &["--format=gnu"], NotCompared),
            ("tar", "tar", &["--format=gnu", "-S"], NotCompared),
            ("tar", "tar", &["--format=oldgnu", "-S"], NotCompared),
            ("tar", "tar", &["--format=posix"], NotCompared),
            (
                "tar",
                "tar",
                &[
                    "--format=posix",
                    "-S",
                    "--sparse-version=1.0",
                    "--xattrs",
                    "--xattrs-include=user.*",
                    "--acls",
                    "--numeric-owner",
                ],
                Compared,
            ),
            ("tar", "tar", &["--format=posix", "-S", "--sparse-version=0.1"], NotCompared),
            ("tar", "tar", &["--format=posix", "-S", "--sparse-version=0.0"], NotCompared),
        ],
    );
}

#[test]
fn archives_of_bsdtar_are_read() {
    use Xattrs::{Compared, NotCompared};
    archives(
        "full",
        &[
            (
                "bsdtar",
                "libarchive-tools",
                &["--format=pax", "--xattrs", "--acls", "--numeric-owner", "--read-sparse"],
                NotCompared,
            ),
            (
                "bsdtar",
                "libarchive-tools",
                &["--format=pax", "--no-read-sparse", "--xattrs", "--acls", "--numeric-owner"],
                Compared,
            ),
        ],
    );
}

#[test]
fn old_formats_are_read() {
    use Xattrs::NotCompared;
    archives(
        "old",
        &[
            ("tar", "tar", &["--format=ustar"], NotCompared),
            // It knows neither pipes nor devices.
            ("tar", "tar", &["--format=v7", "--exclude=./fifo", "--exclude=./null", "--exclude=./disk"], NotCompared),
            ("bsdtar", "libarchive-tools", &["--format=ustar"], NotCompared),
            ("bsdtar", "libarchive-tools", &["--format=gnutar"], NotCompared),
        ],
    );
}
