//! What a set that is not complete has safe on tape, and that none of it is ever sent again.

use crate::house::{House, Kind, Variant};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::Value;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use tape_format::crypt::SEGMENT_SIZE;

/// What a part has up to its end, or up to its last checkpoint.
struct Kept {
    set: i64,
    part: i64,
    tape: String,
    tar_end: i64,
    /// The first bytes of the tape's image.
    image: Vec<u8>,
}

/// All of it.
pub struct Safe(Vec<Kept>);

#[derive(QueryableByName)]
struct Part {
    #[diesel(sql_type = BigInt)]
    set_id: i64,
    #[diesel(sql_type = BigInt)]
    part: i64,
    #[diesel(sql_type = Text)]
    tape: String,
    #[diesel(sql_type = BigInt)]
    blocks: i64,
    #[diesel(sql_type = BigInt)]
    tar_end: i64,
}

#[derive(QueryableByName)]
struct Open {
    #[diesel(sql_type = BigInt)]
    set_id: i64,
    #[diesel(sql_type = Text)]
    tape: String,
    #[diesel(sql_type = Text)]
    checkpoint: String,
}

const PARTS: &str = "SELECT s.id AS set_id, p.part_number AS part, t.label AS tape, p.end_block AS blocks, p.tar_end \
    FROM backup_set_parts p JOIN backup_sets s ON s.id = p.backup_set_id JOIN tapes t ON t.id = p.tape_id \
    WHERE s.job_id = 1 ORDER BY s.id, p.part_number";
const OPEN: &str = "SELECT c.backup_set_id AS set_id, t.label AS tape, c.checkpoint FROM backup_checkpoints c \
    JOIN tapes t ON t.id = c.tape_id WHERE c.checkpoint IS NOT NULL";

/// The database as a dead server left it: a copy, for what the next start finds is to be the same.
fn as_it_was_left<T>(house: &House, read: impl FnOnce(&mut tapebackarr::db::Conn) -> T) -> T {
    let folder = tempfile::TempDir::new().unwrap();
    for name in ["tapebackarr.db", "tapebackarr.db-wal"] {
        let _ = std::fs::copy(house.folder.path().join("data").join(name), folder.path().join(name));
    }
    read(&mut tapebackarr::db::open_one(folder.path().join("tapebackarr.db")).unwrap())
}

/// The places at which the part that was being written can be ended, the last one first. The server must be dead.
pub fn checkpoints(house: &House) -> Vec<Value> {
    let open: Vec<Open> = as_it_was_left(house, |conn| diesel::sql_query(OPEN).load(conn).unwrap());
    let mut last: Value = serde_json::from_str(&open[0].checkpoint).unwrap();
    let Value::Array(earlier) = last["earlier"].take() else { return vec![last] };
    std::iter::once(last).chain(earlier).collect()
}

/// Where the parts of the sets of job 1 end in their tar streams.
pub fn parts(house: &House) -> Vec<u64> {
    let parts: Vec<Part> = as_it_was_left(house, |conn| diesel::sql_query(PARTS).load(conn).unwrap());
    parts.iter().map(|part| part.tar_end as u64).collect()
}

impl Safe {
    /// What is safe now. The server must be dead.
    pub fn look(house: &House, variant: Variant) -> Safe {
        let (parts, open): (Vec<Part>, Vec<Open>) = as_it_was_left(house, |conn| {
            (diesel::sql_query(PARTS).load(conn).unwrap(), diesel::sql_query(OPEN).load(conn).unwrap())
        });
        let closed = parts.into_iter().map(|part| Kept {
            set: part.set_id,
            part: part.part,
            tar_end: part.tar_end,
            image: first_objects(&image(house, &part.tape), part.blocks as u64),
            tape: part.tape,
        });
        let open = open.into_iter().map(|open| {
            let checkpoint: Value = serde_json::from_str(&open.checkpoint).unwrap();
            let number = |name: &str| checkpoint[name].as_u64().unwrap_or_else(|| panic!("{name}: {checkpoint}"));
            // the unit in which the checkpoint lies, a block or a segment, is written again as the last one
            let units_end = match variant.kind {
                Kind::Plain => number("stream_end"),
                Kind::Encrypted => number("stream_end").saturating_sub(2 * SEGMENT_SIZE as u64),
            };
            let blocks = number("first_block") + units_end / number("block_size");
            Kept {
                set: open.set_id,
                part: number("part_number") as i64,
                tar_end: number("tar_end") as i64,
                image: first_objects(&image(house, &open.tape), blocks),
                tape: open.tape,
            }
        });
        Safe(closed.chain(open).collect())
    }

    /// It is where it was, and it counts. The server must be down, and the set complete.
    pub fn was_kept(&self, house: &House, what: &str) {
        let conn = &mut tapebackarr::db::open_one(house.folder.path().join("data/tapebackarr.db")).unwrap();
        let now: Vec<Part> = diesel::sql_query(PARTS).load(conn).unwrap();
        for kept in &self.0 {
            let Kept { set, part, tape, tar_end, image: before } = kept;
            let after = now.iter().find(|now| now.set_id == *set && now.part == *part);
            let after = after.unwrap_or_else(|| panic!("{what}: part {part} of set {set} was given up"));
            assert_eq!(after.tape, *tape, "{what}: part {part} of set {set} was sent again");
            assert!(after.tar_end >= *tar_end, "{what}: part {part} of set {set}: sent again from {}", after.tar_end);
            let mut beginning = vec![0; before.len()];
            File::open(image(house, tape)).unwrap().read_exact(&mut beginning).unwrap();
            assert!(beginning == *before, "{what}: part {part} of set {set} was written over on {tape}");
        }
    }
}

fn image(house: &House, tape: &str) -> PathBuf {
    house.library().join(format!("cartridges/{tape}.tap"))
}

/// The bytes of the first objects of a SIMH image.
fn first_objects(image: &Path, objects: u64) -> Vec<u8> {
    let mut file = BufReader::new(File::open(image).unwrap());
    let mut end = 0;
    for _ in 0..objects {
        let mut word = [0; 4];
        file.seek(SeekFrom::Start(end)).unwrap();
        file.read_exact(&mut word).expect("all that counts is on the tape");
        let length = u64::from(u32::from_le_bytes(word));
        end += if length == 0 { 4 } else { 8 + length + length % 2 };
    }
    let mut bytes = vec![0; end as usize];
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_exact(&mut bytes).expect("all that counts is on the tape");
    bytes
}
