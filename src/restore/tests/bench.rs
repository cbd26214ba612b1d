//! Virtual tapes, sets on them, and a catalog that knows them.

use crate::Result;
use crate::backup::hash::ContentHash;
use crate::catalog::CatalogWriter;
use crate::db::testing::{self, TestDatabase};
use crate::db::{self, jobs::Job, sets, tapes::Tape};
use crate::restore::extract::{Extractor, Failed};
use crate::restore::flow::{self, Message};
use crate::restore::members::{self, Handler};
use crate::restore::metadata::Trust;
use crate::restore::pieces;
use crate::restore::plan::{Item, Piece, Plan};
use crate::restore::reader::{self, ReadError, SegmentJob};
use crate::restore::select::{self, Selected, Selection};
use crate::restore::{ExistingPolicy, check};
use diesel::prelude::*;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tape_drive::fault::FaultPlan;
use tape_drive::virt::library::{self, Settings};
use tape_drive::virt::{self, CartridgeSpec, LibrarySpec, Place};
use tape_drive::{FilemarkSync, Position, TapeDrive};
use tape_format::codec::{Codec, Encoder};
use tape_format::crypt::Key;
use tape_format::part::{PartObserver, PartProgress, PartSpec, PendingFirst, Wish, write_part};
use tape_format::path_text::to_text;
use tape_format::toc::{SetInfo, SetKind, Totals};
use tape_format::{Continuation, Frame, FrameSource, Label, Member, MemberKind, MemberRecord, tar};
use uuid::Uuid;

pub const TIME: i64 = 1_600_000_000_000_000_000;
pub const BLOCK_SIZE: u32 = 64 << 10;

pub fn member(path: &str, kind: MemberKind) -> Member {
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

pub fn directory(path: &str) -> (Member, Vec<u8>) {
    (Member { mode: 0o750, ..member(path, MemberKind::Directory) }, vec![])
}

pub fn file(path: &str, data: &[u8]) -> (Member, Vec<u8>) {
    (Member { size: data.len() as u64, ..member(path, MemberKind::File) }, data.to_vec())
}

pub fn link(path: &str, kind: MemberKind, target: &str) -> (Member, Vec<u8>) {
    (Member { link: Some(target.into()), ..member(path, kind) }, vec![])
}

/// Bytes that do not compress, the same for the same seed.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// How a set is written.
#[derive(Clone)]
pub struct SetSpec {
    pub codec: Codec,
    pub key: Option<Key>,
    pub parent: Option<i32>,
    /// Longest frame in bytes.
    pub frame: u64,
    /// Tape and bytes of tar stream of each part; the last takes the rest.
    pub parts: Vec<(i32, Option<u64>)>,
}

impl SetSpec {
    pub fn on(tape: i32) -> SetSpec {
        SetSpec { codec: Codec::None, key: None, parent: None, frame: 128 << 10, parts: vec![(tape, None)] }
    }
}

struct OneTape {
    row: Tape,
    label: Label,
    drive: Box<dyn TapeDrive>,
    folder: tempfile::TempDir,
}

pub struct Bench {
    pub db: TestDatabase,
    writer: CatalogWriter,
    job: Job,
    tapes: BTreeMap<i32, OneTape>,
    keys: HashMap<i32, Key>,
}

/// A restore that was done.
pub struct Done {
    folder: tempfile::TempDir,
    pub plan: Plan,
    pub failed: Vec<String>,
    pub blocks: u64,
    pub commands: u64,
}

impl Done {
    pub fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }
}

impl Bench {
    pub fn new(tapes: &[i32]) -> Bench {
        let db = testing::database();
        let writer = CatalogWriter::open(&db.path).unwrap();
        let job = testing::job(&mut db.conn(), "etc");
        let tapes = tapes.iter().map(|number| (*number, new_tape(&db, *number))).collect();
        Bench { db, writer, job, tapes, keys: HashMap::new() }
    }

    pub fn job_id(&self) -> i32 {
        self.job.id
    }

    pub fn tape_ids(&self, numbers: &[i32]) -> Vec<i32> {
        numbers.iter().map(|number| self.tapes[number].row.id).collect()
    }

