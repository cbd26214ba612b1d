//! The table of contents of version 1, read file by file: it may list millions.

use crate::toc::{Limited, MAX_ENTRY, RECORD};
use crate::{FormatError, Result};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;
use std::io::{BufReader, Read};
use std::rc::Rc;

const MAGIC: &str = "TAPEBACKARR_TOC";
const VERSION: u32 = 1;

/// What a table says of its tape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TocHead {
    /// Name of the tape.
    pub label: String,
    /// Its identity, as the program wrote it.
    pub uuid: String,
    /// Its pool, if it says so.
    pub pool: String,
    /// When it was written, in RFC 3339.
    pub created: String,
    /// Number of the backup over several tapes that this is a part of; 0 = of none.
    pub spanning_set: i64,
    /// Which tape of that backup it is, from 1; 0 = it is alone.
    pub sequence: u32,
    /// How many tapes that backup has; 0 = it did not know.
    pub total_tapes: u32,
}

/// A set on the tape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TocSet {
    /// Number of the tape file that the program thought its data in.
    pub file_number: u64,
    /// Name of the job.
    pub job: String,
    /// `full` or `incremental`.
    pub kind: String,
    /// When it began, in RFC 3339.
    pub start: String,
    /// When it ended.
    pub end: String,
    /// Files in it.
    pub file_count: i64,
    /// Their bytes.
    pub total_bytes: i64,
    /// Whether it was encrypted in software.
    pub encrypted: bool,
    /// Whether the drive encrypted it.
    pub hw_encrypted: bool,
    /// `gzip`, `zstd`, or nothing.
    pub compression: String,
}

/// A file of a set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TocFile {
    /// Path from the source's folder.
    pub path: String,
    /// Bytes.
    pub size: i64,
    /// Go's mode; see [`GoMode`](super::GoMode). 0 = not known.
    pub mode: i64,
    /// When it was changed, in RFC 3339.
    #[serde(rename = "mod_time")]
    pub mtime: String,
    /// Hex SHA-256, or nothing.
    pub checksum: String,
}

/// Takes what a table holds. If reading fails in the end, what was taken before is not complete.
pub trait TocSink {
    /// A set; its files follow.
    ///
    /// # Errors
    /// Whatever shall end the reading.
    fn set(&mut self, head: &TocHead, set: &TocSet) -> Result<()>;

    /// A file of the set that was told last.
    ///
    /// # Errors
    /// Whatever shall end the reading.
    fn file(&mut self, file: TocFile) -> Result<()>;
}

/// Whether a tape file that begins with `block` is such a table.
pub(crate) fn is_toc(block: &[u8]) -> bool {
    let mut rest = block;
    for token in [&b"{"[..], b"\"magic\"", b":", b"\"TAPEBACKARR_TOC\"", b",", b"\"version\"", b":", b"1"] {
        rest = match rest.trim_ascii_start().strip_prefix(token) {
            Some(rest) => rest,
            None => return false,
        };
    }
    !rest.first().is_some_and(u8::is_ascii_digit)
}

/// Reads a table from its first record on.
///
/// # Errors
/// [`FormatError::Toc`] if it is damaged or of another version, and those of `sink` and of `source`.
pub fn read_toc(source: impl Read, sink: &mut dyn TocSink) -> Result<TocHead> {
    let budget = Rc::new(Cell::new(MAX_ENTRY));
    let failure = Cell::new(None);
    let source = BufReader::with_capacity(RECORD, source);
    let mut limited = Limited::new(source, budget.clone(), &failure);
    let mut reading = Reading { sink, budget: &budget, failure: &failure, head: TocHead::default() };
    let result = serde_json::Deserializer::from_reader(&mut limited).deserialize_map(Document(&mut reading));
    let head = reading.head;
    match (failure.take(), result) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(FormatError::Toc(format!("it is damaged ({error})"))),
        (None, Ok(())) => Ok(head),
    }
}

