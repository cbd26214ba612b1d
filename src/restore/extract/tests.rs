//! What a well-meant archive becomes.

use super::*;
use crate::restore::archive::{self, Outcome};
use crate::restore::temporary::PREFIX;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use tape_format::tar::{self, Reader};
use tape_format::{DataExtent, FormatError};

pub(super) const TIME: i64 = 1_600_000_000_123_456_789;

/// A destination in a folder on a real file system (attributes do not work everywhere).
pub(super) struct Place {
    folder: tempfile::TempDir,
    pub(super) policy: ExistingPolicy,
    pub(super) trust: Trust,
}

impl Place {
    pub(super) fn new() -> Place {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        std::fs::create_dir(folder.path().join("dest")).unwrap();
        Place { folder, policy: ExistingPolicy::Keep, trust: Trust::Own }
    }

    pub(super) fn outside(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join("dest").join(path)
    }

    pub(super) fn extractor(&self) -> Extractor {
        Extractor::new(&self.at(""), self.policy, self.trust, Arc::default()).unwrap()
    }

    /// Extracts an archive; what happened to each member, in order.
    pub(super) fn extract(&self, archive: &[u8]) -> Vec<(String, Outcome)> {
        let mut extractor = self.extractor();
        let mut seen = Vec::new();
        archive::extract(&mut &archive[..], &mut extractor, &mut |member, outcome| {
            seen.push((to_text(&member.path).into_owned(), outcome.clone()));
        })
        .unwrap();
        extractor.finish();
        self.assert_nothing_left();
        seen
    }

    pub(super) fn assert_nothing_left(&self) {
        let left =
            Command::new("find").arg(self.folder.path()).arg("-name").arg(format!("{PREFIX}*")).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&left.stdout), "");
    }
}

pub(in crate::restore) fn member(path: &str, kind: MemberKind) -> Member {
    Member {
        path: path.into(),
        kind,
        size: 0,
        mode: 0o640,
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        user: String::new(),
        group: String::new(),
        mtime_ns: TIME,
        link: None,
        device: None,
        xattrs: vec![],
        sparse: None,
    }
}

pub(super) fn link(path: &str, kind: MemberKind, to: &str) -> Member {
    Member { link: Some(to.into()), ..member(path, kind) }
}

pub(super) fn file(path: &str, content: &[u8]) -> (Member, Vec<u8>) {
    (Member { size: content.len() as u64, ..member(path, MemberKind::File) }, content.to_vec())
}

pub(super) fn bare(member: Member) -> (Member, Vec<u8>) {
    (member, vec![])
}

pub(super) fn pack(members: &[(Member, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (member, data) in members {
        tar::write_header(member, &mut out).unwrap();
        tar::sparse_map(member, &mut out).unwrap();
        out.extend_from_slice(data);
        out.resize(out.len() + tar::padding(data.len() as u64), 0);
    }
    out.extend_from_slice(&tar::EOF);
    out
}

pub(super) fn restored(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Placed(Placed::Restored { .. } | Placed::Directory))
}

fn sum(content: &[u8]) -> Expected {
    Expected { size: content.len() as u64, sha256: openssl::sha::sha256(content) }
}

#[test]
fn every_kind_of_member_comes_back() {
    let place = Place::new();
    let mut with_attributes = file("d/attributes", b"x");
    with_attributes.0.xattrs = vec![(b"user.colour".to_vec(), b"blue\0".to_vec())];
    let directory = Member { mode: 0o2750, ..member("d", MemberKind::Directory) };
    let seen = place.extract(&pack(&[
        bare(directory),
        file("d/a", b"hello"),
        with_attributes,
        bare(link("d/b", MemberKind::Hardlink, "d/a")),
        bare(member("d/empty", MemberKind::Directory)),
        bare(link("d/link", MemberKind::Symlink, "/nowhere/../at all")),
        bare(member("d/pipe", MemberKind::Fifo)),
        file("deep/below/nothing", b"y"),
    ]));
    assert!(seen.iter().all(|(_, outcome)| restored(outcome)), "{seen:?}");
    assert_eq!(std::fs::read(place.at("d/a")).unwrap(), b"hello");
    let meta = std::fs::metadata(place.at("d/a")).unwrap();
    assert_eq!(
        (meta.mode() & 0o7777, meta.mtime() * 1_000_000_000 + meta.mtime_nsec()),
        (0o640, TIME / 1_000_000_000 * 1_000_000_000)
    );
    assert_eq!(meta.ino(), std::fs::metadata(place.at("d/b")).unwrap().ino(), "a hard link");
    assert_eq!(std::fs::read_link(place.at("d/link")).unwrap(), PathBuf::from("/nowhere/../at all"));
    assert!(std::fs::metadata(place.at("d/pipe")).unwrap().file_type().is_fifo());
    let mut value = [0; 10];
    assert_eq!(rustix::fs::getxattr(place.at("d/attributes"), "user.colour", &mut value).unwrap(), 5);
    let meta = std::fs::metadata(place.at("d")).unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.mtime()), (0o2750, TIME / 1_000_000_000), "set after it was filled");
    let made = std::fs::metadata(place.at("deep/below")).unwrap();
    assert_eq!(made.mode() & 0o7777, PLAIN_DIRECTORY);
}