    pub fn end_of(&self, set: i32) -> chrono::NaiveDateTime {
        sets::find(&mut self.db.conn(), set).unwrap().end_time.unwrap()
    }

    pub fn fault(&self, tape: i32, plan: FaultPlan) {
        virt::control(self.tapes[&tape].folder.path(), 0).unwrap().set_faults(plan);
    }

    /// Ends the data of a tape at a block.
    pub fn cut(&mut self, tape: i32, block: u64) {
        let drive = &mut self.tapes.get_mut(&tape).unwrap().drive;
        drive.locate(Position::block(block)).unwrap();
        drive.erase().unwrap();
    }

    pub fn use_key(&mut self, set: i32, key: Key) {
        self.keys.insert(set, key);
    }

    pub fn unfinished_set(&mut self, tape: i32) -> i32 {
        testing::set(&mut self.db.conn(), &self.job, &self.tapes[&tape].row, None).id
    }

    /// The catalog says something else of a file's content than the tape.
    pub fn corrupt_catalog(&self, set: i32, name: &str) {
        use crate::db::schema::catalog_versions;
        let file = catalog_versions::table
            .filter(catalog_versions::set_id.eq(set).and(catalog_versions::name.eq(name.to_string())));
        let changed =
            diesel::update(file).set(catalog_versions::sha256.eq(vec![0u8; 32])).execute(&mut *self.db.conn());
        assert_eq!(changed.unwrap(), 1);
    }

    /// The catalog knows wrong intermediate hashes.
    pub fn spoil_cuts(&self) {
        use crate::db::schema::backup_set_parts;
        let spoiled = backup_set_parts::table.filter(backup_set_parts::cut_sha256.is_not_null());
        let changed = diesel::update(spoiled).set(backup_set_parts::cut_sha256.eq(vec![0u8; 32]));
        assert!(changed.execute(&mut *self.db.conn()).unwrap() > 0);
    }

    /// Writes a set, catalogs it and completes it.
    pub fn write(&mut self, spec: &SetSpec, members: &[(Member, Vec<u8>)], deleted: &[&str]) -> i32 {
        let first = &self.tapes[&spec.parts[0].0].row;
        let set = testing::set(&mut self.db.conn(), &self.job, first, spec.parent);
        let info = SetInfo {
            uuid: set.uuid.parse().unwrap(),
            job: "etc".into(),
            kind: if spec.parent.is_some() { SetKind::Incremental } else { SetKind::Full },
            parent: None,
            start: 0,
            compression: spec.codec.name().into(),
            copy_of: None,
        };
        let mut frames = List(frames(members, spec));
        let deleted: Vec<Vec<u8>> = deleted.iter().map(|path| path.as_bytes().to_vec()).collect();
        let mut pending = Vec::new();
        for (index, (tape, length)) in spec.parts.iter().enumerate() {
            let tape = self.tapes.get_mut(tape).unwrap();
            tape.drive.space_to_end_of_data().unwrap();
            let at = tape.drive.position().unwrap();
            let part = PartSpec {
                tape: &tape.label,
                set: &info,
                part_number: index as u32 + 1,
                before: Totals::default(),
                tape_file: at.file.unwrap(),
                first_block: at.at.block,
                block_size: BLOCK_SIZE,
                codec: spec.codec,
                key: spec.key.as_ref(),
                locked_key: None,
                earlier: &[],
                deleted: &deleted,
                spool_dir: tape.folder.path(),
                checkpoint_bytes: u64::MAX,
            };
            let mut recorder = Recorder { placed: vec![], tar_bytes: 0, stop_after: *length };
            let mut source = PendingFirst::new(std::mem::take(&mut pending), &mut frames);
            let outcome = write_part(tape.drive.as_mut(), &part, &mut source, &mut recorder).unwrap();
            pending = outcome.pending;
            self.writer.insert(set.id, part.part_number as i32, &recorder.placed).unwrap();
            let layout = outcome.layout;
            let row = db::set_parts::NewPart {
                tape_file: layout.tape_file as i64,
                first_block: layout.first_block as i64,
                block_count: layout.block_count as i64,
                block_size: layout.block_size as i32,
                toc_block: layout.toc_block as i64,
                end_block: layout.end_block as i64,
                tar_start: layout.tar_start as i64,
                tar_end: layout.tar_end as i64,
                prelude_bytes: layout.prelude_bytes as i64,
                stream_bytes: layout.stream_bytes as i64,
                member_count: 0,
                file_count: 0,
                content_bytes: 0,
                frame_table: layout.frames.encode().unwrap(),
                cut_sha256: value_at(members, layout.tar_end).map(Vec::from),
                ..testing::part(set.id, tape.row.id, part.part_number as i32)
            };
            db::set_parts::insert(&mut self.db.conn(), &row).unwrap();
        }
        assert!(pending.is_empty() && frames.0.is_empty(), "the parts do not hold everything");
        self.writer.insert_deleted(set.id, &deleted).unwrap();
        self.writer.finish(set.id).unwrap();
        use crate::db::schema::backup_sets;
        diesel::update(backup_sets::table.find(set.id))
            .set((
                backup_sets::encrypted.eq(spec.key.is_some()),
                backup_sets::compression_type.eq(spec.codec.name().to_string()),
            ))
            .execute(&mut *self.db.conn())
            .unwrap();
        sets::complete(&mut self.db.conn(), set.id, &sets::SetChanges::default()).unwrap();
        self.keys.extend(spec.key.clone().map(|key| (set.id, key)));
        set.id
    }

