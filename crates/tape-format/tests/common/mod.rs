//! What the tests share: members to write, frames made of them, a tape to write to, and other programs.
#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use tape_drive::virt::library::{self, Settings};
use tape_drive::virt::{CartridgeSpec, LibrarySpec, Place};
use tape_drive::{DriveErrorKind, FilemarkSync, Position, TapeDrive};
use tape_format::codec::{Codec, Encoder};
use tape_format::crypt::{Key, LockedKey};
use tape_format::part::{Checkpoint, PartObserver, PartProgress, PartSpec, PartStream, Wish};
use tape_format::toc::{SetInfo, SetKind, Summary, Totals};
use tape_format::{
    Continuation, DataExtent, Frame, FrameSource, Label, Member, MemberKind, MemberRecord, Result, Unfinished, tar,
};
use tempfile::TempDir;
use uuid::Uuid;

/// A member and its content (for a sparse file: only the runs of data, one after the other).
#[derive(Clone, Debug)]
pub struct Item {
    pub member: Member,
    pub data: Vec<u8>,
}

pub fn member(path: impl AsRef<[u8]>, kind: MemberKind) -> Member {
    Member {
        path: path.as_ref().to_vec(),
        kind,
        size: 0,
        mode: 0o640,
        uid: 1000,
        gid: 1001,
        user: String::new(),
        group: String::new(),
        mtime_ns: 1_600_000_000 * 1_000_000_000,
        link: None,
        device: None,
        xattrs: Vec::new(),
        sparse: None,
    }
}

pub fn file(path: impl AsRef<[u8]>, data: &[u8]) -> Item {
    Item { member: Member { size: data.len() as u64, ..member(path, MemberKind::File) }, data: data.to_vec() }
}

pub fn sparse(path: impl AsRef<[u8]>, size: u64, extents: &[(u64, u64)], seed: u64) -> Item {
    let extents: Vec<DataExtent> = extents.iter().map(|&(offset, length)| DataExtent { offset, length }).collect();
    let data = noise(extents.iter().map(|extent| extent.length as usize).sum(), seed);
    Item { member: Member { size, sparse: Some(extents), ..member(path, MemberKind::File) }, data }
}

pub fn dir(path: impl AsRef<[u8]>) -> Item {
    Item { member: Member { mode: 0o755, ..member(path, MemberKind::Directory) }, data: Vec::new() }
}

pub fn link(path: impl AsRef<[u8]>, kind: MemberKind, target: impl AsRef<[u8]>) -> Item {
    Item {
        member: Member { link: Some(target.as_ref().to_vec()), mode: 0o777, ..member(path, kind) },
        data: Vec::new(),
    }
}

/// Bytes that do not compress, always the same for a seed.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend(next());
    }
    bytes.truncate(length);
    bytes
}

/// The tar stream of some members, with its end marker; and where in it a frame may begin.
pub struct Stream {
    pub bytes: Vec<u8>,
    pub records: Vec<MemberRecord>,
    cuts: Vec<(u64, Option<Continuation>)>,
}

pub fn stream(items: &[Item]) -> Stream {
    let mut bytes = Vec::new();
    let mut records = Vec::new();
    let mut cuts = Vec::new();
    for item in items {
        let start = bytes.len() as u64;
        cuts.push((start, None));
        tar::write_header(&item.member, &mut bytes).unwrap();
        let data_start = bytes.len() as u64;
        tar::sparse_map(&item.member, &mut bytes).unwrap();
        bytes.extend(&item.data);
        let data_size = tar::data_size(&item.member);
        assert_eq!(bytes.len() as u64 - data_start, data_size, "{:?}", item.member);
        bytes.resize(bytes.len() + tar::padding(data_size), 0);
        let member = Arc::new(item.member.clone());
        let mut offset = 512;
        while offset < data_size {
            let continues = Continuation { member: member.clone(), data_offset: offset, data_size };
            cuts.push((data_start + offset, Some(continues)));
            offset += 512;
        }
        let m = &item.member;
        records.push(MemberRecord {
            path: m.path.clone(),
            kind: m.kind.clone(),
            size: m.size,
            mode: m.mode,
            uid: m.uid,
            gid: m.gid,
            user: m.user.clone(),
            group: m.group.clone(),
            mtime_ns: m.mtime_ns,
            ctime_ns: m.mtime_ns + 7,
            inode: start + 1,
            link: m.link.clone(),
            sha256: (m.kind == MemberKind::File).then_some([(start % 251) as u8; 32]),
            tar_offset: start,
            tar_length: bytes.len() as u64 - start,
        });
    }
    cuts.push((bytes.len() as u64, None));
    bytes.extend(tar::EOF);
    Stream { bytes, records, cuts }
}

