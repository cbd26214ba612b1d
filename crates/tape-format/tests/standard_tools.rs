//! Tapes read without this program: parts through `dd`, `zstd -d`, `gzip -d` and `tar -M`, tables of contents as text.

mod common;
#[path = "common/tree.rs"]
mod tree;

use common::*;
use std::path::Path;
use tape_format::codec::Codec;
use tape_format::part::{PartOutcome, PendingFirst, write_part};
use tape_format::{MemberKind, toc};
use tempfile::TempDir;
use tree::{describe, sha256};

/// A set with everything that a cut can fall into.
fn sample() -> Vec<Item> {
    let deep = ["d".repeat(100), "e".repeat(100)].join("/");
    let long = format!("{deep}/{}", "n".repeat(200));
    let mut items = vec![
        file("a", &noise(20_000, 1)),
        file("b", b""),
        dir(&deep),
        file(&long, &noise(9_000, 2)),
        file("name\nwith newline", &noise(3_000, 3)),
        file("ümläut", &noise(3_000, 4)),
        link("link", MemberKind::Symlink, "a"),
        file("z", &noise(5_000, 6)),
    ];
    items[4].member.xattrs.push((b"user.note".to_vec(), b"value".to_vec()));
    items
}

fn write_one(tape: &mut Tape, plan: &Plan, stream: &Stream, frame_size: u64) -> PartOutcome {
    let end = tape.end();
    let mut source = List::new(stream.frames(frame_size, plan.codec));
    write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default()).unwrap()
}

fn check_files(items: &[Item], dir: &Path, what: &str) {
    let tree = describe(dir);
    for item in items.iter().filter(|item| item.member.kind == MemberKind::File) {
        let m = &item.member;
        let entry = tree.get(&m.path);
        let name = format!("{what}: {}", String::from_utf8_lossy(&m.path));
        let mut content = vec![0; m.size as usize];
        match &m.sparse {
            None => content.copy_from_slice(&item.data),
            Some(extents) => {
                let mut from = 0;
                for extent in extents {
                    let length = extent.length as usize;
                    content[extent.offset as usize..][..length].copy_from_slice(&item.data[from..from + length]);
                    from += length;
                }
            }
        }
        assert_eq!(entry.sha256.as_deref(), Some(sha256(&content).as_str()), "{name}");
        assert_eq!((entry.mode, entry.mtime_ns), (m.mode, m.mtime_ns), "{name}");
    }
}

#[test]
fn a_data_file_is_a_stream_that_zstd_and_gzip_and_tar_read() {
    let items = sample();
    let stream = stream(&items);
    for (codec, command) in [
        (Codec::None, "cat part"),
        (Codec::Zstd { level: 3 }, "zstd -q -d -c part"),
        (Codec::Gzip { level: 6 }, "gzip -d -c part"),
    ] {
        let mut tape = Tape::new(ROOMY);
        let plan = Plan::new(&tape, codec, None);
        let layout = write_one(&mut tape, &plan, &stream, 8_000).layout;
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("part"), tape.dump(layout.first_block)).unwrap();
        let all = format!("set -o pipefail; mkdir out; {command} | tar -x -p -C out -f -");
        quiet("bash", &["-c", &all], dir.path(), "zstd gzip tar");
        check_files(&items, &dir.path().join("out"), command);
        let comment = format!("{command} | head -c 2048");
        let head = String::from_utf8_lossy(&quiet("bash", &["-c", &comment], dir.path(), "zstd")).into_owned();
        assert!(head.contains(&format!("comment=TAPEBACKARR set={} part=1 format=2\n", plan.set.uuid)));
    }
}

