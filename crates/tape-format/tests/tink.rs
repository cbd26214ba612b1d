//! Encryption against the published implementation of the format: the PyPI package `tink`.

mod common;

use common::*;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tape_format::codec::Codec;
use tape_format::crypt::{Key, OpenReader, SEGMENT_SIZE, SealWriter, segment_room};
use tape_format::part::write_part;

/// A Python that has `tink` and `cryptography`: the one that is installed, or a virtual environment under the target folder.
fn python() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(find_python).clone()
}

fn has_tink(python: &PathBuf) -> bool {
    Command::new(python).args(["-c", "import tink, cryptography"]).output().is_ok_and(|output| output.status.success())
}

fn find_python() -> PathBuf {
    let system = PathBuf::from("python3");
    if has_tink(&system) {
        return system;
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tink-venv");
    let python = folder.join("bin/python3");
    if !has_tink(&python) {
        let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).output();
        let installed = made
            .and_then(|_| Command::new(&python).args(["-m", "pip", "install", "-q", "tink", "cryptography"]).output());
        let reason = installed.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        assert!(
            has_tink(&python),
            "this test needs the Python packages tink and cryptography and could not install them in {}: {reason:?}\n\
             install them for your python3 (pip install tink cryptography; Debian also needs python3-venv)",
            folder.display()
        );
    }
    python
}

fn tink(action: &str, key: &Key, context: &str, input: &[u8]) -> Option<Vec<u8>> {
    let script = format!("{}/tests/python/streaming.py", env!("CARGO_MANIFEST_DIR"));
    filter(&[&script, action, &hex::encode(key.bytes()), context], input)
}

/// A Python program's output; `None` if it ends with 3.
fn filter(args: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new(python()).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut output = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    });
    match child.wait().unwrap().code() {
        Some(0) => Some(output),
        Some(3) => None,
        other => panic!("{args:?} failed with {other:?}"),
    }
}

fn seal(key: &Key, context: &str, plain: &[u8]) -> Vec<u8> {
    let mut writer = SealWriter::new(key, context.as_bytes(), Vec::new()).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

fn open(key: &Key, context: &str, sealed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    OpenReader::new(key, context.as_bytes(), sealed).unwrap().read_to_end(&mut plain).unwrap();
    plain
}

#[test]
fn tink_and_this_crate_read_each_other() {
    let key = Key::new([0x42; 32]);
    let (first, other) = (segment_room(0), segment_room(1));
    for length in [0, 1, 1000, first - 1, first, first + 1, first + other, 3 * SEGMENT_SIZE] {
        let plain = noise(length, length as u64);
        assert!(tink("open", &key, "set:1", &seal(&key, "set:1", &plain)).unwrap() == plain, "{length}");
        assert!(open(&key, "set:1", &tink("seal", &key, "set:1", &plain).unwrap()) == plain, "{length}");
    }
    assert_eq!(tink("open", &key, "set:2", &seal(&key, "set:1", b"plain")), None);
    let long = seal(&key, "set:1", &noise(2 * SEGMENT_SIZE, 1));
    assert_eq!(tink("open", &key, "set:1", &long[..SEGMENT_SIZE]), None);
}

#[test]
fn tink_reads_an_encrypted_part_and_its_table_of_contents() {
    let stream = stream(&[file("a", &noise(3_000_000, 1)), file("b", b"end")]);
    let mut tape = Tape::new(ROOMY);
    let plan = Plan::new(&tape, Codec::None, Some(Key::new([7; 32])));
    let key = plan.key.clone().unwrap();
    let end = tape.end();
    let mut source = List::new(stream.frames(1 << 20, Codec::None));
    let layout =
        write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default()).unwrap().layout;
    let context = format!("{}:1", plan.set.uuid);
    let plain = tink("open", &key, &context, &tape.dump(layout.first_block)).unwrap();
    assert!(plain[layout.prelude_bytes as usize..] == stream.bytes);

    let toc = tape.dump(layout.toc_block);
    let end = toc.iter().position(|&b| b == 0).unwrap();
    let head: serde_json::Value = serde_json::from_slice(&toc[..end]).unwrap();
    let length = head["sealed_bytes"].as_u64().unwrap() as usize;
    assert_eq!(head["key_fingerprint"], key.fingerprint());
    let plain = tink("open", &key, &format!("{context}:toc"), &toc[4096..4096 + length]).unwrap();
    let table: serde_json::Value = serde_json::from_slice(&plain).unwrap();
    assert_eq!(table["magic"], "TAPEBACKARR_TOC");
    assert_eq!(table["files"][1]["path"], "b");
    assert!(!String::from_utf8_lossy(&toc).contains("homes"), "the job's name is readable");
}

/// A part that had to be ended before a frame that did not fit ends in a short segment; Tink must see a whole stream.
#[test]
fn tink_reads_a_part_that_was_ended_early() {
    use tape_drive::Operation;
    use tape_drive::fault::{Condition, FaultPlan};
    let stream = stream(&[file("a", &noise(4_000_000, 1))]);
    let mut tape = Tape::new(ROOMY);
    let plan = Plan::new(&tape, Codec::None, Some(Key::new([7; 32])));
    let end = tape.end();
    let control = tape_drive::virt::control(tape.dir.path(), 0).unwrap();
    control.set_faults(FaultPlan::nth_of(40, Operation::Write, Condition::VolumeOverflow));
    let mut source = List::new(stream.frames(700_000, Codec::None));
    let outcome = write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default()).unwrap();
    assert!(!outcome.pending.is_empty());
    let layout = outcome.layout;
    let sealed = tape.dump(layout.first_block);
    let plain = tink("open", plan.key.as_ref().unwrap(), &format!("{}:1", plan.set.uuid), &sealed).unwrap();
    assert!(plain[layout.prelude_bytes as usize..] == stream.bytes[..layout.tar_end as usize]);
}
