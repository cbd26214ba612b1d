//! Tapes as version 1 of the program left them, made with the programs that it ran: GNU tar, gzip, zstd, openssl.

mod common;

use common::{ROOMY, Tape, quiet};
use std::io::Read;
use std::path::Path;
use std::process::Command;
use tape_drive::{FilemarkSync, Position};
use tape_format::crypt::Key;
use tape_format::part::{FileKind, TapeFile, read_label, scan};
use tape_format::tar::Reader;
use tape_format::v1::{self, Sealing, TocFile, TocHead, TocSet, TocSink};
use tape_format::{FormatError, MemberKind};

const KEY: [u8; 32] = [0x5a; 32];

/// What a pipeline of the old program writes of the folder `tree`.
fn pipeline(dir: &Path, after_tar: &str) -> Vec<u8> {
    let script = format!("tar -c -b 128 -C tree -T list {after_tar}");
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", &script])
        .current_dir(dir)
        .env("PASSWORD", openssl::base64::encode_block(&KEY))
        .output()
        .expect("bash");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

const ENCRYPT: &str = "| openssl enc -aes-256-cbc -salt -pbkdf2 -iter 100000 -pass env:PASSWORD";

fn tree(dir: &Path) {
    let script = "mkdir -p tree/docs && printf hello >tree/a.txt && ln tree/a.txt tree/same && ln -s a.txt tree/link && \
                  head -c 3000000 /dev/urandom >tree/docs/large && printf '%s\\n' a.txt docs/large link same >list";
    quiet("bash", &["-c", script], dir, "bash");
}

fn write(tape: &mut Tape, data: &[u8], record: usize, filemarks: u32, toc: &str) {
    for record in data.chunks(record) {
        tape.drive.write_block(record).unwrap();
    }
    tape.drive.write_filemarks(filemarks, FilemarkSync::Flush).unwrap();
    if !toc.is_empty() {
        let mut toc = toc.as_bytes().to_vec();
        toc.resize(toc.len().next_multiple_of(64 << 10), 0);
        for record in toc.chunks(64 << 10) {
            tape.drive.write_block(record).unwrap();
        }
        tape.drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    }
}

fn files(tape: &mut Tape) -> Vec<TapeFile> {
    let mut files = Vec::new();
    let mut add = |file| {
        files.push(file);
        Ok(())
    };
    scan(tape.drive.as_mut(), &mut add).unwrap();
    files
}

fn members(tape: &mut Tape, block: u64, key: Option<&Key>) -> Result<Vec<(String, MemberKind, usize)>, FormatError> {
    tape.drive.locate(Position::block(block)).unwrap();
    let mut reader = Reader::new(v1::open(tape.drive.as_mut(), key)?);
    let mut members = Vec::new();
    while let Some(member) = reader.next_member()? {
        let mut data = Vec::new();
        reader.read_to_end(&mut data).map_err(FormatError::from_io)?;
        members.push((String::from_utf8(member.path).unwrap(), member.kind, data.len()));
    }
    Ok(members)
}

fn expected() -> Vec<(String, MemberKind, usize)> {
    [
        ("a.txt", MemberKind::File, 5),
        ("docs/large", MemberKind::File, 3_000_000),
        ("link", MemberKind::Symlink, 0),
        ("same", MemberKind::Hardlink, 0),
    ]
    .map(|(path, kind, size)| (path.to_string(), kind, size))
    .to_vec()
}

const TOC: &str = "{\n  \"magic\": \"TAPEBACKARR_TOC\",\n  \"version\": 1,\n  \"tape_label\": \"TST001\",\n  \"tape_uuid\": \"\",\n  \
    \"backup_sets\": [\n    {\n      \"file_number\": 1,\n      \"job_name\": \"etc\",\n      \"files\": [\n        {\n          \
    \"path\": \"a.txt\",\n          \"size\": 5,\n          \"mode\": 420\n        }\n      ]\n    }\n  ]\n}";

#[derive(Default)]
struct Seen(Vec<String>, Vec<TocFile>);

impl TocSink for Seen {
    fn set(&mut self, head: &TocHead, set: &TocSet) -> Result<(), FormatError> {
        self.0.push(format!("{} {} {}", head.label, set.file_number, set.job));
        Ok(())
    }

    fn file(&mut self, file: TocFile) -> Result<(), FormatError> {
        self.1.push(file);
        Ok(())
    }
}

#[test]
fn every_pipeline_is_found_by_content_and_read() {
    let key = Key::new(KEY);
    for (after_tar, record, kind) in [
        ("", 1 << 20, FileKind::Tar),
        ("", 4 << 20, FileKind::Tar),
        ("| gzip -1", 64 << 10, FileKind::Gzip),
        ("| zstd -q -T0", 256 << 10, FileKind::Zstd),
        (ENCRYPT, 1 << 20, FileKind::SealedV1(Sealing::Salted)),
        (&format!("| gzip {ENCRYPT}"), 512, FileKind::SealedV1(Sealing::Salted)),
        (&format!("| zstd -q {ENCRYPT}"), 1 << 20, FileKind::SealedV1(Sealing::Salted)),
    ] {
        let mut tape = Tape::new(ROOMY);
        let dir = tape.dir.path().to_path_buf();
        tree(&dir);
        write(&mut tape, &pipeline(&dir, after_tar), record, 1, TOC);
        let files = files(&mut tape);
        let kinds: Vec<_> = files.iter().map(|file| file.kind.clone()).collect();
        assert!(matches!(kinds[0], FileKind::Label(_)), "{after_tar}");
        assert_eq!(kinds[1..], [kind, FileKind::TocV1], "{after_tar}");
        let sealed = after_tar.contains("openssl");
        let read = members(&mut tape, files[1].first_block, sealed.then_some(&key));
        assert_eq!(read.unwrap(), expected(), "{after_tar}");
        if sealed {
            let start = tape.dump(files[1].first_block);
            assert!(v1::opens(&key, &start[..512]) && !v1::opens(&Key::new([1; 32]), &start[..512]), "{after_tar}");
            let none = members(&mut tape, files[1].first_block, None).unwrap_err();
            assert!(matches!(none, FormatError::KeyNeeded { .. }), "{none}");
            let wrong = members(&mut tape, files[1].first_block, Some(&Key::new([1; 32]))).unwrap_err();
            assert!(matches!(wrong, FormatError::WrongKey { .. }), "{wrong}");
        }
    }
}

#[test]
fn a_second_filemark_and_a_label_of_two_fields_are_understood() {
    let mut tape = Tape::new(ROOMY);
    let dir = tape.dir.path().to_path_buf();
    tree(&dir);
    tape.drive.rewind().unwrap();
    let mut label = b"TAPEBACKARR|TST001".to_vec();
    label.resize(512, 0);
    tape.drive.write_block(&label).unwrap();
    tape.drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    write(&mut tape, &pipeline(&dir, ""), 64 << 10, 2, TOC);
    let label = read_label(tape.drive.as_mut()).unwrap();
    assert_eq!((label.label.as_str(), label.uuid), ("TST001", tape_format::Label::uuid_of_name("TST001")));
    let files = files(&mut tape);
    assert_eq!(files[2].kind, FileKind::Empty);
    assert_eq!(files[3].kind, FileKind::TocV1);
    let mut seen = Seen::default();
    v1::read_toc(tape.dump(files[3].first_block).as_slice(), &mut seen).unwrap();
    assert_eq!(seen.0, ["TST001 1 etc"]);
    assert_eq!((seen.1[0].path.as_str(), seen.1[0].size, seen.1[0].mode), ("a.txt", 5, 420));
}

#[test]
fn a_data_file_that_ends_early_says_so() {
    for after_tar in ["", "| gzip", ENCRYPT] {
        let mut tape = Tape::new(ROOMY);
        let dir = tape.dir.path().to_path_buf();
        tree(&dir);
        let mut data = pipeline(&dir, after_tar);
        data.truncate(data.len() / 2 - 5);
        write(&mut tape, &data, 64 << 10, 1, "");
        let block = files(&mut tape)[1].first_block;
        let error = members(&mut tape, block, Some(&Key::new(KEY))).unwrap_err();
        println!("{after_tar}: {error}");
    }
}
