//! Damage at every region of a tape: `recover` returns everything outside of it, names the rest, and never crashes.
//!
//! Each case damages a copy of one image in one place and compares all files that the damage does not touch: of one tape with
//! several sets, and of sets over three tapes. A failure prints its seed; `DAMAGE_SEED` repeats it.

use crate::files;
use crate::seed::Seed;
use crate::server::{Library, Server};
use serde_json::json;
use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tape_drive::virt::TapeCopy;
use tape_drive::virt::image::{Image, ImageAccess};
use tape_format::Codec;
use tape_format::crypt::{HEADER_SIZE, Key, SEGMENT_SIZE, segment_of};
use tape_format::part::PartLayout;
use tape_format::salvage::{read_table, survey};
use tape_format::toc::{TocHead, TocSink};
use tape_format::{MemberKind, MemberRecord, Result};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tapebackarr");
/// How long the cases of an ordinary test run may take.
const BUDGET: Duration = Duration::from_secs(20);
/// Cases of a suite in an ordinary test run.
const MOST: u64 = 150;
/// Cases of one round of a soak.
const ROUND: u64 = 12;

#[derive(Default)]
struct Table {
    job: String,
    members: Vec<MemberRecord>,
}

impl TocSink for Table {
    fn head(&mut self, head: &TocHead) -> Result<()> {
        self.job.clone_from(&head.set.job);
        Ok(())
    }
    fn member(&mut self, record: MemberRecord) -> Result<()> {
        self.members.push(record);
        Ok(())
    }
    fn deleted(&mut self, _: Vec<u8>) -> Result<()> {
        Ok(())
    }
}

/// A part, what is in it, and the folder it was made of.
struct Written {
    /// On which of the tapes it is.
    tape: usize,
    layout: PartLayout,
    members: Vec<MemberRecord>,
    source: PathBuf,
}

/// One tape.
struct Tape {
    image: PathBuf,
    bytes: Vec<u8>,
    /// Where each object begins in the image, and where the last one ends.
    objects: Vec<u64>,
}

/// Tapes that hold whole sets.
struct Tapes {
    server: Server,
    tapes: Vec<Tape>,
    parts: Vec<Written>,
    key_file: PathBuf,
}

impl Tapes {
    /// The tapes of a server that has stopped, on which there is more than a label; `source_of` says from which folder a job was.
    fn of(mut server: Server, key: &str, source_of: impl Fn(&str) -> PathBuf) -> Tapes {
        server.stop();
        let key_file = server.dir.path().join("key");
        fs::write(&key_file, key).unwrap();
        let keys = vec![Key::from_slice(&base64(key)).unwrap()];
        let mut images: Vec<PathBuf> = fs::read_dir(server.library_dir().join("cartridges"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "tap"))
            .filter(|path| fs::metadata(path).unwrap().len() > 100_000)
            .collect();
        images.sort();
        let (mut tapes, mut parts) = (Vec::new(), Vec::new());
        for image in images {
            let opened = Image::open(&image, ImageAccess::Read).unwrap();
            let objects = (0..=opened.objects()).map(|object| opened.bytes_before(object)).collect();
            let mut copy = TapeCopy::of_image(&image).unwrap();
            for part in &survey(&mut copy).unwrap().parts {
                let mut table = Table::default();
                let layout = read_table(&mut copy, part.toc_block.unwrap(), &keys, &mut table).unwrap();
                let source = source_of(&table.job);
                parts.push(Written { tape: tapes.len(), layout, members: table.members, source });
            }
            tapes.push(Tape { bytes: fs::read(&image).unwrap(), image, objects });
        }
        Tapes { server, tapes, parts, key_file }
    }
}

/// One tape with three sets: plain; zstd and encrypted; gzip.
fn tape() -> Tapes {
    let server = Server::ready();
    let key = server.api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let kinds = [
        json!({"compression": "none"}),
        json!({"compression": "zstd", "encryption_key_id": key["key"]["id"]}),
        json!({"compression": "gzip"}),
    ];
    let folder = |number: u64| server.folder(&format!("source{number}"));
    for (number, options) in (0u64..).zip(kinds) {
        let source = folder(number);
        for file in 0..40u64 {
            let folder = source.join(format!("set{number}-{}", file % 4));
            fs::create_dir_all(&folder).unwrap();
            let length = if file == 20 { 2_500_000 } else { file as usize * 1777 };
            fs::write(folder.join(format!("{}file{file}", "n".repeat(file as usize * 3))), files::noise(file, length))
                .unwrap();
        }
        let name = format!("source{number}");
        let job = server.api.job(&name, server.api.source(&name, &source), 1, options);
        server.api.run_job(job, json!({}));
    }
    let root = server.dir.path().to_owned();
    let tapes = Tapes::of(server, key["key_base64"].as_str().unwrap(), |job| root.join(job));
    assert_eq!((tapes.tapes.len(), tapes.parts.len()), (1, 3));
    tapes
}

