//! Writes inputs for the fuzzers to begin with: `seeds CORPUS_DIR`, one folder per target.

use std::io::Write;
use std::path::Path;
use std::{env, fs};
use tape_format::crypt::{Key, SealWriter};
use tape_format::toc::{PartInfo, SetInfo, SetKind, Spool, TapeInfo, TocHead, Totals};
use tape_format::{DataExtent, Label, Member, MemberKind, MemberRecord, tar};
use tape_scsi::{Attribute, Sense, SenseKey};
use tapebackarr_fuzz::{CONTEXT, FILEMARK, KEY};
use uuid::Uuid;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let corpus = env::args().nth(1).ok_or("usage: seeds CORPUS_DIR")?;
    let corpus = Path::new(&corpus);
    let archive = archive()?;
    let toc = toc(corpus)?;
    let label = label()?;
    put(corpus, "label", "label", &label)?;
    put(corpus, "tar", "archive", &archive)?;
    put(corpus, "toc", "plain", &toc)?;
    put(corpus, "toc", "compressed", &zstd::encode_all(toc.as_slice(), 1)?)?;
    put(corpus, "head", "locked_key", HEAD)?;
    put(corpus, "frame", "zstd", &[&[1, 4, 0][..], &zstd::encode_all([5; 1024].as_slice(), 1)?].concat())?;
    put(corpus, "frame", "none", &[&[0, 0, 4][..], b"four"].concat())?;
    put(corpus, "segments", "short", &sealed(b"short")?)?;
    put(corpus, "segments", "empty", &sealed(b"")?)?;
    put(corpus, "tape", "one_part", &tape(&[&label, &archive, &toc])?)?;
    put(corpus, "tape", "no_table", &tape(&[&label, &zstd::encode_all(archive.as_slice(), 1)?])?)?;
    let sense = Sense { eom: true, information: Some(7), ..Sense::new(SenseKey::MediumError, 0x0c, 0) };
    put(corpus, "scsi", "fixed", &[&[0][..], &sense.encode_fixed()].concat())?;
    put(corpus, "scsi", "descriptors", &[&[0][..], &sense.encode_descriptors()].concat())?;
    let mut attribute = vec![3];
    Attribute::ascii(0x0806, "A00001L9").encode(&mut attribute)?;
    put(corpus, "scsi", "attribute", &attribute)?;
    put(corpus, "v1", "toc", &[&[0][..], V1_TOC].concat())?;
    Ok(())
}

const V1_TOC: &[u8] =
    br#"{"magic":"TAPEBACKARR_TOC","version":1,"tape_label":"A","backup_sets":[{"files":[{"path":"a","size":1}]}]}"#;

/// Its key is [`KEY`], closed with a passphrase.
const HEAD: &[u8] = br#"{"magic":"TAPEBACKARR_TOC","version":2,"sealed":"AES256_GCM_HKDF_1MB","set":"3b241101-e2bb-4255-8caf-4136c566a962","part":1,"key_fingerprint":"4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0","tape_file":1,"block_count":3,"stream_bytes":603364,"sealed_bytes":1234,"locked_key":{"kdf":"argon2id","memory_kib":8192,"passes":2,"lanes":2,"salt":"000102030405060708090a0b0c0d0e0f","key":"000102030405060708090a0bb93679acd548701c20540d3396a1554140e52d7bc7a2d63b35a8d3c22b00c5a892f56ec0baeafa5d8401ecbdf7f48261","check":"fcf15d875f72fd13"}}"#;

fn put(corpus: &Path, target: &str, name: &str, bytes: &[u8]) -> Outcome<()> {
    let folder = corpus.join(target);
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(name), bytes)?)
}

fn label() -> Outcome<Vec<u8>> {
    let label = Label { label: "FUZZ01".into(), uuid: Uuid::from_u128(1), pool: "DAILY".into(), ..Label::default() };
    Ok(label.encode()?.to_vec())
}

fn archive() -> Outcome<Vec<u8>> {
    let file = Member {
        path: b"folder/file".to_vec(),
        kind: MemberKind::File,
        size: 600,
        mode: 0o640,
        uid: 1000,
        gid: 1000,
        user: "user".into(),
        group: "group".into(),
        mtime_ns: 1_600_000_000_123_456_789,
        link: None,
        device: None,
        xattrs: vec![(b"user.colour".to_vec(), b"blue".to_vec())],
        sparse: None,
    };
    let sparse = Member {
        path: [b"long/".repeat(40), b"sparse".to_vec()].concat(),
        size: 1 << 20,
        sparse: Some(vec![DataExtent { offset: 4096, length: 512 }, DataExtent { offset: 65536, length: 512 }]),
        ..file.clone()
    };
    let link = Member {
        path: b"link".to_vec(),
        kind: MemberKind::Symlink,
        size: 0,
        link: Some(b"folder/file".to_vec()),
        ..file.clone()
    };
    let mut out = Vec::new();
    for member in [&file, &sparse, &link] {
        tar::write_header(member, &mut out)?;
        let data = tar::data_size(member) as usize;
        // The map of a sparse file belongs to its header.
        let data = if member.sparse.is_some() { 1024 } else { data };
        out.resize(out.len() + data + tar::padding(data as u64), 1);
    }
    out.extend(tar::EOF);
    Ok(out)
}

fn toc(dir: &Path) -> Outcome<Vec<u8>> {
    fs::create_dir_all(dir)?;
    let totals = Totals { members: 1, files: 1, bytes: 600 };
    let head = TocHead {
        tape: TapeInfo { label: "FUZZ01".into(), uuid: Uuid::from_u128(1), pool: "DAILY".into() },
        set: SetInfo {
            uuid: Uuid::from_u128(2),
            job: "job".into(),
            kind: SetKind::Full,
            parent: None,
            start: 1,
            compression: "none".into(),
            copy_of: None,
        },
        end: 2,
        key_fingerprint: String::new(),
        totals,
        part: PartInfo {
            number: 1,
            last: true,
            tape_file: 1,
            first_block: 2,
            block_count: 2,
            block_size: 1024,
            tar_start: 0,
            tar_end: 2048,
            prelude_bytes: 0,
            stream_bytes: 2048,
            stream_header: None,
            cut: None,
            totals,
        },
        frames: vec![(0, 0)],
        earlier: Vec::new(),
    };
    let mut spool = Spool::new(dir)?;
    spool.add(&MemberRecord {
        path: b"folder/file".to_vec(),
        kind: MemberKind::File,
        size: 600,
        mode: 0o640,
        uid: 1000,
        gid: 1000,
        user: "user".into(),
        group: "group".into(),
        mtime_ns: 1,
        ctime_ns: 2,
        inode: 3,
        link: None,
        sha256: Some([4; 32]),
        tar_offset: 0,
        tar_length: 1536,
    })?;
    let mut out = Vec::new();
    spool.finish(dir, &head, None)?.reader()?.read_to_end(&mut out)?;
    Ok(out)
}

fn sealed(plain: &[u8]) -> Outcome<Vec<u8>> {
    let mut writer = SealWriter::new(&Key::new(KEY), CONTEXT, Vec::new())?;
    writer.write_all(plain)?;
    Ok(writer.finish()?)
}

/// Files in blocks as the target `tape` takes them.
fn tape(files: &[&[u8]]) -> Outcome<Vec<u8>> {
    let mut out = Vec::new();
    for file in files {
        for block in file.chunks(32768) {
            out.extend(u16::try_from(block.len())?.to_be_bytes());
            out.extend(block);
        }
        out.extend(FILEMARK.to_be_bytes());
    }
    Ok(out)
}