#[test]
fn directories_on_the_way_get_what_the_catalog_knows() {
    let place = Place::new();
    let mut extractor = place.extractor();
    let known = Metadata::from(&Member { mode: 0o700, ..member("secret", MemberKind::Directory) });
    extractor.know_directory(b"secret".to_vec(), known);
    let (member, data) = file("secret/in/f", b"x");
    extractor.extract(b"secret/in/f", &member, None, &mut &data[..]).unwrap();
    extractor.finish();
    let meta = std::fs::metadata(place.at("secret")).unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.mtime()), (0o700, TIME / 1_000_000_000));
}

#[test]
fn wrong_content_never_gets_its_name() {
    let place = Place::new();
    let mut extractor = place.extractor();
    let (member, data) = file("f", b"damaged");
    let error = extractor.extract(b"f", &member, Some(&sum(b"correct")), &mut &data[..]).unwrap_err();
    assert!(matches!(&error, Failed::Member(why) if why.contains("SHA-256")), "{error:?}");
    let error = extractor.extract(b"f", &member, Some(&sum(b"longer than that")), &mut &data[..]).unwrap_err();
    assert!(matches!(&error, Failed::Member(why) if why.contains("7 bytes")), "{error:?}");
    let error = extractor.extract(b"f", &member, None, &mut &data[..3]).unwrap_err();
    assert!(matches!(&error, Failed::Member(why) if why.contains("4 bytes are missing")), "{error:?}");
    let error = extractor.hard_link(b"g", b"f", None).unwrap_err();
    assert!(matches!(&error, Failed::Member(why) if why.contains("could not be restored")), "{error:?}");
    assert!(!place.at("f").exists() && !place.at("g").exists());
    extractor.extract(b"f", &member, Some(&sum(&data)), &mut &data[..]).unwrap();
    extractor.hard_link(b"g", b"f", None).unwrap();
    place.assert_nothing_left();
}

#[test]
fn a_source_that_breaks_or_a_stop_leaves_nothing_behind() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("medium error"))
        }
    }
    let place = Place::new();
    let (member, data) = file("d/f", &[7; 1000]);
    let mut source = (&data[..500]).chain(Broken);
    let mut extractor = place.extractor();
    assert!(matches!(extractor.extract(b"d/f", &member, None, &mut source), Err(Failed::Source(_))));
    let stop = Arc::new(AtomicBool::new(true));
    let mut stopped = Extractor::new(&place.at(""), ExistingPolicy::Overwrite, Trust::Own, stop).unwrap();
    assert!(matches!(stopped.extract(b"d/f", &member, None, &mut &data[..]), Err(Failed::Source(_))));
    assert_eq!(std::fs::read_dir(place.at("d")).unwrap().count(), 0);
}

#[test]
fn sparse_files_keep_their_holes() {
    let place = Place::new();
    let (size, runs) = (64u64 << 20, [(1u64 << 20, 4096u64), (32 << 20, 8192)]);
    let sparse = runs.map(|(offset, length)| DataExtent { offset, length }).to_vec();
    let data = vec![9u8; 12288];
    let holey = Member { size, sparse: Some(sparse), ..member("holey", MemberKind::File) };
    let mut whole = vec![0; size as usize];
    whole[1 << 20..][..4096].fill(9);
    whole[32 << 20..][..8192].fill(9);
    let archive = pack(&[(holey, data)]);
    let mut reader = Reader::new(&archive[..]);
    let member = reader.next_member().unwrap().unwrap();
    place.extractor().extract(b"holey", &member, Some(&sum(&whole)), &mut reader).unwrap();
    let meta = std::fs::metadata(place.at("holey")).unwrap();
    assert_eq!(meta.len(), size);
    assert!(meta.blocks() * 512 < 1 << 20, "{} bytes are allocated", meta.blocks() * 512);
    assert!(std::fs::read(place.at("holey")).unwrap() == whole);
}