    pub fn select(&self, set: i32, paths: &[&str]) -> Result<Selected> {
        self.select_but(set, paths, &[])
    }

    pub fn select_but(&self, set: i32, paths: &[&str], exclude: &[&str]) -> Result<Selected> {
        let conn = &mut *self.db.conn();
        let chain = select::state_of(conn, set)?;
        let owned = |paths: &[&str]| paths.iter().map(|path| path.to_string()).collect::<Vec<_>>();
        select::plan_without(conn, &Selection { chain, paths: owned(paths) }, &owned(exclude))
    }

    /// Restores the state of a set to a new folder.
    pub fn restore(&mut self, set: i32, paths: &[&str]) -> Done {
        self.restore_in(set, paths, |_| {})
    }

    /// The same, with the tapes in another order.
    pub fn restore_in(&mut self, set: i32, paths: &[&str], order: impl FnOnce(&mut Plan)) -> Done {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let mut selected = self.select(set, paths).unwrap();
        order(&mut selected.plan);
        assert!(selected.missing.is_empty() && selected.broken.is_empty(), "{selected:?}");
        let mut extractor = Extractor::new(folder.path(), ExistingPolicy::Keep, Trust::Own, Arc::default()).unwrap();
        for (path, metadata) in &selected.plan.directories {
            extractor.know_directory(path.clone(), metadata.clone());
        }
        let mut taker = Taker { extractor: Some(extractor), failed: Vec::new() };
        let (blocks, commands) = self.read(&selected.plan, &mut taker);
        let mut extractor = taker.extractor.take().unwrap();
        for link in &selected.plan.links {
            if let Err(error) = extractor.hard_link(&link.path, &link.target, link.expected.as_ref()) {
                taker.failed.push(format!("{}: {error:?}", to_text(&link.path)));
            }
        }
        extractor.finish();
        Done { folder, plan: selected.plan, failed: taker.failed, blocks, commands }
    }

    /// Compares a set with the catalog; what is wrong.
    pub fn verify(&mut self, set: i32) -> Vec<String> {
        let plan = self.select(set, &[]).unwrap().plan;
        let mut taker = Taker { extractor: None, failed: Vec::new() };
        self.read(&plan, &mut taker);
        taker.failed
    }

