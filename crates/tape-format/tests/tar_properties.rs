//! Tar headers of any member come back as they were, and no stream of bytes harms the reader.

mod common;

use common::{Item, stream};
use proptest::prelude::*;
use std::io::Read;
use tape_format::{DataExtent, FormatError, Member, MemberKind, tar};

fn path() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        prop::collection::vec((1u8..).prop_filter("no slash", |b| *b != b'/'), 1..60),
        "[a-z.]{1,255}".prop_map(String::into_bytes),
    ]
    .prop_filter("a name", |name| name != b"." && name != b"..");
    prop::collection::vec(name, 1..6).prop_map(|names| names.join(&b'/'))
}

fn any_member() -> impl Strategy<Value = Item> {
    let kind = prop::sample::select(vec![
        MemberKind::File,
        MemberKind::Directory,
        MemberKind::Symlink,
        MemberKind::Hardlink,
        MemberKind::Fifo,
        MemberKind::CharDevice,
        MemberKind::BlockDevice,
    ]);
    let xattrs = prop::collection::btree_map("user\\.[a-z=%.]{1,9}", prop::collection::vec(any::<u8>(), 0..50), 0..3);
    let names = ("[a-zä -]{0,40}", "[a-z]{0,40}");
    let runs = prop::option::of((prop::collection::vec((1u64..50, 1u64..4), 0..80), 0u64..2000, 0u64..512));
    let numbers = (0u32..0o10000, any::<u32>(), any::<u32>(), any::<i64>(), 0u32..1 << 12, 0u32..1 << 20);
    (path(), kind, path(), names, xattrs, runs, numbers, prop::collection::vec(any::<u8>(), 0..2000)).prop_map(
        |(path, kind, target, (user, group), xattrs, runs, (mode, uid, gid, mtime, major, minor), mut data)| {
            // Without records only whole seconds are kept.
            let mtime_ns = if xattrs.is_empty() { mtime - mtime.rem_euclid(1_000_000_000) } else { mtime };
            let mut member = Member {
                path,
                size: 0,
                mode,
                uid,
                gid,
                user,
                group,
                mtime_ns,
                link: matches!(kind, MemberKind::Symlink | MemberKind::Hardlink).then_some(target),
                device: matches!(kind, MemberKind::CharDevice | MemberKind::BlockDevice).then_some((major, minor)),
                xattrs: xattrs.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect(),
                sparse: None,
                kind,
            };
            match (&member.kind, runs) {
                (MemberKind::File, None) => member.size = data.len() as u64,
                (MemberKind::File, Some((runs, tail, last))) => {
                    let mut at = 0;
                    let mut extents = Vec::new();
                    for (hole, blocks) in runs {
                        extents.push(DataExtent { offset: at + hole * 512, length: blocks * 512 });
                        at += (hole + blocks) * 512;
                    }
                    if let Some(end) = extents.last_mut() {
                        end.length -= last;
                        at -= last;
                    }
                    member.size = at + tail;
                    data = common::noise(extents.iter().map(|extent| extent.length as usize).sum(), at);
                    member.sparse = Some(extents);
                }
                _ => data.clear(),
            }
            Item { member, data }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn members_come_back(items in prop::collection::vec(any_member(), 1..6)) {
        let stream = stream(&items);
        let mut reader = tar::Reader::new(stream.bytes.as_slice());
        for (item, record) in items.iter().zip(&stream.records) {
            let member = reader.next_member().unwrap().unwrap();
            prop_assert_eq!(&member, &item.member);
            prop_assert_eq!(reader.place().header_offset, record.tar_offset);
            let mut data = Vec::new();
            reader.read_to_end(&mut data).unwrap();
            prop_assert_eq!(&data, &item.data);
        }
        prop_assert_eq!(reader.next_member().unwrap(), None);
    }

    #[test]
    fn a_damaged_stream_is_survived(items in prop::collection::vec(any_member(), 1..4), at: u32, byte: u8, cut: u32) {
        let mut bytes = stream(&items).bytes;
        let length = bytes.len();
        bytes[at as usize % length] = byte;
        read_all(&bytes);
        read_all(&bytes[..cut as usize % length]);
    }

    #[test]
    fn any_blocks_with_valid_checksums_are_survived(blocks in prop::collection::vec((prop::collection::vec(any::<u8>(), 512), any::<u8>()), 1..6)) {
        let mut bytes = Vec::new();
        for (mut block, typeflag) in blocks {
            block[156] = b"0125xgLKSMVND7"[typeflag as usize % 14];
            let size = format!("{:011o}\0", u64::from(block[124]) << (block[125] % 25));
            block[124..136].copy_from_slice(size.as_bytes());
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            bytes.extend(block);
        }
        read_all(&bytes);
    }
}

fn read_all(bytes: &[u8]) {
    let mut reader = tar::Reader::new(bytes);
    let mut members = 0;
    while let Ok(Some(member)) = reader.next_member() {
        members += 1;
        assert!(members < 10_000);
        let _ = reader.read_extents(&member, &mut |_, _| Ok(()));
    }
}

#[test]
fn a_member_cut_short_is_an_error_and_not_an_end() {
    let bytes = stream(&[common::file("a", &common::noise(5000, 1)), common::file("b", b"x")]).bytes;
    let mut reader = tar::Reader::new(&bytes[..3000]);
    reader.next_member().unwrap().unwrap();
    let mut data = Vec::new();
    let error = FormatError::from_io(reader.read_to_end(&mut data).unwrap_err());
    assert!(matches!(&error, FormatError::Truncated { what, missing: 2512 } if what.contains("\"a\"")), "{error}");
    assert_eq!(data.len(), 2488);
    assert!(matches!(reader.next_member(), Err(FormatError::Truncated { .. })));
    // Between members it is an end: so a part ends.
    let mut reader = tar::Reader::new(&bytes[..512 + 5120]);
    assert!(reader.next_member().unwrap().is_some());
    assert_eq!(reader.next_member().unwrap(), None);
}

#[test]
fn a_part_that_begins_inside_a_member_says_so() {
    let item = common::file("dir/long", &common::noise(5000, 1));
    let continues = tape_format::Continuation {
        member: std::sync::Arc::new(item.member.clone()),
        data_offset: 1024,
        data_size: 5000,
    };
    let mut bytes = Vec::new();
    tar::write_prelude(&uuid::Uuid::nil(), 2, Some(&continues), &mut bytes).unwrap();
    bytes.extend(&item.data[1024..]);
    bytes.resize(bytes.len() + tar::padding(5000), 0);
    let mut reader = tar::Reader::new(bytes.as_slice());
    let member = reader.next_member().unwrap().unwrap();
    assert_eq!(member.path, b"GNUFileParts/long.2");
    let start = reader.place().continues.clone().unwrap();
    assert_eq!((start.path.as_slice(), start.size, start.offset), (&b"dir/long"[..], 3976, 1024));
    assert!(reader.comment().unwrap().starts_with(b"TAPEBACKARR set=00000000-0000-0000-0000-000000000000 part=2"));
    let mut data = Vec::new();
    reader.read_to_end(&mut data).unwrap();
    assert!(data == item.data[1024..]);
    assert_eq!(reader.next_member().unwrap(), None);
}
