//! Tables of contents: what goes in comes out, and what did not come from here does no harm.

mod common;

use common::{noise, set_info};
use proptest::prelude::*;
use std::io::Read;
use tape_format::codec::Codec;
use tape_format::part::{DeletedPaths, PartLayout};
use tape_format::toc::{
    self, COMPRESS_ABOVE, Cut, PartInfo, SetKind, Spool, Summary, TapeInfo, TocHead, TocKind, TocSink, Totals,
};
use tape_format::{FormatError, MemberKind, MemberRecord, Result};
use uuid::Uuid;

#[derive(Default)]
struct Collected {
    head: Option<TocHead>,
    members: Vec<MemberRecord>,
    deleted: Vec<Vec<u8>>,
    stop_after: Option<usize>,
}

impl TocSink for Collected {
    fn head(&mut self, head: &TocHead) -> Result<()> {
        assert!(self.head.replace(head.clone()).is_none());
        Ok(())
    }
    fn member(&mut self, record: MemberRecord) -> Result<()> {
        assert!(self.head.is_some());
        if self.stop_after == Some(self.members.len()) {
            return Err(FormatError::Source("enough".into()));
        }
        self.members.push(record);
        Ok(())
    }
    fn deleted(&mut self, path: Vec<u8>) -> Result<()> {
        self.deleted.push(path);
        Ok(())
    }
}

fn head() -> TocHead {
    TocHead {
        tape: TapeInfo { label: "TST001".into(), uuid: Uuid::from_u128(1), pool: "DAILY".into() },
        set: set_info(Codec::Zstd { level: 1 }),
        end: 1_700_000_100,
        key_fingerprint: String::new(),
        totals: Totals { members: 3, files: 2, bytes: 10 },
        part: PartInfo {
            number: 2,
            last: false,
            tape_file: 1,
            first_block: 2,
            block_count: 2,
            block_size: 1024,
            tar_start: 512,
            tar_end: 4096,
            prelude_bytes: 1024,
            stream_bytes: 1500,
            stream_header: None,
            cut: Some(Cut {
                path: "a\u{10FFFF}".into(),
                data_offset: 512,
                data_size: 9999,
                sha256_state: Some("0a".repeat(32)),
            }),
            totals: Totals { members: 1, files: 1, bytes: 5 },
        },
        frames: vec![(512, 100), (1024, 700)],
        earlier: Vec::new(),
    }
}

fn summary() -> Summary {
    Summary {
        set: Uuid::from_u128(9),
        job: "name \"with\" | everything\n".into(),
        kind: SetKind::Incremental,
        start: 1,
        end: 2,
        part: 1,
        last: true,
        tape_file: 1,
        first_block: 2,
        toc_block: 10,
        key_fingerprint: "ab".repeat(32),
        totals: Totals { members: u64::MAX, files: 1, bytes: 2 },
    }
}

fn stored(head: &TocHead, members: &[MemberRecord], deleted: &Vec<Vec<u8>>) -> Vec<u8> {
    let dir = std::env::temp_dir();
    let mut spool = Spool::new(&dir).unwrap();
    for member in members {
        spool.add(member).unwrap();
    }
    let estimate = spool.estimate(head.frames.len(), head.earlier.len());
    let mut finished = spool.finish(&dir, head, Some(deleted as &dyn DeletedPaths)).unwrap();
    let mut bytes = Vec::new();
    finished.reader().unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, finished.length());
    let deleted_bytes: usize = deleted.iter().map(|path| 6 * path.len() + 8).sum();
    assert!(finished.length() <= estimate + deleted_bytes as u64, "{} of {estimate}", finished.length());
    bytes
}

fn collect(bytes: &[u8]) -> Result<Collected> {
    let mut collected = Collected::default();
    let head = toc::read(bytes, &(), &mut collected)?;
    assert_eq!(collected.head.as_ref(), Some(&head));
    Ok(collected)
}