impl Stream {
    /// Offsets at which a frame may begin.
    pub fn cut_offsets(&self) -> Vec<u64> {
        self.cuts.iter().map(|cut| cut.0).collect()
    }

    /// The stream in frames of at most `size` bytes (or longer, where there is no place to cut).
    pub fn frames(&self, size: u64, codec: Codec) -> Vec<Frame> {
        let mut starts = vec![0];
        let mut best = 0;
        for &(offset, _) in &self.cuts {
            let last = *starts.last().unwrap();
            if offset - last > size && best > last {
                starts.push(best);
            }
            best = offset;
        }
        self.frames_at(&starts, codec)
    }

    /// Frames that begin at these offsets.
    pub fn frames_at(&self, starts: &[u64], codec: Codec) -> Vec<Frame> {
        let mut encoder = Encoder::new(codec).unwrap();
        let mut frames = Vec::new();
        for (i, &start) in starts.iter().enumerate() {
            let end = starts.get(i + 1).copied().unwrap_or(self.bytes.len() as u64);
            let mut data = Vec::new();
            encoder.encode(&self.bytes[start as usize..end as usize], &mut data).unwrap();
            let at = |offset| self.cuts.iter().find(|cut| cut.0 == offset).and_then(|cut| cut.1.clone());
            let continues = at(start);
            let ends_here = |record: &&MemberRecord| {
                let at = record.tar_offset + record.tar_length;
                at > start && at <= end
            };
            frames.push(Frame {
                data,
                tar_offset: start,
                tar_length: end - start,
                continues,
                goes_on: at(end).map(|continuation| Unfinished {
                    continuation,
                    state: end.to_le_bytes().to_vec(),
                    chaining: None,
                }),
                members: self.records.iter().filter(ends_here).cloned().collect(),
            });
        }
        frames
    }
}

/// Frames from a list. Counts what comes back.
#[derive(Default)]
pub struct List {
    pub frames: std::collections::VecDeque<Frame>,
    pub recycled: usize,
    pub fail_at_end: Option<String>,
}

impl List {
    pub fn new(frames: Vec<Frame>) -> List {
        List { frames: frames.into(), ..List::default() }
    }
}

impl FrameSource for List {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        match (self.frames.pop_front(), self.fail_at_end.take()) {
            (Some(frame), reason) => {
                self.fail_at_end = reason;
                Ok(Some(frame))
            }
            (None, Some(reason)) => Err(tape_format::FormatError::Source(reason)),
            (None, None) => Ok(None),
        }
    }

    fn recycle(&mut self, _frame: Frame) {
        self.recycled += 1;
    }
}

/// Writes down what it is told.
#[derive(Default)]
pub struct Recorder {
    pub placed: Vec<(MemberRecord, u64)>,
    pub progress: PartProgress,
    pub stop_after: Option<u64>,
    pub checkpoints: Vec<Checkpoint>,
}

impl PartObserver for Recorder {
    fn placed(&mut self, records: Vec<MemberRecord>, block: u64) {
        self.placed.extend(records.into_iter().map(|record| (record, block)));
    }

    fn progress(&mut self, progress: PartProgress) {
        assert!(progress.stream_bytes >= self.progress.stream_bytes || progress.tar_bytes <= self.progress.tar_bytes);
        self.progress = progress;
    }

    fn wish(&mut self) -> Wish {
        match self.stop_after.is_some_and(|bytes| self.progress.tar_bytes >= bytes) {
            true => Wish::Stop,
            false => Wish::GoOn,
        }
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) -> Result<()> {
        self.checkpoints.push(checkpoint);
        Ok(())
    }
}

/// A library of one drive with a labelled cartridge in it.
pub struct Tape {
    pub dir: TempDir,
    pub drive: Box<dyn TapeDrive>,
    pub label: Label,
}

/// How large a tape is.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    pub bytes: u64,
    pub after_warning: u64,
}

pub const ROOMY: Capacity = Capacity { bytes: 1 << 40, after_warning: 1 << 30 };

impl Tape {
    pub fn new(capacity: Capacity) -> Tape {
        Tape::try_new(capacity).expect("the label does not fit")
    }