    /// Reads a plan; blocks read, and commands given to all drives.
    fn read(&mut self, plan: &Plan, taker: &mut Taker) -> (u64, u64) {
        let (sender, receiver) = flow::channel();
        let mut blocks = 0;
        let commands = |tapes: &BTreeMap<i32, OneTape>| -> u64 {
            tapes.values().map(|tape| virt::control(tape.folder.path(), 0).unwrap().commands()).sum()
        };
        let before = commands(&self.tapes);
        std::thread::scope(|scope| {
            let tapes = &mut self.tapes;
            let keys = &self.keys;
            let blocks = &mut blocks;
            scope.spawn(move || {
                for visit in &plan.visits {
                    let tape = tapes.values_mut().find(|tape| tape.row.id == visit.tape_id).unwrap();
                    let jobs: Vec<SegmentJob> = visit
                        .segments
                        .iter()
                        .map(|segment| {
                            let run = &plan.runs[segment.run];
                            let set = &plan.sets[run.set];
                            SegmentJob {
                                run: segment.run,
                                layout: set.parts[segment.part].layout.clone(),
                                key: keys.get(&set.set_id).cloned(),
                                start: segment.start,
                                end: segment.end,
                                continues: segment.start > run.start,
                                last: segment.last,
                                members: plan.members_of(segment),
                            }
                        })
                        .collect();
                    match reader::read(tape.drive.as_mut(), &jobs, &sender, &AtomicBool::new(false), None) {
                        Ok(report) => *blocks += report.blocks,
                        Err(ReadError::Stopped) => return,
                        Err(ReadError::Drive(error) | ReadError::Part(error)) => {
                            for segment in &visit.segments {
                                let end = Message::End { run: segment.run, missing: Some(error.to_string()) };
                                let _ = sender.send(end);
                            }
                        }
                    }
                }
            });
            members::consume(plan, &receiver, taker).unwrap();
        });
        (blocks, commands(&self.tapes) - before)
    }
}

fn new_tape(db: &TestDatabase, number: i32) -> OneTape {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::volatile();
    let spec = LibrarySpec { drives: 1, slots: 0, mail_slots: 0, settings, ..LibrarySpec::default() };
    library::create(folder.path(), &spec).unwrap();
    let name = format!("A{number:05}");
    library::add_cartridge(folder.path(), &CartridgeSpec::new(&format!("{name}L9")), Place::Drive(0)).unwrap();
    let mut drive = tape_drive::open_drive(&format!("virtual:{}#drive0", folder.path().display())).unwrap();
    drive.rewind().expect_err("the cartridge is new in the drive");
    let label = Label { label: name.clone(), uuid: Uuid::new_v4(), pool: "DAILY".into(), ..Label::default() };
    drive.write_block(&label.encode().unwrap()).unwrap();
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    OneTape { row: testing::tape(&mut db.conn(), &name), label, drive, folder }
}

/// Takes members: to a destination, or only to compare them.
struct Taker {
    extractor: Option<Extractor>,
    failed: Vec<String>,
}

impl Handler for Taker {
    fn member(&mut self, item: &Item, member: &Member, data: &mut dyn Read) -> Result<(), Failed> {
        match &mut self.extractor {
            Some(extractor) => extractor.extract(&item.path, member, item.expected().as_ref(), data).map(drop),
            None => check::member(item, member, data, &mut vec![0; check::BUFFER], &AtomicBool::new(false)),
        }
    }

    fn piece(&mut self, piece: &Piece, data: &mut dyn Read) -> Result<(), Failed> {
        match &mut self.extractor {
            Some(extractor) => extractor.piece(piece, data).map(drop),
            None => pieces::compare(piece, data, &mut vec![0; check::BUFFER], &AtomicBool::new(false)).map(drop),
        }
    }

    fn failed(&mut self, item: &Item, why: &str) {
        if let Some(extractor) = &mut self.extractor {
            extractor.give_up(&item.path);
        }
        self.failed.push(format!("{}: {why}", to_text(&item.path)));
    }