#[test]
fn policies_keep_overwrite_newer_and_rename() {
    let archive = pack(&[file("f", b"tape")]);
    let mut place = Place::new();
    let prepare = |place: &Place, seconds: i64| {
        std::fs::write(place.at("f"), "disk").unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds as u64);
        std::fs::File::open(place.at("f")).unwrap().set_modified(time).unwrap();
    };
    let read = |place: &Place, name: &str| String::from_utf8(std::fs::read(place.at(name)).unwrap()).unwrap();
    prepare(&place, 1);
    assert!(matches!(place.extract(&archive)[..], [(_, Outcome::Placed(Placed::Skipped(_)))]));
    assert_eq!(read(&place, "f"), "disk");
    place.policy = ExistingPolicy::Newer;
    prepare(&place, TIME / 1_000_000_000 + 10);
    assert!(matches!(place.extract(&archive)[..], [(_, Outcome::Placed(Placed::Skipped(_)))]));
    assert_eq!(read(&place, "f"), "disk");
    prepare(&place, TIME / 1_000_000_000 - 10);
    place.extract(&archive);
    assert_eq!(read(&place, "f"), "tape");
    place.policy = ExistingPolicy::Overwrite;
    prepare(&place, TIME / 1_000_000_000 + 10);
    place.extract(&archive);
    assert_eq!(read(&place, "f"), "tape");
    place.policy = ExistingPolicy::Rename;
    prepare(&place, 1);
    place.extract(&archive);
    place.extract(&archive);
    assert_eq!([read(&place, "f"), read(&place, "f.restored"), read(&place, "f.restored-2")], ["disk", "tape", "tape"]);
}

#[test]
fn a_renamed_file_takes_its_hard_links_along_and_can_be_read_back() {
    let mut place = Place::new();
    place.policy = ExistingPolicy::Rename;
    std::fs::write(place.at("a"), "disk").unwrap();
    let mut extractor = place.extractor();
    let (member, data) = file("a", b"tape");
    extractor.extract(b"a", &member, Some(&sum(b"tape")), &mut &data[..]).unwrap();
    extractor.hard_link(b"b", b"a", None).unwrap();
    assert_eq!(std::fs::read(place.at("b")).unwrap(), b"tape");
    assert!(extractor.has_content(b"a", Some(&sum(b"tape"))));
    assert_eq!(extractor.placed_as(b"a"), b"a.restored");
}

#[test]
fn a_hard_link_to_a_kept_file_needs_the_same_content() {
    let place = Place::new();
    std::fs::write(place.at("same"), "tape").unwrap();
    std::fs::write(place.at("other"), "disk").unwrap();
    let mut extractor = place.extractor();
    for name in ["same", "other"] {
        let (member, data) = file(name, b"tape");
        let placed = extractor.extract(name.as_bytes(), &member, Some(&sum(b"tape")), &mut &data[..]).unwrap();
        assert!(matches!(placed, Placed::Skipped(_)));
    }
    extractor.hard_link(b"l1", b"same", Some(&sum(b"tape"))).unwrap();
    let error = extractor.hard_link(b"l2", b"other", Some(&sum(b"tape"))).unwrap_err();
    assert!(matches!(&error, Failed::Member(why) if why.contains("other content")), "{error:?}");
    assert_eq!(std::fs::read(place.at("l1")).unwrap(), b"tape");
}

#[test]
fn relinking_what_is_linked_already_leaves_no_temporary_name() {
    let mut place = Place::new();
    place.policy = ExistingPolicy::Overwrite;
    std::fs::write(place.at("a"), "x").unwrap();
    std::fs::hard_link(place.at("a"), place.at("b")).unwrap();
    let mut extractor = place.extractor();
    extractor.hard_link(b"b", b"a", None).unwrap();
    place.assert_nothing_left();
    assert_eq!(std::fs::metadata(place.at("a")).unwrap().nlink(), 2);
}

#[test]
fn files_and_directories_in_each_others_place() {
    let mut place = Place::new();
    place.policy = ExistingPolicy::Overwrite;
    std::fs::create_dir_all(place.at("empty")).unwrap();
    std::fs::create_dir_all(place.at("full/of")).unwrap();
    std::fs::write(place.at("plain"), "x").unwrap();
    let seen = place.extract(&pack(&[
        file("empty", b"1"),
        file("full", b"2"),
        bare(member("plain", MemberKind::Directory)),
        file("plain/f", b"3"),
    ]));
    assert!(restored(&seen[0].1) && restored(&seen[2].1) && restored(&seen[3].1), "{seen:?}");
    assert!(matches!(&seen[1].1, Outcome::Failed(why) if why.contains("directory")), "{seen:?}");
    assert!(place.at("full/of").is_dir());
    place.policy = ExistingPolicy::Keep;
    let seen = place.extract(&pack(&[bare(member("empty", MemberKind::Directory)), file("empty/x", b"1")]));
    assert!(seen.iter().all(|(_, outcome)| matches!(outcome, Outcome::Failed(_))), "{seen:?}");
}