/// A set over three tapes: small files on each, and between them files that begin on one tape and end on the next.
fn spanned(encrypted: bool) -> Tapes {
    let server = Server::with_library(Library { drives: 1, slots: 4, capacity_mb: 32 });
    let key = server.api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let source = server.folder("spanned");
    for folder in ["a", "c", "e"] {
        fs::create_dir(source.join(folder)).unwrap();
        for file in 0..12u64 {
            let content = files::noise(file, file as usize * 2777);
            fs::write(source.join(format!("{folder}/{folder}-{file}")), content).unwrap();
        }
    }
    fs::write(source.join("b-huge"), files::noise(8, 36 << 20)).unwrap();
    fs::write(source.join("d-huge"), files::noise(9, 26 << 20)).unwrap();
    let options = match encrypted {
        false => json!({"compression": "none"}),
        true => json!({"compression": "zstd", "encryption_key_id": key["key"]["id"]}),
    };
    let job = server.api.job("spanned", server.api.source("spanned", &source), 1, options);
    server.api.run_job(job, json!({}));
    let tapes = Tapes::of(server, key["key_base64"].as_str().unwrap(), |_| source.clone());
    assert_eq!((tapes.tapes.len(), tapes.parts.len()), (3, 3), "a part on each of three tapes");
    tapes
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

#[derive(Debug, Clone)]
enum Damage {
    Truncate(usize),
    Zero(Range<usize>),
    Flip(usize, u8),
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Damage::Truncate(at) => bytes.truncate(*at),
            Damage::Zero(range) => bytes[range.clone()].fill(0),
            Damage::Flip(at, bit) => bytes[*at] ^= 1 << bit,
        }
    }

    fn range(&self, length: usize) -> Range<u64> {
        match self {
            Damage::Truncate(at) => *at as u64..length as u64,
            Damage::Zero(range) => range.start as u64..range.end as u64,
            Damage::Flip(at, _) => *at as u64..*at as u64 + 1,
        }
    }
}

/// The run of a part's tar stream that needs blocks `from` to `to` of its data file.
fn touched(layout: &PartLayout, from: u64, to: u64) -> Range<u64> {
    let size = u64::from(layout.block_size);
    let (mut from, mut to) = (from * size, (to * size).min(layout.stream_bytes));
    if layout.encrypted {
        let plain = |at: u64| {
            let segment = at / SEGMENT_SIZE as u64;
            let first = SEGMENT_SIZE as u64 - HEADER_SIZE as u64 - 16;
            if segment == 0 { 0 } else { first + (segment - 1) * (SEGMENT_SIZE as u64 - 16) }
        };
        let behind = (to - 1) / SEGMENT_SIZE as u64 * SEGMENT_SIZE as u64 + SEGMENT_SIZE as u64;
        (from, to) = (plain(from), plain(behind).min(layout.plain_bytes().unwrap()));
        assert_eq!(segment_of(from).1, 0);
    }
    if layout.codec == Codec::None {
        let place = |at: u64| layout.tar_start + at.saturating_sub(layout.prelude_bytes);
        return place(from)..place(to);
    }
    let frames = &layout.frames.frames;
    let first = frames.partition_point(|frame| frame.1 <= from).saturating_sub(1);
    let last = frames.partition_point(|frame| frame.1 < to);
    let start = if frames[first].1 > from { layout.tar_start } else { frames[first].0 };
    start..frames.get(last).map_or(layout.tar_end, |frame| frame.0)
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }
}

impl Tape {
    /// Somewhere in the image: each object is as likely as any other, and its ends more than its middle.
    fn place(&self, random: &mut Random) -> usize {
        let object = random.below(self.objects.len() - 1);
        let (start, end) = (self.objects[object] as usize, self.objects[object + 1] as usize);
        match random.below(4) {
            0 => start + random.below((end - start).min(8)),
            1 => end - 1 - random.below((end - start).min(8)),
            _ => start + random.below(end - start),
        }
    }

    fn damage(&self, random: &mut Random) -> Damage {
        let at = self.place(random);
        match random.below(5) {
            0 => Damage::Truncate(at),
            1 | 2 => Damage::Flip(at, random.below(8) as u8),
            3 => Damage::Zero(at..(at + 1 + random.below(100)).min(self.bytes.len())),
            _ => Damage::Zero(at..(at + 1 + random.below(600_000)).min(self.bytes.len())),
        }
    }

    /// Whether any of these objects is touched. A length word that is gone takes its block.
    fn is_hit(&self, mut objects: Range<u64>, damage: &Damage) -> bool {
        let range = damage.range(self.bytes.len());
        objects.any(|object| {
            let (start, end) = (self.objects[object as usize], self.objects[object as usize + 1]);
            start < range.end && range.start < end
        })
    }
}