/// Cuts the set at `starts` into parts, one tape each, and restores them with `tar -x -M`.
fn multi_volume(items: &[Item], stream: &Stream, starts: &[u64], warnings: &[&str]) {
    let mut frames = stream.frames_at(&[&[0], starts].concat(), Codec::None);
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("out")).unwrap();
    let mut args: Vec<String> = ["-x", "-p", "-M", "-C", "out", "--xattrs"].map(String::from).to_vec();
    let mut nothing = List::default();
    for part in 1..=starts.len() as u32 + 1 {
        let mut tape = Tape::new(ROOMY);
        let plan = Plan::new(&tape, Codec::None, None);
        let end = tape.end();
        let mut source = PendingFirst::new(vec![frames.remove(0)], &mut nothing);
        let outcome =
            write_part(tape.drive.as_mut(), &plan.spec(part, end), &mut source, &mut Recorder::default()).unwrap();
        let name = dir.path().join(format!("part{part}"));
        std::fs::write(&name, tape.dump(outcome.layout.first_block)).unwrap();
        args.extend(["-f".to_owned(), name.to_str().unwrap().to_owned()]);
        // Each part alone is an archive too, for those who lost the others.
        let list = run("bash", &["-c", &format!("cat part{part} | tar -tf -")], dir.path(), "tar");
        let errors = String::from_utf8_lossy(&list.stderr).into_owned();
        let harmless = errors.is_empty() || errors.contains("Unexpected EOF") || errors.contains("A lone zero block");
        assert!(harmless, "part {part} cut at {starts:?}: {errors}");
    }
    let output = run("tar", &args.iter().map(String::as_str).collect::<Vec<_>>(), dir.path(), "tar");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = text.lines().all(|line| warnings.iter().any(|warning| line.contains(warning)));
    assert!(output.status.success() && expected, "cut at {starts:?}: {text}");
    check_files(items, &dir.path().join("out"), &format!("cut at {starts:?}"));
}

#[test]
fn gnu_tar_restores_a_set_cut_in_two_anywhere() {
    let items = sample();
    let stream = stream(&items);
    for start in stream.cut_offsets().into_iter().skip(1) {
        multi_volume(&items, &stream, &[start], &[]);
    }
}

#[test]
fn gnu_tar_restores_a_set_cut_in_three() {
    let items = sample();
    let stream = stream(&items);
    let cuts = stream.cut_offsets();
    for (i, &first) in cuts.iter().enumerate().skip(1).step_by(7) {
        for &second in cuts.iter().skip(i + 1).step_by(9) {
            multi_volume(&items, &stream, &[first, second], &[]);
        }
    }
}

#[test]
fn a_table_of_contents_is_text_and_a_large_one_is_zstd() {
    let python = "import json,sys; toc=json.loads(sys.stdin.buffer.read().rstrip(b'\\0')); \
                  print(toc['magic'], toc['version'], len(toc['files']), toc['files'][-1]['path'], toc['deleted'])";
    let small = stream(&sample());
    let mut many = Vec::new();
    // 120 000 names of 200 bytes make more than 16 MiB.
    for i in 0..120_000 {
        many.push(file(format!("{i:06}{}", "x".repeat(90)), b""));
    }
    many.push(file("z", b""));
    let many = stream(&many);
    for (stream, command) in [(&small, "cat toc"), (&many, "zstd -q -d -c toc")] {
        let mut tape = Tape::new(ROOMY);
        let mut plan = Plan::new(&tape, Codec::Zstd { level: 1 }, None);
        plan.deleted = vec![b"gone".to_vec()];
        let outcome = write_one(&mut tape, &plan, stream, 1 << 20);
        let dump = tape.dump(outcome.layout.toc_block);
        assert_eq!(dump.len() as u64, outcome.toc_bytes);
        assert_eq!(dump.len() % toc::RECORD, 0);
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("toc"), dump).unwrap();
        let all = format!("set -o pipefail; {command} | python3 -c \"{python}\"");
        let said = String::from_utf8(quiet("bash", &["-c", &all], dir.path(), "zstd python3")).unwrap();
        let expected = format!("TAPEBACKARR_TOC 2 {} z ['gone']\n", stream.records.len());
        assert_eq!(said, expected);
    }
}

#[test]
fn gnu_tar_restores_a_sparse_file_cut_in_two() {
    let mut extents: Vec<(u64, u64)> = (0..100).map(|i| (i * 8192, 1024)).collect();
    extents.push((2 << 20, 1000));
    let items = [file("a", b"before"), sparse("dir/sparse", 3_000_000, &extents, 5), file("z", b"behind")];
    let stream = stream(&items);
    let cuts = stream.cut_offsets();
    // All around the map, which has three blocks, and some of the rest.
    for &start in cuts[1..8].iter().chain(cuts[8..].iter().step_by(29)).chain(&cuts[cuts.len() - 6..]) {
        multi_volume(&items, &stream, &[start], &[]);
    }
}
