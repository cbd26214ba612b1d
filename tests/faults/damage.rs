//! Damage at every region of a tape: `recover` returns everything outside of it, names the rest, and never crashes.
//!
//! Each case damages a copy of one image in one place and compares all files that the damage does not touch. A failure
//! prints its seed; `DAMAGE_SEED` repeats it, `SOAK_SECONDS` goes on with other seeds.

use crate::files;
use crate::server::Server;
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

#[derive(Default)]
struct Table {
    members: Vec<MemberRecord>,
}

impl TocSink for Table {
    fn head(&mut self, _: &TocHead) -> Result<()> {
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
    layout: PartLayout,
    members: Vec<MemberRecord>,
    source: PathBuf,
}

struct Tape {
    server: Server,
    image: PathBuf,
    bytes: Vec<u8>,
    /// Where each object begins in the image, and where the last one ends.
    objects: Vec<u64>,
    parts: Vec<Written>,
    key_file: PathBuf,
}

/// One tape with three sets: plain; zstd and encrypted; gzip.
fn tape() -> Tape {
    let mut server = Server::ready();
    let key = server.api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let key_file = server.dir.path().join("key");
    fs::write(&key_file, key["key_base64"].as_str().unwrap()).unwrap();
    let kinds = [
        json!({"compression": "none"}),
        json!({"compression": "zstd", "encryption_key_id": key["key"]["id"]}),
        json!({"compression": "gzip"}),
    ];
    let mut sources = Vec::new();
    for (number, options) in (0u64..).zip(kinds) {
        let source = server.folder(&format!("source{number}"));
        for file in 0..40u64 {
            let folder = source.join(format!("set{number}-{}", file % 4));
            fs::create_dir_all(&folder).unwrap();
            let length = if file == 20 { 2_500_000 } else { file as usize * 1777 };
            fs::write(folder.join(format!("{}file{file}", "n".repeat(file as usize * 3))), files::noise(file, length))
                .unwrap();
        }
        let job =
            server.api.job(&format!("job{number}"), server.api.source(&format!("s{number}"), &source), 1, options);
        server.api.run_job(job, json!({}));
        sources.push(source);
    }
    server.stop();
    let cartridges = fs::read_dir(server.library_dir().join("cartridges")).unwrap();
    let image = cartridges
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tap"))
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    let bytes = fs::read(&image).unwrap();
    let opened = Image::open(&image, ImageAccess::Read).unwrap();
    let objects = (0..=opened.objects()).map(|object| opened.bytes_before(object)).collect();
    let mut copy = TapeCopy::of_image(&image).unwrap();
    let secret = hex::encode(base64(key["key_base64"].as_str().unwrap()));
    let keys = vec![Key::from_slice(&hex::decode(secret).unwrap()).unwrap()];
    let mut parts = Vec::new();
    for (part, source) in survey(&mut copy).unwrap().parts.iter().zip(sources) {
        let mut table = Table::default();
        let layout = read_table(&mut copy, part.toc_block.unwrap(), &keys, &mut table).unwrap();
        parts.push(Written { layout, members: table.members, source });
    }
    assert_eq!(parts.len(), 3);
    Tape { server, image, bytes, objects, parts, key_file }
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
        return from.saturating_sub(layout.prelude_bytes)..to.saturating_sub(layout.prelude_bytes);
    }
    let frames = &layout.frames.frames;
    let first = frames.partition_point(|frame| frame.1 <= from).saturating_sub(1);
    let last = frames.partition_point(|frame| frame.1 < to);
    let start = if frames[first].1 > from { 0 } else { frames[first].0 };
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

    fn damage(&self, seed: u64) -> Damage {
        let mut random = Random(seed);
        let at = self.place(&mut random);
        match random.below(5) {
            0 => Damage::Truncate(at),
            1 | 2 => Damage::Flip(at, random.below(8) as u8),
            3 => Damage::Zero(at..(at + 1 + random.below(100)).min(self.bytes.len())),
            _ => Damage::Zero(at..(at + 1 + random.below(600_000)).min(self.bytes.len())),
        }
    }