impl Tapes {
    /// What of the tar stream of its set a part loses.
    fn lost(&self, part: &Written, damage: &Damage) -> Range<u64> {
        let (layout, tape) = (&part.layout, &self.tapes[part.tape]);
        let blocks = layout.first_block..layout.first_block + layout.block_count;
        let hit = |block: &u64| tape.is_hit(*block..block + 1, damage);
        let bad: Vec<u64> = blocks.filter(hit).map(|block| block - layout.first_block).collect();
        // An encrypted stream cannot be opened without its first bytes, which its table repeats.
        if layout.encrypted && bad.first() == Some(&0) && self.hits_table(part, damage) {
            return layout.tar_start..layout.tar_end;
        }
        match (bad.first(), bad.last()) {
            (Some(first), Some(last)) => touched(layout, *first, last + 1),
            _ => 0..0,
        }
    }

    /// All files: their part, whether the damage of a tape leaves them whole, and their record.
    fn files(&self, damaged: usize, damage: &Damage) -> Vec<(&Written, bool, &MemberRecord)> {
        let mut files = Vec::new();
        for part in &self.parts {
            let of_set = self.parts.iter().filter(|it| it.layout.set_uuid == part.layout.set_uuid);
            let lost: Vec<_> = of_set.filter(|it| it.tape == damaged).map(|it| self.lost(it, damage)).collect();
            for record in part.members.iter().filter(|record| record.kind == MemberKind::File) {
                let place = record.tar_offset..record.tar_offset + record.tar_length;
                let whole = lost.iter().all(|lost| place.end <= lost.start || place.start >= lost.end);
                files.push((part, whole, record));
            }
        }
        files
    }

    /// Whether the damage is in the readable table of a set that is not compressed: there a spoiled hash cannot be told
    /// from spoiled content.
    fn spoils_a_hash(&self, damaged: usize, damage: &Damage) -> bool {
        matches!(damage, Damage::Flip(..) | Damage::Zero(_))
            && self.parts.iter().any(|part| {
                let (layout, tape) = (&part.layout, &self.tapes[part.tape]);
                let toc = tape.objects[layout.toc_block as usize]..tape.objects[layout.toc_block as usize + 1];
                let is_plain = part.tape == damaged && layout.codec == Codec::None && !layout.encrypted;
                is_plain && toc.contains(&damage.range(tape.bytes.len()).start)
            })
    }

    /// Whether the damage of its tape is in the table of contents of a part.
    fn hits_table(&self, part: &Written, damage: &Damage) -> bool {
        let layout = &part.layout;
        self.tapes[part.tape].is_hit(layout.toc_block..layout.end_block.max(layout.toc_block + 1), damage)
    }

    fn check(&self, seed: u64) {
        let mut random = Random(seed);
        let damaged = if self.tapes.len() == 1 { 0 } else { random.below(self.tapes.len()) };
        let tape = &self.tapes[damaged];
        let damage = tape.damage(&mut random);
        let context = format!("DAMAGE_SEED={seed} tape {damaged}: {damage:?} of {} bytes", tape.bytes.len());
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join(tape.image.file_name().unwrap());
        let mut bytes = tape.bytes.clone();
        damage.apply(&mut bytes);
        fs::write(&image, bytes).unwrap();
        let to = folder.path().join("to");
        let given = self.tapes.iter().enumerate().map(|(at, tape)| if at == damaged { &image } else { &tape.image });
        let output = Command::new(PROGRAM)
            .args(["recover", "--json", "--non-interactive", "--key-file"])
            .arg(&self.key_file)
            .args(given)
            .arg("--to")
            .arg(&to)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{context}: {:?} {told}", output.status);
        assert!(!told.contains("panicked"), "{context}: {told}");
        let report = String::from_utf8_lossy(&output.stdout);
        let restored = restored(&to);
        let (mut lost, mut unnamed) = (Vec::new(), Vec::new());
        let any_table_hit = self.parts.iter().any(|part| part.tape == damaged && self.hits_table(part, &damage));
        for (part, whole, record) in self.files(damaged, &damage) {
            let path = String::from_utf8_lossy(&record.path).into_owned();
            let wanted = fs::read(part.source.join(&path)).unwrap();
            let mut there = restored.get(&path).into_iter().flatten();
            if there.any(|file| fs::read(file).unwrap() == wanted) {
                continue;
            }
            if whole {
                lost.push(path);
            } else if !any_table_hit && !report.contains(&path) && !told.contains(&path) {
                unnamed.push(path);
            }
        }
        let allowed = usize::from(self.spoils_a_hash(damaged, &damage));
        assert!(lost.len() <= allowed, "{context}: not there: {lost:?}\n{told}\n{report}");
        assert!(unnamed.is_empty(), "{context}: lost and not named: {unnamed:?}\n{told}\n{report}");
        // Nothing that is there is wrong: content is what was saved, or the file is not there.
        for (path, found) in &restored {
            for part in &self.parts {
                if let Ok(wanted) = fs::read(part.source.join(path)) {
                    // without a table nobody knows the hashes of what is not compressed
                    let unverified = part.layout.codec == Codec::None && any_table_hit;
                    let same = found.iter().all(|file| fs::read(file).unwrap() == wanted);
                    assert!(same || unverified, "{context}: {path} has another content");
                }
            }
        }
    }