    fn check(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The intermediate hash of the file that goes on behind this place of the tar stream.
fn value_at(members: &[(Member, Vec<u8>)], tar_end: u64) -> Option<[u8; 32]> {
    let mut stream = Vec::new();
    for (member, data) in members {
        tar::write_header(member, &mut stream).unwrap();
        let here = usize::try_from(tar_end).unwrap().checked_sub(stream.len())?;
        if member.sparse.is_none() && here < data.len() {
            let mut hash = ContentHash::default();
            hash.update(&data[..here]);
            return hash.chaining();
        }
        tar::sparse_map(member, &mut stream).unwrap();
        stream.extend_from_slice(data);
        stream.resize(stream.len().next_multiple_of(512), 0);
    }
    None
}

/// Everything in frames of at most the wanted size; a frame never begins in a header.
fn frames(members: &[(Member, Vec<u8>)], spec: &SetSpec) -> VecDeque<Frame> {
    let mut stream = Vec::new();
    let mut records = Vec::new();
    let mut cuts: Vec<(u64, Option<Continuation>)> = Vec::new();
    for (member, data) in members {
        let start = stream.len() as u64;
        cuts.push((start, None));
        tar::write_header(member, &mut stream).unwrap();
        let data_start = stream.len() as u64;
        tar::sparse_map(member, &mut stream).unwrap();
        stream.extend_from_slice(data);
        let data_size = stream.len() as u64 - data_start;
        stream.resize(stream.len() + tar::padding(data_size), 0);
        let shared = Arc::new(member.clone());
        for data_offset in (512..data_size).step_by(512) {
            let continues = Continuation { member: shared.clone(), data_offset, data_size };
            cuts.push((data_start + data_offset, Some(continues)));
        }
        records.push(record(member, data, start, stream.len() as u64 - start));
    }
    cuts.push((stream.len() as u64, None));
    stream.extend_from_slice(&tar::EOF);
    let mut starts = vec![0];
    for pair in cuts.windows(2) {
        if pair[1].0 - starts[starts.len() - 1] > spec.frame && pair[0].0 > starts[starts.len() - 1] {
            starts.push(pair[0].0);
        }
    }
    let mut encoder = Encoder::new(spec.codec).unwrap();
    let ends = starts.iter().skip(1).copied().chain([stream.len() as u64]);
    let frame = |(start, end): (&u64, u64)| {
        let mut data = Vec::new();
        encoder.encode(&stream[*start as usize..end as usize], &mut data).unwrap();
        let complete = |record: &&MemberRecord| {
            let at = record.tar_offset + record.tar_length;
            at > *start && at <= end
        };
        Frame {
            data,
            tar_offset: *start,
            tar_length: end - start,
            continues: cuts.iter().find(|cut| cut.0 == *start).unwrap().1.clone(),
            members: records.iter().filter(complete).cloned().collect(),
            ..Frame::default()
        }
    };
    starts.iter().zip(ends).map(frame).collect()
}

fn record(member: &Member, data: &[u8], tar_offset: u64, tar_length: u64) -> MemberRecord {
    let mut content = vec![0; member.size as usize];
    let mut rest = data;
    match &member.sparse {
        None => content.copy_from_slice(data),
        Some(runs) => {
            for run in runs {
                let (now, later) = rest.split_at(run.length as usize);
                content[run.offset as usize..][..now.len()].copy_from_slice(now);
                rest = later;
            }
        }
    }
    MemberRecord {
        path: member.path.clone(),
        kind: member.kind.clone(),
        size: member.size,
        mode: member.mode,
        uid: member.uid,
        gid: member.gid,
        user: String::new(),
        group: String::new(),
        mtime_ns: member.mtime_ns,
        ctime_ns: 1,
        inode: 1,
        link: member.link.clone(),
        sha256: (member.kind == MemberKind::File).then(|| openssl::sha::sha256(&content)),
        tar_offset,
        tar_length,
    }
}

struct List(VecDeque<Frame>);

impl FrameSource for List {
    fn next_frame(&mut self) -> tape_format::Result<Option<Frame>> {
        Ok(self.0.pop_front())
    }

    fn recycle(&mut self, _: Frame) {}
}

struct Recorder {
    placed: Vec<(MemberRecord, u64)>,
    tar_bytes: u64,
    stop_after: Option<u64>,
}

impl PartObserver for Recorder {
    fn placed(&mut self, records: Vec<MemberRecord>, block: u64) {
        self.placed.extend(records.into_iter().map(|record| (record, block)));
    }

    fn progress(&mut self, progress: PartProgress) {
        self.tar_bytes = progress.tar_bytes;
    }

    fn wish(&mut self) -> Wish {
        if self.stop_after.is_some_and(|bytes| self.tar_bytes >= bytes) { Wish::Stop } else { Wish::GoOn }
    }
}