#[test]
fn an_existing_directory_keeps_its_permissions_unless_told_otherwise() {
    let mut place = Place::new();
    let archive = pack(&[bare(Member { mode: 0o711, ..member("d", MemberKind::Directory) }), file("d/f", b"x")]);
    std::fs::create_dir(place.at("d")).unwrap();
    std::fs::set_permissions(place.at("d"), std::fs::Permissions::from_mode(0o700)).unwrap();
    place.extract(&archive);
    assert_eq!(std::fs::metadata(place.at("d")).unwrap().mode() & 0o7777, 0o700);
    place.policy = ExistingPolicy::Overwrite;
    place.extract(&archive);
    assert_eq!(std::fs::metadata(place.at("d")).unwrap().mode() & 0o7777, 0o711);
}

#[test]
fn a_full_disk_is_said_to_be_full() {
    for errno in [Errno::NOSPC, Errno::DQUOT] {
        let failed = Failed::from(SafeError::System { action: "write it", error: errno });
        assert!(matches!(&failed, Failed::Destination(why) if why.contains("is full")), "{failed:?}");
    }
    let failed = Failed::from(SafeError::System { action: "write it", error: Errno::ACCESS });
    assert!(matches!(failed, Failed::Member(_)));
}

#[test]
fn what_gnu_tar_packs_comes_back_equal() {
    let source = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let at = |name: &str| source.path().join(name);
    std::fs::create_dir_all(at("d/e/f")).unwrap();
    std::fs::write(at("d/-leading dash\nand line"), vec![3; 700_000]).unwrap();
    std::fs::write(at("d/e").join("long ".repeat(50)), "long name").unwrap();
    std::fs::write(at("zero"), "").unwrap();
    std::fs::hard_link(at("zero"), at("zero again")).unwrap();
    symlink("../d", at("d/link")).unwrap();
    let holey = std::fs::File::create(at("holey")).unwrap();
    holey.write_all_at(b"end", 5 << 20).unwrap();
    rustix::fs::setxattr(at("zero"), "user.k", b"v", rustix::fs::XattrFlags::empty()).unwrap();
    std::fs::set_permissions(at("d/e"), std::fs::Permissions::from_mode(0o555)).unwrap();
    for format in ["pax", "gnu"] {
        let place = Place::new();
        let mut pack = Command::new("tar");
        pack.args(["--format", format, "--sparse", "-cf", "-", "-C"]).arg(source.path());
        if format == "pax" {
            pack.args(["--xattrs", "--acls"]);
        }
        let packed = pack.arg(".").output().unwrap();
        assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
        let seen = place.extract(&packed.stdout);
        assert!(seen.iter().all(|(_, outcome)| restored(outcome)), "{seen:?}");
        let archive = place.outside().join("archive.tar");
        std::fs::write(&archive, &packed.stdout).unwrap();
        let mut compare = Command::new("tar");
        let compared = compare.arg("-df").arg(&archive).arg("-C").arg(place.at("")).output().unwrap();
        assert!(compared.status.success(), "{format}: {}", String::from_utf8_lossy(&compared.stdout));
        assert!(std::fs::metadata(place.at("holey")).unwrap().blocks() < 100, "{format}");
        if format == "pax" {
            let mut value = [0; 4];
            assert_eq!(rustix::fs::getxattr(place.at("zero"), "user.k", &mut value).unwrap(), 1);
        }
    }
}

#[test]
fn a_damaged_archive_ends_with_an_error_and_keeps_what_was_before() {
    let place = Place::new();
    let mut archive = pack(&[file("a", b"x"), file("b", b"y")]);
    archive[1024] ^= 0xff;
    let mut extractor = place.extractor();
    let ended = archive::extract(&mut &archive[..], &mut extractor, &mut |_, _| {}).unwrap_err();
    assert!(matches!(ended, archive::Ended::Damaged(FormatError::Tar { .. })), "{ended:?}");
    assert!(place.at("a").exists() && !place.at("b").exists());
}