    /// Case after case until the time is over; at least so many.
    fn check_all(&self, budget: Duration, least: u64) {
        if let Ok(seed) = std::env::var("DAMAGE_SEED") {
            self.check(seed.parse().unwrap());
            return;
        }
        let until = Instant::now() + budget;
        let mut cases = 0;
        while cases < least || (Instant::now() < until && cases < MOST) {
            self.check(cases);
            cases += 1;
        }
        println!("{cases} cases");
        assert!(self.server.dir.path().exists());
    }
}

/// All restored files by their path below the folder of their set.
fn restored(to: &Path) -> HashMap<String, Vec<PathBuf>> {
    let found = Command::new("find").arg(to).args(["-type", "f"]).output().unwrap();
    let mut files: HashMap<String, Vec<PathBuf>> = HashMap::new();
    for line in String::from_utf8_lossy(&found.stdout).lines() {
        let below = line.strip_prefix(to.to_str().unwrap()).unwrap().trim_start_matches('/');
        let without = below.split_once('/').map_or(below, |(_, rest)| rest);
        for path in [below, without] {
            files.entry(path.to_owned()).or_default().push(line.into());
        }
    }
    files
}

#[test]
fn damage_anywhere_costs_only_what_it_touches() {
    tape().check_all(BUDGET, 20);
}

#[test]
fn damage_to_one_of_three_tapes_costs_only_what_it_touches() {
    spanned(false).check_all(BUDGET / 5, 3);
}

#[test]
fn damage_to_one_of_three_encrypted_tapes_costs_only_what_it_touches() {
    spanned(true).check_all(BUDGET / 5, 3);
}

/// Some cases of one kind of tapes.
pub fn round(kind: u64, seed: &mut Seed) {
    let tapes = match kind % 3 {
        0 => tape(),
        1 => spanned(false),
        _ => spanned(true),
    };
    (0..ROUND).for_each(|_| tapes.check(seed.below(u64::MAX)));
}

/// The same by way of a server: the database is lost too, and is rebuilt from tapes of which the middle one is damaged in its
/// data.
#[test]
fn a_server_that_is_rebuilt_from_damaged_tapes_restores_the_rest() {
    let mut tapes = spanned(true);
    let (middle, object) = (1, tapes.parts[1].layout.first_block + tapes.parts[1].layout.block_count / 2);
    let at = tapes.tapes[middle].objects[object as usize] as usize + 100;
    let damage = Damage::Zero(at..at + 5000);
    let mut bytes = tapes.tapes[middle].bytes.clone();
    damage.apply(&mut bytes);
    fs::write(&tapes.tapes[middle].image, bytes).unwrap();
    tapes.server.restart();
    tapes.server.lose_everything_but_tapes();
    let api = &tapes.server.api;
    let key = fs::read_to_string(&tapes.key_file).unwrap();
    api.post("/api/v1/encryption-keys/import", json!({"name": "k1", "key_base64": key})).ok();
    let row = api.wait(&api.post("/api/v1/catalog/rebuild", json!({"library_id": 1})).ok()["execution_id"]);
    assert_eq!(row["status"], "completed", "{row}");
    let set = api.get("/api/v1/backup-sets").ok()[0].clone();
    let to = tapes.server.dir.path().join("r");
    let body = json!({"backup_set_id": set["id"], "dest_path": to, "only_this_set": true});
    let row = api.wait(&api.post("/api/v1/restore/run", body).ok()["execution_id"]);
    let errors = row["result"]["errors"].to_string();
    let mut lost = 0;
    for (part, whole, record) in tapes.files(middle, &damage) {
        let path = String::from_utf8_lossy(&record.path).into_owned();
        if whole {
            assert_eq!(fs::read(to.join(&path)).ok(), fs::read(part.source.join(&path)).ok(), "{path}: {row}");
            assert!(!errors.contains(&path), "{path} is there: {errors}");
        } else {
            lost += 1;
            assert!(errors.contains(&path) && !to.join(&path).exists(), "{path}: {row}");
        }
    }
    assert!(lost == 1 && row["error_code"] == "restore_incomplete", "{row}");
}