    /// `None` if not even the label fits.
    pub fn try_new(capacity: Capacity) -> Option<Tape> {
        let dir = TempDir::new().unwrap();
        let settings = Settings::volatile();
        library::create(
            dir.path(),
            &LibrarySpec { drives: 1, slots: 0, mail_slots: 0, settings, ..LibrarySpec::default() },
        )
        .unwrap();
        let cartridge = CartridgeSpec {
            capacity_bytes: capacity.bytes,
            early_warning_bytes: capacity.after_warning,
            ..CartridgeSpec::new("TST001L9")
        };
        library::add_cartridge(dir.path(), &cartridge, Place::Drive(0)).unwrap();
        let mut drive = tape_drive::open_drive(&format!("virtual:{}#drive0", dir.path().display())).unwrap();
        let attention = drive.rewind().unwrap_err();
        assert_eq!(attention.kind, DriveErrorKind::MediumChanged);
        let label = Label {
            label: "TST001".into(),
            uuid: Uuid::from_u128(0x7a9e),
            pool: "DAILY".into(),
            timestamp: 1_700_000_000,
            ..Label::default()
        };
        drive.rewind().unwrap();
        drive.write_block(&label.encode().unwrap()).ok()?;
        drive.write_filemarks(1, FilemarkSync::Flush).ok()?;
        Some(Tape { dir, drive, label })
    }

    /// Tape file number and logical object number at the end of data.
    pub fn end(&mut self) -> (u64, u64) {
        self.drive.space_to_end_of_data().unwrap();
        let position = self.drive.position().unwrap();
        (position.file.unwrap(), position.at.block)
    }

    /// The blocks of a tape file, one after the other.
    pub fn dump(&mut self, first_block: u64) -> Vec<u8> {
        use std::io::Read;
        self.drive.locate(Position::block(first_block)).unwrap();
        let mut bytes = Vec::new();
        tape_format::part::FileReader::new(self.drive.as_mut()).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// The tar stream of the data file at `first_block`.
    pub fn tar(&mut self, first_block: u64, key: Option<tape_format::part::PartKey>) -> Vec<u8> {
        use std::io::Read;
        self.drive.locate(Position::block(first_block)).unwrap();
        let mut bytes = Vec::new();
        PartStream::open(self.drive.as_mut(), key).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }
}

pub fn set_info(codec: Codec) -> SetInfo {
    SetInfo {
        uuid: Uuid::from_u128(0x5e7),
        job: "homes".into(),
        kind: SetKind::Full,
        parent: None,
        start: 1_700_000_000,
        compression: codec.name().into(),
        copy_of: None,
    }
}

/// Everything a [`PartSpec`] borrows.
pub struct Plan {
    pub label: Label,
    pub set: SetInfo,
    pub codec: Codec,
    pub key: Option<Key>,
    pub locked_key: Option<LockedKey>,
    pub block_size: u32,
    pub earlier: Vec<Summary>,
    pub deleted: Vec<Vec<u8>>,
    pub spool: PathBuf,
    pub checkpoint_bytes: u64,
}

impl Plan {
    pub fn new(tape: &Tape, codec: Codec, key: Option<Key>) -> Plan {
        Plan {
            label: tape.label.clone(),
            set: set_info(codec),
            codec,
            key,
            locked_key: None,
            block_size: 64 << 10,
            earlier: Vec::new(),
            deleted: Vec::new(),
            spool: std::env::temp_dir(),
            checkpoint_bytes: u64::MAX,
        }
    }

    pub fn spec(&self, part_number: u32, end: (u64, u64)) -> PartSpec<'_> {
        PartSpec {
            tape: &self.label,
            set: &self.set,
            part_number,
            before: Totals::default(),
            tape_file: end.0,
            first_block: end.1,
            block_size: self.block_size,
            codec: self.codec,
            key: self.key.as_ref(),
            locked_key: self.locked_key.as_ref(),
            earlier: &self.earlier,
            deleted: &self.deleted,
            spool_dir: &self.spool,
            checkpoint_bytes: self.checkpoint_bytes,
        }
    }
}

/// Runs a program that must be installed.
pub fn run(program: &str, args: &[&str], dir: &Path, package: &str) -> Output {
    Command::new(program)
        .args(args)
        .current_dir(dir)
        .env("LC_ALL", "C.UTF-8")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be run ({error}): install it (Debian: apt install {package})"))
}

/// The same, and it must succeed and say nothing on its error output.
pub fn quiet(program: &str, args: &[&str], dir: &Path, package: &str) -> Vec<u8> {
    let output = run(program, args, dir, package);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && output.stderr.is_empty(), "{program} {args:?}: {text}");
    output.stdout
}
