//! What was found on the tapes: sets, their parts, and what is in them.

use crate::human;
use std::collections::HashSet;
use std::sync::Arc;
use tape_format::crypt::Key;
use tape_format::part::PartLayout;
use tape_format::salvage::Place;
use tape_format::toc::{SetInfo, SetKind};
use tape_format::{MemberKind, MemberRecord};
use uuid::Uuid;

/// A member, with what is needed to find it and to tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path in the set.
    pub path: Box<[u8]>,
    /// What it is.
    pub kind: MemberKind,
    /// Content bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time, nanoseconds since 1970; 0: what the tape says.
    pub mtime_ns: i64,
    /// Target of a link.
    pub link: Option<Box<[u8]>>,
    /// SHA-256 of the content.
    pub sha256: Option<[u8; 32]>,
    /// Where it is in the set's tar stream.
    pub tar_offset: u64,
    /// Its length there.
    pub tar_length: u64,
}

impl From<MemberRecord> for Entry {
    fn from(record: MemberRecord) -> Entry {
        Entry {
            path: record.path.into(),
            kind: record.kind,
            size: record.size,
            mode: record.mode,
            uid: record.uid,
            gid: record.gid,
            mtime_ns: record.mtime_ns,
            link: record.link.map(Into::into),
            sha256: record.sha256,
            tar_offset: record.tar_offset,
            tar_length: record.tar_length,
        }
    }
}

/// How it is known what is in a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// From its table of contents.
    Table,
    /// From its data; whether all of it could be read.
    Data {
        /// Nothing was damaged.
        undamaged: bool,
    },
    /// Not at all, and why not.
    Not(String),
}

/// A member of which a part has only one end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Its path.
    pub path: Box<[u8]>,
    /// Bytes of its tar data in this part and earlier ones, and in all.
    pub here: u64,
    /// All bytes of its tar data.
    pub all: u64,
    /// The member as far as this part tells.
    pub entry: Option<Entry>,
}

/// A part of a set on a tape.
#[derive(Debug, Clone)]
pub struct Part {
    /// Index of its tape.
    pub tape: usize,
    /// Number in the set, from 1.
    pub number: u32,
    /// Whether the set ends with it.
    pub last: bool,
    /// Where its data is, and where everything in it is.
    pub layout: Arc<PartLayout>,
    /// Where its data may begin as well: damage has swallowed blocks, and those before it and those behind it are counted
    /// from different ends.
    pub other_start: Option<u64>,
    /// Where to read its data without that.
    pub place: Place,
    /// What opens it.
    pub key: Option<Key>,
    /// Fingerprint of the key it needs, also if that is not at hand; empty if none.
    pub key_fingerprint: String,
    /// How it is known what is in it.
    pub known: Known,
    /// The members that end in it.
    pub entries: Vec<Entry>,
    /// The member that goes on in the next part.
    pub cut: Option<Cut>,
    /// It begins within a member: so many bytes of that member's tar data follow.
    pub continues: Option<(Box<[u8]>, u64)>,
    /// Paths that are gone since the parent set; only the last part has them.
    pub deleted: Vec<Box<[u8]>>,
    /// Members, files and bytes that end in it, as its table says.
    pub members: u64,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A set, as far as it is on the tapes that were looked at.
#[derive(Debug, Clone)]
pub struct Set {
    /// Identity; `None` for data that does not say what it belongs to.
    pub uuid: Option<Uuid>,
    /// Name of the job; empty if not known.
    pub job: String,
    /// What it is.
    pub kind: Option<SetKind>,
    /// The set it is based on.
    pub parent: Option<Uuid>,
    /// When it began, in Unix seconds; 0 if not known.
    pub start: i64,
    /// Its parts at hand, by number.
    pub parts: Vec<Part>,
}

impl Set {
    fn new(uuid: Option<Uuid>) -> Set {
        Set { uuid, job: String::new(), kind: None, parent: None, start: 0, parts: Vec::new() }
    }

    /// Takes over what a table of contents says of it.
    pub fn learn(&mut self, info: &SetInfo) {
        self.job.clone_from(&info.job);
        self.kind = Some(info.kind);
        self.parent = info.parent;
        self.start = info.start;
    }

    /// The same from one line in the table of another set, which says less.
    pub fn learn_little(&mut self, job: &str, kind: SetKind, start: i64) {
        if self.kind.is_none() {
            self.job = job.to_owned();
            self.kind = Some(kind);
            self.start = start;
        }
    }

    /// The numbers of the parts that are missing. An end that nobody has seen counts as the next one.
    pub fn missing_parts(&self) -> Vec<u32> {
        let have: HashSet<u32> = self.parts.iter().map(|part| part.number).collect();
        let highest = self.parts.iter().map(|part| part.number).max().unwrap_or(0);
        let mut missing: Vec<u32> = (1..=highest).filter(|number| !have.contains(number)).collect();
        if !self.parts.iter().any(|part| part.last) {
            missing.push(highest.saturating_add(1));
        }
        missing
    }

    /// What to call it.
    pub fn title(&self) -> String {
        match (self.uuid, self.job.is_empty()) {
            (Some(uuid), true) => format!("set {uuid}"),
            (Some(uuid), false) => {
                format!("set {uuid} (job {}, {})", self.job, human::unix_time(self.start.unsigned_abs()))
            }
            (None, _) => {
                let file = self.parts.first().map_or(0, |part| part.place.tape_file);
                format!("the unnamed data in tape file {file}")
            }
        }
    }
}

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Holdings {
    /// The sets, in the order of their discovery.
    pub sets: Vec<Set>,
    /// Archives that are not parts of sets: of version 1, or foreign.
    pub archives: Vec<Archive>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// An archive that is read from its beginning to its end.
#[derive(Debug, Clone)]
pub struct Archive {
    /// Index of its tape.
    pub tape: usize,
    /// Number of its tape file.
    pub tape_file: u64,
    /// Logical object number of its first block.
    pub first_block: u64,
    /// What is known of it.
    pub title: String,
    /// Files as its table of contents lists them: path, size, SHA-256 in hex.
    pub files: Vec<(String, u64, String)>,
}

impl Holdings {
    /// The set with this identity, which is made if it is new; data without one is always new.
    pub fn set(&mut self, uuid: Option<Uuid>) -> &mut Set {
        let known = uuid.and_then(|uuid| self.find(uuid));
        let index = known.unwrap_or(self.sets.len());
        if known.is_none() {
            self.sets.push(Set::new(uuid));
        }
        // It was found, or just pushed.
        &mut self.sets[index]
    }

    /// Adds a part. Of two with one number that is kept that tells more.
    pub fn add(&mut self, uuid: Option<Uuid>, part: Part) {
        let set = self.set(uuid);
        match set.parts.iter_mut().find(|known| known.number == part.number) {
            Some(known) if rank(&part.known) > rank(&known.known) => *known = part,
            Some(_) => {}
            None => set.parts.push(part),
        }
        set.parts.sort_by_key(|part| part.number);
    }

    /// The index of the set with this identity.
    pub fn find(&self, uuid: Uuid) -> Option<usize> {
        self.sets.iter().position(|set| set.uuid == Some(uuid))
    }
}

/// Which of two copies of a part is the better one.
fn rank(known: &Known) -> u8 {
    match known {
        Known::Not(_) => 0,
        Known::Data { undamaged: false } => 1,
        Known::Data { undamaged: true } => 2,
        Known::Table => 3,
    }
}