struct Reading<'a> {
    sink: &'a mut dyn TocSink,
    budget: &'a Cell<u64>,
    failure: &'a Cell<Option<FormatError>>,
    head: TocHead,
}

impl Reading<'_> {
    /// Carries an error of the sink past serde, which would keep only its text.
    fn told<E: serde::de::Error>(&self, result: Result<()>) -> Result<(), E> {
        self.budget.set(MAX_ENTRY);
        result.map_err(|error| {
            let text = error.to_string();
            self.failure.set(Some(error));
            E::custom(text)
        })
    }
}

/// The table itself.
struct Document<'r, 'a>(&'r mut Reading<'a>);

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a table of contents of version 1")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let Document(reading) = self;
        let (mut magic, mut version) = (false, false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "magic" => magic = map.next_value::<String>()? == MAGIC,
                "version" => version = map.next_value::<u32>()? == VERSION,
                "tape_label" => reading.head.label = map.next_value()?,
                "tape_uuid" => reading.head.uuid = map.next_value()?,
                "pool" => reading.head.pool = map.next_value()?,
                "created_at" => reading.head.created = map.next_value()?,
                "spanning_set_id" => reading.head.spanning_set = map.next_value()?,
                "sequence_number" => reading.head.sequence = map.next_value()?,
                "total_tapes" => reading.head.total_tapes = map.next_value()?,
                "backup_sets" if magic && version => map.next_value_seed(Sets(reading))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            reading.budget.set(MAX_ENTRY);
        }
        if magic && version { Ok(()) } else { Err(M::Error::custom("it is not of version 1")) }
    }
}

/// A list whose entries are read by `next`, or null, which is how Go writes a list of nothing.
macro_rules! list {
    ($name:ident, $list:ident, $reading:ident => $next:expr) => {
        struct $name<'r, 'a>(&'r mut Reading<'a>);

        impl<'de> DeserializeSeed<'de> for $name<'_, '_> {
            type Value = ();

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.deserialize_any(self)
            }
        }

        impl<'de> Visitor<'de> for $name<'_, '_> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E>(self) -> Result<(), E> {
                Ok(())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut $list: A) -> Result<(), A::Error> {
                let $name($reading) = self;
                while $next {}
                Ok(())
            }
        }
    };
}

list!(Sets, list, reading => list.next_element_seed(Set(reading))?.is_some());

list!(Files, list, reading => match list.next_element::<TocFile>()? {
    Some(file) => {
        let taken = reading.sink.file(file);
        reading.told(taken)?;
        true
    }
    None => false,
});

/// One set.
struct Set<'r, 'a>(&'r mut Reading<'a>);