    /// Files that the damage does not touch: folder of the source, and path.
    fn outside(&self, damage: &Damage) -> Vec<(&Path, &MemberRecord)> {
        let range = damage.range(self.bytes.len());
        // The objects it hits; a length word that is gone takes its block.
        let hit = |object: u64| {
            let (start, end) = (self.objects[object as usize], self.objects[object as usize + 1]);
            start < range.end && range.start < end
        };
        let mut outside = Vec::new();
        for part in &self.parts {
            let layout = &part.layout;
            let blocks = layout.first_block..layout.first_block + layout.block_count;
            let bad: Vec<u64> = blocks.filter(|block| hit(*block)).map(|block| block - layout.first_block).collect();
            let lost = match (bad.first(), bad.last()) {
                (Some(first), Some(last)) => touched(layout, *first, last + 1),
                _ => 0..0,
            };
            let toc = (layout.toc_block..layout.end_block.max(layout.toc_block + 1)).any(&hit);
            // An encrypted stream cannot be opened without its first bytes, which its table repeats.
            if layout.encrypted && bad.first() == Some(&0) && toc {
                continue;
            }
            for record in part.members.iter().filter(|record| record.kind == MemberKind::File) {
                let place = record.tar_offset..record.tar_offset + record.tar_length;
                if place.end <= lost.start || place.start >= lost.end {
                    outside.push((part.source.as_path(), record));
                }
            }
        }
        outside
    }

    /// Whether the damage is in the readable table of the set that is not compressed: there a spoiled hash cannot be told
    /// from spoiled content.
    fn spoils_a_hash(&self, damage: &Damage) -> bool {
        let layout = &self.parts[0].layout;
        let toc = self.objects[layout.toc_block as usize]..self.objects[layout.toc_block as usize + 1];
        matches!(damage, Damage::Flip(..) | Damage::Zero(_)) && toc.contains(&damage.range(self.bytes.len()).start)
    }

    /// Whether the damage is in the table of contents of a part.
    fn hits_table(&self, part: &Written, damage: &Damage) -> bool {
        let table = self.objects[part.layout.toc_block as usize]..self.objects[part.layout.end_block as usize];
        let damage = damage.range(self.bytes.len());
        table.start < damage.end && damage.start < table.end
    }

    fn check(&self, seed: u64) {
        let damage = self.damage(seed);
        let context = format!("DAMAGE_SEED={seed} {damage:?} of {} bytes", self.bytes.len());
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join(self.image.file_name().unwrap());
        let mut bytes = self.bytes.clone();
        damage.apply(&mut bytes);
        fs::write(&image, bytes).unwrap();
        let to = folder.path().join("to");
        let output = Command::new(PROGRAM)
            .args(["recover", "--json", "--non-interactive", "--key-file"])
            .args([&self.key_file, &image])
            .arg("--to")
            .arg(&to)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{context}: {:?} {told}", output.status);
        assert!(!told.contains("panicked"), "{context}: {told}");
        let report = String::from_utf8_lossy(&output.stdout);
        let restored = restored(&to);
        let mut lost = Vec::new();
        for (source, record) in self.outside(&damage) {
            let path = String::from_utf8_lossy(&record.path).into_owned();
            let wanted = fs::read(source.join(&path)).unwrap();
            let there = restored.get(&path).into_iter().flatten();
            if !there.clone().any(|file| fs::read(file).unwrap() == wanted) {
                lost.push(path);
            }
        }
        let allowed = usize::from(self.spoils_a_hash(&damage));
        assert!(lost.len() <= allowed, "{context}: not there: {lost:?}\n{told}\n{report}");
        // Nothing that is there is wrong: content is what was saved, or the file is not there.
        for (path, found) in &restored {
            for part in &self.parts {
                if let Ok(wanted) = fs::read(part.source.join(path)) {
                    // without a table nobody knows the hashes of what is not compressed
                    let unverified = part.layout.codec == Codec::None && self.hits_table(part, &damage);
                    let same = found.iter().all(|file| fs::read(file).unwrap() == wanted);
                    assert!(same || unverified, "{context}: {path} has another content");
                }
            }
        }
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
    let tape = tape();
    if let Ok(seed) = std::env::var("DAMAGE_SEED") {
        tape.check(seed.parse().unwrap());
        return;
    }
    let soak = std::env::var("SOAK_SECONDS").ok().map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let first = if soak.is_some() { u64::from(now.subsec_nanos()) } else { 0 };
    let until = Instant::now() + soak.unwrap_or(BUDGET);
    let mut cases = 0;
    for seed in first.. {
        if Instant::now() > until || (soak.is_none() && cases >= 150) {
            break;
        }
        tape.check(seed);
        cases += 1;
    }
    println!("{cases} cases from seed {first}");
    assert!(cases >= 20, "only {cases} cases");
    assert!(tape.server.dir.path().exists());
}