fn record() -> impl Strategy<Value = MemberRecord> {
    let kind = prop::sample::select(vec![
        MemberKind::File,
        MemberKind::Directory,
        MemberKind::Symlink,
        MemberKind::Hardlink,
        MemberKind::Fifo,
        MemberKind::CharDevice,
        MemberKind::BlockDevice,
    ]);
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    let names = (bytes(), any::<Option<Vec<u8>>>(), "[a-zA-Zä\"\\\\]{0,12}", "[a-z|\n]{0,5}");
    let numbers = (any::<u64>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<i64>(), any::<i64>(), any::<u64>());
    (names, kind, numbers, any::<Option<[u8; 32]>>(), any::<(u64, u64)>()).prop_map(
        |((path, link, user, group), kind, (size, mode, uid, gid, mtime_ns, ctime_ns, inode), sha256, place)| {
            let (tar_offset, tar_length) = place;
            MemberRecord {
                path,
                kind,
                size,
                mode,
                uid,
                gid,
                user,
                group,
                mtime_ns,
                ctime_ns,
                inode,
                link,
                sha256,
                tar_offset,
                tar_length,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn roundtrip(members in prop::collection::vec(record(), 0..30),
                 deleted in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..10),
                 earlier in 0usize..3) {
        let head = TocHead { earlier: vec![summary(); earlier], ..head() };
        let collected = collect(&stored(&head, &members, &deleted)).unwrap();
        prop_assert_eq!(collected.head, Some(head));
        prop_assert_eq!(collected.members, members);
        prop_assert_eq!(collected.deleted, deleted);
    }

    #[test]
    fn damage_is_survived(members in prop::collection::vec(record(), 1..5), at: u32, byte: u8, cut: u32) {
        let mut bytes = stored(&head(), &members, &Vec::new());
        let length = bytes.len();
        let _ = collect(&bytes[..cut as usize % length]);
        bytes[at as usize % length] = byte;
        if let Ok(collected) = collect(&bytes) {
            let _ = PartLayout::from_toc(collected.head.unwrap(), 5, 7);
        }
    }
}

fn many() -> Vec<MemberRecord> {
    let one = MemberRecord {
        path: Vec::new(),
        kind: MemberKind::File,
        size: 5,
        mode: 0o644,
        uid: 1,
        gid: 2,
        user: "u".into(),
        group: "g".into(),
        mtime_ns: 3,
        ctime_ns: 4,
        inode: 5,
        link: None,
        sha256: Some([6; 32]),
        tar_offset: 7,
        tar_length: 8,
    };
    let hash = |i: u64| noise(32, i).try_into().unwrap();
    (0..100_000)
        .map(|i| MemberRecord { path: format!("dir/file{i}").into_bytes(), sha256: Some(hash(i)), ..one.clone() })
        .collect()
}

#[test]
fn a_large_table_is_compressed_and_found_again() {
    let members = many();
    let bytes = stored(&head(), &members, &Vec::new());
    assert!((bytes.len() as u64) < COMPRESS_ABOVE);
    assert_eq!(TocKind::of(&bytes[..toc::RECORD]), Some(TocKind::Compressed));
    assert_eq!(collect(&bytes).unwrap().members, members);
    for at in [10, 1000, bytes.len() / 2, bytes.len() - 10] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(collect(&damaged).is_err(), "{at}");
        assert!(collect(&bytes[..at]).is_err(), "{at}");
    }
}

#[test]
fn what_a_sink_says_ends_the_reading() {
    let bytes = stored(&head(), &many()[..10], &Vec::new());
    let mut sink = Collected { stop_after: Some(3), ..Collected::default() };
    let error = toc::read(bytes.as_slice(), &(), &mut sink).unwrap_err();
    assert_eq!(error.to_string(), "enough");
    assert_eq!(sink.members.len(), 3);
}

#[test]
fn what_is_no_table_is_refused() {
    let good = String::from_utf8(stored(&head(), &[], &Vec::new())).unwrap();
    collect(good.as_bytes()).unwrap();
    let endless = format!("{{\"magic\":\"TAPEBACKARR_TOC\",\"version\":2,\"tape\":\"{}", "x".repeat(5 << 20));
    for (bad, why) in [
        (String::new(), "nothing"),
        ("{}".into(), "empty"),
        ("[]".into(), "a list"),
        (good.replace("TAPEBACKARR_TOC", "TAPEBACKARR_TIC"), "another magic"),
        (good.replace("\"version\":2", "\"version\":3"), "a later version"),
        (good.replace("\"end\":", "\"end_\":"), "an incomplete head"),
        (good.replace("\"files\":", "\"files_\":"), "no files"),
        (good.replace("[512,100]", "[512,100,1]"), "a frame of three numbers"),
        (good.replace("[512,100]", "[-512,100]"), "a negative number"),
        (good.replace("[512,100]", &"[".repeat(100_000)), "deep nesting"),
        (endless, "an endless string"),
    ] {
        assert!(matches!(collect(bad.as_bytes()), Err(FormatError::Toc(_))), "{why}");
    }
    // Fields that later versions add are passed over.
    assert!(collect(good.replace("\"end\":", "\"new\":{\"a\":[1]},\"end\":").as_bytes()).is_ok());
}

#[test]
fn a_layout_that_contradicts_itself_is_refused() {
    let change = |change: &dyn Fn(&mut TocHead)| {
        let mut head = head();
        change(&mut head);
        PartLayout::from_toc(head, 5, 7)
    };
    change(&|_| {}).unwrap();
    for bad in [
        change(&|head| head.part.block_size = 0),
        change(&|head| head.part.block_size = u32::MAX),
        change(&|head| head.part.block_count = 3),
        change(&|head| head.part.tar_end = 0),
        change(&|head| head.part.stream_header = Some("zz".into())),
        change(&|head| head.frames[0].0 = 0),
        change(&|head| head.frames[1].1 = 1500),
        change(&|head| head.frames.clear()),
        change(&|head| head.set.compression = "rar".into()),
        // No encrypted stream has this length.
        change(&|head| (head.key_fingerprint, head.part.stream_bytes) = ("ab".into(), 50)),
    ] {
        assert!(matches!(bad, Err(FormatError::Inconsistent { .. })), "{bad:?}");
    }
}