impl<'de> DeserializeSeed<'de> for Set<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Set<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a backup set")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let Set(reading) = self;
        let mut set = TocSet::default();
        let mut told = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "file_number" => set.file_number = map.next_value()?,
                "job_name" => set.job = map.next_value()?,
                "backup_type" => set.kind = map.next_value()?,
                "start_time" => set.start = map.next_value()?,
                "end_time" => set.end = map.next_value()?,
                "file_count" => set.file_count = map.next_value()?,
                "total_bytes" => set.total_bytes = map.next_value()?,
                "encrypted" => set.encrypted = map.next_value()?,
                "hw_encrypted" => set.hw_encrypted = map.next_value()?,
                "compression_type" => set.compression = map.next_value()?,
                // the program wrote its files last
                "files" => {
                    let taken = reading.sink.set(&reading.head, &set);
                    reading.told(taken)?;
                    told = true;
                    map.next_value_seed(Files(reading))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            reading.budget.set(MAX_ENTRY);
        }
        if !told {
            let taken = reading.sink.set(&reading.head, &set);
            reading.told(taken)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Default)]
    struct Seen {
        sets: Vec<TocSet>,
        files: Vec<TocFile>,
        most: usize,
    }

    impl TocSink for Seen {
        fn set(&mut self, head: &TocHead, set: &TocSet) -> Result<()> {
            assert_eq!(head.label, "WEEKLY-001");
            self.sets.push(set.clone());
            Ok(())
        }

        fn file(&mut self, file: TocFile) -> Result<()> {
            if self.files.len() == self.most {
                return Err(FormatError::Source("enough".into()));
            }
            self.files.push(file);
            Ok(())
        }
    }

    fn seen() -> Seen {
        Seen { most: 100, ..Seen::default() }
    }

    const SAMPLE: &str = r#"{
  "magic": "TAPEBACKARR_TOC",
  "version": 1,
  "tape_label": "WEEKLY-001",
  "tape_uuid": "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
  "created_at": "2026-02-08T10:00:00.123456789+01:00",
  "spanning_set_id": 4,
  "sequence_number": 2,
  "backup_sets": [
    {
      "file_number": 1,
      "job_name": "nightly",
      "backup_type": "full",
      "start_time": "2026-02-08T02:00:00Z",
      "end_time": "2026-02-08T04:30:00Z",
      "file_count": 2,
      "total_bytes": 5003,
      "encrypted": false,
      "compressed": true,
      "compression_type": "zstd",
      "files": [
        {"path": "a \u003c b.pdf", "size": 5000, "mode": 420, "mod_time": "2026-02-07T15:00:00Z", "checksum": "00ff"},
        {"path": "c", "size": 3}
      ]
    },
    {"file_number": 3, "backup_type": "incremental", "files": null}
  ]
}"#;

    #[test]
    fn a_table_as_the_program_wrote_it() {
        let mut padded = SAMPLE.as_bytes().to_vec();
        padded.resize(RECORD, 0);
        assert!(is_toc(&padded));
        let mut seen = seen();
        let head = read_toc(padded.as_slice(), &mut seen).unwrap();
        assert_eq!((head.spanning_set, head.sequence, head.total_tapes), (4, 2, 0));
        assert_eq!(seen.sets.len(), 2);
        assert_eq!((seen.sets[0].job.as_str(), seen.sets[0].compression.as_str()), ("nightly", "zstd"));
        assert_eq!((seen.sets[1].file_number, seen.sets[1].kind.as_str()), (3, "incremental"));
        assert_eq!((seen.files[0].path.as_str(), seen.files[0].mode), ("a < b.pdf", 420));
        assert_eq!(seen.files[1], TocFile { path: "c".into(), size: 3, ..TocFile::default() });
    }

    #[test]
    fn damage_other_versions_and_a_sink_that_had_enough_are_errors() {
        let cut = SAMPLE.len() - 60;
        let other = SAMPLE.replace("\"version\": 1", "\"version\": 12");
        assert!(!is_toc(other.as_bytes()) && !is_toc(b"{") && !is_toc(b""));
        for text in [&SAMPLE[..cut], &other, "{}", "[]", ""] {
            assert!(matches!(read_toc(text.as_bytes(), &mut seen()), Err(FormatError::Toc(_))), "{text}");
        }
        let error = read_toc(SAMPLE.as_bytes(), &mut Seen { most: 1, ..Seen::default() }).unwrap_err();
        assert!(matches!(&error, FormatError::Source(why) if why == "enough"), "{error}");
        let long = SAMPLE.replace("nightly", &"x".repeat(2 << 20));
        assert!(matches!(read_toc(long.as_bytes(), &mut seen()), Err(FormatError::Toc(_))));
    }

    proptest! {
        #[test]
        fn a_damaged_table_is_survived(at in 0..SAMPLE.len(), byte: u8) {
            let mut bytes = SAMPLE.as_bytes().to_vec();
            bytes[at] = byte;
            struct Any;
            impl TocSink for Any {
                fn set(&mut self, _: &TocHead, _: &TocSet) -> Result<()> { Ok(()) }
                fn file(&mut self, _: TocFile) -> Result<()> { Ok(()) }
            }
            let _ = read_toc(bytes.as_slice(), &mut Any);
        }
    }
}
